"""A version that is tried out next to the champion, and why it may not be."""

from __future__ import annotations

from collections.abc import Callable

from churn_model.errors import ModelNotFound
from churn_model.inference_log import options
from churn_model.inference_log.inference_log import InferenceLog
from churn_model.schema.compatibility import incompatibilities
from serving.audit import audit
from serving.served_model import ModelHolder, ServedModel

CANARY, SHADOW = "canary", "shadow"
"""The roles of a challenger."""

VERSION_FIELD = "model_version"
"""The field of a prediction that names the version, while there is a canary."""


class Challenger(ModelHolder):
    """Follows an alias as the champion's holder does, but there may be no such alias.

    ``on_change`` is called when the version changes, also to none. ``role``: CANARY or SHADOW.
    """

    def __init__(
        self,
        uri: str,
        role: str,
        on_change: Callable[[], None],
        inference_log: InferenceLog | None = None,
    ) -> None:
        super().__init__(
            uri,
            allow_schema_change=True,  # it is compared with the champion, not with its predecessor
            inference_log=inference_log,
        )
        self.role = role
        self.source = options.SHADOW if role == SHADOW else None
        self.on_change = on_change
        self._rejected_pair: tuple[str | None, str | None] | None = None

    def _report(self, error: Exception) -> None:
        super()._report(error)
        if isinstance(error, ModelNotFound) and self.current is not None:
            self.current = None
            self.on_change()

    def _audit_swap(self, new: ServedModel, old: ServedModel | None) -> None:
        """Write nothing: it serves nobody until ``on_change`` says so."""

    def is_champion(self, champion: ServedModel) -> bool:
        """Whether its alias points at the champion."""
        own = self.current
        return own is not None and (own.name, own.version) == (champion.name, champion.version)

    def beside(self, champion: ServedModel) -> ServedModel | None:
        """The version to try out next to a champion; None if there is none, or not a usable one."""
        model = self.current
        if model is None or self.is_champion(champion):
            return None
        reasons = reasons_against(model, champion)
        if self.role == CANARY:
            reasons += reasons_against_replies(model, champion)
        if not reasons:
            return model
        pair = champion.version, model.version
        if pair != self._rejected_pair:
            self._rejected_pair = pair
            message = (
                f"version {model.version} cannot be the {self.role} of version "
                f"{champion.version}: {'; '.join(reasons)}"
            )
            audit("reject", message, role=self.role, model=model.name, version=model.version)
        return None


def reasons_against(challenger: ServedModel, champion: ServedModel) -> list[str]:
    """Why a version cannot score the champion's requests; empty if it can.

    It has to accept all customers that the champion accepts, and to read the same fields of them.
    """
    new, old = challenger.scorer.schema, champion.scorer.schema
    added = {column.name for column in new} - {column.name for column in old}
    return incompatibilities(new, old) + [f"{name} is new" for name in sorted(added)]


def reasons_against_replies(challenger: ServedModel, champion: ServedModel) -> list[str]:
    """Why a version cannot reply to some of the champion's customers; empty if it can."""
    new, old = challenger.scorer, champion.scorer
    reasons = []
    if challenger.version == champion.version:
        reasons.append("replies name versions by their number, which is the same for both models")
    if (new.scorecard.campaign is None) != (old.scorecard.campaign is None):
        reasons.append("only one of the two has a campaign, and so returns expected_profit")
    if not old.schema.identifiers:
        reasons.append("customers have no identifier")
    if any(column.name == VERSION_FIELD for column in old.schema.identifiers):
        reasons.append(f"an identifier has the name {VERSION_FIELD}")
    return reasons
