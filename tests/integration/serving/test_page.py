"""The page for retention teams in Chromium, which can reach nothing but the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from serving.http.api_keys import make
from tests.integration.serving.conftest import Server, only_loopback, server_thread

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RISKY = {"Age": "23", "Tenure": "1", "Monthly charges": "110.5", "Total charges": "110.5"}


@pytest.fixture(scope="module")
def server(served) -> Iterator[Server]:
    with server_thread(served, page=True) as running:
        yield running


@pytest.fixture
def opened(page, server) -> Iterator[Page]:
    """The page with the example; nothing but the server can be reached, and nothing may fail."""
    blocked = only_loopback(page)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.url)
    expect(page.locator("#waterfall tr")).not_to_have_count(0)
    yield page
    assert blocked == []
    assert [p for p in problems if "400 (Bad Request)" not in p] == []


def fill(page: Page, values: dict[str, str]) -> None:
    """Type into the fields, and wait for the result."""
    with page.expect_response("**/page/customer"):
        for label, text in values.items():
            page.get_by_label(label, exact=True).fill(text)
    page.wait_for_load_state("networkidle")


def shown_probability(page: Page) -> float:
    return float(page.locator("#probability").get_attribute("value"))


def steps(page: Page) -> list[float]:
    """The average customer's probability, the steps, and this customer's probability."""
    values = page.locator("#waterfall data").evaluate_all("all => all.map(each => each.value)")
    return [float(value) for value in values]


def violations(page: Page) -> list[str]:
    """What axe-core finds."""
    assert AXE.exists(), "scripts/test-programs installs axe-core"
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    return [f"{v['id']}: {[node['target'] for node in v['nodes']]}" for v in found]


def test_the_waterfall_adds_up_to_the_probability_of_the_api(opened, server):
    fill(opened, RISKY)
    customer = {"customer_id": "C-1001", "age": 23, "tenure": 1}
    customer |= {"monthly_charges": 110.5, "total_charges": 110.5}
    reply = server.post("/predict/single", json=customer).json()["churn_probability"]
    assert shown_probability(opened) == reply
    base, *effects, total = steps(opened)
    assert len(effects) == 4
    assert abs(base + sum(effects) - reply) < 1e-9
    assert total == reply
    expect(opened.locator("#probability")).to_have_text(f"{reply:.1%}")


def test_a_missing_value_is_scored_and_explained(opened, server):
    fill(opened, {"Total charges": ""})
    expect(opened.locator("#waterfall")).to_contain_text("not known")
    base, *effects, total = steps(opened)
    assert abs(base + sum(effects) - total) < 1e-9


def test_an_invalid_value_is_explained_at_its_field_and_can_be_corrected(opened):
    before = shown_probability(opened)
    fill(opened, {"Age": "30.5"})
    age = opened.get_by_label("Age", exact=True)
    expect(age).to_have_attribute("aria-invalid", "true")
    expect(age).to_have_accessible_description(
        "In years. Typical: 18 to 91. Must be an integer, without a fractional part."
    )
    assert shown_probability(opened) == before
    fill(opened, {"Age": "30"})
    expect(age).to_have_attribute("aria-invalid", "false")
    assert shown_probability(opened) != before


def test_texts_are_never_read_as_markup(opened):
    attack = "<img src=x onerror=document.title='attacked'>"
    fill(opened, {"Customer id": attack, "Age": attack})
    assert opened.title() == "Churn risk"
    assert opened.locator("img").count() == 0


def test_with_keys_the_page_asks_for_one_and_forgets_it(page, served):
    key, stored = make()
    only_loopback(page)
    with server_thread(served, page=True, keys=f"me={stored.hash}") as server:
        page.goto(server.url)
        expect(page.get_by_label("Access key")).to_be_focused()
        assert violations(page) == []
        for wrong in ("wrong", "schlüssel"):
            page.get_by_label("Access key").fill(wrong)
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert").first).to_have_text("This access key is not valid.")
        page.get_by_label("Access key").fill(f" {key} ")
        page.keyboard.press("Enter")
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location])"
        assert key not in page.evaluate(kept)
        page.reload()
        expect(page.get_by_label("Access key")).to_have_value("")


def test_a_new_version_is_shown_without_reloading(page, served):
    with server_thread(served, page=True) as server:
        page.goto(server.url)
        expect(page.locator("#version")).to_contain_text("Version 1")
        server.holder.start(replace(served, version="2"))
        page.get_by_label("Age", exact=True).fill("33")
        expect(page.locator("#version")).to_contain_text("Version 2")
        expect(page.get_by_label("Age", exact=True)).to_have_value("33")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_is_accessible_and_fits(opened, width, scheme):
    opened.set_viewport_size({"width": width, "height": 800})
    opened.emulate_media(color_scheme=scheme)
    fill(opened, {"Age": "30.5"})
    assert violations(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_can_be_reached_with_the_keyboard(opened):
    reached = []
    for _ in range(30):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("document.activeElement.id"))
    usable = opened.evaluate(
        "[...document.querySelectorAll('input, select, button')]"
        ".filter(each => each.checkVisibility() && !each.disabled).map(each => each.id)"
    )
    assert set(usable) <= set(reached)


def test_no_script_or_style_is_in_the_page(server):
    html = server.get("/").text
    assert "<style" not in html
    assert "style=" not in html
    assert html.count("<script") == html.count('<script type="module" src=') == 1
