"""The options of ``churn score``, as typed values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal

from churn_model.errors import BatchError
from churn_model.tables.reading.source import FileFormat
from pyfunc import CHAMPION_URI

Engine = Literal["spark", "local"]
Format = Literal[FileFormat, "table"]
Mode = Literal["error", "overwrite", "append"]

_UNDECODED = re.compile("[\ud800-\udfff]")
"""Stands for bytes of the command line that are not valid UTF-8."""


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What to score, with which model, and where the results go.

    ``format``: None to tell it from the input's name, or from the files of a local folder.
    ``output_format``: None for the input's. ``columns``: the descriptor that maps columns to
    fields. ``as_of``: the day on which the ages of dates are computed; None for today.
    ``threshold``: None for the model's own.
    ``max_rejected``: the share of rejected rows (0..1) above which the exit code is 2.

    Raises BatchError for options that contradict each other, and TableError for a folder that
    cannot be listed.
    """

    input: str
    output: str
    model_uri: str = CHAMPION_URI
    format: Format | None = None
    output_format: Format | None = None
    engine: Engine = "spark"
    master: str | None = None
    columns: Path | None = None
    partition_by: tuple[str, ...] = ()
    mode: Mode = "error"
    explain: bool = False
    as_of: date | None = None
    threshold: float | None = None
    max_rejected: float = 0.05

    def __post_init__(self) -> None:
        for flag in ("input", "output"):
            if not vars(self)[flag]:
                raise BatchError(f"--{flag} is empty; name a file, a folder or a table")
            if _UNDECODED.search(vars(self)[flag]):
                raise BatchError(f"--{flag}: {vars(self)[flag]!a} is not valid Unicode; rename it")
        if self.engine == "local" and "table" in (self.source_format, self.target_format):
            raise BatchError("catalog tables (--format table) need --engine spark")
        if self.partition_by and self.source_format == "json":
            raise BatchError("--partition-by needs columns, and JSON lines have none")

    @cached_property
    def source_format(self) -> Format:
        """The format of the input."""
        from churn_model.tables.reading.locations import format_of_files  # it imports pyarrow

        return self.format or format_of_files(self.input)

    @property
    def target_format(self) -> Format:
        """The format of the results."""
        return self.output_format or self.source_format
