"""``python -m training`` is ``churn train``."""

import sys

from training.train import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m training"))
