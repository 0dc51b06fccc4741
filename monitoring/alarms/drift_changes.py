"""Material changes of the customers and of the estimated log loss in a window."""

from __future__ import annotations

from monitoring.alarms.changes import Change, Changes, Key, percent
from monitoring.alarms.limits import DriftLimits
from monitoring.results import TermDrift, WindowResult


def drift_changes(result: WindowResult, limits: DriftLimits) -> Changes | None:
    """None if the window has no comparison."""
    if result.score is None:
        return None
    found: dict[Key, Change] = {}
    for term in result.terms:
        if abs(term.shift) >= limits.log_odds or term.movement >= limits.movement:
            text = f"{term.term} changed: {_direction(term)}, {_largest_change(term)}"
            found[Key("drift", term.term)] = Change(term.p_value <= limits.significance, text)
    if abs(result.shift) >= limits.log_odds:
        text = f"the scores changed: {_direction(result.score, result.shift)}"
        is_significant = result.score.p_value <= limits.significance
        found[Key("drift", "")] = Change(is_significant, text)
    if result.loss_rise >= limits.log_loss:
        found[Key("estimated_loss", "")] = _loss_change(result, limits)
    return found


def _loss_change(result: WindowResult, limits: DriftLimits) -> Change:
    loss = result.estimates["log_loss"].value
    text = f"the estimated log loss rose from {loss - result.loss_rise:.3f} to {loss:.3f}"
    return Change(result.loss_p_value <= limits.significance, text)


def _direction(term: TermDrift, shift: float | None = None) -> str:
    value = term.shift if shift is None else shift
    verb = "raises" if value > 0 else "lowers"
    return f"this {verb} the mean log-odds by {abs(value):.2f}"


def _largest_change(term: TermDrift) -> str:
    """The merged bin whose share changed most, in words."""
    change = max(term.bins, key=lambda bin_: abs(bin_.window - bin_.reference))
    verb = "rose" if change.window > change.reference else "fell"
    before, after = percent(change.reference), percent(change.window)
    return f"and the share of '{change.label}' {verb} from {before} to {after}"
