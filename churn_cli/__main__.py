"""``python -m churn_cli`` is ``churn``."""

import sys

from churn_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
