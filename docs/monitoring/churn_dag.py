"""The monthly loop as an Airflow DAG, with a task for each step of ``monthly.sh``.

The workers run in the folder of the project (FOLDER), with ``churn`` on their path.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from airflow.decorators import dag
from airflow.operators.bash import BashOperator

FOLDER = "/srv/churn"
LABELS = "/srv/warehouse/churned.csv"
STEPS = ("monitor", "examine", "act")


@dag(schedule="0 6 1 * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def churn_monthly() -> None:
    """Monitor, examine the challenger, and train if the labels say so; drift alone never does."""
    tasks = [
        BashOperator(
            task_id=step,
            bash_command=f"docs/monitoring/monthly.sh {step}",
            cwd=FOLDER,
            env={"LABELS": LABELS},
            append_env=True,
        )
        for step in STEPS
    ]
    for earlier, later in pairwise(tasks):
        earlier >> later


churn_monthly()
