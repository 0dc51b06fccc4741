"""What the server records, by route."""

import io
import json

import pandas as pd
import pytest

from churn_model.errors import InferenceLogError, InvalidParameter
from churn_model.inference_log.identifiers import read_key
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from serving.app import create_app
from serving.inference_log import check_log, log_options
from serving.served_model import ServedModel
from serving.settings import Settings
from tests.customers import CUSTOMER, tensors
from tests.unit.churn_model.inference_log.reading import assert_adds_up, table

PLAIN = {"inference_log_identifiers": "plain"}


@pytest.fixture
def logged(application, tmp_path):
    """An application with a log, and the folder of the log."""

    def make(**settings):
        return application(inference_log=str(tmp_path), **PLAIN, **settings)

    return make


def close(app):
    app.models.inference_log.close()


def test_a_single_customer_is_logged_with_request_id_and_threshold(logged, tmp_path):
    app = logged()
    reply = app.post("/predict/single?threshold=0.2", CUSTOMER, x_request_id="r-1")
    close(app)
    (row,) = table(tmp_path).to_dict("records")
    assert (row["request_id"], row["threshold"], row["source"]) == ("r-1", 0.2, "serve")
    assert row["customer_id"] == CUSTOMER["customer_id"]
    assert row["churn_probability"] == reply.json()["churn_probability"]
    assert (row["model_name"], row["model_version"]) == ("churn", "1")


def parquet() -> bytes:
    frame = pd.DataFrame([CUSTOMER] * 3)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


CSV = pd.DataFrame([CUSTOMER] * 3).to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/predict", {"customers": [CUSTOMER] * 3}, "application/json"),
        ("/invocations", {"dataframe_records": [CUSTOMER] * 3}, "application/json"),
        ("/invocations", {"inputs": [CUSTOMER] * 3}, "application/json"),
        ("/v2/models/churn/infer", {"inputs": tensors([CUSTOMER] * 3)}, "application/json"),
        ("/invocations", CSV, "text/csv"),
        ("/invocations", parquet(), "application/vnd.apache.parquet"),
    ],
)
def test_each_route_and_format_logs_all_customers_in_order(
    logged, tmp_path, path, body, content_type
):
    app = logged()
    reply = app.post(path, body, content_type)
    assert reply.status == 200, reply.body
    close(app)
    assert assert_adds_up(tmp_path) == {"scored": 3, "logged": 3}
    rows = table(tmp_path)
    assert rows.row.tolist() == [0, 1, 2]
    assert set(rows.request_id) == {reply.headers["x-request-id"]}


def test_one_customer_in_a_list_is_logged_once(logged, tmp_path):
    app = logged()
    app.post("/predict", {"customers": [CUSTOMER]})
    close(app)
    assert assert_adds_up(tmp_path) == {"scored": 1, "logged": 1}


BAD = CUSTOMER | {"age": 30.5}


@pytest.mark.parametrize(
    ("path", "body", "content_type", "rejected"),
    [
        ("/predict/single", BAD, "application/json", 1),
        ("/predict", {"customers": [CUSTOMER, BAD, BAD]}, "application/json", 2),
        ("/invocations", {"dataframe_records": [CUSTOMER, BAD]}, "application/json", 1),
        ("/invocations", CSV.replace(b",42,", b",42.5,"), "text/csv", 3),
    ],
)
def test_a_rejected_request_counts_its_invalid_customers_by_rule(
    logged, tmp_path, path, body, content_type, rejected
):
    app = logged()
    assert app.post(path, body, content_type).status == 400
    close(app)
    assert assert_adds_up(tmp_path) == {"rejected": rejected}
    rules = table(tmp_path, "counts").query("kind == 'rule'")
    assert rules["count"].tolist() == [rejected]
    assert rules["name"].iloc[0].startswith("age:")


def test_invalid_customers_that_are_reported_are_counted_and_the_others_logged(logged, tmp_path):
    app = logged()
    body = {"dataframe_records": [CUSTOMER, BAD], "params": {"on_invalid": "report"}}
    assert app.post("/invocations", body).status == 200
    close(app)
    assert assert_adds_up(tmp_path) == {"scored": 1, "logged": 1, "rejected": 1}


def test_a_body_that_is_no_customer_is_not_counted(logged, tmp_path):
    app = logged()
    assert app.post("/predict/single", b"{").status == 400
    assert app.post("/predict/single?threshold=2", CUSTOMER).status == 400
    close(app)
    assert assert_adds_up(tmp_path) == {}


def test_rows_name_the_version_that_scored_them(logged, tmp_path, served, scorecard):
    app = logged()
    app.post("/predict/single", CUSTOMER)
    scorer = Scorer(scorecard, CUSTOMER_SCHEMA)
    app.holder.start(ServedModel("churn", "2", "champion", "", scorer))
    app.post("/predict/single", CUSTOMER)
    close(app)
    assert sorted(table(tmp_path).model_version) == ["1", "2"]
    counts = table(tmp_path, "counts").query("name == 'scored'")
    assert sorted(counts.model_version) == ["1", "2"]


def test_dropped_rows_are_in_the_metrics(logged, tmp_path, monkeypatch):
    app = logged()
    app.models.inference_log._collector._most_bytes = 0
    app.post("/predict", {"customers": [CUSTOMER] * 3})
    close(app)
    text = app.get("/metrics").body.decode()
    assert "churn_inference_log_dropped_total 3.0" in text
    assert assert_adds_up(tmp_path) == {"scored": 3, "dropped": 3}


def test_hashed_identifiers_need_a_key_whose_file_is_made(tmp_path):
    with pytest.raises(InvalidParameter, match="--inference-log-key FILE"):
        log_options(Settings(inference_log="log"))
    key = tmp_path / "key"
    options = log_options(Settings(inference_log="log", inference_log_key=key))
    assert options.key == read_key(key)


def test_counts_need_no_key():
    assert log_options(Settings(inference_log="log", inference_log_level="counts")).key is None


def test_a_folder_that_cannot_be_written_is_reported_before_a_model_is_loaded(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InferenceLogError, match="cannot be written"):
        check_log(Settings(inference_log=str(file / "log"), **PLAIN))


def test_a_model_with_a_field_named_like_a_column_of_the_log_is_not_served(tmp_path):
    schema = RecordSchema("customer", (Column("row", "identifier"), Column("x", "number")))
    terms = [Term(features=["x"], cuts=[[1.0]], scores=[0.0] * 4)]
    scorecard = Scorecard(intercept=0.0, features=[Feature(name="x", kind="number")], terms=terms)
    served = ServedModel("churn", "1", None, "", Scorer(scorecard, schema))
    with pytest.raises(InferenceLogError, match="'row' has the name of a column"):
        create_app(Settings(inference_log=str(tmp_path), **PLAIN), served)


def test_without_a_log_nothing_is_written(application, tmp_path):
    app = application()
    assert app.models.inference_log is None
    assert app.post("/predict/single", CUSTOMER).status == 200
    assert json.loads(app.post("/predict", {"customers": [CUSTOMER]}).body)["success"]
