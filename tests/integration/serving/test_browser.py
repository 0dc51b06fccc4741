"""The interactive documentation in Chromium, which can reach nothing but the server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from serving.http.api_keys import make
from tests.customers import CUSTOMER
from tests.integration.serving.conftest import only_loopback, server_thread


def try_single(page: Page) -> None:
    page.get_by_text("Score one customer").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()


def test_try_it_out_shows_a_probability_without_the_internet(page, ours):
    blocked = only_loopback(page)
    page.goto(f"{ours.url}/docs")
    try_single(page)
    reply = page.locator(".live-responses-table .response .response-col_description").first
    expect(reply).to_contain_text("churn_probability")
    assert re.search(r'"churn_probability": 0\.\d+', reply.inner_text())
    for route in ("/invocations", "/predict", "/health", "/metrics"):
        expect(page.get_by_text(route, exact=True).first).to_be_visible()
    assert blocked == []


@pytest.fixture
def guarded(served):
    """A server with one key, and the key."""
    key, stored = make()
    with server_thread(served, keys=f"me={stored.hash}") as server:
        yield server, key


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Show documentation").click()


def last_status(page: Page):
    return page.locator(".live-responses-table .response .response-col_status").first


def test_with_keys_the_page_asks_for_a_key_and_sends_it_with_try_it_out(page, guarded):
    server, key = guarded
    blocked = only_loopback(page)
    page.goto(f"{server.url}/docs")
    expect(page.get_by_text("This server requires an API key.")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_text("Score one customer")).to_have_count(0)
    enter(page, key)
    try_single(page)
    expect(last_status(page)).to_contain_text("200")
    expect(page.get_by_label("API key")).to_be_hidden()
    assert blocked == []


def test_a_wrong_key_is_reported_and_can_be_corrected(page, guarded):
    server, key = guarded
    page.goto(f"{server.url}/docs")
    for wrong in ("wrong", "schlüssel"):
        enter(page, wrong)
        expect(page.get_by_role("alert")).to_have_text("This API key is not valid.")
        expect(page.get_by_text("Score one customer")).to_have_count(0)
    enter(page, f" {key} ")
    expect(page.get_by_text("Score one customer")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_page_forgets_the_key(page, guarded):
    server, key = guarded
    page.goto(f"{server.url}/docs")
    enter(page, key)
    expect(page.get_by_text("Score one customer")).to_be_visible()
    stored = (
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    assert key not in page.evaluate(stored)
    page.reload()
    expect(page.get_by_label("API key")).to_have_value("")


def test_public_documentation_is_shown_without_a_key_and_takes_one_to_try_it_out(page, served):
    key, stored = make()
    with server_thread(served, keys=f"me={stored.hash}", public="docs") as server:
        page.goto(f"{server.url}/docs")
        try_single(page)
        expect(last_status(page)).to_contain_text("401")
        page.get_by_role("button", name="Authorize").first.click()
        page.locator("input[aria-label='auth-apikey-value'], #api_key_value").first.fill(key)
        page.locator(".auth-btn-wrapper button.authorize").first.click()
        page.locator(".btn-done").first.click()
        page.get_by_role("button", name="Execute").click()
        expect(last_status(page)).to_contain_text("200")


def test_without_a_model_the_page_says_so_and_offers_to_try_again(page):
    with server_thread(None, model_uri="models:/nothing@champion") as server:
        page.goto(f"{server.url}/docs")
        expect(page.get_by_role("alert")).to_contain_text("503: no model is loaded yet")
        expect(page.get_by_label("API key")).to_be_hidden()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("alert")).to_contain_text("503")


def test_the_page_contains_no_inline_script(ours):
    html = ours.get("/docs").text
    assert re.findall(r"<script[^>]*>([^<]*)</script>", html) == ["", ""]
    assert not re.search(r"\son[a-z]+=", html)


@pytest.fixture
def other_origin(tmp_path) -> Iterator[str]:
    """The URL of a page from another origin."""
    (tmp_path / "index.html").write_text("<title>elsewhere</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


CALL = """async ([url, customer]) => {
  try {
    const reply = await fetch(url + "/predict/single", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(customer),
    });
    return (await reply.json()).churn_probability + " " + reply.headers.get("X-Model-Version");
  } catch (error) { return "blocked"; }
}"""


def test_a_page_of_another_origin_is_blocked_unless_its_origin_is_allowed(
    page, ours, served, other_origin
):
    page.goto(other_origin)
    assert page.evaluate(CALL, [ours.url, CUSTOMER]) == "blocked"
    with server_thread(served, cors_origins=other_origin) as server:
        assert re.fullmatch(r"0\.\d+ 1", page.evaluate(CALL, [server.url, CUSTOMER]))
