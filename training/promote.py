"""``python -m training.promote``: may the challenger become champion?"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError, TrainingError
from churn_model.schema import RecordSchema
from pyfunc import MODEL_NAME
from training import command
from training.data.table import Table
from training.evaluation.gates import load_gates
from training.evaluation.metrics import HEADLINES
from training.training_data import table_of

if TYPE_CHECKING:
    from training.challenge import Outcome
    from training.evaluation.comparison import Comparison

REFUSED = 2
_FRESH_SEED = 20_000  # customers that training's default seeds have not drawn


def main(arguments: list[str] | None = None, prog: str = "churn promote") -> int:
    """Run the command; returns the exit code (0 promoted or rolled back, 2 refused, 1 failed)."""
    options = _parser(prog).parse_args(arguments)
    command.quiet()
    try:
        return _rollback(options.name) if options.rollback == "true" else _promote(options)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no alias was moved", file=sys.stderr)
        return 130


def _parser(prog: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=prog,
        description="Compare the challenger with the champion on fresh labelled customers and move "
        "the alias if it is better. Without --data on simulated customers.",
    )
    command.add_table(made, seed=_FRESH_SEED)
    add = made.add_argument
    add("--name", default=MODEL_NAME, help="registered model (%(default)s)")
    add("--gates", type=command.path, metavar="FILE.toml", help="what a challenger must reach")
    add("--force", metavar="REASON", help="promote whatever the comparison says, and keep why")
    add(
        "--rollback",
        nargs="?",
        const="true",
        default="false",
        choices=["true", "false"],
        help="back to the version that the champion replaced",
    )
    return made


def _rollback(name: str) -> int:
    from pyfunc.promotion import rollback

    was, now = rollback(name)
    print(f"rolled back: version {now} is champion of {name} again, in place of version {was}")
    return 0


def _promote(options: argparse.Namespace) -> int:
    name, force = options.name, options.force
    if force is not None and not force.strip():
        raise TrainingError("--force needs a reason, which is kept with the version")
    gates = load_gates(options.gates)
    from pyfunc.promotion import promote  # MLflow takes seconds to load
    from training import challenge

    outcome = challenge.contenders(name)
    if outcome.champion == outcome.challenger:
        print(f"version {outcome.champion} of {name} is challenger and champion: nothing to do")
        return 0

    def read_table(schema: RecordSchema) -> Table:
        table = table_of(options, schema)
        print(f"{table.name}: {table.summary()}")
        return table

    try:
        challenge.examine(name, outcome, read_table, gates, options.seed)
    except ChurnError as error:
        if force is None:
            raise
        outcome.reasons.append(f"it could not be compared ({error})")
    forced = force if force is not None and outcome.reasons else ""
    promoted = not outcome.reasons or bool(forced)
    challenge.log(name, outcome, promoted=promoted, forced=forced)
    _print_outcome(outcome)
    if promoted:
        promote(outcome.challenger, replacing=outcome.champion, name=name, forced=forced)
    _print_end(name, outcome, promoted, forced)
    return 0 if promoted else REFUSED


def _print_outcome(outcome: Outcome) -> None:
    if outcome.comparison is not None:
        _print_comparison(outcome, outcome.comparison)
    for reason in outcome.reasons:
        print(f"refused: {reason}")


def _print_comparison(outcome: Outcome, found: Comparison) -> None:
    print("\n" + command.line(f"{found.customers:,} customers", HEADLINES))
    for who, version, values in (
        ("champion", outcome.champion, found.champion),
        ("challenger", outcome.challenger, found.challenger),
    ):
        cells = (f"{values[metric]:.4f}" for metric in HEADLINES)
        print(command.line(f"{who}, version {version}", cells))
    low, high = found.interval
    print(f"\nthe challenger's log loss is {found.gap:+.4f} ({low:+.4f} to {high:+.4f})")
    if found.harm.value:
        print(f"harmed most beyond chance: {found.harm.group} ({found.harm.value:+.4f})")
    if found.left_out:
        print(f"left out: {found.left_out:,} customers that one of the two refuses")


def _print_end(name: str, outcome: Outcome, promoted: bool, forced: str) -> None:
    before, after = outcome.champion, outcome.challenger
    if promoted:
        place = f"in place of version {before}" if before else "as the first"
        how = "promoted by force" if forced else "promoted"
        print(f"{how}: version {after} is champion of {name}, {place}")
    else:
        kept = f"version {before} stays champion" if before else "there is no champion"
        print(f"version {after} of {name} is not promoted; {kept}")


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.promote"))
