"""The options of ``churn monitor``, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from churn_model.errors import MonitoringError
from pyfunc import CHAMPION_URI

Treated: TypeAlias = Literal["exclude", "weight"]

_NEEDED = {"id": "--id COLUMN", "target": "--target COLUMN=VALUE", "as_of": "--as-of COLUMN|DAY"}
"""The options that say what a table of labels means, and their flags."""


@dataclass(frozen=True, kw_only=True)
class MonitorOptions:
    """What to monitor, what to compare it with, and where the results go.

    ``model_uri``: a registered model. ``log``, ``batch``, ``data``: what was scored: an inference
    log, the output of batch scoring, a table. ``every``: the length of a window. ``reference``:
    compare with this long ago instead of with the training rows; None for the latter. ``limits``:
    None for the limits that are shipped. ``target``: ``column=value`` for each value that means
    churned. ``window``: the days after the observation that a label covers. ``known_until``: the
    day up to which churn is recorded; None for the last observation date. ``treatment``:
    ``column=value`` of customers who were in a campaign. ``treated``: leave these out, or let
    untreated ones with similar scores represent them. ``labelled``: the table for training to
    write.

    Raises MonitoringError for options that are missing or contradict each other.
    """

    model_uri: str = CHAMPION_URI
    output: Path
    log: str = ""
    log_key: Path | None = None
    batch: str = ""
    data: str = ""
    every: timedelta = timedelta(days=1)
    reference: timedelta | None = None
    limits: Path | None = None
    labels: Path | None = None
    id: str = ""
    target: tuple[str, ...] = ()
    as_of: date | str | None = None
    window: int = 0
    known_until: date | None = None
    treatment: str = ""
    treated: Treated = "exclude"
    labelled: Path | None = None

    def __post_init__(self) -> None:
        if not (self.log or self.batch or self.data):
            raise MonitoringError(
                "nothing to monitor; name an inference log (--log), results of batch scoring "
                "(--batch) or a table (--data)"
            )
        if self.log_key is not None and not self.log:
            raise MonitoringError("--log-key is the key of an inference log; name it with --log")
        if self.reference is not None and self.reference < self.every:
            raise MonitoringError(
                "--reference is shorter than a window (--every); windows are compared with whole "
                "ones before them"
            )
        if self.labels is None:
            self._check_without_labels()
        else:
            self._check_with_labels()

    def _check_without_labels(self) -> None:
        given = {
            "--id": self.id,
            "--target": self.target,
            "--window": self.window,
            "--known-until": self.known_until,
            "--treatment": self.treatment,
            "--labelled": self.labelled,
        }
        for flag, value in given.items():
            if value:
                raise MonitoringError(f"{flag} needs a table of labels; name it with --labels")
        if self.as_of is not None and not self.data:
            raise MonitoringError(
                "--as-of says when the rows of a table were observed; name the table with --data "
                "or --labels"
            )

    def _check_with_labels(self) -> None:
        missing = [flag for name, flag in _NEEDED.items() if not getattr(self, name)]
        if missing:
            raise MonitoringError(f"--labels also needs {', '.join(missing)}")
        if self.labelled is not None and self.output.resolve() in self.labelled.resolve().parents:
            raise MonitoringError(
                f"--labelled {self.labelled}: is in the folder of --output, whose files each run "
                "replaces; name a file elsewhere"
            )
        if not (self.log or self.batch):
            raise MonitoringError(
                "--labels are joined to logged predictions; name them with --log or --batch"
            )
