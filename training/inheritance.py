"""What a new version takes over from the champion: its campaign, or else its threshold.

A version trained without the flags of the campaign would otherwise decide by 0.5, and contact far
fewer customers than the champion without anybody having asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from churn_model.schema import RecordSchema
from churn_model.scoring.campaign import Campaign
from pyfunc.loaded_version import LoadedVersion
from training.decision import DEFAULT_THRESHOLD, DecisionPlan, numerical_features
from training.options import TrainOptions

_OPT_OUT = "(--campaign none: nothing is)"


def decision_plan(
    options: TrainOptions,
    schema: RecordSchema,
    champion: Callable[[], LoadedVersion | None],
) -> DecisionPlan:
    """What the user wants, completed with what the champion has.

    ``champion``: reads the champion; None if there is none of real customers.
    Nothing is taken over by a version of simulated customers, from a champion of such customers,
    with the flags of an offer, or with ``--campaign none``.
    """
    plan = DecisionPlan(
        offer=options.offer,
        revenue=options.revenue or None,
        decide_by=options.decide_by or "threshold",
        contact_at_most=options.contact_at_most,
    )
    if options.offer is not None or options.campaign == "none" or options.data is None:
        return plan
    version = champion()
    return plan if version is None else _inherit(plan, options, schema, version)


def _inherit(
    plan: DecisionPlan, options: TrainOptions, schema: RecordSchema, champion: LoadedVersion
) -> DecisionPlan:
    scorecard = champion.scorer.scorecard
    campaign, version = scorecard.campaign, f"version {champion.number}, the champion"
    missing = ""
    if campaign is not None:
        revenue = options.revenue or campaign.revenue
        if revenue in numerical_features(schema):
            return _with_campaign(plan, options, campaign, revenue, version)
        missing = f"the campaign of {version}, needs the numerical field {revenue!r}"
    if options.contact_at_most is not None or scorecard.threshold == DEFAULT_THRESHOLD:
        text = f"{missing}, so it is not taken over" if missing else ""
        return replace(plan, inherited=text)
    text = f"{missing}; only its threshold" if missing else f"the threshold of {version},"
    text += f" is taken over {_OPT_OUT}"
    return replace(plan, threshold=scorecard.threshold, inherited=text)


def _with_campaign(
    plan: DecisionPlan, options: TrainOptions, campaign: Campaign, revenue: str, version: str
) -> DecisionPlan:
    limited = options.contact_at_most is not None
    decide_by = options.decide_by or ("threshold" if limited else campaign.decide_by)
    offer = campaign.offer
    return replace(
        plan,
        offer=offer,
        revenue=revenue,
        decide_by=decide_by,
        contact_share=None if limited or decide_by == "profit" else campaign.contact_at_most,
        inherited=f"the campaign of {version}, is taken over {_OPT_OUT}: the offer "
        f"costs {offer.cost:g}, each contact {offer.contact_cost:g}; it keeps "
        f"{offer.success:.0%} of the churners for {offer.horizon:g} months at a "
        f"margin of {offer.margin:.0%} of {revenue}; decided by {decide_by}",
    )
