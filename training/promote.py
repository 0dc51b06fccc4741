"""``churn promote``: examine the challenger, and make it champion if it is better."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError
from churn_model.extras import require_extra
from training.arguments import promote_options
from training.options import PromoteOptions
from training.terminal import table_line

if TYPE_CHECKING:
    from churn_model.schema import RecordSchema
    from training.data.table import Table
    from training.evaluation.comparison import Comparison
    from training.examination import Examination

NOT_PROMOTED = 2


def main(arguments: list[str] | None = None, prog: str = "churn promote") -> int:
    """Run the command; returns the exit code.

    0: promoted or rolled back, 2: not promoted, 1: failed, 130: interrupted.
    """
    try:
        options = promote_options(arguments, prog)
        require_extra(prog, "train", "sklearn", "interpret")
        from pyfunc.environment import quiet_mlflow

        quiet_mlflow()
        return _rollback(options.name) if options.rollback else _promote(options)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no alias was moved", file=sys.stderr)
        return 130


def _rollback(name: str) -> int:
    from pyfunc.promotion import rollback

    was, now = rollback(name)
    print(f"rolled back: version {now} is champion of {name} again, instead of version {was}")
    return 0


def _promote(options: PromoteOptions) -> int:
    from pyfunc.promotion import promote
    from training.evaluation.gates import load_gates
    from training.examination import contenders, examine, log_examination
    from training.training_data import read_labelled_table

    name, force = options.name, options.force
    gates = load_gates(options.gates)
    examination = contenders(name)
    if examination.champion == examination.challenger:
        print(f"version {examination.champion} of {name} is the champion already: nothing to do")
        return 0

    def read_table(schema: RecordSchema) -> Table:
        table = read_labelled_table(options, schema)
        print(f"{table.name}: {table.summary()}")
        return table

    try:
        examine(name, examination, read_table, gates, options.seed)
    except ChurnError as error:
        if force is None:
            raise
        examination.reasons.append(f"the versions could not be compared ({error})")
    forced = force if force is not None and examination.reasons else ""
    promoted = not examination.reasons or bool(forced)
    log_examination(name, examination, promoted=promoted, forced=forced)
    _print_examination(examination)
    if promoted:
        promote(examination.challenger, replacing=examination.champion, name=name, forced=forced)
    _print_result(name, examination, promoted, forced)
    return 0 if promoted else NOT_PROMOTED


def _print_examination(examination: Examination) -> None:
    if examination.comparison is not None:
        _print_comparison(examination, examination.comparison)
    for reason in examination.reasons:
        print(f"not promoted: {reason}")


def _print_comparison(examination: Examination, found: Comparison) -> None:
    from training.evaluation.metrics import HEADLINES

    print("\n" + table_line(f"{found.customers:,} customers", HEADLINES))
    for who, version, values in (
        ("champion", examination.champion, found.champion),
        ("challenger", examination.challenger, found.challenger),
    ):
        cells = (f"{values[metric]:.4f}" for metric in HEADLINES)
        print(table_line(f"{who}, version {version}", cells))
    low, high = found.interval
    print(f"\nthe challenger's log loss is {found.gap:+.4f} ({low:+.4f} to {high:+.4f})")
    if found.harm.value:
        print(f"largest significant rise in log loss: {found.harm.group} ({found.harm.value:+.4f})")
    if found.left_out:
        print(f"left out: {found.left_out:,} customers that one of the two versions rejects")


def _print_result(name: str, examination: Examination, promoted: bool, forced: str) -> None:
    before, after = examination.champion, examination.challenger
    if not promoted:
        kept = f"version {before} stays champion" if before else "there is no champion"
        print(f"version {after} of {name} is not promoted; {kept}")
        return
    how = "promoted by force" if forced else "promoted"
    print(f"{how}: version {after} is champion of {name}, {_replaced(examination)}")


def _replaced(examination: Examination) -> str:
    if examination.champion is None:
        return "as the first"
    what = ", a placeholder trained on simulated customers" if examination.is_placeholder else ""
    return f"instead of version {examination.champion}{what}"


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.promote"))
