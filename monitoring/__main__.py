"""``python -m monitoring`` is ``churn monitor``."""

import sys

from monitoring.monitor import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m monitoring"))
