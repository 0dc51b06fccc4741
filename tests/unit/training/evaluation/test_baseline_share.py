"""The share of the best baseline's skill that a scorecard reaches."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.evaluation import SCORECARD, Evaluation, HeldOut, summarise
from training.evaluation.gates import check_gates, load_gates


def evaluated(rows: int, scorecard, baseline, seed: int = 0) -> Evaluation:
    """Held-out scores of customers whose true risk is known; both models are functions of it."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(0.4, 2.0, rows).clip(0.001, 0.999)
    churned = (rng.random(rows) < risk).astype(np.int64)
    numbers = np.arange(rows)
    scores = {SCORECARD: scorecard(risk), "baseline": baseline(risk)}
    return summarise(HeldOut(numbers, numbers, churned, np.ones(rows), scores), "")


def passes(evaluation: Evaluation) -> bool:
    limit = {"baseline_share": load_gates().absolute["baseline_share"]}
    return check_gates(limit, {"baseline_share": evaluation.baseline_share})[0].passed


def blurred(risk):
    """Half-way to the mean on the log-odds: about two thirds of the possible skill."""
    log_odds = np.log(risk / (1 - risk))
    return 1 / (1 + np.exp(-(0.3 * log_odds + 0.7 * log_odds.mean())))


def same(risk):
    return risk


def test_a_scorecard_that_a_baseline_clearly_beats_fails():
    beaten = evaluated(5000, blurred, same)
    assert beaten.baseline_share < 0.9
    assert not passes(beaten)


def test_a_scorecard_as_good_as_the_baseline_or_better_passes():
    assert evaluated(5000, same, same).baseline_share == pytest.approx(1.0)
    assert passes(evaluated(5000, same, blurred))


def test_a_lead_of_the_baseline_within_sampling_noise_passes():
    assert passes(evaluated(60, blurred, same))


def test_without_any_skill_of_a_baseline_the_share_is_one():
    assert evaluated(500, same, lambda risk: np.full(len(risk), 0.9)).baseline_share == 1.0
