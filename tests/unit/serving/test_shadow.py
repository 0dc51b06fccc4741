"""What a shadow compares and counts, and that replies do not depend on it."""

import logging
import re
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from serving import shadow
from serving.canary import customer_fraction
from tests.customers import CUSTOMER
from tests.unit.churn_model.inference_log.reading import table
from tests.unit.serving.conftest import Application, broken, customers

SHADOW = {"shadow": "models:/churn@challenger"}
PEOPLE = customers(30)
CSV = pd.DataFrame(PEOPLE).to_csv(index=False).encode()
REQUESTS = [
    ("/predict/single", CUSTOMER, "application/json"),
    ("/predict/single?explain=true&threshold=0.2", PEOPLE[4], "application/json"),
    ("/predict/single", CUSTOMER | {"age": -1}, "application/json"),
    ("/predict", {"customers": PEOPLE}, "application/json"),
    ("/predict", {"customers": [CUSTOMER]}, "application/json"),
    (
        "/predict?explain=true",
        {"customers": [p | {"ignored": 1} for p in PEOPLE]},
        "application/json",
    ),
    (
        "/invocations",
        {"inputs": [*PEOPLE, {"age": 1}], "params": {"on_invalid": "report", "explain": True}},
        "application/json",
    ),
    ("/invocations", {"dataframe_records": PEOPLE}, "application/json"),
    ("/invocations", CSV, "text/csv"),
    ("/invocations", b"{", "application/json"),
]


@pytest.fixture
def with_shadow(served, challenger):
    """Makes applications with a shadow, as they are once it is loaded."""

    def make(model=None, **settings):
        application = Application(served, SHADOW | settings)
        application.models.rollout.shadow.start(model or challenger())
        return application

    return make


def replies(app):
    sent = [app.post(path, body, mime, x_request_id="r") for path, body, mime in REQUESTS]
    return [(reply.status, reply.headers, reply.body) for reply in sent]


def counts(app):
    """The customers by outcome, once all that waits is scored."""
    app.models.rollout.close()
    text = app.get("/metrics").body.decode()
    found = re.findall(r'churn_shadow_rows_total\{outcome="(\w+)"\} ([\d.]+)', text)
    return {outcome: int(float(n)) for outcome, n in found}


VALID = 1 + 1 + 30 + 1 + 30 + 30 + 30 + 30


def test_replies_are_the_same_with_a_shadow_without_and_with_one_that_fails(
    with_shadow, application, challenger
):
    plain = replies(application())
    assert {status for status, _, _ in plain} == {200, 400}
    app, failing = with_shadow(), with_shadow(broken(challenger()))
    assert replies(app) == plain
    assert replies(failing) == plain
    own = counts(app)
    assert own["agreed"] + own["disagreed"] == VALID
    assert own["disagreed"] > 0
    assert counts(failing) == {"failed": VALID + 1}  # with the row that was reported as invalid


def test_a_shadow_that_hangs_delays_no_reply_and_what_does_not_fit_is_dropped(
    with_shadow, application, challenger, monkeypatch
):
    model, release = challenger(), threading.Event()

    class Hanging(Scorer):
        def score_cells(self, *arguments, **options):
            release.wait(60)
            return super().score_cells(*arguments, **options)

    slow = replace(model, scorer=Hanging(model.scorer.scorecard, CUSTOMER_SCHEMA))
    monkeypatch.setattr(shadow, "MOST_REQUESTS", 5)
    app, plain = with_shadow(slow, max_rows=50), application()
    for person in PEOPLE[:8]:
        one, other = app.post("/predict/single", person), plain.post("/predict/single", person)
        assert (one.status, one.body) == (200, other.body)
    assert app.post("/predict", {"customers": PEOPLE}).status == 200
    release.set()
    own = counts(app)
    assert own.pop("dropped") == 3 + 30
    assert sum(own.values()) == 5


def test_customers_that_wait_are_limited(with_shadow):
    app = with_shadow(max_rows=50)
    queue, blocked = app.models.rollout._queue, threading.Event()
    queue.offer(1, lambda: blocked.wait(60) and shadow.Comparison(1, np.zeros(1)))
    app.post("/predict", {"customers": PEOPLE})
    app.post("/predict", {"customers": PEOPLE})
    blocked.set()
    own = counts(app)
    assert own.pop("dropped") == 30
    assert sum(own.values()) == 31
    queue.offer(7, lambda: None)  # after the end
    assert counts(app)["dropped"] == 37


def test_agreement_and_differences_are_those_of_the_two_versions(with_shadow, served, challenger):
    app = with_shadow()
    app.post("/predict", {"customers": PEOPLE})
    for person in PEOPLE:
        app.post("/predict/single?threshold=0.3", person)
    champion, own = (m.scorer.score(PEOPLE, threshold=0.3) for m in (served, challenger()))
    plain, raised = (m.scorer.score(PEOPLE) for m in (served, challenger()))
    agreed = (own.prediction == champion.prediction).sum()
    agreed += (raised.prediction == plain.prediction).sum()
    assert counts(app) == {"agreed": agreed, "disagreed": 60 - agreed}
    text = app.get("/metrics").body.decode()
    total = float(re.search(r"churn_shadow_difference_sum ([\d.e-]+)", text)[1])
    assert total == pytest.approx(2 * np.abs(own.probability - champion.probability).sum())
    assert float(re.search(r"churn_shadow_seconds_total ([\d.e-]+)", text)[1]) > 0
    assert 'churn_shadow_info{name="churn",version="2"} 1.0' in text


def test_the_inference_log_has_the_scores_of_the_shadow_beside_those_of_the_champion(
    with_shadow, tmp_path, challenger
):
    app = with_shadow(inference_log=str(tmp_path), inference_log_identifiers="plain")
    app.post("/predict/single?threshold=0.2", CUSTOMER, x_request_id="a")
    app.post("/invocations", {"inputs": PEOPLE}, x_request_id="b")
    app.models.rollout.close()
    app.models.inference_log.close()
    rows = table(tmp_path)
    by_source = dict(list(rows.groupby("source")))
    assert set(by_source) == {"serve", "shadow"}
    assert set(by_source["serve"].model_version) == {"1"}
    assert set(by_source["shadow"].model_version) == {"2"}
    keys = ["request_id", "row", "customer_id"]
    pairs = by_source["serve"].merge(by_source["shadow"], on=keys, suffixes=("", "_shadow"))
    assert len(pairs) == 31
    assert (pairs.threshold_shadow[pairs.request_id == "a"] == 0.2).all()
    own = challenger().scorer.score(PEOPLE).probability
    logged = pairs[pairs.request_id == "b"].sort_values("row").churn_probability_shadow
    assert logged.tolist() == own.tolist()


def test_the_last_hour_is_not_that_of_a_shadow(with_shadow, tmp_path):
    app = with_shadow(inference_log=str(tmp_path), inference_log_identifiers="plain")
    app.post("/predict", {"customers": PEOPLE})
    app.models.rollout.close()
    app.models.inference_log.close()
    last_hour = app.app.parts.request_log.metrics._collectors[0]
    assert {model for model, _ in last_hour._minutes} == {"churn/1"}


def test_a_shadow_and_a_canary_may_be_the_same_version(with_shadow, challenger):
    app = with_shadow(canary="models:/churn@challenger", canary_share=0.3)
    app.models.rollout.canary.start(challenger())
    versions = app.post("/predict", {"customers": PEOPLE}).json()["model_versions"]
    expected = ["2" if customer_fraction(p["customer_id"]) < 0.3 else "1" for p in PEOPLE]
    assert versions == expected
    assert sum(counts(app).values()) == 30


def test_a_shadow_follows_its_alias_and_is_idle_while_it_is_champion(
    with_shadow, challenger, served, caplog
):
    caplog.set_level(logging.INFO, "serving.audit")
    app = with_shadow()
    holder, follower = app.holder, app.models.rollout.shadow
    follower.start(challenger("3"))
    assert holder.current.shadow.model.version == "3"
    holder.start(challenger("3"))
    assert holder.current.shadow is None
    holder.start(served)
    assert holder.current.shadow.model.version == "3"
    events = [(r.audit["event"], r.audit["version"], r.audit["role"]) for r in caplog.records]
    assert events == [
        *[("begin", "2", "shadow"), ("end", "2", "shadow"), ("begin", "3", "shadow")],
        *[("end", "3", "shadow"), ("begin", "3", "shadow")],
    ]


def test_a_failing_shadow_is_logged_once_without_a_customers_value(with_shadow, challenger, caplog):
    app = with_shadow(broken(challenger()))
    for _ in range(5):
        app.post("/predict/single", CUSTOMER)
    assert counts(app) == {"failed": 5}
    assert [r.getMessage() for r in caplog.records] == ["the shadow failed to score a request"]
