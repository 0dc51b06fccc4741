"""Types of command-line flags, for argparse.

MLproject passes parameters that were not given as empty strings.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from churn_model.dates import parse_date


class AppendToTuple(argparse.Action):
    """Collects the values of a repeated flag in a tuple; empty values are ignored."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add a value."""
        collected: tuple[str, ...] = vars(namespace)[self.dest]
        if values:
            setattr(namespace, self.dest, (*collected, values))


class Once(argparse.Action):
    """Stores the value of a flag that must not be repeated; empty values are ignored."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Set the value. Exits, as argparse does, if another was given before."""
        before = vars(namespace)[self.dest]
        if values and before and values != before:
            parser.error(f"{option_string} is given twice: {before!r} and {values!r}")
        setattr(namespace, self.dest, values or before)


def path(text: str) -> Path | None:
    """A path; None if empty."""
    return Path(text) if text else None


def table(text: str) -> Path | str | None:
    """A file, a folder or a pattern as a path, and a URL as it is; None if empty."""
    return text if "://" in text else path(text)


def day(text: str) -> date | None:
    """A date such as 2026-01-31; None if empty."""
    try:
        return parse_date(text) if text else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def day_or_column(text: str) -> date | str | None:
    """A date such as 2026-01-31, or the name of a column; None if empty."""
    if re.fullmatch(r"\d+-\d+-\d+", text.strip()):
        return day(text.strip())
    return text.strip() or None


def days(text: str) -> int:
    """A number of days such as 60D; 0 if empty."""
    if not text:
        return 0
    match = re.fullmatch(r"([0-9]{1,5})[dD]?", text.strip())
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError("must be a number of days such as 60D")
    return int(match[1])


def number(text: str) -> float | None:
    """A number; None if empty."""
    try:
        return float(text) if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = number(text)
    if value is None or not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return value


def true_or_false(text: str) -> bool:
    """A boolean."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("must be true or false")
    return text.lower() == "true"


def unseen(text: str) -> str:
    """``reject`` or ``unknown``, and ``refuse`` as an older name of ``reject``; or empty."""
    if text and text not in ("reject", "refuse", "unknown"):
        raise argparse.ArgumentTypeError("must be reject or unknown")
    return "reject" if text == "refuse" else text


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of these words, or empty."""

    def word(text: str) -> str:
        if text and text not in allowed:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(allowed)}")
        return text

    return word


def at_least(minimum: int) -> Callable[[str], int | None]:
    """An integer from ``minimum`` on; None if empty."""

    def integer(text: str) -> int | None:
        if not text:
            return None
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}")
        return value

    return integer
