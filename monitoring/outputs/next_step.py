"""The verdict in words, and what to do after a run of ``churn monitor``."""

from __future__ import annotations

import shlex

from monitoring.findings import Findings
from pyfunc import CHAMPION, MODEL_NAME

HEADLINES = {
    "fine": "fine; there is nothing to do",
    "watch": "watch; something has changed, but no labels show worse predictions",
    "recalibrate": "recalibrate; the probabilities are off, the order of the customers is not",
    "retrain": "retrain; predictions have become worse, and recalibration does not repair that",
}


def headline(findings: Findings) -> str:
    """The verdict and what it means."""
    if not findings.current:
        return "nothing to judge; no customers were scored yet"
    return HEADLINES[findings.verdict]


def next_step(findings: Findings) -> str:
    """One or two sentences: what to do, with the command if there is one."""
    if not findings.current:
        return (
            f"run this again when version {findings.version} of {findings.model_name} has scored "
            "customers; the log has none of it yet"
        )
    if findings.verdict == "retrain":
        return f"train a challenger on fresh labels: {_command(findings, 'train')}"
    if findings.verdict == "recalibrate":
        return f"correct the probabilities by fresh labels: {_command(findings, 'recalibrate')}"
    if findings.has_alarm or findings.verdict == "watch":
        has_labels = any(result.cohorts for result in findings.current)
        return (
            "look for the cause of what has changed, first in the data feed of the feature; drift "
            "alone is no reason to retrain, labels decide that"
            f"{'' if has_labels else ' (--labels)'}"
        )
    alias = findings.model_uri.removeprefix("models:/")
    return f"nothing; {alias} stays" if alias.endswith(f"@{CHAMPION}") else "nothing"


def training_command(findings: Findings) -> str:
    """What trains on the labelled table, if it was written and is not the next step; or empty."""
    is_next = findings.verdict in ("retrain", "recalibrate")
    return _command(findings, "train") if findings.labelled and not is_next else ""


def _command(findings: Findings, command: str) -> str:
    """``churn train --data FILE``, with the flags that describe the table if it was written."""
    if findings.labelled:  # it begins with "churn train"
        words = ["churn", command, *shlex.split(findings.labelled)[2:]]
    else:
        words = ["churn", command, "--data", "FRESH.csv"]
    if findings.model_name != MODEL_NAME:
        words += ["--name", findings.model_name]
    return shlex.join(words)
