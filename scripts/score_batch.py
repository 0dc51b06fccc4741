"""Score a table with a registered churn model; ``--help`` says how. Runs under spark-submit too."""

import sys

from batch.score import main

if __name__ == "__main__":
    sys.exit(main(prog="score_batch.py"))
