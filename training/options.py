"""The options of the training commands, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from churn_model.errors import TrainingError
from churn_model.flag_checks import observation_problem
from churn_model.offer import Offer

INFER = "infer"
"""The value of ``--schema`` that infers a schema without regard to the champion's."""


SAMPLE = 2_000_000
"""Rows of a larger table that are drawn by default."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a table is read. ``sample``: the most rows to use; of a larger table, a sample is drawn.

    ``engine``: where the table is read. ``master``: Spark's master; None for its default.
    """

    sample: int = SAMPLE
    engine: Literal["local", "spark"] = "local"
    master: str | None = None

    def __post_init__(self) -> None:
        if self.master is not None and self.engine != "spark":
            raise TrainingError("--master is for Spark; add --engine spark")


@dataclass(frozen=True, kw_only=True)
class ColumnOptions(ReadOptions):
    """What the columns of a table mean.

    ``target``: ``column=value`` for each value that means churned. ``as_of``: the day on which the
    rows were observed, or the column with each row's day; the ages of dates are computed on it.
    ``window``: the days after the observation that the label covers; 0 if labels are final.
    ``known_until``: the day up to which churn is recorded; None for the last observation date.
    ``missing``: ``column=value`` for each value that means missing. ``format``: ``column=format``
    for numbers and dates.
    """

    id: str = ""
    target: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    as_of: date | str | None = None
    window: int = 0
    known_until: date | None = None
    missing: tuple[str, ...] = ()
    format: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        labels = {each.partition("=")[0] for each in self.target}
        for name, flag in ((self.id, "--id"), *((label, "--target") for label in labels)):
            if name in self.exclude:
                raise TrainingError(f"{name!r} is named by {flag} and by --exclude; use only one")
        if self.id in labels:
            raise TrainingError(f"{self.id!r} is named by --id and by --target; use only one")
        if self.window and self.as_of is None:
            raise TrainingError(
                "--window counts from the day on which a row was observed; name the column with "
                "that day: --as-of COLUMN"
            )
        problem = observation_problem(self.as_of, self.window, self.known_until)
        if problem:
            raise TrainingError(problem)


@dataclass(frozen=True, kw_only=True)
class InferOptions(ColumnOptions):
    """The options of ``churn infer-schema``."""

    table: Path | str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.target:
            raise TrainingError(
                "--target COLUMN=VALUE is missing; it names the value that means churned, for "
                "example --target Exited=1"
            )


@dataclass(frozen=True, kw_only=True)
class TableOptions(ColumnOptions):
    """Which labelled customers to read: those of the table ``data``, or simulated ones.

    ``max_rejected``: the share of rows (0..1) that may break the schema. ``prior``: the true churn
    rate (0..1) of a resampled table. ``monotone``: ``field=increasing`` or ``field=decreasing``.
    ``audit``: columns that are no features, but whose groups are evaluated.
    ``unseen``: ``reject`` or ``unknown``; empty to do as the schema says.
    """

    data: Path | str | None = None
    dataset: Path | None = None
    rows: int
    seed: int
    max_rejected: float = 0.05
    schema: str = ""
    unseen: Literal["", "reject", "unknown"] = ""
    weight: str = ""
    split_by: str = ""
    prior: float | None = None
    monotone: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.audit:
            if name == self.id or name in {each.partition("=")[0] for each in self.target}:
                raise TrainingError(f"{name!r} is named by --audit and by --id or --target")
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"--seed {self.seed}: must be an integer from 0 to {2**32 - 1}")
        if self.prior is not None and not 0 < self.prior < 1:
            raise TrainingError(f"--prior {self.prior:g}: the true churn rate is between 0 and 1")
        if self.data is None:
            self._reject_without_data()
        elif self.schema == INFER and not self.target:
            raise TrainingError(
                "--schema infer needs --target COLUMN=VALUE, which says who churned"
            )
        elif self.target and self.dataset is not None:
            raise TrainingError("--target and --dataset both say who churned; use only one of them")
        elif not self.target and self.dataset is None:
            raise TrainingError(
                "--data needs --target COLUMN=VALUE, which says who churned, or --dataset "
                "FILE.toml; training/datasets/telco.toml is an example"
            )

    def _reject_without_data(self) -> None:
        """Raise TrainingError if an option describes a table and there is none."""
        columns = ["target", "schema", "dataset", "id", "weight", "split_by", "prior", "window"]
        columns += ["audit", "missing", "format"]
        for name in (*columns, *(["as_of"] if isinstance(self.as_of, str) else [])):
            if vars(self)[name]:
                flag = name.replace("_", "-")
                raise TrainingError(f"--{flag} describes a table; name the table with --data")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(TableOptions):
    """The options of commands that write to the registry.

    ``accept_alarm``: the features whose leakage alarms the user accepts, and ``because``: why; one
    reason for all of them, or one for each.
    """

    name: str
    gates: Path | None = None
    accept_alarm: tuple[str, ...] = ()
    because: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.because and not self.accept_alarm:
            raise TrainingError("--because is the reason for --accept-alarm FEATURE; add it")
        if self.accept_alarm and not all(reason.strip() for reason in self.because or ("",)):
            raise TrainingError(
                "--accept-alarm needs a reason, which is stored with the version: --because REASON"
            )
        if len(self.because) > 1 and len(self.because) != len(self.accept_alarm):
            raise TrainingError(
                f"--accept-alarm is given {len(self.accept_alarm)} times and --because "
                f"{len(self.because)} times; give one reason for all alarms, or one for each"
            )

    @property
    def accepted(self) -> dict[str, str]:
        """The reason for each feature whose alarms are accepted."""
        names = [name.strip() for name in self.accept_alarm]
        reasons = self.because if len(self.because) > 1 else self.because * len(names)
        return dict(zip(names, map(str.strip, reasons), strict=True))


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ModelOptions):
    """The options of ``churn train``.

    ``jobs``: how many processes fit at the same time; None for one per core.
    ``offer``: the campaign's offer, if its flags are given. ``decide_by``: how the version decides;
    empty for the champion's way, or by threshold. ``contact_at_most``: the most customers of the
    table that a campaign contacts. ``campaign``: ``none`` if nothing is taken over from the
    champion.
    """

    folds: int = 5
    repeats: int | None = None
    interactions: int | None = None
    bags: int | None = None
    jobs: int | None = None
    offer: Offer | None = None
    revenue: str = ""
    decide_by: Literal["", "threshold", "profit"] = ""
    contact_at_most: int | None = None
    campaign: Literal["", "none"] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decide_by == "profit" and self.contact_at_most is not None:
            raise TrainingError(
                "--contact-at-most sets a threshold, which --decide-by profit does not use; use "
                "only one of them"
            )
        if self.campaign == "none" and (self.offer is not None or self.decide_by == "profit"):
            flag = "the flags of an offer" if self.offer is not None else "--decide-by profit"
            raise TrainingError(f"--campaign none contradicts {flag}; use only one of them")
        if not self.name.strip() or set(self.name) & set("/:"):
            raise TrainingError(f"--name {self.name!r}: a name is not empty and has no / or :")


@dataclass(frozen=True, kw_only=True)
class RecalibrateOptions(TableOptions):
    """The options of ``churn recalibrate``."""

    name: str


@dataclass(frozen=True, kw_only=True)
class PromoteOptions(ModelOptions):
    """The options of ``churn promote``. ``force``: the reason for promoting regardless."""

    force: str | None = None
    rollback: bool = False

    def __post_init__(self) -> None:
        if not self.rollback:
            super().__post_init__()
        if self.force is not None and not self.force.strip():
            raise TrainingError("--force needs a reason; it is stored with the version")
