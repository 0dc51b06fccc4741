"""The monitoring page, opened in a browser without network access."""

from __future__ import annotations

import pytest

from monitoring.outputs.page import page
from monitoring.windows import Population
from tests.unit.monitoring.examples import findings, population_result


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with two current populations, one without terms, and one of another version."""
    batch = population_result(6, features=0, population=Population("churn", "3", "batch"))
    earlier = population_result(4, features=2, population=Population("churn", "2", "serve"))
    path = tmp_path_factory.mktemp("page") / "monitoring.html"
    path.write_text(page(findings(population_result(30, cohorts=14), batch, earlier)))
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_the_screen_and_loads_nothing_else(file, chromium, width):
    shown = chromium.new_page(viewport={"width": width, "height": 900})
    requests, messages = [], []
    shown.on("request", lambda request: requests.append(request.url))
    shown.on("console", lambda message: messages.append(message.text))
    shown.goto(file.as_uri())
    assert requests == [file.as_uri()]
    assert messages == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.locator("figure svg").count() >= 8
    for title in ("Version 3, serve", "Version 3, batch", "Other versions"):
        assert shown.get_by_role("heading", name=title, exact=True).is_visible()
    assert shown.get_by_text("Drift, tenure:").first.is_visible()


def test_each_link_of_the_page_leads_to_a_section(file, chromium):
    shown = chromium.new_page()
    shown.goto(file.as_uri())
    targets = shown.eval_on_selector_all("a", "links => links.map(a => a.getAttribute('href'))")
    assert len(targets) == 4
    for target in targets:
        assert shown.locator(target).count() == 1


def test_names_of_fields_are_shown_as_they_are(file, chromium):
    shown = chromium.new_page()
    shown.goto(file.as_uri())
    assert shown.get_by_text("<b>Offer & Co</b>").count() >= 2
    assert shown.locator("b", has_text="Offer & Co").count() == 0
