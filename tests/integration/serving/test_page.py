"""The page for retention teams in Chromium, which can reach nothing but the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from playwright.sync_api import Page, expect

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from pyfunc import MONITORING_EXPERIMENT
from serving.http.api_keys import make
from serving.served_model import ServedModel
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
    for label, text in values.items():
        with page.expect_response("**/page/customer"):
            page.get_by_label(label, exact=True).fill(text)
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")


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


def test_the_curve_of_what_if_is_that_of_the_api(opened, server):
    fill(opened, RISKY)
    customer = {"customer_id": "x", "age": 23, "tenure": 1, "total_charges": 110.5}
    opened.get_by_label("Change", exact=True).select_option("Monthly charges")
    expect(opened.locator("#whatif-curve .curve")).to_be_visible()
    script = """async () => {
      const { Scorecard } = await import("/page/scorecard.js");
      const { curveSteps } = await import("/page/curve.js");
      const model = await (await fetch("/page/model")).json();
      const scorecard = new Scorecard(model);
      const customer = { age: 23, tenure: 1, monthly_charges: 110.5, total_charges: 110.5 };
      const field = model.fields.find((each) => each.name === "monthly_charges");
      return curveSteps(scorecard, scorecard.inputs(customer), field);
    }"""
    steps = opened.evaluate(script)
    customers = [customer | {"monthly_charges": step["start"]} for step in steps]
    replies = server.post("/predict", json={"customers": customers}).json()["probabilities"]
    assert len(steps) > 10
    assert max(abs(s["probability"] - p) for s, p in zip(steps, replies, strict=True)) < 1e-9


def test_the_smallest_change_is_just_enough(opened, server):
    def probabilities(tenure, charges):
        common = {"customer_id": "x", "age": 40, "tenure": tenure, "total_charges": 500}
        customers = [common | {"monthly_charges": c} for c in charges]
        return server.post("/predict", json={"customers": customers}).json()["probabilities"]

    for tenure in range(1, 30):
        high, low = probabilities(tenure, [115, 25])
        if low < 0.5 <= high:
            break
    values = {"Age": 40, "Tenure": tenure, "Total charges": 500, "Monthly charges": 115}
    fill(opened, {label: str(value) for label, value in values.items()})
    expect(opened.locator("#changes-list .enough")).to_have_count(1)
    opened.get_by_role("button", name="Try it").click()
    expect(opened.locator("#decision")).to_contain_text("Below the limit")
    changed = float(opened.get_by_label("Monthly charges", exact=True).input_value())
    assert 25 < changed < 115
    smaller = [changed + cents / 100 for cents in range(1, 1000) if changed + cents / 100 < 115]
    assert probabilities(tenure, [changed])[0] < 0.5 <= min(probabilities(tenure, smaller))


FILE = """customer_id;age;tenure;monthly_charges;total_charges;note
"A;1";23;1;110.5;110.5;"says ""hi"" to us"
B2;30.5;2;80;;
C3;48;30;55;1650;
D4;x;1
<img src=x onerror=document.title='attacked'>;60;1;100;100;
;70;5;30;150;"two
lines"
E5;44;20;-3;10;
"""


def choose(page: Page, content: bytes, name: str = "customers.csv") -> None:
    page.get_by_label("CSV file").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "windows-1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_is_scored_and_sorted_and_each_row_accounted_for(opened, server, encoding, tmp_path):
    choose(opened, FILE.replace("B2", "Bö").replace("\n", "\r\n").encode(encoding))
    expect(opened.locator("#file-status")).to_have_text(
        "customers.csv: 3 customers scored, 2 customers at risk, 4 rows rejected."
    )
    shown = opened.locator("#scored-rows tr")
    ids = shown.locator("td:first-child").all_inner_texts()
    assert sorted(ids) == sorted(["A;1", "<img src=x onerror=document.title='attacked'>", "C3"])
    values = [
        float(each.get_attribute("value")) for each in opened.locator("#scored-rows data").all()
    ]
    assert values == sorted(values, reverse=True)
    customer = {"customer_id": "A;1", "age": 23, "tenure": 1}
    customer |= {"monthly_charges": 110.5, "total_charges": 110.5}
    reply = server.post("/predict/single", json=customer).json()["churn_probability"]
    assert values[ids.index("A;1")] == reply
    assert opened.locator("#rejected tr").all_inner_texts() == [
        "3\tBö\tAge must be an integer, without a fractional part.",
        "5\t\tHas more or fewer cells than the header.",
        "7\t\tCustomer id is required.",
        "9\tE5\tMonthly charges must be at least 0.",
    ]
    assert opened.title() == "Churn risk"
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Download the result").click()
    download.value.save_as(tmp_path / "result.csv")
    table = pd.read_csv(tmp_path / "result.csv", encoding="utf-8-sig")
    assert len(table) == 7
    assert table["error"].notna().sum() == 4
    assert table.set_index("customer_id").loc["A;1", "churn_probability"] == reply
    assert violations(opened) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file is empty."),
        (b"customer_id,age\n", "The file has a header, but no customers."),
        (b'a,b\n"x,1\n', "Line 2 has a quotation mark that is not closed."),
        (b'a,b\n"x"y,1\n', "Line 2 has text after a closing quotation mark."),
        (b"PK\x03\x04\x00\x00", "This is not a CSV file."),
        (b"customer_id,Tenure\nC1,1\n", "the table has no column 'age'"),
        (b"customer_id^age\nC1^1\n", "No column has the name of a field."),
    ],
)
def test_a_file_that_cannot_be_read_is_explained(opened, content, problem):
    choose(opened, content)
    expect(opened.locator("#file-problem")).to_contain_text(problem)
    expect(opened.locator("#scored")).to_be_hidden()
    choose(opened, FILE.encode())
    expect(opened.locator("#scored")).to_be_visible()
    expect(opened.locator("#file-problem")).to_be_empty()


def downloaded(page: Page) -> pd.DataFrame:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the result").click()
    return pd.read_csv(download.value.path(), dtype=str, encoding="utf-8-sig")


def test_a_spreadsheet_runs_nothing_of_the_downloaded_result(opened):
    formulas = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+cmd", "-2+3", "=1+1"]
    plain = ["-5", "+49 151 2345", "C=1"]
    rows = [f"{each},{'x' if each == '=1+1' else 42},12,70.5,1" for each in formulas + plain]
    choose(
        opened, "\n".join(["customer_id,age,tenure,monthly_charges,total_charges", *rows]).encode()
    )
    expect(opened.locator("#scored")).to_be_visible()
    ids = downloaded(opened)["customer_id"]
    assert sorted(ids) == sorted([f"'{each}" for each in formulas] + plain)


def test_an_identifier_may_be_called_line(page):
    columns = (Column("line", "identifier"), Column("age", "number"))
    term = Term(features=["age"], cuts=[[1.0]], scores=[0, -0.5, 0.5, 0])
    card = Scorecard(intercept=0.2, features=[Feature(name="age", kind="number")], terms=[term])
    scorer = Scorer(card, RecordSchema("phones", columns))
    model = ServedModel("phones", "1", None, "2026-01-01T00:00:00Z", scorer)
    with server_thread(model, page=True) as server:
        page.goto(server.url)
        choose(page, b"line,age\nA,0\nB,x\nC,2\n")
        expect(page.locator("#scored-rows td:first-child")).to_have_text(["C", "A"])
        expect(page.locator("#rejected td")).to_have_text(["3", "B", "Age is not a number."])
        table = downloaded(page)
        assert table.iloc[:, :2].to_numpy().tolist() == [["4", "C"], ["2", "A"], ["3", "B"]]


def test_a_dropped_file_is_scored_in_several_requests_and_not_recorded(page, served, tmp_path):
    rows = "".join(f"C{i},{20 + i % 60},{i % 70},{30 + i % 80},\n" for i in range(4321))
    header = "customer_id,age,tenure,monthly_charges,total_charges\n"
    folder = tmp_path / "log"
    log = {"inference_log": str(folder), "inference_log_level": "counts"}
    with server_thread(served, page=True, **log) as server:
        page.goto(server.url)
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        transfer = page.evaluate_handle(
            """text => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([text], "many.csv", { type: "text/csv" }));
              return transfer;
            }""",
            header + rows,
        )
        page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
        expect(page.locator("#file-status")).to_contain_text("4,321 customers scored")
        page.get_by_role("button", name="Show more customers").click()
        expect(page.locator("#scored-rows tr")).to_have_count(100)
    assert list(folder.rglob("*.parquet")) == []


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


def test_dates_categories_booleans_and_their_pairs_are_explained_exactly(page):
    columns = (
        Column("id", "identifier"),
        Column("joined", "date", required=False),
        Column("plan", "category", levels=("basic", "plus"), allows_unlisted=True, actionable=True),
        Column("paperless", "boolean", actionable=True),
    )
    rng = np.random.default_rng(3)
    sizes = {("joined",): 5, ("plan",): 4, ("paperless",): 4, ("joined", "plan"): 20}
    cuts = {"joined": [100.0, 400.0], "plan": [], "paperless": [0.5]}
    terms = [
        Term(
            features=[*names], cuts=[cuts[n] for n in names], scores=rng.normal(0, 1, size).tolist()
        )
        for names, size in sizes.items()
    ]
    features = [
        Feature(name="joined", kind="number"),
        Feature(name="plan", kind="category", categories=["basic", "plus"]),
        Feature(name="paperless", kind="number"),
    ]
    scorer = Scorer(
        Scorecard(intercept=-0.3, features=features, terms=terms), RecordSchema("all", columns)
    )
    with server_thread(
        ServedModel("all", "1", None, "2026-01-01T00:00:00Z", scorer), page=True
    ) as server:
        page.goto(server.url)
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        for joined, plan, paperless in (
            ("2026-01-31", "basic", "true"),
            ("", "(other)", "false"),
            ("2020-02-29", "plus", "true"),
        ):
            fill(page, {"Joined": joined})
            for label, choice in (("Plan", plan), ("Paperless", paperless)):
                with page.expect_response("**/page/customer"):
                    page.get_by_label(label, exact=True).select_option(choice)
            expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
            customer = {"id": "x", "joined": joined or None, "plan": plan}
            customer["paperless"] = paperless == "true"
            reply = server.post("/predict/single", json=customer).json()["churn_probability"]
            base, *effects, total = steps(page)
            assert total == reply
            assert abs(base + sum(effects) - reply) < 1e-9
        for name in ("Joined", "Plan", "Paperless"):
            page.get_by_label("Change", exact=True).select_option(name)
            assert violations(page) == []


def odd_server(features, terms, columns, intercept=0.2):
    """A server of the page, for a scorecard of these terms."""
    card = Scorecard(intercept=intercept, features=features, terms=terms)
    scorer = Scorer(card, RecordSchema("odd", (Column("id", "identifier"), *columns)))
    served = ServedModel("odd", "1", None, "2026-01-01T00:00:00Z", scorer)
    return server_thread(served, page=True)


def test_what_if_says_where_the_probability_is_lowest_and_highest(page):
    features = [Feature(name=name, kind="number") for name in ("calls", "price", "joined", "none")]
    terms = [
        Term(features=["calls"], cuts=[[3.0, 8.0]], scores=[0, 0, 1, -1, 0]),
        Term(features=["price"], cuts=[[1.5, 2.5, 9.0]], scores=[0, 1, 1, -1, 0, 0]),
        Term(features=["joined"], cuts=[[100.0, 200.0]], scores=[0, 1, 0, -1, 0]),
        Term(features=["none"], cuts=[[1.0]], scores=[0, 0, 0, 0]),
    ]
    columns = [
        Column("calls", "integer"),
        Column("price", "number"),
        Column("joined", "date"),
        Column("none", "number"),
    ]
    with odd_server(features, terms, columns) as server:
        page.goto(server.url)
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        today = date.fromisoformat(page.evaluate("new Date().toISOString().slice(0, 10)"))
        for field, lowest, highest in (
            ("Calls", "from 8 on", "from 3 to 7"),
            ("Price", "from 2.5 to 9", "up to 2.5"),
            ("Joined", f"up to {today - timedelta(200)}", f"from {today - timedelta(99)} on"),
        ):
            page.get_by_label("Change", exact=True).select_option(label=field)
            text = rf"lowest \(\S+\) {lowest}, and highest \(\S+\) {highest}\."
            expect(page.locator("#whatif-note")).to_have_text(re.compile(text))
        page.get_by_label("Change", exact=True).select_option(label="None")
        expect(page.locator("#whatif-note")).to_contain_text("for all values")


def test_changes_that_are_not_enough_are_listed_by_how_much_they_help(page):
    names = ["little", "much", "some"]
    sizes = {"little": 0.1, "much": 1.0, "some": 0.5}
    features = [Feature(name=name, kind="number") for name in names]
    terms = [
        Term(features=[name], cuts=[[2.0, 4.0]], scores=[0, -size, 0, size, 0])
        for name, size in sizes.items()
    ]
    columns = [Column(name, "number", actionable=True) for name in names]
    with odd_server(features, terms, columns, intercept=5.0) as server:
        page.goto(server.url)
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        fill(page, {"Little": "4.1", "Much": "5", "Some": "4.5"})
        expect(page.locator("#changes-list li b:first-child")).to_have_text(
            ["Much", "Some", "Little"]
        )


def test_a_field_may_have_the_name_of_something_in_javascript(page):
    names = ["constructor", "__proto__", "toString"]
    terms = [Term(features=[n], cuts=[[1.0, 2.0]], scores=[0, -0.5, 0, 0.5, 0]) for n in names]
    features = [Feature(name=name, kind="number") for name in names]
    columns = [Column("hasOwnProperty", "identifier"), *(Column(n, "number") for n in names)]
    columns[1] = replace(columns[1], actionable=True)
    card = Scorecard(intercept=0.2, features=features, terms=terms)
    scorer = Scorer(card, RecordSchema("odd", tuple(columns)))
    with server_thread(
        ServedModel("odd", "1", None, "2026-01-01T00:00:00Z", scorer), page=True
    ) as server:
        page.goto(server.url)
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        fill(page, {"Constructor": "0.5"})
        base, *effects, total = steps(page)
        assert abs(base + sum(effects) - total) < 1e-9
        assert sum(effect < 0 for effect in effects) == 1
        fill(page, {"Constructor": "5"})
        expect(page.locator("#changes-list")).to_contain_text("Constructor from 5 to")
        fill(page, {"To string": "x"})
        expect(page.get_by_label("To string")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Constructor", exact=True)).to_have_attribute(
            "aria-invalid", "false"
        )


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


def test_the_model_is_introduced_with_its_report(opened):
    about = opened.locator("#about")
    expect(about).to_contain_text("trained on")
    expect(about).to_contain_text("out of 100")
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Download the report").click()
    assert "<html" in download.value.path().read_text()


def test_the_latest_verdict_of_this_version_is_shown(page, served, registry):
    client = MlflowClient()
    experiment = client.get_experiment_by_name(MONITORING_EXPERIMENT)
    number = (
        experiment.experiment_id if experiment else client.create_experiment(MONITORING_EXPERIMENT)
    )
    runs = []
    for version, verdict in (("1", "fine"), ("1", "retrain"), ("2", "fine")):
        tags = {"model_name": "churn", "model_version": version, "verdict": verdict}
        runs.append(client.create_run(number, tags=tags).info.run_id)
        client.set_terminated(runs[-1])
    with server_thread(served, page=True) as server:
        page.goto(server.url)
        expect(page.locator("#about")).to_contain_text("should be trained again")
    for run in runs:
        client.delete_run(run)


def test_without_a_registry_only_the_introduction_is_missing(page, served):
    gone = replace(served, name="gone")
    with server_thread(gone, page=True, reload_interval=0) as server:
        page.goto(server.url)
        expect(page.locator("#waterfall tr")).not_to_have_count(0)
        expect(page.locator("#about")).to_contain_text("More about this version is not available")
        assert server.get("/page/report").status_code == 503


def test_no_script_or_style_is_in_the_page(server):
    html = server.get("/").text
    assert "<style" not in html
    assert "style=" not in html
    assert html.count("<script") == html.count('<script type="module" src=') == 1
