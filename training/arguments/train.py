"""The flags of ``churn train``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from churn_model.errors import TrainingError
from churn_model.flag_types import AppendToTuple, at_least, number, one_of, unseen
from churn_model.offer import Offer
from training.arguments.table_flags import add_model, add_table
from training.options import TrainOptions

_OFFER_FLAGS = {
    "cost": "offer_cost",
    "success": "offer_success",
    "horizon": "horizon",
    "margin": "margin",
    "contact_cost": "contact_cost",
}
"""The fields of Offer, and the flags that set them."""


def train_options(arguments: Sequence[str] | None, prog: str = "churn train") -> TrainOptions:
    """Parse the flags. Raises TrainingError for flags that do not go together.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    given = vars(_parser(prog).parse_args(arguments))
    offer_flags = {name: given.pop(flag) for name, flag in _OFFER_FLAGS.items()}
    return TrainOptions(offer=_offer(offer_flags), **given)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train a churn model on a table of customers and register it in MLflow "
        "(MLFLOW_TRACKING_URI, by default sqlite:///mlflow.db in the current folder). Without "
        "--data it trains on simulated customers.",
    )
    add_table(parser, seed=0)
    add_model(parser, gates="the limits of the absolute gates")
    _add_schema(parser)
    _add_evaluation_and_fit(parser)
    _add_campaign(parser)
    return parser


def _add_schema(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--schema",
        default="",
        metavar="MODULE:CLASS|FILE.json|infer",
        help="the record schema: a pydantic class or a JSON Schema; by default, with --target it "
        "is inferred from the table and continues the champion's schema, which `infer` ignores; "
        "otherwise it is CustomerRecord",
    )
    add(
        "--unseen",
        type=unseen,
        default="",
        metavar="reject|unknown",
        help="reject category levels that the schema does not list, or score them like rare "
        "levels; by default as the schema says",
    )


def _add_evaluation_and_fit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("evaluation and fit").add_argument
    add("--folds", type=at_least(2), default=5, help="cross-validation folds (%(default)s)")
    add(
        "--repeats",
        type=at_least(1),
        help="repeats of the cross-validation (2 for up to 5,000 rows; above 200,000 rows one "
        "fifth is held out instead)",
    )
    add(
        "--split-by",
        default="",
        metavar="COLUMN",
        help="date column; holds out three to five later periods",
    )
    add("--interactions", type=at_least(0), metavar="N", help="maximum number of feature pairs")
    add(
        "--bags",
        type=at_least(1),
        metavar="N",
        help="models fitted on resampled rows and averaged (8, 4 or 2, by number of rows); 1 is "
        "the fastest, for a first look",
    )
    add(
        "--jobs",
        type=at_least(1),
        metavar="N",
        help="processes that fit at the same time (the cores that may be used); the result does "
        "not depend on it",
    )
    add(
        "--monotone",
        action=AppendToTuple,
        default=(),
        metavar="FIELD=increasing|decreasing",
        help="the risk may only increase, or only decrease, with this field; may be repeated",
    )


def _add_campaign(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "campaign",
        "Sets the threshold at which contacting customers is most profitable. Without these flags, "
        "the version takes over the campaign, or the threshold, of a champion that was trained on "
        "real customers.",
    )
    add = group.add_argument
    add("--offer-cost", type=number, metavar="MONEY", help="cost of an accepted offer")
    add(
        "--offer-success",
        type=number,
        metavar="SHARE",
        help="share (0 to 1) of would-be churners who accept the offer and stay",
    )
    add("--horizon", type=number, metavar="MONTHS", help="months that a retained customer stays")
    add("--margin", type=number, metavar="SHARE", help="share (0 to 1) of revenue that is profit")
    add("--contact-cost", type=number, metavar="MONEY", help="cost of each contact (0)")
    add(
        "--revenue",
        default="",
        metavar="FIELD",
        help="the field with a customer's monthly revenue; by default the schema names it",
    )
    add(
        "--decide-by",
        type=one_of("threshold", "profit"),
        default="",
        metavar="threshold|profit",
        help="churn_prediction is 1 from a probability on (threshold), or if the expected profit "
        "of contacting the customer is above 0",
    )
    add(
        "--contact-at-most",
        type=at_least(1),
        metavar="N",
        help="limit the threshold so that at most N customers of a group as large as the table's "
        "are contacted",
    )
    add(
        "--campaign",
        type=one_of("none"),
        default="",
        metavar="none",
        help="take over neither campaign nor threshold from the champion",
    )


def _offer(flags: dict[str, float | None]) -> Offer | None:
    """The campaign's offer, None without its flags. Raises TrainingError if a flag is missing."""
    given = {name: value for name, value in flags.items() if value is not None}
    if not given:
        return None
    missing = [name for name in _OFFER_FLAGS if name not in (*given, "contact_cost")]
    if missing:
        required = ", ".join("--" + _OFFER_FLAGS[name].replace("_", "-") for name in missing)
        raise TrainingError(f"a campaign also needs {required}")
    return Offer(**given)
