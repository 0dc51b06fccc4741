"""The columns that the user names by flags, for a table without a descriptor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from churn_model.tables.observations import ObservationOptions
from training.data.cell_options import CellOptions


@dataclass(frozen=True)
class NamedColumns:
    """The columns of a table that have a special use; all others may become features.

    ``target``: ``column=value`` for each value that means churned. ``identifier``: the column that
    identifies a customer. ``exclude``: columns to leave out. ``excluded_before``: columns that an
    earlier version left out, with the reason. ``weight``, ``split_by``: columns that
    describe the row. ``audit``: columns whose groups are evaluated. ``observation``: when the rows
    were observed, perhaps by a column of the table. ``cells``: how cells are written. An empty name
    means that there is no such column. ``keep``: features that are kept even if they look like
    leaks.
    """

    target: Sequence[str]
    identifier: str = ""
    exclude: Sequence[str] = ()
    excluded_before: Mapping[str, str] = field(default_factory=dict)
    weight: str = ""
    split_by: str = ""
    audit: Sequence[str] = ()
    observation: ObservationOptions = field(default_factory=ObservationOptions)
    cells: CellOptions = field(default_factory=CellOptions)
    keep: Sequence[str] = ()

    @property
    def flags(self) -> list[tuple[str, str]]:
        """Each named column except the target, with the flag that names it."""
        named = [("--id", self.identifier), *(("--exclude", name) for name in self.exclude)]
        named += [("--weight", self.weight), ("--split-by", self.split_by)]
        named += [("--audit", name) for name in self.audit]
        named += [("--as-of", self.observation.column), *self.cells.flags]
        return [(flag, name) for flag, name in named if name]

    @property
    def used(self) -> set[str]:
        """The columns that the user names for another use than as a feature, and the target's."""
        named = {name for flag, name in self.flags if flag not in ("--missing", "--format")}
        return named | {text.partition("=")[0].strip() for text in self.target}

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that cannot become features: column -> reason."""
        reasons = {**self.excluded_before, **dict.fromkeys(self.exclude, "was excluded")}
        reasons |= dict.fromkeys(self.audit, "is --audit")
        reasons |= {self.weight: "is --weight", self.split_by: "is --split-by"}
        reasons |= {self.observation.column: "is --as-of"}
        return {name: reason for name, reason in reasons.items() if name}

    @property
    def without_features(self) -> list[str]:
        """The columns that are no features in later versions either."""
        return sorted({*self.excluded_before, *self.exclude, *self.audit})
