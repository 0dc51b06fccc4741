"""Which version is champion: moving the alias, and moving it back.

MLflow sets an alias in one step, so there is a champion at every moment; the version that was
replaced is noted as a tag before the alias moves.
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
    """Make ``version`` the champion in place of the version ``replacing`` (None: of nobody).

    ``forced``: why it is done although it was refused; kept as a tag. Raises RegistryError where
    another version has become champion since the comparison.
    """
    with readable_errors():
        now = version_of_alias(name)
        if now != replacing:
            raise RegistryError(
                f"version {now} became champion of {name} meanwhile, not version {replacing}; "
                "compare again"
            )
        client = MlflowClient()
        if replacing is not None:
            client.set_model_version_tag(name, version, REPLACED, replacing)
        if forced:
            client.set_model_version_tag(name, version, FORCED, forced)
        client.set_registered_model_alias(name, CHAMPION, version)


def is_simulated(name: str, version: str) -> bool:
    """Whether a version was trained on simulated customers, and so is a placeholder."""
    with readable_errors():
        tags = MlflowClient().get_model_version(name, version).tags
    return bool(tags.get(DATA_TAG) == SIMULATED)


def rollback(name: str = MODEL_NAME) -> tuple[str, str]:
    """Give the alias back to the version that the champion replaced.

    Returns the version that was champion and the one that is. Raises RegistryError where there is
    none to go back to.
    """
    with readable_errors():
        now = version_of_alias(name)
        if now is None:
            raise RegistryError(f"{name} has no champion, so nothing can be rolled back")
        client = MlflowClient()
        before = client.get_model_version(name, now).tags.get(REPLACED)
        if before is None:
            raise RegistryError(f"version {now} of {name} replaced no other; nothing to go back to")
        client.get_model_version(name, before)  # it may have been deleted
        client.set_registered_model_alias(name, CHAMPION, before)
        return now, before
