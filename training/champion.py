"""The champion, whose schema and campaign a new version continues."""

from __future__ import annotations

import sys
from pathlib import Path

from churn_model.errors import ChurnError
from churn_model.progress import in_progress
from pyfunc.loaded_version import LoadedVersion, read_version
from pyfunc.registry import version_of_alias
from pyfunc.registry_location import registry_uris
from training.schema_inference.inheritance import EarlierModel

_SQLITE = "sqlite:///"


def earlier_model(champion: LoadedVersion | None) -> EarlierModel | None:
    """The champion as a new version's schema continues it."""
    if champion is None:
        return None
    return EarlierModel(f"version {champion.number}", champion.scorer.schema, champion.table())


def read_champion(name: str) -> LoadedVersion | None:
    """The champion of a registered model, if it was trained on real customers; None otherwise.

    Also None if the champion cannot be read, which keeps nobody from training a new version.
    """
    if not _has_registry():
        return None
    try:
        with in_progress(f"reading the champion of {name}"):
            number = version_of_alias(name)
            if number is None:
                return None
            version = read_version(f"models:/{name}/{number}")
            return None if version.is_simulated else version
    except ChurnError as error:
        print(
            f"note: the champion cannot be read ({error}), so the new version does not continue it",
            file=sys.stderr,
        )
        return None


def _has_registry() -> bool:
    """Whether a registry exists; looking into SQLite's would create it, which takes seconds."""
    files = [uri for uri in registry_uris() if uri.startswith(_SQLITE)]
    return all(Path(uri.removeprefix(_SQLITE).partition("?")[0]).exists() for uri in files)
