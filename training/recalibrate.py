"""``churn recalibrate``: correct the champion's probabilities by fresh labels."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError, RegistryError, TrainingError
from churn_model.extras import require_extra
from churn_model.progress import in_progress
from training.arguments.recalibrate import recalibrate_options
from training.options import RecalibrateOptions
from training.terminal import as_typed, name_flag, print_overlap, promote_command, table_line

if TYPE_CHECKING:
    from pyfunc.loaded_version import LoadedVersion
    from training.promotion.recalibrated import Recalibrated


def main(arguments: list[str] | None = None, prog: str = "churn recalibrate") -> int:
    """Run the command; returns the exit code (0 registered, 1 failed, 130 interrupted)."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        options = recalibrate_options(given, prog)
        require_extra(prog, "train", "sklearn", "interpret")
        with in_progress("starting MLflow"):
            from pyfunc.registry_check import start_mlflow

            start_mlflow()
        result = _recalibrate(options, as_typed(prog, given))
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing was registered", file=sys.stderr)
        return 130
    _print_result(result, options)
    return 0


def _recalibrate(options: RecalibrateOptions, command: str) -> Recalibrated:
    from training.promotion.recalibrated import recalibrate
    from training.training_data import read_labelled_table

    champion = _champion(options.name)
    if options.data is None and not champion.is_simulated:
        raise TrainingError(
            f"version {champion.number} of {options.name} was trained on real customers; name a "
            "table of fresh labelled customers with --data"
        )
    table = read_labelled_table(
        replace(options, exclude=()), champion.scorer.schema, champion.table()
    )
    print(f"{table.name}: {table.summary()}")
    return recalibrate(options.name, champion, table, command)


def _champion(name: str) -> LoadedVersion:
    from pyfunc.loaded_version import read_version
    from pyfunc.registry import check_reachable, version_of_alias

    check_reachable()
    champion = version_of_alias(name)
    if champion is None:
        raise RegistryError(
            f"{name} has no champion to recalibrate; train one with `churn train{name_flag(name)}`"
        )
    with in_progress(f"reading version {champion} of {name}"):
        return read_version(f"models:/{name}/{champion}")


def _print_result(result: Recalibrated, options: RecalibrateOptions) -> None:
    shown = ("auc", "log_loss", "brier", "calibration_error")
    found = result.fit
    print_overlap(result.overlap.by_version, result.overlap.unknown)
    print("\n" + table_line(f"{found.table.customers_of_rows.n:,} customers", shown))
    for label, values in (("before", found.before), ("after", found.after)):
        print(table_line(label, (f"{values[metric]:.4f}" for metric in shown)))
    print(
        f"\nintercept {found.recalibration.intercept:+.3f}, slope "
        f"{found.recalibration.slope:.3f}: version {result.version} of {options.name} is "
        f"version {result.champion} with these, and challenger now. To make it champion, examine "
        f"it on other fresh customers:\n  {promote_command(options, options.name)}"
    )


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.recalibrate"))
