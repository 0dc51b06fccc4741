"""What to do after a run of ``churn monitor``."""

from __future__ import annotations

import shlex

from monitoring.findings import Findings
from pyfunc import CHAMPION, MODEL_NAME


def next_step(findings: Findings) -> str:
    """One or two sentences: what to do, with the command if there is one."""
    if not findings.current:
        return (
            f"version {findings.version} of {findings.model_name}, which {findings.model_uri} "
            "names, has scored no customers here yet"
        )
    if findings.verdict == "retrain":
        return f"train a challenger on fresh labels: {_command(findings, 'train')}"
    if findings.verdict == "recalibrate":
        return f"correct the probabilities by fresh labels: {_command(findings, 'recalibrate')}"
    if findings.has_alarm or findings.verdict == "watch":
        return (
            "look for the cause of what has changed, in the feed of the feature first; drift alone "
            "is no reason to retrain, labels decide that (--labels)"
        )
    return (
        f"nothing; {findings.model_uri.removeprefix('models:/')} stays {CHAMPION}"
        if (findings.model_uri.endswith(f"@{CHAMPION}"))
        else "nothing"
    )


def _command(findings: Findings, command: str) -> str:
    """``churn train --data FILE``; its other flags are those with which the champion was trained."""
    words = ["churn", command]
    if findings.model_name != MODEL_NAME:
        words += ["--name", findings.model_name]
    return shlex.join([*words, "--data", findings.labelled or "FRESH.csv"])
