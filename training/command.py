"""The command lines of training and promotion: which table, and how."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from churn_model.dates import as_date
from churn_model.errors import TrainingError
from pyfunc import MODEL_NAME
from training.data.simulator import ROWS
from training.evaluation.economics import Offer

_OFFER = {
    "cost": "offer_cost",
    "success": "offer_success",
    "horizon": "horizon",
    "margin": "margin",
    "contact_cost": "contact_cost",
}
"""Offer's fields and the flags that give them."""


def parser(prog: str = "churn train") -> argparse.ArgumentParser:
    """The flags of ``churn train``."""
    made = argparse.ArgumentParser(
        prog=prog,
        description="Train a churn model and register it in MLflow (MLFLOW_TRACKING_URI, by "
        "default sqlite:///mlflow.db here). Without --data it trains on simulated customers.",
    )
    add_table(made, seed=0)
    add = made.add_argument
    add("--name", default=MODEL_NAME, help="registered model (%(default)s)")
    add("--gates", type=path, metavar="FILE.toml", help="what a first champion must reach")
    add(
        "--schema",
        default="",
        metavar="MODULE:CLASS|FILE.json",
        help="the record: a pydantic class or a JSON Schema (CustomerRecord; with --target and "
        "without this it is inferred)",
    )
    add(
        "--unseen",
        type=_unseen,
        metavar="refuse|unknown",
        help="whether a category that the schema does not list is refused or scored as the rare "
        "ones are (as the schema says: a Literal refuses, an inferred one does not)",
    )
    how = made.add_argument_group("evaluation and fit").add_argument
    how("--folds", type=_at_least(2), default=5, help="of the held-out evaluation (%(default)s)")
    how(
        "--repeats",
        type=_at_least(1),
        help="how often the folds are drawn (2 up to 20,000 rows; above 200,000 one fifth is held "
        "out instead)",
    )
    how("--split-by", default="", metavar="COLUMN", help="a date: the last fifth is held out")
    how("--weight", default="", metavar="COLUMN", help="what each row counts")
    how("--prior", type=number, metavar="RATE", help="true churn rate of a resampled table")
    how("--interactions", type=_at_least(0), metavar="N", help="pairs of features, at most")
    how(
        "--monotone",
        action="append",
        default=[],
        metavar="FIELD=increasing|decreasing",
        help="the risk only rises, or only falls, with this number; may be given several times",
    )
    money = made.add_argument_group("campaign (sets the threshold where it earns most)")
    add = money.add_argument
    add("--offer-cost", type=number, metavar="MONEY", help="of an offer that is taken")
    add("--offer-success", type=number, metavar="SHARE", help="of leavers whom it keeps")
    add("--horizon", type=number, metavar="MONTHS", help="that a kept customer stays")
    add("--margin", type=number, metavar="SHARE", help="of revenue that is profit")
    add("--contact-cost", type=number, metavar="MONEY", help="of asking, taken or not (0)")
    add("--revenue", metavar="FIELD", help="what a customer pays a month (the schema says)")
    return made


def add_table(made: argparse.ArgumentParser, *, seed: int) -> None:
    """The flags that say which customers, for all commands that read labelled ones."""
    add = made.add_argument
    add("--data", type=path, metavar="FILE", help="customers, .csv or .parquet")
    add("--dataset", type=path, metavar="FILE.toml", help="which column is which field")
    add_meaning(made)
    add("--rows", type=_at_least(1), default=ROWS, help="simulated customers (%(default)s)")
    add("--seed", type=int, default=seed, help="of everything drawn at random (%(default)s)")
    add(
        "--max-rejected",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="of rows that may break the schema before the run stops (%(default)s)",
    )


def add_meaning(made: argparse.ArgumentParser) -> None:
    """The flags that say what a table's columns mean, where no descriptor does."""
    add = made.add_argument
    add("--id", default="", metavar="COLUMN", help="names a customer; no feature")
    add(
        "--target",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="who churned; may be given several times, all other values mean kept",
    )
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="COLUMN",
        help="not to be used; may be given several times",
    )
    add("--as-of", type=day, metavar="DAY", help="when the table was true; dates are aged to it")


def offer_of(options: argparse.Namespace) -> Offer | None:
    """The campaign, where the user describes one. Raises TrainingError for half of one."""
    given = {
        name: getattr(options, flag)
        for name, flag in _OFFER.items()
        if getattr(options, flag) is not None
    }
    if not given:
        return None
    missing = [name for name in _OFFER if name not in (*given, "contact_cost")]
    if missing:
        flags = ", ".join("--" + _OFFER[name].replace("_", "-") for name in missing)
        raise TrainingError(f"a campaign's profit also needs {flags}")
    return Offer(**given)


def typed(module: str, arguments: list[str]) -> str:
    """The command as the user typed it, to be run again."""
    return shlex.join(["python", "-m", module, *(a for a in arguments if not a.endswith("="))])


def line(label: str, cells: Iterable[str]) -> str:
    """One line of a printed table."""
    return f"{label:24}" + "".join(f"{cell:>19}" for cell in cells)


def quiet() -> None:
    """Leave the terminal to this program; MLflow's own warnings and errors still show."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)


# --- the types of arguments; MLproject passes one that was not given as an empty text -----------


def path(text: str) -> Path | None:
    """A file's path."""
    return Path(text) if text else None


def day(text: str) -> date | None:
    """A date as 2026-01-31."""
    try:
        return as_date(text) if text else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def number(text: str) -> float | None:
    """A number."""
    return float(text) if text else None


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("is a share from 0 to 1")
    return value


def _unseen(text: str) -> str:
    if text not in ("", "refuse", "unknown"):
        raise argparse.ArgumentTypeError("is refuse or unknown")
    return text


def _at_least(least: int) -> Callable[[str], int | None]:
    def whole_number(text: str) -> int | None:
        if not text:
            return None
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return value

    return whole_number
