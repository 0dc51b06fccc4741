"""``python -m batch`` is ``churn score``."""

import sys

from batch.score import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m batch"))
