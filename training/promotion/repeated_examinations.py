"""Spends the error level of a comparison over all examinations against one champion.

Of twenty equally good challengers, one appears better by chance at the level of 5 %. The k-th
examination against the same champion is therefore tested at the level / (k (k + 1)); these levels
add up to the level, so that the probability of ever promoting a challenger that is not better is at
most the level, over any number of examinations (alpha spending: Lan, DeMets 1983, "Discrete
sequential boundaries for clinical trials", Biometrika 70; a sum instead of a joint distribution).
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
from mlflow import MlflowClient

from pyfunc.registry_errors import readable_errors
from training.data.fingerprints import row_hashes
from training.data.table import Table

_PREFIX = "examination."


def required_confidence(threshold: float, number: int) -> float:
    """The confidence that the ``number``-th examination must reach, given that of the gate.

    A gate above 1, which no challenger passes, stays as it is.
    """
    if threshold > 1:
        return threshold
    return 1.0 - (1.0 - threshold) / (number * (number + 1))


def register_examination(name: str, champion: str, challenger: str, table: Table) -> int:
    """Record an examination as a tag of the champion; return its number, counted from 1.

    The same challenger on the same customers is the same examination, however often it is repeated.
    """
    digest = _digest(table)
    key = f"{_PREFIX}{challenger}.{digest}"
    with readable_errors():
        client = MlflowClient()
        tags = client.get_model_version(name, champion).tags
        if key in tags:
            return int(json.loads(tags[key])["number"])
        # written before it is counted, so that of two examinations at once none is overlooked
        _write(client, name, champion, key, len(_recorded(tags)) + 1, table)
        number = len(_recorded(client.get_model_version(name, champion).tags))
        _write(client, name, champion, key, number, table)
        return number


def _write(
    client: MlflowClient, name: str, champion: str, key: str, number: int, table: Table
) -> None:
    value = json.dumps({"number": number, "table": table.name[:100], "rows": len(table.churned)})
    client.set_model_version_tag(name, champion, key, value)


def _recorded(tags: dict[str, str]) -> list[str]:
    return [key for key in tags if key.startswith(_PREFIX)]


def _digest(table: Table) -> str:
    """A short digest of the table's rows, in any order."""
    hashes = np.sort(row_hashes(table, list(table.customers)))
    return hashlib.sha256(hashes.tobytes()).hexdigest()[:16]
