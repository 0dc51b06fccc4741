"""``churn monitor``: what has changed since training, how the model performs, and what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError
from churn_model.extras import require_extra
from churn_model.progress import in_progress
from monitoring.arguments import monitor_options

if TYPE_CHECKING:
    from datetime import datetime

    from monitoring.findings import Findings
    from monitoring.options import MonitorOptions

ALARM = 2


def main(arguments: list[str] | None = None, prog: str = "churn monitor") -> int:
    """Run the command; returns the exit code.

    0: no alarm, 2: a current population has an alarm, 1: failed or invalid flags, 130: interrupted.
    """
    try:
        options = monitor_options(arguments, prog)
        require_extra(prog, "monitor", "jinja2", "matplotlib", "scipy")
        with in_progress("starting MLflow"):
            from pyfunc.registry_check import start_mlflow

            start_mlflow()
        findings = run(options)
    except SystemExit as parsed:  # argparse exits with 2 for invalid flags; here 2 means an alarm
        return 1 if parsed.code else 0
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no result was written", file=sys.stderr)
        return 130
    return ALARM if findings.has_alarm else 0


def run(options: MonitorOptions, now: datetime | None = None) -> Findings:
    """Monitor, write the results, log them to MLflow and print a summary. Raises ChurnError.

    ``now``: the time of the run; by default the present.
    """
    from monitoring.outputs.files import write_files
    from monitoring.outputs.folder import output_folder
    from monitoring.outputs.mlflow_log import log_run
    from monitoring.outputs.summary import summary
    from monitoring.run import monitor

    with output_folder(options.output) as aside:
        findings, labelled = monitor(options, now)
        with in_progress("drawing"):
            write_files(findings, aside)
        with in_progress("logging to MLflow"):
            log_run(findings, aside)
        if labelled is not None:
            labelled.write()
    print(summary(findings, options.output))
    return findings


if __name__ == "__main__":
    sys.exit(main(prog="python -m monitoring.monitor"))
