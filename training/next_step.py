"""What to do after a training run: the last line that ``churn train`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyfunc import CHAMPION
from training.options import TableOptions
from training.terminal import promote_command

if TYPE_CHECKING:
    from training.registration import Registration


def next_step(
    registration: Registration, failed_gates: Sequence[str], options: TableOptions
) -> str:
    """Which version is champion now, and how the new one becomes champion if it is not."""
    name, previous = registration.name, registration.previous
    champion = f"models:/{name}@{CHAMPION}"
    if registration.alias == CHAMPION:
        if previous is None:
            return ""
        return (
            f"It replaces version {previous} of {name}, a placeholder that was trained on "
            "simulated customers."
        )
    if failed_gates:
        return (
            f"It did not become champion: {'; '.join(failed_gates)}. Correct the table or its "
            "columns and train again; --gates FILE.toml sets other limits"
        )
    if registration.simulated and not registration.previous_simulated:
        return (
            f"It was trained on simulated customers, so it cannot replace version {previous}, "
            f"{champion}, which was trained on real ones. Train with --data."
        )
    if registration.conflict:
        return (
            f"It cannot be compared with version {previous}, {champion}: {registration.conflict}. "
            "For a model for a different customer base, train again with --name NAME, which "
            "registers a model of its own."
        )
    return (
        f"Version {previous} stays {champion}. To replace it, the new version must perform better "
        "on fresh customers, which neither was trained on:\n"
        f"  {promote_command(options, name)}"
    )
