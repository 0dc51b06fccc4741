"""The page's routes, called in this process."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from churn_model.profile import MonitoringProfile
from churn_model.profile.monitoring_profile import ScoreProfile, TermProfile
from churn_model.profile.score_bins import BINS
from churn_model.schema.column import Column
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from serving.api.page.training_ranges import training_range
from serving.http.api_keys import make
from tests.customers import CUSTOMER
from tests.unit.serving.conftest import Application


def test_without_the_flag_there_is_no_page(application):
    app = application()
    assert app.get("/").status == 404
    assert app.get("/page/model").status == 404


def test_the_page_and_its_files_need_no_key_and_everything_about_the_model_does(application):
    key, stored = make()
    app = application(page=True, keys=f"me={stored.hash}")
    assert app.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert app.get("/page/main.js").status == 200
    assert app.get("/page/model").status == 401
    assert app.post("/page/customer", CUSTOMER).status == 401
    assert app.get("/page/model", x_api_key=key).status == 200


def test_the_browser_is_told_to_run_nothing_but_the_packaged_files(application):
    for path in ("/", "/page/main.js", "/page/page.css"):
        policy = application(page=True).get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_score_of_the_page_is_that_of_the_api(application):
    app = application(page=True)
    shown = app.post("/page/customer", CUSTOMER)
    assert shown.json() == app.post("/predict/single", CUSTOMER).json()
    assert shown.headers["x-model-version"] == "1"
    bad = app.post("/page/customer", CUSTOMER | {"age": 30.5})
    assert (bad.status, bad.json()["errors"][0]["loc"][2]) == (400, "age")


def test_an_ignored_field_that_is_not_valid_json_is_rejected_as_by_the_api(application):
    app = application(page=True)
    body = json.dumps(CUSTOMER)[:-1] + ', "ignored": 1e999}'
    replies = [app.post(path, body) for path in ("/page/customer", "/predict/single")]
    assert [reply.status for reply in replies] == [400, 400]
    assert replies[0].json()["error"] == replies[1].json()["error"]


def test_the_model_document_has_the_example_and_the_exact_tables(application, served):
    document = application(page=True).get("/page/model").json()
    scorecard = served.scorer.scorecard
    assert document["scorecard"]["intercept"] == scorecard.intercept
    assert [term["scores"] for term in document["scorecard"]["terms"]] == [
        term.scores for term in scorecard.terms
    ]
    assert application().post("/predict/single", document["example"]).status == 200
    age = next(field for field in document["fields"] if field["name"] == "age")
    assert age["range"] == {"typical": [20, 80], "shown": [14.6, 85.4], "sparse": None}
    assert [f["name"] for f in document["fields"] if f["actionable"]] == ["monthly_charges"]


def test_without_a_model_the_page_says_so(application):
    app = application(page=True)
    app.holder.current = None
    assert app.get("/").status == 200
    assert app.get("/page/model").status == 503


def test_another_version_is_described_when_it_is_served(application, served):
    app = application(page=True)
    assert app.get("/page/model").json()["version"] == "1"
    app.holder.start(replace(served, version="2"))
    assert app.get("/page/model").json()["version"] == "2"


def card(cuts: list[float], rows: list[float]) -> tuple[Scorecard, MonitoringProfile]:
    term = Term(features=["x"], cuts=[cuts], scores=[0.0] * (len(cuts) + 3))
    zeros = [0.0] * len(rows)
    counted = TermProfile(features=["x"], rows=rows, held_out=zeros, churners=zeros, expected=zeros)
    scorecard = Scorecard(intercept=0.0, features=[Feature(name="x", kind="number")], terms=[term])
    profile = MonitoringProfile(
        rows=1000,
        customers=1000.0,
        held_out_customers=1000.0,
        rejected=0.0,
        missing={},
        unlisted={},
        terms=[counted],
        scores=ScoreProfile(rows=[0.0] * BINS, churners=[0.0] * BINS),
    )
    return scorecard, profile


def test_a_gap_between_the_training_rows_is_sparse():
    found = training_range(
        Column("x", "number"), *card([10.0, 20.0, 30.0], [0.0, 500.0, 500.0, 3.0, 500.0, 0.0])
    )
    assert found.typical == (10.0, 30.0)
    assert found.shown == (8.0, 32.0)
    (gap,) = [each for each in found.sparse if 15 < sum(each) / 2 < 35 and each[1] < 31.5]
    assert np.allclose(gap, (20.0, 30.0), atol=1.0)


@pytest.mark.parametrize(
    ("rows", "low"), [([0.0, 900.0, 50.0, 50.0, 0.0], 0.0), ([0.0, 1.0, 500.0, 499.0, 0.0], 5.0)]
)
def test_a_bound_where_many_rows_are_is_typical(rows, low):
    found = training_range(Column("x", "number", minimum=0.0), *card([5.0, 50.0], rows))
    assert found.typical[0] == low


def test_the_document_is_json_without_infinities(application):
    def reject(name):
        raise AssertionError(name)

    json.loads(application(page=True).get("/page/model").body, parse_constant=reject)


CSV = """customer_id,age,tenure,monthly_charges,total_charges
C1,42,12,70.5,846.0
C2,30.5,12,70.5,
"""


def test_a_table_is_scored_with_reasons_and_with_the_errors_of_invalid_customers(application):
    app = application(page=True)
    good, bad = app.post("/page/table", CSV.encode(), "text/csv").json()["predictions"]
    expected = app.post("/predict/single?explain=true", CUSTOMER).json()
    assert {key: value for key, value in good.items() if key != "error"} == expected
    assert good["error"] is None
    assert bad["churn_probability"] is None
    assert bad["error"].startswith("age: must be an integer")


def test_only_csv_is_a_table(application):
    app = application(page=True)
    assert app.post("/page/table", {"customers": [CUSTOMER]}).status == 415
    assert app.post("/page/table", b'a,b\n"x', "text/csv").status == 400
    assert (
        application(page=True, max_rows=1).post("/page/table", CSV.encode(), "text/csv").status
        == 413
    )


def test_the_scores_of_the_page_are_not_recorded(served, tmp_path):
    settings = {"inference_log": str(tmp_path), "inference_log_level": "counts"}
    app = Application(served, {"page": True, **settings})
    app.post("/page/customer", CUSTOMER)
    app.post("/page/table", CSV.encode(), "text/csv")
    app.models.inference_log.close()
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_model_from_a_folder_has_no_introduction(served):
    app = Application(replace(served, name=None, version=None), {"page": True})
    assert app.get("/page/card").status == 503
    assert app.get("/page/report").status == 503
