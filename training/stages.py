"""The stages of a training run: what each needs, and which of them are tasks for workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from statistics import harmonic_mean
from typing import Any

from training.costs import Costs
from training.evaluation.evaluation import SCORECARD, period_metrics, resampled_metrics
from training.evaluation.selection import FOLDS, candidates
from training.fitting.fit import FitSettings
from training.parallel.workers import Task, without_shared
from training.reporting.run_figures import draw_evaluation
from training.stage import NO_COST, Cost, Stage
from training.tasks import (
    draw_effects_of,
    draw_pairs_of,
    find_alarms,
    fit_all,
    score_candidate,
    score_split,
    score_split_baselines,
)
from training.training_run import TrainingRun

_FEATURES = 5  # whose figures one task draws
_CURVES = 5  # figures of the evaluation
_COMPARED_FURTHER = 0.6  # share of the settings, by cost, that are not given up after one fold
_COMPARED = ("compare", "compare further")
"""The groups of stages after which the best settings are known."""


def stages(run: TrainingRun, jobs: int) -> list[Stage]:
    """The stages; of those that could start at the same time, the most urgent first."""
    costs = Costs(len(run.feature_schema.features))
    rows = len(run.table.churned)
    fits = 1 + len(run.splits.pairs)
    threads = -(-jobs // fits)  # of each fit, if there are more cores than fits
    return [
        Stage("open MLflow", run.open_mlflow),
        *_compare(run, costs),
        _fit(run, costs, threads),
        *_evaluate(run, costs, threads),
        *_score_baselines(run, costs),
        _find_alarms(run, costs),
        *_resample(run, costs),
        Stage("summarise", run.summarise, needs=("resample",)),
        _draw_evaluation(run, costs),
        *_draw_effects(run, costs),  # needed late, and short enough to fill what the others leave
        Stage(
            "describe",
            run.describe,
            needs=("open MLflow", "summarise", "fit on all rows", "look for leaks"),
            cost=costs.describe(rows),
        ),
        Stage(
            "log to MLflow",
            run.log,
            needs=("describe", "draw effects", "draw curves"),
            cost=costs.log(rows),
        ),
        Stage("register", run.register, needs=("log to MLflow",), cost=costs.register()),
    ]


def _compare(run: TrainingRun, costs: Costs) -> Iterator[Stage]:
    """All candidates in the first fold, then those that are left in the others."""
    for fold in range(FOLDS):
        rows = len(run.work.compared[fold][0])
        for settings in candidates(run.plan.interactions, run.plan.bags):
            cost = costs.fit(rows, settings)
            known = partial(_candidate_cost, run, settings, cost)
            yield Stage(
                f"compare{' further' if fold else ''}: {settings.name}",
                partial(run.comparison.add, settings, fold),
                partial(_candidate, run, settings, fold),
                needs=("compare",) if fold else (),
                cost=cost.times(_COMPARED_FURTHER) if fold else costs.first_fit(rows, settings),
                known_costs={"compare": known} if fold else {},
            )


def _candidate(run: TrainingRun, settings: FitSettings, fold: int) -> Task[Any] | None:
    if fold and run.comparison.is_given_up(settings):
        return None
    return partial(score_candidate, settings=settings, fold=fold)


def _candidate_cost(run: TrainingRun, settings: FitSettings, cost: Cost) -> Cost:
    """The cost in a fold after the first one."""
    return NO_COST if run.comparison.is_given_up(settings) else cost


def _likely_cost(run: TrainingRun, costs: Costs, rows: int, *, is_compared: bool = False) -> Cost:
    """The mean over the settings that may turn out to be the best.

    It is the harmonic mean, whose largest relative error is smaller than that of the others.
    ``is_compared``: whether they are compared in the first fold, after which some are given up.
    """
    bags = FitSettings(outer_bags=run.plan.bags).bags(len(run.table.churned))
    likely = [
        costs.fit(rows, replace(settings, outer_bags=bags)).seconds
        for settings in candidates(run.plan.interactions, run.plan.bags)
        if not (is_compared and run.comparison.is_given_up(settings))
    ]
    return Cost(harmonic_mean(likely), "fit of unknown settings")


def _known_fit_costs(run: TrainingRun, costs: Costs, rows: int) -> Mapping[str, Callable[[], Cost]]:
    """The cost of a fit with the best settings, after each of the groups that compare them."""
    return {
        "compare": partial(_likely_cost, run, costs, rows, is_compared=True),
        "compare further": lambda: costs.fit(rows, run.settings),
    }


def _fit(run: TrainingRun, costs: Costs, threads: int) -> Stage:
    rows = len(run.table.churned)
    return Stage(
        "fit on all rows",
        partial(setattr, run, "fitted"),
        lambda: partial(fit_all, settings=run.settings, threads=threads),
        needs=_COMPARED,
        cost=_likely_cost(run, costs, rows),
        known_costs=_known_fit_costs(run, costs, rows),
    )


def _evaluate(run: TrainingRun, costs: Costs, threads: int) -> Iterator[Stage]:
    for split, (train, _) in enumerate(run.splits.pairs):
        yield Stage(
            f"evaluate: {split + 1} of {len(run.splits.pairs)}",
            partial(_add_scores, run, split),
            partial(_score_split, run, split, threads),
            needs=_COMPARED,
            cost=_likely_cost(run, costs, len(train)),
            known_costs=_known_fit_costs(run, costs, len(train)),
        )


def _add_scores(run: TrainingRun, split: int, probability: Any) -> None:
    run.held_out.add(split, {SCORECARD: probability})


def _score_split(run: TrainingRun, split: int, threads: int) -> Task[Any]:
    return partial(score_split, split=split, settings=run.settings, threads=threads)


def _score_baselines(run: TrainingRun, costs: Costs) -> Iterator[Stage]:
    for split, (train, _) in enumerate(run.splits.pairs):
        yield Stage(
            f"baselines: {split + 1} of {len(run.splits.pairs)}",
            partial(run.held_out.add, split),
            partial(_split_baselines, split),
            cost=costs.baselines(len(train)),
        )


def _split_baselines(split: int) -> Task[Any]:
    return partial(score_split_baselines, split=split)


def _find_alarms(run: TrainingRun, costs: Costs) -> Stage:
    return Stage(
        "look for leaks",
        partial(setattr, run, "alarms"),
        lambda: find_alarms,
        cost=costs.alarms(len(run.table.churned)),
    )


def _draw_effects(run: TrainingRun, costs: Costs) -> Iterator[Stage]:
    names = [column.name for column in run.feature_schema.features]
    for start in range(0, len(names), _FEATURES):
        drawn = names[start : start + _FEATURES]
        yield Stage(
            "draw effects",
            run.effects.update,
            partial(_effects_task, run, drawn),
            needs=("fit on all rows",),
            cost=costs.figures(len(drawn)),
        )
    yield Stage(
        "draw effects: pairs",
        run.pairs.update,
        lambda: partial(draw_pairs_of, fitted=run.fitted),
        needs=("fit on all rows",),
        cost=costs.figures(FitSettings(interactions=run.plan.interactions).pairs(len(names))),
        known_costs={
            "compare further": lambda: costs.figures(run.settings.pairs(len(names))),
        },
    )


def _effects_task(run: TrainingRun, names: list[str]) -> Task[Any]:
    return partial(draw_effects_of, fitted=run.fitted, names=names)


def _resample(run: TrainingRun, costs: Costs) -> Iterator[Stage]:
    """The intervals of each model, and of the scorecard in each period."""
    headline = run.splits.headline
    scores = sum(len(run.splits.pairs[split][1]) for split in headline)
    for model in run.held_out.models:
        yield Stage(
            f"resample: {model}",
            partial(run.resampled.__setitem__, model),
            partial(_resample_model, run, model),
            needs=("evaluate",) if model == SCORECARD else ("baselines",),
            cost=costs.intervals(scores),
        )
    for number, period in enumerate(run.splits.periods):
        scores = sum(len(run.splits.pairs[split][1]) for split in period.splits)
        yield Stage(
            f"resample: period {number + 1}",
            partial(run.over_time.__setitem__, number),
            partial(_resample_period, run, number),
            needs=("evaluate",),
            cost=costs.intervals(scores),
        )


def _resample_model(run: TrainingRun, model: str) -> Task[Any]:
    held_out = run.held_out.of_model(model, run.splits.headline)
    return without_shared(partial(resampled_metrics, held_out, model, run.plan.seed))


def _resample_period(run: TrainingRun, number: int) -> Task[Any]:
    period = run.splits.periods[number]
    held_out = run.held_out.of_model(SCORECARD, period.splits)
    return without_shared(partial(period_metrics, held_out, period, run.plan.seed))


def _draw_evaluation(run: TrainingRun, costs: Costs) -> Stage:
    return Stage(
        "draw curves",
        run.evaluation_figures.update,
        lambda: without_shared(partial(draw_evaluation, run.evaluation, run.decision.economics)),
        needs=("summarise",),
        cost=costs.figures(_CURVES),
    )
