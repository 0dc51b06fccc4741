"""Measures whether a campaign's reported profit is true, and what deciding per customer earns.

- A threshold is chosen on n simulated customers. Its profit is what the highest point of the
  profit curve says, what customers outside of the choice say (as reports do), and what the
  threshold truly earns, which the simulator knows. One model knows the true probabilities, one
  knows a little, and one knows nothing.
- The profit of contacting customers from the best threshold on, and of contacting each one whose
  own expected profit is above 0, with the true probabilities and with fitted ones.

Usage: python benchmarks/training/profit.py [--seeds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from churn_model.arrays import Floats
from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from training.data.simulator import Simulation, simulate
from training.evaluation.economics import economics, profit_curve
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.fitting.fit import fit

OFFERS = [Offer(cost=cost, success=0.3, horizon=12, margin=0.5) for cost in (20.0, 40.0)]
WEAK_OFFER = Offer(cost=20, success=0.08, horizon=12, margin=0.5)
"""An offer that is worth making to few customers."""
POPULATION = 100_000
KNOWLEDGE = {"all": 1.0, "a little": 0.2, "nothing": 0.0}


def choice(seeds: int, customers: int, knowledge: float) -> dict[str, float]:
    """The reported and the true profit per customer, averaged over seeds."""
    population = simulate(POPULATION, seed=1_000_000)
    scores = _scores(population, knowledge, seed=1)
    expected = WEAK_OFFER.expected_profit(population.probability, _revenue(population))
    results = []
    for seed in range(seeds):
        sample = simulate(customers, seed=seed)
        held_out = _held_out(sample, _scores(sample, knowledge, seed))
        found = economics(WEAK_OFFER, held_out, _revenue(sample), seed=seed)
        true = float(np.where(scores >= found.threshold, expected, 0.0).mean())
        low, high = found.chosen.interval
        results.append((found.profit.max(), found.chosen.profit, true, low <= true <= high))
    names = ("highest", "outside_of_the_choice", "true", "covered")
    return dict(zip(names, np.mean(results, axis=0).tolist(), strict=True))


def _scores(simulation: Simulation, knowledge: float, seed: int) -> Floats:
    """Probabilities (n,) that differ from the true ones as much as the model does not know."""
    mixed = np.random.default_rng(seed).permutation(simulation.probability)
    return knowledge * simulation.probability + (1 - knowledge) * mixed


def _revenue(simulation: Simulation) -> Floats:
    return simulation.customers["monthly_charges"].to_numpy()


def _held_out(simulation: Simulation, probability: Floats) -> HeldOut:
    rows = np.arange(len(probability))
    weights = np.ones(len(probability))
    return HeldOut(rows, rows, simulation.churned, weights, {SCORECARD: probability})


def decisions() -> dict[str, dict[str, float]]:
    """The expected profit per customer of both ways to decide."""
    population, trained_on = simulate(POPULATION, seed=1_000_000), simulate(10_000, seed=0)
    scorecard = fit(trained_on.customers, trained_on.churned, CUSTOMER_SCHEMA).scorecard
    fitted = Scorer(scorecard, CUSTOMER_SCHEMA).score(population.customers).probability
    probabilities = {"true probabilities": population.probability, "fitted": fitted}
    return {
        f"offer of {offer.cost:g}, {name}": _both_ways(population, each, offer)
        for offer in OFFERS
        for name, each in probabilities.items()
    }


def _both_ways(population: Simulation, probability: Floats, offer: Offer) -> dict[str, float]:
    revenue = _revenue(population)
    expected = offer.expected_profit(population.probability, revenue)
    best = float(profit_curve(probability, expected, np.ones(POPULATION))[1].max())
    contacted = offer.expected_profit(probability, revenue) > 0
    own = float(np.where(contacted, expected, 0.0).mean())
    return {"best_threshold": best, "own_expected_profit": own, "ratio": own / best}


def main() -> None:
    """Print the results, and write them to ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = {
        "choice": {
            f"{customers} customers, knows {words}": choice(arguments.seeds, customers, knowledge)
            for customers in (500, 2000)
            for words, knowledge in KNOWLEDGE.items()
        },
        "decisions": decisions(),
    }
    print(json.dumps(results, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
