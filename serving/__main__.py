"""``python -m serving`` is ``churn serve``."""

import sys

from serving.serve import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m serving"))
