"""Text that the training commands print: table lines, and commands to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyfunc import MODEL_NAME
from training.options import TableOptions

if TYPE_CHECKING:
    from training.evaluation.alarm import Alarm


def table_line(label: str, cells: Iterable[str]) -> str:
    """One line of a printed table."""
    return f"{label:24}" + "".join(f"{cell:>19}" for cell in cells)


def print_overlap(known_rows: Mapping[str, int], unknown: Iterable[str]) -> None:
    """Print how many rows of a table versions were trained on.

    ``known_rows``: by version. ``unknown``: the versions whose training rows are not recorded.
    """
    for version, rows in known_rows.items():
        if rows:
            print(f"left out: {rows:,} rows that version {version} was trained on")
    for version in unknown:
        print(
            f"the training rows of version {version} are not recorded, so the table was not "
            "searched for them"
        )


def print_alarms(alarms: Sequence[Alarm]) -> None:
    """Print the leakage alarms, and how to accept those that have a good reason."""
    for alarm in alarms:
        print(f"accepted alarm: {alarm.text}" if alarm.accepted else f"ALARM: {alarm.text}")
    features = dict.fromkeys(alarm.feature for alarm in alarms if not alarm.accepted)
    if features:
        flags = " ".join(f"--accept-alarm {shlex.quote(feature)}" for feature in features)
        print(f"If you know why this is no leak, accept it: {flags} --because REASON")


def as_typed(prog: str, arguments: Sequence[str]) -> str:
    """A command line that can be run again, without parameters that MLproject left empty."""
    return prog + " " + shlex.join(a for a in arguments if not a.endswith("="))


def name_flag(name: str) -> str:
    """``" --name NAME"``, or an empty string for the default model."""
    return "" if name == MODEL_NAME else f" --name {shlex.quote(name)}"


def promote_command(options: TableOptions, name: str) -> str:
    """The command that compares the challenger with the champion, with the flags of ``options``.

    The user replaces ``FRESH.csv`` by a table of fresh customers, and ``DAY`` by its days. Columns
    that were excluded are not: the champion may need them.
    """
    words = ["churn", "promote"]
    if options.data is not None:
        words += ["--data", "FRESH" + Path(options.data).suffix]
        words += ["--dataset", str(options.dataset)] if options.dataset else []
        words += ["--id", options.id] if options.id else []
        words += [word for value in options.target for word in ("--target", value)]
        words += [word for value in options.missing for word in ("--missing", value)]
        words += [word for value in options.format for word in ("--format", value)]
        words += _observation_flags(options)
        words += ["--weight", options.weight] if options.weight else []
        words += ["--prior", f"{options.prior:g}"] if options.prior else []
        if options.max_rejected != TableOptions.max_rejected:
            words += ["--max-rejected", f"{options.max_rejected:g}"]
    return shlex.join(words) + name_flag(name)


def _observation_flags(options: TableOptions) -> list[str]:
    """The flags that say when the rows of a fresh table were observed."""
    words: list[str] = []
    if options.as_of is not None:
        words += ["--as-of", options.as_of if isinstance(options.as_of, str) else "DAY"]
    if options.window:
        words += ["--window", f"{options.window}D"]
    if options.known_until is not None:
        words += ["--known-until", "DAY"]
    return words
