"""Figures as SVG elements of a page."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

_SVG = {
    "svg.fonttype": "none",  # text stays text: sharp, searchable, in the page's own font
    "font.family": "sans-serif",
}


def svg_element(name: str, figure: Figure) -> Markup:
    """The figure as an SVG element, with ids that no other figure of the page has."""
    text = io.StringIO()
    settings: Any = {**_SVG, "svg.id": None, "svg.hashsalt": f"churn {name}"}
    with mpl.rc_context({key: value for key, value in settings.items() if key in mpl.rcParams}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return Markup(svg[svg.index("<svg") :])
