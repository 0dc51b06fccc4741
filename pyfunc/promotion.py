"""Moves the alias ``champion`` to another version, and back.

MLflow moves an alias atomically, so there is always a champion. Before the alias moves, the version
that it pointed to is recorded as a tag of its successor.
"""

from __future__ import annotations

from mlflow import MlflowClient

from churn_model.errors import RegistryError
from pyfunc import CHAMPION, DATA_TAG, MODEL_NAME, SIMULATED
from pyfunc.registry import version_of_alias
from pyfunc.registry_errors import readable_errors

REPLACED = "replaced_version"
FORCED = "promotion_forced"


def promote(
    version: str, *, replacing: str | None, name: str = MODEL_NAME, forced: str = ""
) -> None:
    """Make ``version`` the champion in place of the version ``replacing`` (None: no champion yet).

    ``forced``: why the version is promoted although it failed the examination; stored as a tag.
    Raises RegistryError if another version has become champion since the comparison.
    """
    with readable_errors():
        champion = version_of_alias(name)
        if champion != replacing:
            raise RegistryError(
                f"version {champion} has become champion of {name} since the comparison with "
                f"version {replacing}; compare again"
            )
        client = MlflowClient()
        if replacing is not None:
            client.set_model_version_tag(name, version, REPLACED, replacing)
        if forced:
            client.set_model_version_tag(name, version, FORCED, forced)
        client.set_registered_model_alias(name, CHAMPION, version)


def is_simulated(name: str, version: str) -> bool:
    """Whether a version was trained on simulated customers, so that it is only a placeholder."""
    with readable_errors():
        tags = MlflowClient().get_model_version(name, version).tags
    return bool(tags.get(DATA_TAG) == SIMULATED)


def rollback(name: str = MODEL_NAME) -> tuple[str, str]:
    """Restore the previous champion, which the current one replaced.

    Returns the version that was champion and the one that is now. Raises RegistryError if there is
    no version to go back to, or only a placeholder.
    """
    with readable_errors():
        champion = version_of_alias(name)
        if champion is None:
            raise RegistryError(f"{name} has no champion, so there is nothing to roll back")
        client = MlflowClient()
        previous = client.get_model_version(name, champion).tags.get(REPLACED)
        if previous is None:
            raise RegistryError(
                f"version {champion} of {name} replaced no other version; nothing to roll back to"
            )
        if is_simulated(name, previous) and not is_simulated(name, champion):
            raise RegistryError(
                f"version {champion} of {name} replaced version {previous}, a placeholder that was "
                "trained on simulated customers; there is no other version to roll back to"
            )
        client.set_registered_model_alias(name, CHAMPION, previous)
        return champion, previous
