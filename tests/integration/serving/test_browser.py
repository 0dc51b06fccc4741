"""The interactive documentation in a real Chromium that cannot reach anything but the server."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from serving.http.api_keys import make
from tests.integration.serving.conftest import CUSTOMER, our_server


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "these tests need Chromium (Debian: apt-get install chromium)"
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    yield page
    page.close()


def only_loopback(page: Page) -> list[str]:
    """Cut the network: whatever is not on loopback is refused, and listed."""
    refused: list[str] = []

    def decide(route):
        if route.request.url.startswith(("http://127.0.0.1", "data:")):
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    page.route("**/*", decide)
    return refused


def try_single(page: Page) -> None:
    page.get_by_text("Score one customer").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()


def test_try_it_out_shows_a_probability_without_the_internet(page, ours):
    refused = only_loopback(page)
    page.goto(f"{ours.url}/docs")
    try_single(page)
    reply = page.locator(".live-responses-table .response .response-col_description").first
    expect(reply).to_contain_text("churn_probability")
    assert re.search(r'"churn_probability": 0\.\d+', reply.inner_text())
    for route in ("/invocations", "/predict", "/health", "/metrics"):
        expect(page.get_by_text(route, exact=True).first).to_be_visible()
    assert refused == []


def test_with_keys_the_key_is_entered_and_sent(page, registry):
    key, stored = make()
    with our_server(registry, "--keys", f"me={stored}", "--public", "docs") as server:
        page.goto(f"{server.url}/docs")
        try_single(page)
        status = page.locator(".live-responses-table .response .response-col_status").first
        expect(status).to_contain_text("401")
        page.get_by_role("button", name="Authorize").first.click()
        page.locator("input[aria-label='auth-apikey-value'], #api_key_value").first.fill(key)
        page.locator(".auth-btn-wrapper button.authorize").first.click()
        page.locator(".btn-done").first.click()
        page.get_by_role("button", name="Execute").click()
        expect(status).to_contain_text("200")


@pytest.fixture
def other_origin(tmp_path) -> Iterator[str]:
    """A page from another origin."""
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
  } catch (error) { return "refused"; }
}"""


def test_a_page_of_another_origin_is_refused_until_it_is_allowed(
    page, registry, ours, other_origin
):
    page.goto(other_origin)
    assert page.evaluate(CALL, [ours.url, CUSTOMER]) == "refused"
    with our_server(registry, "--cors-origins", other_origin) as server:
        assert re.fullmatch(r"0\.\d+ 1", page.evaluate(CALL, [server.url, CUSTOMER]))
