"""Optional dependencies: whether an extra of this project is installed."""

from __future__ import annotations

from importlib.util import find_spec

from churn_model.errors import MissingExtra


def require_extra(command: str, extra: str, *modules: str) -> None:
    """Raise MissingExtra, which names the pip command, unless all ``modules`` are installed."""
    if not all(find_spec(module) for module in modules):
        raise MissingExtra(
            f'{command} needs the "{extra}" extra: pip install "churn-model[{extra}]"'
        )
