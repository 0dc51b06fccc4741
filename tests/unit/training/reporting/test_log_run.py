from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from training.evaluation.economics import Policy
from training.evaluation.intervals import Interval
from training.fitting.baselines import BOOSTING, LOGISTIC
from training.reporting.log_run import run_metrics

GLOSSARY = Path(__file__).parents[4] / "docs" / "glossary.md"


def test_the_glossary_has_each_metric_of_a_run(findings):
    chosen = Policy(contacted=0.2, profit=1.5, interval=Interval(1.3, 1.7))
    campaign = SimpleNamespace(chosen=chosen)
    names = set(run_metrics(replace(findings, campaign=campaign)))
    assert {"auc", "auc/low", f"{LOGISTIC}/auc", "campaign_profit"} <= names
    text = GLOSSARY.read_text()
    for name in names:
        metric = name.removeprefix(f"{LOGISTIC}/").removeprefix(f"{BOOSTING}/")
        ends = () if metric.startswith("baseline_gap") else ("/low", "/high")
        for end in ends:
            metric = metric.removesuffix(end)
        assert f"`{metric}`" in text, name
