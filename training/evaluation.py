"""Held-out evaluation: out-of-fold probabilities of the scorecard and its baselines, same folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from training.baselines import baselines
from training.fit import feature_table, fit

SCORECARD = "scorecard"
TOP_SHARE = 0.1
_CALIBRATION_BINS = 10

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """Out-of-fold results of each model on the same n customers.

    ``probabilities``: (n,) by model; each customer was scored by a fit that never saw it.
    ``metrics``: by model, over all n. ``fold_metrics``: by model, one dict a fold.
    """

    churned: Labels
    probabilities: dict[str, Floats]
    metrics: dict[str, dict[str, float]]
    fold_metrics: dict[str, list[dict[str, float]]]

    @property
    def best_baseline(self) -> str:
        """The baseline with the lowest log loss."""
        names = [name for name in self.metrics if name != SCORECARD]
        return min(names, key=lambda name: self.metrics[name]["log_loss"])

    def log_loss_gap(self) -> tuple[float, float]:
        """Scorecard minus best baseline, mean over folds (below 0: the scorecard is better), and
        that mean's standard error over the folds.
        """
        ours, theirs = self.fold_metrics[SCORECARD], self.fold_metrics[self.best_baseline]
        gaps = [a["log_loss"] - b["log_loss"] for a, b in zip(ours, theirs, strict=True)]
        return float(np.mean(gaps)), float(np.std(gaps, ddof=1) / np.sqrt(len(gaps)))

    def verdict(self) -> str:
        """One line: does the scorecard hold against the better baseline?"""
        gap, noise = self.log_loss_gap()
        if gap > noise:
            return (
                f"the scorecard LOSES to {self.best_baseline} by {gap:.4f} log loss, "
                f"more than the noise between folds ({noise:.4f})"
            )
        return (
            f"the scorecard holds against {self.best_baseline}: log loss {gap:+.4f}, "
            f"noise between folds {noise:.4f}"
        )


def evaluate(
    customers: pd.DataFrame,
    churned: Labels,
    schema: RecordSchema,
    *,
    folds: int = 5,
    seed: int = 0,
    step: Callable[[str], object] = lambda text: None,
) -> Evaluation:
    """Stratified, shuffled k-fold evaluation; ``step`` is told of each fit before it starts."""
    features = feature_table(customers, schema)
    names = [SCORECARD, *baselines(schema)]
    probabilities = {name: np.zeros(len(churned)) for name in names}
    fold_metrics: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, churned)
    for fold, (train, test) in enumerate(splits, start=1):
        step(f"fold {fold} of {folds}")
        card = fit(customers.iloc[train], churned[train], schema, seed).scorecard
        held_out = Scorer(card, schema).score(customers.iloc[test]).probability
        probabilities[SCORECARD][test] = held_out
        for name, model in baselines(schema, seed).items():
            model.fit(features.iloc[train], churned[train])
            probabilities[name][test] = model.predict_proba(features.iloc[test])[:, 1]
        for name in names:
            fold_metrics[name].append(metrics(churned[test], probabilities[name][test]))
    overall = {name: metrics(churned, probabilities[name]) for name in names}
    return Evaluation(churned, probabilities, overall, fold_metrics)


def metrics(churned: Labels, probability: Floats) -> dict[str, float]:
    """Metrics of probabilities (n,) against labels (n,) of 0 and 1; all are of no unit."""
    return {
        "auc": float(roc_auc_score(churned, probability)),
        "average_precision": float(average_precision_score(churned, probability)),
        "log_loss": float(log_loss(churned, probability)),
        "brier": float(brier_score_loss(churned, probability)),
        "calibration_error": calibration_error(churned, probability),
        "lift_10": lift(churned, probability, TOP_SHARE),
    }


def calibration_error(churned: Labels, probability: Floats) -> float:
    """Expected calibration error over ten bins of equal count.

    The mean distance between the churn predicted and the churn seen in a bin (Naeini, Cooper,
    Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning").
    """
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, _CALIBRATION_BINS)
    gaps = [len(b) * abs(probability[b].mean() - churned[b].mean()) for b in bins if len(b)]
    return float(sum(gaps) / len(churned))


def lift(churned: Labels, probability: Floats, share: float) -> float:
    """Churn rate among the ``share`` (0..1) of customers at the highest risk, over that of all."""
    top = np.argsort(-probability, kind="stable")[: max(1, round(share * len(churned)))]
    return float(churned[top].mean() / churned.mean())
