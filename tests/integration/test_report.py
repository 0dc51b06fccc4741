"""The report of a run, opened in a browser without network access."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def report(registry) -> Path:
    return next((registry.folder / "mlruns").rglob("report.html"))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_the_screen_and_loads_nothing_else(report, chromium, width):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.goto(report.as_uri())
    assert requests == [report.as_uri()]
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure svg").count() >= 8
    for title in (
        "Data",
        "Held-out metrics",
        "Campaign profit",
        "Effects",
        "Attributes protected by law",
        "Slices",
        "Limitations",
    ):
        assert page.get_by_role("heading", name=title, exact=True).is_visible()
    page.close()


def test_the_page_has_what_a_decision_needs(report):
    page = report.read_text()
    text = html.unescape(page)
    for part in (
        "Passes every absolute gate",
        "95 %:",
        "The scorecard's log loss",
        "Ascarza 2018",
        "churn train",
        "table digest",
        "Pairs: the joint effect of two features",
    ):
        assert part in text
    assert "http" not in re.sub(
        r'xmlns(:\w+)?="[^"]*"|<!DOCTYPE[^>]*>|<rdf:RDF.*?</rdf:RDF>', "", page, flags=re.S
    )


def test_the_page_can_be_printed_to_a_pdf(report, chromium, tmp_path):
    page = chromium.new_page()
    page.goto(report.as_uri())
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
    page.close()
