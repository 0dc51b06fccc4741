"""``churn train``: train a churn model and register it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError
from pyfunc import CHAMPION
from training import command
from training.data.table import describe_rejected
from training.evaluation.gates import load_gates, refusals
from training.training_data import TrainingData, read_training_data

if TYPE_CHECKING:
    from training.evaluation.evaluation import Evaluation
    from training.run import Trained

_SHOWN = ("auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_10")


def main(arguments: list[str] | None = None, prog: str = "churn train") -> int:
    """Run the command; returns the exit code (0 registered, 1 not, 130 interrupted)."""
    given = sys.argv[1:] if arguments is None else arguments
    options = command.parser(prog).parse_args(given)
    try:
        gates = load_gates(options.gates)
        offer = command.offer_of(options)
        customers = read_training_data(options)
        _print_customers(customers)
        from training.run import Plan, train  # MLflow and scikit-learn take seconds to load

        command.quiet()
        plan = Plan(
            seed=options.seed,
            folds=options.folds,
            repeats=options.repeats,
            interactions=options.interactions,
            offer=offer,
            revenue=options.revenue or None,
            gates=gates,
            name=options.name,
            command=command.typed("training", given),
            assumed=customers.assumed,
        )
        trained = train(customers.table, customers.schema, plan)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing was registered", file=sys.stderr)
        return 130
    _print_result(trained)
    return 0


def _print_customers(customers: TrainingData) -> None:
    if customers.assumed:
        print(f"{customers.assumed}\n")
    table = customers.table
    print(f"{table.name}: {table.summary()}")
    if table.rejected_rows:
        print(f"rejected: {describe_rejected(table)}")


def _print_result(trained: Trained) -> None:
    _print_metrics(trained.evaluation)
    print(trained.evaluation.verdict())
    for alarm in trained.alarms:
        print(f"ALARM: {alarm.text}")
    if trained.scorecard.threshold != 0.5:
        print(
            f"at risk from a probability of {trained.scorecard.threshold:.3f}, where the campaign "
            "earns most"
        )
    print(
        f"registered models:/{trained.name}@{trained.alias} as version {trained.version} "
        f"(run {trained.run_id}, its report.html tells the rest)"
    )
    failed = refusals(trained.verdicts)
    if failed:
        print(f"not champion: {'; '.join(failed)}")
    elif trained.alias != CHAMPION:
        print(
            "it becomes champion by proving better on fresh customers: python -m training.promote"
        )


def _print_metrics(evaluation: Evaluation) -> None:
    print("\n" + command.line("held out", _SHOWN))
    for model, values in evaluation.metrics.items():
        print(command.line(model, (f"{values[name]:.4f}" for name in _SHOWN)))
    ranges = evaluation.intervals["scorecard"]
    cells = (f"{ranges[name].low:.4f}..{ranges[name].high:.4f}" for name in _SHOWN)
    print(command.line("  95 % interval", cells) + "\n")
