"""The common style of all figures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

LINES = [("#0072B2", "-"), ("#E69F00", "--"), ("#009E73", "-."), ("#CC79A7", ":")]
"""Colours (of Okabe and Ito) and line styles, so that colour-blind people can tell lines apart."""

BLUE, ORANGE, GREEN, _ = (colour for colour, _ in LINES)
GREY, LIGHT_GREY, DARK = "#767676", "#B5B5B5", "#333333"
WIDTH, HEIGHT, DPI = 5.6, 4.2, 120
"""Size of a figure in inches, and its dots per inch."""


@contextmanager
def plain_text() -> Iterator[None]:
    """Draw field names as plain text, without formulas between ``$`` and warnings about glyphs."""
    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def new_figure(height: float = HEIGHT) -> Figure:
    """An empty figure."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def new_axes(height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = new_figure(height)
    axes = figure.add_subplot()
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Remove the box, and draw a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)


def draw_legend(axes: Axes, position: Any = "best") -> None:
    """A legend that stays readable where it covers lines."""
    axes.legend(loc=position, frameon=True, facecolor="white", edgecolor="none", framealpha=0.85)


def percent_axes(axes: Axes) -> None:
    """Show the shares on both axes as percentages."""
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
