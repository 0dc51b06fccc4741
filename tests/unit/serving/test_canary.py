"""Which customers a canary scores, what replies say, and when it ends."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import InvalidParameter, ModelNotFound
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from serving.app import create_app
from serving.arguments import read_settings
from serving.canary import MIN_REQUESTS, Canary, customer_fraction
from serving.challenger import reasons_against, reasons_against_replies
from serving.http.logs import JsonFormatter
from serving.served_model import ServedModel
from serving.settings import Settings
from tests.customers import CUSTOMER, tensors
from tests.unit.churn_model.inference_log.reading import assert_adds_up, table
from tests.unit.serving.conftest import Application, BrokenScorer, broken, customers

CANARY = {"canary": "models:/churn@challenger", "canary_share": 0.3}
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


@pytest.fixture
def with_canary(served, challenger):
    """An application with a canary, as it is once the canary is loaded."""

    def make(model=None, **settings):
        application = Application(served, CANARY | settings)
        application.challenger = application.models.rollout.canary
        application.challenger.start(model or challenger())
        return application

    return make


def expected(people):
    return ["2" if customer_fraction(p["customer_id"]) < 0.3 else "1" for p in people]


# --- which customers -----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
@pytest.mark.parametrize(
    "identify",
    [str, lambda i: f"C{i:08d}", lambda i: sha256(str(i).encode()).hexdigest(), lambda i: f"é{i}"],
)
def test_the_share_of_100_000_customers_is_what_was_asked_for(share, identify):
    fractions = np.array([customer_fraction(identify(i)) for i in range(100_000)])
    taken = int((fractions < share).sum())
    deviation = np.sqrt(100_000 * share * (1 - share))
    assert abs(taken - 100_000 * share) < 5 * deviation
    # within the canary, customers are as many in each tenth of the identifiers
    tenths = (fractions < share).reshape(10, -1).sum(axis=1)
    assert np.abs(tenths - taken / 10).max() < 5 * deviation / np.sqrt(10)


def test_a_larger_share_keeps_the_customers_of_a_smaller_one(challenger, metrics):
    small, large = (Canary(challenger(), share, metrics) for share in (0.05, 0.1))
    for i in range(10_000):
        customer = {"customer_id": str(i)}
        assert large.takes(customer) or not small.takes(customer)


def test_the_customers_are_the_same_in_every_process():
    code = (
        "from serving.canary import customer_fraction as f\n"
        "print([i for i in range(2000) if f(f'C{i}') < 0.05])"
    )
    run = [sys.executable, "-c", code]
    first, second = (subprocess.run(run, capture_output=True, text=True).stdout for _ in range(2))
    here = [i for i in range(2000) if customer_fraction(f"C{i}") < 0.05]
    assert first == second == f"{here}\n"


@pytest.fixture
def metrics():
    class Nothing:
        def canary_request(self, *, failed):
            pass

    return Nothing()


# --- replies -------------------------------------------------------------------------------------


def test_a_customer_gets_the_same_version_and_score_on_every_route(with_canary, served, challenger):
    app, people = with_canary(), customers(60)
    versions = expected(people)
    assert set(versions) == {"1", "2"}
    scorers = {"1": served.scorer, "2": challenger().scorer}
    scores = [
        scorers[version].score_one(person).probability
        for person, version in zip(people, versions, strict=True)
    ]
    for person, version, score in zip(people, versions, scores, strict=True):
        alone = app.post("/predict/single", person)
        assert alone.headers["x-model-version"] == version
        assert alone.json()["churn_probability"] == score
        one = app.post("/predict", {"customers": [person]}).json()
        assert (one["model_versions"], one["probabilities"]) == ([version], [score])
    many = app.post("/predict", {"customers": people})
    assert many.json()["model_versions"] == versions
    assert many.json()["probabilities"] == pytest.approx(scores, abs=1e-12)
    assert many.json()["model_version"] == many.headers["x-model-version"] == "1"
    frame = pd.DataFrame(people)
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    ignored = [person | {"ignored": 1} for person in people]  # not read by the typed decoder
    for body, content_type in (
        ({"dataframe_records": people}, JSON),
        ({"dataframe_records": ignored}, JSON),
        ({"inputs": frame.to_dict("list")}, JSON),
        ({"dataframe_split": frame.to_dict("split")}, JSON),
        (frame.to_csv(index=False).encode(), CSV),
        (parquet.getvalue(), PARQUET),
    ):
        rows = app.post("/invocations", body, content_type).json()["predictions"]
        assert [row["model_version"] for row in rows] == versions
        assert [row["churn_probability"] for row in rows] == pytest.approx(scores, abs=1e-12)


def test_reasons_and_reported_errors_stay_with_their_customers(with_canary, challenger):
    app, people = with_canary(), customers(40)
    people[3] = people[3] | {"age": -1}
    params = {"explain": True, "on_invalid": "report"}
    rows = app.post("/invocations", {"inputs": people, "params": params}).json()["predictions"]
    own = challenger().scorer.score(people, explain=True, on_invalid="report")
    assert "age" in rows[3]["error"]
    assert rows[3]["churn_probability"] is None
    assert rows[3]["model_version"] == "1"
    for i, row in enumerate(rows):
        if row["model_version"] == "2":
            assert row["reasons"] == own.reasons[i]
            assert row["churn_probability"] == own.probability[i]


@pytest.mark.parametrize("path", ["/predict/single", "/predict", "/invocations"])
def test_without_a_canary_and_for_invalid_customers_replies_are_as_before(
    with_canary, application, path
):
    plain, app = application(), with_canary()
    idle = Application(plain.served, CANARY)  # the canary is not loaded
    bodies = {
        "/predict/single": lambda person: person,
        "/predict": lambda person: {"customers": [person] * 2},
        "/invocations": lambda person: {"inputs": [person] * 2},
    }
    for person in (CUSTOMER, CUSTOMER | {"age": -1}, {"age": 1}):
        headers = {"x_request_id": "r"}
        sent = bodies[path](person)
        one, other, third = (a.post(path, sent, **headers) for a in (plain, idle, app))
        assert (one.status, one.body, one.headers) == (other.status, other.body, other.headers)
        assert third.status == one.status
        if one.status != 200:
            assert third.body == one.body


def test_the_inference_log_has_each_customer_once_with_the_version_that_answered(
    with_canary, tmp_path
):
    app = with_canary(inference_log=str(tmp_path), inference_log_identifiers="plain")
    people = customers(50)
    people[7] = people[7] | {"age": -1}
    app.post(
        "/invocations", {"inputs": people, "params": {"on_invalid": "report"}}, x_request_id="a"
    )
    for person in customers(20, start=100):
        app.post("/predict/single", person, x_request_id="b")
    app.models.inference_log.close()
    assert assert_adds_up(tmp_path) == {"scored": 69, "logged": 69, "rejected": 1}
    rows = table(tmp_path)
    assert sorted(rows.loc[rows.request_id == "a", "row"]) == [i for i in range(50) if i != 7]
    versions = expected([{"customer_id": own} for own in rows.customer_id])
    assert rows.model_version.tolist() == versions


# --- failures ------------------------------------------------------------------------------------


def ended(app):
    return app.holder.current.canary is None or app.holder.current.canary.has_ended


def without_versions(reply):
    reply.pop("model_versions", None)
    for row in reply["predictions"] if "success" not in reply and "predictions" in reply else ():
        del row["model_version"]
    return reply


def test_a_failing_canary_changes_no_reply_and_ends_after_the_minimum_of_requests(
    with_canary, application, challenger, caplog
):
    caplog.set_level(logging.INFO)
    app, plain = with_canary(broken(challenger())), application()
    people = [
        person for person in customers(2000) if customer_fraction(person["customer_id"]) < 0.3
    ]
    for i, person in enumerate(people[: MIN_REQUESTS + 5]):
        assert ended(app) == (i >= MIN_REQUESTS)
        path, body = [
            ("/predict/single", person),
            ("/predict", {"customers": [person, CUSTOMER]}),
            ("/invocations", {"inputs": [person, person]}),
        ][i % 3]
        one, other = app.post(path, body), plain.post(path, body)
        assert (one.status, other.status) == (200, 200)
        assert one.headers["x-model-version"] == "1"
        assert without_versions(one.json()) == other.json()
    ends = [r for r in caplog.records if getattr(r, "audit", {}).get("event") == "end"]
    assert [r.getMessage() for r in ends] == [
        f"version 2 is not the canary any more: it failed to score {MIN_REQUESTS} of "
        f"{MIN_REQUESTS} requests, the champion 0 of {MIN_REQUESTS}"
    ]
    text = app.get("/metrics").body.decode()
    assert f'churn_canary_requests_total{{outcome="failed"}} {MIN_REQUESTS}.0' in text
    assert "churn_canary_ended_total 1.0" in text
    failures = [r for r in caplog.records if "failed to score" in r.getMessage() and r.exc_info]
    assert len(failures) == 1
    app.models.rollout.update()
    assert app.holder.current.canary is None
    assert "model_versions" not in app.post("/predict", {"customers": people[:3]}).json()


@pytest.mark.parametrize(
    ("own", "champion", "ends"),
    [
        ((99, 99), (1000, 0), False),  # too few requests
        ((100, 1), (1000, 0), False),  # 1 % is not more than 1 %
        ((100, 2), (1000, 0), True),
        ((200, 5), (1000, 20), False),  # the champion fails as well
        ((200, 8), (1000, 20), True),
    ],
)
def test_the_rule(challenger, metrics, own, champion, ends):
    called = []
    canary = Canary(challenger(), 0.3, metrics, called.append)

    def score(fails):
        if fails:
            raise ValueError

    for i in range(champion[0]):
        canary.champion_scored(failed=i < champion[1])
    for i in range(own[0]):
        canary.attempt(lambda fails=i >= own[0] - own[1]: score(fails))
    assert (canary.has_ended, called) == (ends, [canary] if ends else [])


def test_what_the_champion_fails_to_score_is_counted_and_invalid_requests_are_not(
    with_canary, served, monkeypatch
):
    app = with_canary()
    canary = app.holder.current.canary
    app.post("/predict/single", CUSTOMER | {"age": -1})
    app.post("/predict/single?threshold=7", CUSTOMER)
    app.post("/predict", {"customers": [CUSTOMER | {"age": -1}] * 2})
    assert canary.champion.requests == 0
    for name in ("score_cells", "score_columns"):
        monkeypatch.setattr(Scorer, name, BrokenScorer.fail)
    assert app.post("/predict/single", CUSTOMER).status == 500
    assert app.post("/predict", {"customers": [CUSTOMER] * 2}).status == 500
    assert (canary.champion.requests, canary.champion.failures) == (2, 2)


# --- versions ------------------------------------------------------------------------------------


def with_age(**changes):
    columns = (replace(c, **changes) if c.name == "age" else c for c in CUSTOMER_SCHEMA)
    return replace(CUSTOMER_SCHEMA, columns=tuple(columns))


def test_a_version_with_a_wider_schema_scores_what_was_read_for_the_champion(
    with_canary, challenger
):
    model = challenger(schema=with_age(maximum=150))
    app, people = with_canary(model), customers(60)
    for path, body in (("/predict", {"customers": people}), ("/invocations", {"inputs": people})):
        reply = app.post(path, body).json()
        rows = reply.get("predictions")
        named = reply.get("model_versions") or [row["model_version"] for row in rows]
        assert named == expected(people)
    csv = pd.DataFrame(people).to_csv(index=False).encode()
    rows = app.post("/invocations", csv, CSV).json()["predictions"]
    own = model.scorer.score(people).probability
    for row, probability in zip(rows, own, strict=True):
        if row["model_version"] == "2":
            assert row["churn_probability"] == probability


def test_a_version_that_rejects_customers_of_the_champion_is_rejected_once(
    with_canary, challenger, caplog
):
    app = with_canary(challenger(schema=with_age(maximum=40)))
    assert app.holder.current.canary is None
    app.models.rollout.update()
    (line,) = [r for r in caplog.records if getattr(r, "audit", {}).get("event") == "reject"]
    assert "version 2 cannot be the canary of version 1: age: the maximum fell" in line.getMessage()
    assert "model_versions" not in app.post("/predict", {"customers": customers(5)}).json()


def test_new_fields_and_other_columns_of_replies_are_reasons_against_a_version(
    served, campaign_scorer, challenger
):
    extra = replace(CUSTOMER_SCHEMA.columns[-1], name="extra")
    wider = replace(CUSTOMER_SCHEMA, columns=(*CUSTOMER_SCHEMA.columns, extra))
    assert reasons_against(challenger(schema=wider), served) == ["extra is new"]
    other = ServedModel("churn", "2", None, "", campaign_scorer)
    assert reasons_against(other, served) == []
    assert "campaign" in reasons_against_replies(other, served)[0]
    assert reasons_against(challenger(), served) == []
    assert reasons_against_replies(challenger(), served) == []


def test_a_version_of_another_model_with_the_champions_number_is_rejected(
    with_canary, challenger, caplog
):
    """It is not taken for the champion, which would end the canary without a word."""
    app = with_canary(replace(challenger("1"), name="other"))
    assert app.holder.current.canary is None
    (line,) = [r for r in caplog.records if getattr(r, "audit", {}).get("event") == "reject"]
    assert "version 1 cannot be the canary of version 1: replies name" in line.getMessage()
    app.challenger.start(replace(challenger("2"), name="other"))
    assert app.holder.current.canary.model.version == "2"


def test_the_canary_follows_its_alias_and_the_champion(with_canary, challenger, served, caplog):
    caplog.set_level(logging.INFO, "serving.audit")
    app = with_canary()
    rollout, holder = app.models.rollout, app.holder
    assert holder.current.canary.model.version == "2"
    app.challenger.start(challenger("3"))
    assert holder.current.canary.model.version == "3"
    counted = holder.current.canary
    rollout.update()
    assert holder.current.canary is counted
    holder.start(replace(challenger("3"), alias="champion"))  # promoted
    assert holder.current.canary is None
    holder.start(served)  # and rolled back
    assert holder.current.canary is None
    app.challenger.start(challenger("4"))
    assert holder.current.canary.model.version == "4"
    app.challenger._report(ModelNotFound("there is no such alias"))
    assert holder.current.canary is None
    events = [(r.audit["event"], r.audit["version"]) for r in caplog.records if "audit" in vars(r)]
    assert events == [
        *[("begin", "2"), ("end", "2"), ("begin", "3"), ("end", "3")],
        *[("begin", "4"), ("end", "4")],
    ]


def test_a_canary_that_ends_in_one_worker_ends_in_all(served, challenger, tmp_path):
    workers = [create_app(Settings(**CANARY), served, tmp_path).parts.models for _ in range(2)]
    for models in workers:
        models.rollout.canary.start(challenger())
    first, second = workers
    first.rollout._end(first.champion.current.canary)

    async def watch():
        task = asyncio.create_task(second.rollout._watch_end())
        while second.champion.current.canary is not None:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(watch(), 30))
    assert second.champion.current.version == "1"
    second.rollout.canary.start(challenger("3"))
    assert second.champion.current.canary.model.version == "3"


@pytest.mark.parametrize(
    "flags",
    [
        ["--canary", "here"],
        ["--canary", "models:/churn@challenger", "--canary-share", "1"],
        ["--canary", "models:/churn@challenger", "--canary-share", "0"],
    ],
)
def test_settings_that_cannot_work_are_rejected(flags):
    with pytest.raises(InvalidParameter, match="--canary"):
        read_settings(flags)


def test_settings_reach_the_workers_as_they_are():
    for settings in (Settings(), Settings(**CANARY)):
        assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_an_audit_line_has_its_fields(with_canary, caplog):
    caplog.set_level(logging.INFO, "serving.audit")
    with_canary()
    (line,) = [json.loads(JsonFormatter().format(r)) for r in caplog.records]
    assert (line["event"], line["role"], line["version"]) == ("begin", "canary", "2")


def test_who_names_the_champions_version_gets_its_scores(with_canary, served):
    app, people = with_canary(), customers(60)
    body = {"inputs": tensors(people)}
    for model, versions in (
        ("churn", expected(people)),
        ("churn/versions/1", None),
    ):
        reply = app.post(f"/v2/models/{model}/infer", body).json()
        outputs = {output["name"]: output["data"] for output in reply["outputs"]}
        assert outputs.get("model_version") == versions
        described = app.get(f"/v2/models/{model}").json()["outputs"]
        assert ("model_version" in {each["name"] for each in described}) == (versions is not None)
    assert outputs["churn_probability"] == served.scorer.score(people).probability.tolist()
    assert app.post("/v2/models/churn/versions/2/infer", body).status == 404
