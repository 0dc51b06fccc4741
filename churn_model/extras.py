"""Checks that the optional dependencies of a command are installed."""

from __future__ import annotations

from importlib.util import find_spec

from churn_model.errors import MissingExtra


def require_extra(command: str, extra: str, *modules: str) -> None:
    """Raise MissingExtra, whose message contains the pip command, if a module is missing."""
    if not all(map(_is_installed, modules)):
        raise MissingExtra(
            f'{command} needs the "{extra}" extra; run pip install -e ".[{extra}]" in the folder '
            "of your clone"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # an importer that refuses it, or None in sys.modules
        return False
