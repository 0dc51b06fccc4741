"""The command lines of training: flags, and the options that they give.

Nothing heavy is imported here, so that ``--help`` and invalid flags are answered at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from churn_model.dates import parse_date
from churn_model.errors import TrainingError
from pyfunc import MODEL_NAME
from training.data import SIMULATED_ROWS
from training.evaluation.offer import Offer
from training.options import InferOptions, PromoteOptions, TrainOptions

FRESH_SEED = 20_000
"""Seed of the simulated customers that promotion uses; training's default seed differs."""

_OFFER_FLAGS = {
    "cost": "offer_cost",
    "success": "offer_success",
    "horizon": "horizon",
    "margin": "margin",
    "contact_cost": "contact_cost",
}
"""The fields of Offer, and the flags that set them."""


def train_options(arguments: Sequence[str] | None, prog: str = "churn train") -> TrainOptions:
    """Parse the flags of ``churn train``. Raises TrainingError for flags that do not go together.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    given = vars(_train_parser(prog).parse_args(arguments))
    offer_flags = {name: given.pop(flag) for name, flag in _OFFER_FLAGS.items()}
    return TrainOptions(offer=_offer(offer_flags), **given)


def promote_options(arguments: Sequence[str] | None, prog: str = "churn promote") -> PromoteOptions:
    """Parse the flags of ``churn promote``; raises and exits as ``train_options`` does."""
    return PromoteOptions(**vars(_promote_parser(prog).parse_args(arguments)))


def infer_options(
    arguments: Sequence[str] | None, prog: str = "churn infer-schema"
) -> InferOptions:
    """Parse the flags of ``churn infer-schema``; raises and exits as ``train_options`` does."""
    return InferOptions(**vars(_infer_parser(prog).parse_args(arguments)))


def _train_parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train a churn model on a table of customers and register it in MLflow "
        "(MLFLOW_TRACKING_URI, by default sqlite:///mlflow.db in the current folder). Without "
        "--data it trains on simulated customers.",
    )
    _add_table(parser, seed=0)
    add = parser.add_argument
    add("--name", default=MODEL_NAME, help="name of the registered model (%(default)s)")
    add("--gates", type=_path, metavar="FILE.toml", help="what the first champion must reach")
    add(
        "--schema",
        default="",
        metavar="MODULE:CLASS|FILE.json",
        help="the record schema: a pydantic class or a JSON Schema; by default it is inferred "
        "with --target, and CustomerRecord otherwise",
    )
    add(
        "--unseen",
        type=_one_of("refuse", "unknown"),
        default="",
        metavar="refuse|unknown",
        help="whether a category level that the schema does not list is rejected, or scored like "
        "the rare levels; by default as the schema says",
    )
    evaluation = parser.add_argument_group("evaluation and fit").add_argument
    evaluation(
        "--folds", type=_at_least(2), default=5, help="folds of the cross-validation (%(default)s)"
    )
    evaluation(
        "--repeats",
        type=_at_least(1),
        help="how often the folds are drawn (2 for up to 20,000 rows; above 200,000 rows one fifth "
        "is held out instead)",
    )
    evaluation(
        "--split-by", default="", metavar="COLUMN", help="date column: hold out the last fifth"
    )
    evaluation("--weight", default="", metavar="COLUMN", help="the weight of each row")
    evaluation(
        "--prior", type=_number, metavar="RATE", help="the true churn rate of a resampled table"
    )
    evaluation(
        "--interactions", type=_at_least(0), metavar="N", help="maximum number of feature pairs"
    )
    evaluation(
        "--monotone",
        action=_AppendToTuple,
        default=(),
        metavar="FIELD=increasing|decreasing",
        help="the risk may only rise, or only fall, with this field; may be repeated",
    )
    _add_campaign(parser)
    return parser


def _add_campaign(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "campaign", "Sets the threshold at which contacting customers earns the most."
    )
    add = group.add_argument
    add("--offer-cost", type=_number, metavar="MONEY", help="cost of an accepted offer")
    add(
        "--offer-success",
        type=_number,
        metavar="SHARE",
        help="share (0 to 1) of would-be churners that the offer keeps",
    )
    add("--horizon", type=_number, metavar="MONTHS", help="months that a kept customer stays")
    add("--margin", type=_number, metavar="SHARE", help="share (0 to 1) of revenue that is profit")
    add("--contact-cost", type=_number, metavar="MONEY", help="cost of each contact (0)")
    add(
        "--revenue",
        default="",
        metavar="FIELD",
        help="the field with a customer's monthly revenue; by default the schema names it",
    )


def _promote_parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Compare the challenger with the champion on fresh labelled customers, and "
        "make it champion if it is better. Without --data it uses simulated customers. "
        "Exit code: 0 promoted or rolled back, 2 not promoted, 1 failed.",
    )
    _add_table(parser, seed=FRESH_SEED)
    add = parser.add_argument
    add("--name", default=MODEL_NAME, help="name of the registered model (%(default)s)")
    add("--gates", type=_path, metavar="FILE.toml", help="what a challenger must reach")
    add("--force", metavar="REASON", help="promote regardless, and store the reason")
    add(
        "--rollback",
        type=_flag,
        nargs="?",
        const=True,
        default=False,
        help="go back to the version that the champion replaced",
    )
    return parser


def _infer_parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Propose a JSON Schema for the customers of a table. The schema goes to "
        "standard output, a summary for people to standard error.",
    )
    parser.add_argument("table", type=Path, help="customers, .csv or .parquet")
    _add_meaning(parser)
    return parser


def _add_table(parser: argparse.ArgumentParser, *, seed: int) -> None:
    """The flags of every command that reads labelled customers."""
    add = parser.add_argument
    add("--data", type=_path, metavar="FILE", help="labelled customers, .csv or .parquet")
    add(
        "--dataset", type=_path, metavar="FILE.toml", help="descriptor: which column is which field"
    )
    _add_meaning(parser)
    add(
        "--rows",
        type=_at_least(1),
        default=SIMULATED_ROWS,
        help="number of simulated customers (%(default)s)",
    )
    add("--seed", type=int, default=seed, help="seed of everything random (%(default)s)")
    add(
        "--max-rejected",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="share (0 to 1) of rows that may break the schema before the command stops "
        "(%(default)s)",
    )


def _add_meaning(parser: argparse.ArgumentParser) -> None:
    """The flags that say what the columns mean when there is no descriptor."""
    add = parser.add_argument
    add("--id", type=str.strip, default="", metavar="COLUMN", help="the customer identifier")
    add(
        "--target",
        action=_AppendToTuple,
        default=(),
        metavar="COLUMN=VALUE",
        help="the value that means churned; may be repeated, all other values mean kept",
    )
    add(
        "--exclude",
        action=_AppendToTuple,
        default=(),
        metavar="COLUMN",
        help="a column to leave out; may be repeated",
    )
    add(
        "--as-of",
        type=_day,
        metavar="DAY",
        help="the day on which the table was true, for example 2026-01-31; dates are aged to it",
    )


def _offer(flags: dict[str, float | None]) -> Offer | None:
    """The campaign, or None without its flags. Raises TrainingError if a flag is missing."""
    given = {name: value for name, value in flags.items() if value is not None}
    if not given:
        return None
    missing = [name for name in _OFFER_FLAGS if name not in (*given, "contact_cost")]
    if missing:
        needed = ", ".join("--" + _OFFER_FLAGS[name].replace("_", "-") for name in missing)
        raise TrainingError(f"a campaign also needs {needed}")
    return Offer(**given)


# --- types of flags; MLproject passes a parameter that was not given as an empty string ----------


class _AppendToTuple(argparse.Action):
    """Collects the values of a repeated flag; empty ones are ignored."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        collected: tuple[str, ...] = vars(namespace)[self.dest]
        if values:
            setattr(namespace, self.dest, (*collected, values))


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _day(text: str) -> date | None:
    try:
        return parse_date(text) if text else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _number(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _share(text: str) -> float:
    value = _number(text)
    if value is None or not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return value


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("must be true or false")
    return text.lower() == "true"


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text and text not in allowed:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(allowed)}")
        return text

    return check


def _at_least(minimum: int) -> Callable[[str], int | None]:
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
