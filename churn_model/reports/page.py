"""HTML pages of one file each, which need no network."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

STYLE = "style.css"
"""The style sheet's template, for ``{% include %}`` in a ``<style>`` element."""

MISSING = "\N{EN DASH}"


def page_environment(package: str) -> Environment:
    """The environment for the templates of a package, which are in its folder ``templates``."""
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, "templates"), PackageLoader("churn_model.reports", "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["decimal"] = _decimal
    environment.filters["words"] = lambda name: name.replace("_", " ")
    return environment


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{share:.1%}"


def _decimal(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
