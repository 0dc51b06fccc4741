"""``churn score`` as a script, for ``spark-submit``; ``--help`` lists the flags."""

import sys

from batch.score import main

if __name__ == "__main__":
    sys.exit(main(prog="score_batch.py"))
