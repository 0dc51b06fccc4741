"""The report of a run, opened in a browser that reaches nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def report(registry) -> Path:
    return next((registry.folder / "mlruns").rglob("report.html"))


@pytest.fixture(scope="module")
def chromium():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen_and_asks_for_nothing(report, chromium, width):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(report.as_uri())
    assert asked == [report.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure svg").count() >= 8
    for title in ("Data", "How good it is", "What a campaign", "What the risk", "Limits"):
        assert page.get_by_role("heading", name=re.compile(title)).is_visible()
    page.close()


def test_it_says_what_a_decision_needs(report):
    text = report.read_text()
    for part in (
        "Fit for production by its own figures",
        "95 %:",
        "The scorecard holds against",
        "Ascarza 2018",
        "python -m training",
        "table digest",
        "Pairs: what two features add together",
    ):
        assert part in text
    assert "http" not in re.sub(
        r'xmlns(:\w+)?="[^"]*"|<!DOCTYPE[^>]*>|<rdf:RDF.*?</rdf:RDF>', "", text, flags=re.S
    )


def test_it_prints(report, chromium, tmp_path):
    page = chromium.new_page()
    page.goto(report.as_uri())
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
    page.close()
