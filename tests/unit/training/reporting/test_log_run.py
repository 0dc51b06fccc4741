from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from training.evaluation.economics import Policy
from training.fitting.baselines import BOOSTING, LOGISTIC
from training.reporting.log_run import run_metrics

GLOSSARY = Path(__file__).parents[4] / "docs" / "glossary.md"


def test_the_glossary_has_each_metric_of_a_run(findings):
    campaign = SimpleNamespace(best=Policy(contacted=0.2, profit=1.5, standard_error=0.1))
    names = set(run_metrics(replace(findings, campaign=campaign)))
    assert {"auc", "auc/low", f"{LOGISTIC}/auc", "campaign_profit"} <= names
    text = GLOSSARY.read_text()
    for name in names:
        metric = name.removeprefix(f"{LOGISTIC}/").removeprefix(f"{BOOSTING}/")
        ends = () if metric.startswith("baseline_gap") else ("/low", "/high")
        for end in ends:
            metric = metric.removesuffix(end)
        assert f"`{metric}`" in text, name
