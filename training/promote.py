"""``churn promote``: compare the challenger with the champion, and promote it if it is better."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError, TrainingError
from churn_model.extras import require_extra
from churn_model.progress import in_progress
from pyfunc import CHAMPION
from training.arguments.promote import promote_options
from training.options import PromoteOptions
from training.terminal import name_flag, print_alarms, print_overlap, table_line

if TYPE_CHECKING:
    from churn_model.schema import RecordSchema
    from churn_model.tables.descriptor import TableDescriptor
    from training.data.table import Table
    from training.evaluation.comparison import Comparison
    from training.evaluation.gates import Gates
    from training.promotion.examination import Examination

NOT_PROMOTED = 2


def main(arguments: list[str] | None = None, prog: str = "churn promote") -> int:
    """Run the command; returns the exit code.

    0: promoted or rolled back, 2: not promoted, 1: failed or invalid flags, 130: interrupted.
    """
    try:
        options = promote_options(arguments, prog)
        require_extra(prog, "train", "sklearn", "interpret")
        with in_progress("starting MLflow"):
            from pyfunc.registry_check import start_mlflow

            start_mlflow()
        return _rollback(options.name) if options.rollback else _promote(options)
    except SystemExit as parsed:  # argparse exits with 2 for invalid flags; here 2 means otherwise
        return 1 if parsed.code else 0
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no alias was moved", file=sys.stderr)
        return 130


def _rollback(name: str) -> int:
    from pyfunc.promotion import rollback
    from pyfunc.registry import check_reachable

    check_reachable()
    replaced, champion = rollback(name)
    print(
        f"rolled back: version {champion} is models:/{name}@{CHAMPION} again, instead of version "
        f"{replaced}"
    )
    return 0


def _promote(options: PromoteOptions) -> int:
    from pyfunc.promotion import promote
    from training.evaluation.gates import load_gates
    from training.promotion.alarm_tags import store_accepted
    from training.promotion.examination import contenders, log_examination

    name = options.name
    gates = load_gates(options.gates)
    examination = contenders(name)
    if examination.champion == examination.challenger:
        print(
            f"version {examination.champion} is models:/{name}@{CHAMPION} already, and {name} has "
            f"no other challenger: nothing to do. `churn train{name_flag(name)}` trains one"
        )
        return 0
    examination.accepted |= options.accepted
    _examine(options, examination, gates)
    forced = options.force or "" if examination.reasons else ""
    promoted = not examination.reasons or bool(forced)
    log_examination(name, examination, promoted=promoted, forced=forced)
    _print_examination(examination, forced)
    if promoted:
        if options.accepted:
            store_accepted(name, examination.challenger, examination.accepted)
        promote(examination.challenger, replacing=examination.champion, name=name, forced=forced)
    _print_result(name, examination, promoted, forced)
    return 0 if promoted else NOT_PROMOTED


def _examine(options: PromoteOptions, examination: Examination, gates: Gates) -> None:
    """Fill in the examination; with ``--force``, a failure is one of its reasons."""
    from training.promotion.examination import examine
    from training.training_data import read_labelled_table

    def read_table(schema: RecordSchema, trained: TableDescriptor) -> Table:
        _require_data(options, examination)
        # the fields of the versions decide which columns are read
        table = read_labelled_table(replace(options, exclude=()), schema, trained)
        print(f"{table.name}: {table.summary()}")
        return table

    try:
        examine(options.name, examination, read_table, gates, options.seed)
    except ChurnError as error:
        if options.force is None:
            raise
        examination.reasons.append(f"the versions could not be compared ({error})")


def _require_data(options: PromoteOptions, examination: Examination) -> None:
    """Raise TrainingError if a model of real customers would be judged by simulated ones."""
    if options.data is not None or examination.simulated:
        return
    is_challenger = examination.champion is None or examination.is_placeholder
    version = examination.challenger if is_challenger else examination.champion
    raise TrainingError(
        f"version {version} of {options.name} was trained on real customers; name a table of "
        "fresh labelled customers with --data, and describe it with --id and --target or with "
        "--dataset, as in training"
    )


def _print_examination(examination: Examination, forced: str) -> None:
    print_overlap(examination.known_rows, examination.unknown)
    if examination.comparison is not None:
        _print_comparison(examination, examination.comparison)
    print_alarms(examination.alarms)
    for reason in examination.reasons:
        print(f"{'promoted despite' if forced else 'not promoted'}: {reason}")


def _print_comparison(examination: Examination, comparison: Comparison) -> None:
    from training.evaluation.metrics import HEADLINES

    print("\n" + table_line(f"{comparison.customers:,} customers", HEADLINES))
    for alias, version, values in (
        ("champion", examination.champion, comparison.champion),
        ("challenger", examination.challenger, comparison.challenger),
    ):
        cells = (f"{values[metric]:.4f}" for metric in HEADLINES)
        print(table_line(f"{alias}, version {version}", cells))
    low, high = comparison.interval
    print(
        f"\ndifference in log loss, challenger minus champion: {comparison.gap:+.4f} "
        f"({low:+.4f} to {high:+.4f})"
    )
    if examination.number > 1:
        print(
            f"this is examination {examination.number} against version {examination.champion}; "
            "each one must reach a higher confidence, because one of many looks better by chance"
        )
    worst = comparison.worst_slice
    if worst.rise:
        print(f"largest significant rise in log loss: {worst.name} ({worst.rise:+.4f})")
    _print_decisions(comparison)
    if comparison.left_out:
        print(f"left out: {comparison.left_out:,} customers that one of the two versions rejects")


def _print_decisions(comparison: Comparison) -> None:
    contacted, profit = comparison.contacted, comparison.profit
    low, high = contacted.interval
    print(
        f"predicted to churn: {contacted.champion:.1%} of the customers by the champion, "
        f"{contacted.challenger:.1%} by the challenger (change {contacted.difference:+.1%}, "
        f"{low:+.1%} to {high:+.1%})"
    )
    if profit is None:
        return
    low, high = profit.interval
    print(
        f"profit per customer in the {comparison.campaign}'s campaign: {profit.champion:,.2f} by "
        f"the champion, {profit.challenger:,.2f} by the challenger (difference "
        f"{profit.difference:+,.2f}, {low:+,.2f} to {high:+,.2f})"
    )


def _print_result(name: str, examination: Examination, promoted: bool, forced: str) -> None:
    champion, challenger = examination.champion, examination.challenger
    alias = f"models:/{name}@{CHAMPION}"
    if promoted:
        how = "promoted by force" if forced else "promoted"
        print(f"{how}: version {challenger} is now {alias}, {_replaced(examination)}")
        return
    stays = f"version {champion} stays {alias}" if champion else f"{name} has no champion"
    print(f"version {challenger} of {name} is not promoted; {stays}")


def _replaced(examination: Examination) -> str:
    if examination.champion is None:
        return "the first champion"
    what = ", a placeholder trained on simulated customers" if examination.is_placeholder else ""
    return f"instead of version {examination.champion}{what}"


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.promote"))
