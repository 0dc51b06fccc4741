"""``churn train``: train a churn model and register it."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError
from churn_model.extras import require_extra
from churn_model.progress import in_progress
from training.arguments.train import train_options
from training.interrupt import Terminated
from training.next_step import next_step
from training.options import TrainOptions
from training.terminal import as_typed, print_alarms, table_line

if TYPE_CHECKING:
    from training.evaluation.evaluation import Evaluation
    from training.run import Trained
    from training.training_data import TrainingData


def main(arguments: list[str] | None = None, prog: str = "churn train") -> int:
    """Run the command.

    Returns the exit code: 0 registered, 1 failed, 130 interrupted, 143 terminated.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        options = train_options(given, prog)
        require_extra(prog, "train", "sklearn", "interpret")
        trained = _train(options, as_typed(prog, given))
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print("stopped; nothing was registered", file=sys.stderr)
        return 143 if isinstance(stopped, Terminated) else 130
    _print_result(trained, options)
    return 0


def _train(options: TrainOptions, command: str) -> Trained:
    with in_progress("starting MLflow"):
        from training.parallel.workers import available_cores, prepare_workers

        jobs = options.jobs or available_cores()
        prepare_workers(jobs)  # their imports run beside those of this process
        from pyfunc.registry_check import start_mlflow
        from training.evaluation.gates import load_gates

        gates = load_gates(options.gates)
        start_mlflow()  # before the slow imports, so that an unreachable registry is known soon
        from training.champion import earlier_model, read_champion
        from training.inheritance import decision_plan
        from training.run import Plan, train
        from training.training_data import read_training_data
    champion = cache(lambda: read_champion(options.name))
    data = read_training_data(options, lambda: earlier_model(champion()))
    _print_data(data)
    decision = decision_plan(options, data.schema, champion)
    if decision.inherited:
        print(decision.inherited)
    plan = Plan(
        seed=options.seed,
        folds=options.folds,
        repeats=options.repeats,
        interactions=options.interactions,
        bags=options.bags,
        jobs=jobs,
        decision=decision,
        gates=gates,
        name=options.name,
        command=command,
        accepted=options.accepted,
        assumed=data.assumed,
    )
    return train(data.table, data.schema, plan)


def _print_data(data: TrainingData) -> None:
    from training.data.table import describe_rejected

    if data.assumed:
        print(f"{data.assumed}\n")
    if data.hint:
        print(f"please check: {data.hint}\n")
    for note in data.table.notes:
        print(note)
    if data.table.target:
        print(data.table.target)
    print(f"{data.table.name}: {data.table.summary()}")
    if data.table.rejected_rows:
        print(f"rejected: {describe_rejected(data.table)}")


def _print_result(trained: Trained, options: TrainOptions) -> None:
    from training.evaluation.gates import failed_gates

    registration = trained.registration
    _print_metrics(trained.evaluation)
    print(f"Evaluation: {trained.evaluation.splits}.")
    print(trained.evaluation.baseline_comparison())
    print_alarms(trained.alarms)
    _print_decision(trained)
    print(
        f"registered models:/{registration.name}@{registration.alias} as version "
        f"{registration.version} (run {trained.run_id}; see its report.html)"
    )
    if step := next_step(registration, failed_gates(trained.gate_results), options):
        print(step)


def _print_decision(trained: Trained) -> None:
    if trained.decision:
        print(f"threshold: {trained.scorecard.threshold:.3f}, {trained.decision}")
    if trained.campaign is None:
        return
    chosen, without = trained.campaign.chosen, trained.campaign.without_revenue
    low, high = chosen.interval
    print(
        f"campaign ({trained.campaign.chosen_name}): contacts {chosen.contacted:.1%} of the "
        f"customers and earns {chosen.profit:,.2f} per customer ({low:,.2f} to {high:,.2f})"
    )
    if without:
        print(f"left out of the profit: {without:,} customers without a known revenue")


def _print_metrics(evaluation: Evaluation) -> None:
    from training.evaluation.evaluation import SCORECARD
    from training.evaluation.metrics import HEADLINES

    print("\n" + table_line("held out", HEADLINES))
    for model, values in evaluation.metrics.items():
        print(table_line(model, (f"{values[name]:.4f}" for name in HEADLINES)))
        if model == SCORECARD:
            ranges = evaluation.intervals[model]
            cells = (f"{ranges[name].low:.4f}..{ranges[name].high:.4f}" for name in HEADLINES)
            print(table_line("  95 % interval", cells))
    print()
