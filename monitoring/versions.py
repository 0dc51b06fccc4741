"""The versions that scored what is monitored, with their scorecards and profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from churn_model.errors import ChurnError
from churn_model.profile import MonitoringProfile
from churn_model.scoring.scorecard import Scorecard
from pyfunc.loaded_version import LoadedVersion, read_version
from pyfunc.registry import check_reachable


@dataclass(frozen=True)
class MonitoredVersion:
    """A version of the model and the counts of its training rows."""

    number: str
    loaded: LoadedVersion
    profile: MonitoringProfile

    @property
    def scorecard(self) -> Scorecard:
        """Its scorecard."""
        return self.loaded.scorer.scorecard


def load_versions(
    name: str, numbers: Iterable[str]
) -> tuple[dict[str, MonitoredVersion], tuple[str, ...]]:
    """Load versions by number; a note for each one that cannot be monitored.

    ``numbers``: as a log has them; only whole numbers are looked up. Raises RegistryError if the
    registry does not answer.
    """
    check_reachable()
    versions: dict[str, MonitoredVersion] = {}
    notes: list[str] = []
    for number in dict.fromkeys(numbers):
        try:
            version = _load(name, number)
        except ChurnError as error:
            notes.append(f"version {number or 'without a number'} is left out: {error}")
        else:
            if version is None:
                notes.append(
                    f"version {number} of {name} is left out: it was registered without a "
                    "monitoring profile; versions that are trained from now on have one"
                )
            else:
                versions[number] = version
    return versions, tuple(notes)


def _load(name: str, number: str) -> MonitoredVersion | None:
    """A version; None if it has no profile. Raises ChurnError."""
    if not (number.isascii() and number.isdigit()):
        raise ChurnError("the model that scored was not loaded from the registry")
    loaded = read_version(f"models:/{name}/{number}")
    profile = loaded.profile()
    return None if profile is None else MonitoredVersion(number, loaded, profile)
