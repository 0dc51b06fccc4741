"""What the user says about the table of labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from churn_model.errors import MonitoringError
from churn_model.flag_checks import observation_problem
from churn_model.tables.observations import ObservationOptions
from monitoring.options import Treated


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """The options of labels; they mean what they mean for ``churn train``.

    ``treatment``: ``column=value`` of customers who were treated, for example contacted by a
    campaign. ``treated``: whether these are left out, or untreated customers with similar scores
    represent them.
    """

    table: Path
    id: str
    target: tuple[str, ...]
    as_of: date | str
    window: int = 0
    known_until: date | None = None
    treatment: str = ""
    treated: Treated = "exclude"

    def __post_init__(self) -> None:
        if not self.id or not self.target or not self.as_of:
            raise MonitoringError(
                "--labels needs --id COLUMN, --target COLUMN=VALUE and --as-of COLUMN: who the "
                "customers are, who churned, and when they were observed"
            )
        if isinstance(self.as_of, date) and self.as_of > date.today() + timedelta(days=1):
            raise MonitoringError(
                f"--as-of {self.as_of}: is in the future; it is the day on which the customers "
                "were observed"
            )
        problem = observation_problem(self.as_of, self.window, self.known_until)
        if problem:
            raise MonitoringError(problem)
        if self.treatment and not all(part.strip() for part in self._treatment):
            raise MonitoringError(
                "--treatment must be COLUMN=VALUE with the value of treated customers, for example "
                "contacted=1"
            )

        self._check_columns()

    def _check_columns(self) -> None:
        """Raise MonitoringError if two flags name the same column."""
        flags: dict[str, str] = {}
        for flag, column in (
            ("--id", self.id),
            ("--target", self.target[0].rpartition("=")[0].strip()),
            ("--as-of", self.observation.column),
            ("--treatment", self.treatment_column),
        ):
            if column and column in flags:
                raise MonitoringError(
                    f"{flags[column]} and {flag} both name the column {column!r}; each needs a "
                    "column of its own"
                )
            flags[column] = flag

    @property
    def _treatment(self) -> tuple[str, str]:
        column, _, value = self.treatment.rpartition("=")
        return column, value

    @property
    def treatment_column(self) -> str:
        """The column that says who was treated; empty if there is none."""
        return self._treatment[0].strip() if self.treatment else ""

    @property
    def treatment_value(self) -> str:
        """The value of treated customers."""
        return self._treatment[1].strip()

    @property
    def observation(self) -> ObservationOptions:
        """When the rows were observed."""
        return ObservationOptions(self.as_of, self.window, self.known_until)
