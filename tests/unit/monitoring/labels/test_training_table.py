"""The table for training: its rows, where its features come from, and how it is written."""

import json
import os
import shlex
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_model.errors import MonitoringError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from monitoring.inputs.batch_files import find_runs
from monitoring.inputs.log_files import find_log
from monitoring.labels.matched import match_populations
from monitoring.labels.read import PredictionFiles, join_labels
from monitoring.labels.training_table import check_new, training_table, write_table
from tests.unit.monitoring.batches import score_batch
from tests.unit.monitoring.labels.labels import options, write_labels
from tests.unit.monitoring.logs import day, write_log
from training.arguments.train import train_options
from training.training_data import read_training_data

FEATURES = ["age", "tenure", "monthly_charges", "total_charges"]
KEY = bytes(range(32))


def labelled(file, log, given, *, runs=(), key=None):
    files = find_log(str(log)) if log else None
    scored = PredictionFiles("churn", ("customer_id",), log=files, runs=runs, key=key)
    labels, joined, _ = join_labels(given, scored)
    matched = match_populations(labels, joined, "churn", timedelta(days=1), given.treated)
    return training_table(file, given, labels, joined, matched.values(), CUSTOMER_SCHEMA, files)


def rows_of(customers, observed="2026-03-05", **more):
    churned = np.arange(len(customers)) % 4 == 0
    names = customers["customer_id"]
    return [
        {"customer_id": name, "observed": observed, "churned": int(y), **more}
        for name, y in zip(names, churned, strict=True)
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_training_accepts_the_table_with_logged_features_as_it_is(
    tmp_path, scorer, customers, suffix
):
    log, chosen = tmp_path / "log", customers[:300]
    write_log(log, scorer, chosen[:200], day("2026-03-01"), level="values", key=KEY)
    write_log(log, scorer, chosen[200:], day("2026-03-02"), level="values", key=KEY)
    given = options(write_labels(tmp_path, rows_of(chosen)))
    file = tmp_path / f"labelled.{suffix}"
    found = labelled(file, log, given, key=KEY)
    write_table(file, found.table)
    program, command, *arguments = shlex.split(found.command)
    assert (program, command) == ("churn", "train")
    data = read_training_data(train_options([*arguments, "--name", "other"], "churn train"))
    table = data.table
    assert table.rows == len(table.customers) == 300
    assert table.churned.sum() == 75
    ordered = table.customers.set_index("customer_id").loc[chosen["customer_id"], FEATURES]
    expected = chosen.set_index("customer_id")[FEATURES]
    for name in FEATURES:
        np.testing.assert_array_equal(ordered[name], expected[name])


def test_the_features_are_those_of_the_current_prediction(tmp_path, scorer, customers):
    log, one = tmp_path / "log", customers[:1]
    for months, when in ((5, "2026-03-04"), (4, "2026-03-03"), (6, "2026-03-06")):
        write_log(log, scorer, one.assign(tenure=months), day(when), level="values")
    found = labelled(tmp_path / "t.csv", log, options(write_labels(tmp_path, rows_of(one))))
    assert found.table["tenure"].tolist() == [5]


def test_features_of_the_table_of_labels_are_preferred(tmp_path, scorer, customers):
    log, chosen = tmp_path / "log", customers[:5]
    write_log(log, scorer, chosen, day("2026-03-01"), level="values")
    rows = [
        {**label, "age": 33, "tenure": 3, "Monthly Charges": 9.5, "remark": "x", "contacted": 0}
        for label in rows_of(chosen)
    ]
    file = write_labels(tmp_path, rows)
    found = labelled(tmp_path / "t.csv", log, options(file, treatment="contacted=1"))
    names = ["customer_id", "observed", "churned", "age", "tenure", "Monthly Charges", "remark"]
    assert list(found.table) == names
    assert found.table["tenure"].tolist() == ["3.0"] * 5


def test_treated_customers_and_labels_that_are_not_final_are_not_in_the_table(
    tmp_path, scorer, customers
):
    log = tmp_path / "log"
    write_log(log, scorer, customers[:9], day("2026-03-01"), level="values")
    rows = [
        *rows_of(customers[:3], contacted=1),
        *rows_of(customers[3:6], contacted=0),
        *rows_of(customers[6:9], "2026-05-20", contacted=0),
    ]
    given = options(write_labels(tmp_path, rows), treatment="contacted=1")
    found = labelled(tmp_path / "t.csv", log, given)
    assert found.table["customer_id"].tolist() == customers["customer_id"][3:6].tolist()
    assert "contacted" not in found.table


def test_a_label_is_in_the_table_once_although_two_sources_scored_the_customer(
    tmp_path, scorer, customers
):
    log, one = tmp_path / "log", customers[:1]
    write_log(log, scorer, one.assign(tenure=5), day("2026-03-01"), level="values")
    late = one.assign(tenure=6)
    write_log(log, scorer, late, day("2026-03-02"), level="values", source="mlflow")
    found = labelled(tmp_path / "t.csv", log, options(write_labels(tmp_path, rows_of(one))))
    assert found.table["tenure"].tolist() == [6]


def test_customers_whose_features_were_not_logged_are_left_out_and_reported(
    tmp_path, scorer, customers
):
    log = tmp_path / "log"
    write_log(log, scorer, customers[:2], day("2026-03-01"), level="values")
    write_log(log, scorer, customers[2:5], day("2026-03-01"))
    found = labelled(
        tmp_path / "t.csv", log, options(write_labels(tmp_path, rows_of(customers[:5])))
    )
    assert len(found.table) == 2
    assert found.notes == ("labelled: left out 3 customers without logged features",)


def test_without_features_anywhere_it_says_what_to_do(tmp_path, scorer, customers):
    log, out = tmp_path / "log", tmp_path / "scores"
    write_log(log, scorer, customers[:5], day("2026-03-01"))
    score_batch(out, scorer, customers[:5], day("2026-03-01"))
    given = options(write_labels(tmp_path, rows_of(customers[:5])))
    with pytest.raises(MonitoringError, match="the log has none, because its level is not values"):
        labelled(tmp_path / "t.csv", log, given)
    with pytest.raises(MonitoringError, match=r"'age', 'tenure', 'monthly_charges'.*batch results"):
        labelled(tmp_path / "t.csv", None, given, runs=find_runs(str(out))[0])


def test_no_empty_table_is_written_if_all_customers_were_treated(tmp_path, scorer, customers):
    log = tmp_path / "log"
    write_log(log, scorer, customers[:3], day("2026-03-01"), level="values")
    file = write_labels(tmp_path, rows_of(customers[:3], contacted=1))
    with pytest.raises(MonitoringError, match="all labelled customers were treated"):
        labelled(tmp_path / "t.csv", log, options(file, treatment="contacted=1"))


def test_an_existing_file_is_never_replaced(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("mine")
    for action in (check_new, lambda file: write_table(file, pd.DataFrame({"a": [1]}))):
        with pytest.raises(MonitoringError, match="exists already"):
            action(file)
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_file_that_appears_while_the_table_is_written_is_not_replaced(tmp_path, monkeypatch):
    file = tmp_path / "t.csv"

    class Slow(pd.DataFrame):
        def to_csv(self, *arguments, **keywords):
            file.write_text("mine")
            return super().to_csv(*arguments, **keywords)

    with pytest.raises(MonitoringError, match="exists already"):
        write_table(file, Slow({"a": [1]}))
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_file_system_without_links_gets_the_table_too(tmp_path, monkeypatch, exists):
    file = tmp_path / "t.csv"

    def no_links(source, target):
        if exists:
            file.write_text("mine")
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    if exists:
        with pytest.raises(MonitoringError, match="exists already"):
            write_table(file, pd.DataFrame({"a": [1]}))
    else:
        write_table(file, pd.DataFrame({"a": [1]}))
    assert file.read_text() == ("mine" if exists else "a\n1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(MonitoringError, match="is neither"):
        check_new(tmp_path / "t.xlsx")
    with pytest.raises(MonitoringError, match="there is no folder"):
        check_new(tmp_path / "missing" / "t.csv")
    with pytest.raises(MonitoringError, match="File name too long"):
        write_table(tmp_path / f"{'x' * 245}.csv", pd.DataFrame({"a": [1]}))
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(MonitoringError, match="exists already"):
        check_new(tmp_path / "link.csv")
    assert os.listdir(tmp_path) == ["link.csv"]


ALL_KINDS = RecordSchema.from_json_schema(
    {
        "title": "Customer",
        "type": "object",
        "properties": {
            "customer_id": {"type": "string"},
            "calls": {"type": ["integer", "null"]},
            "usage": {"type": ["number", "null"]},
            "autopay": {"type": ["boolean", "null"]},
            "signed": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "plan": {"anyOf": [{"enum": ["basic", "premium"]}, {"type": "string"}]},
        },
        "required": ["customer_id", "plan"],
    }
)


def all_kinds(n):
    """n customers with cells of every kind, and some missing."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "customer_id": [f"K{i:04d}" for i in range(n)],
            "calls": pd.array(rng.integers(0, 9, n), "Int64"),
            "usage": rng.normal(5, 2, n).round(2),
            "autopay": pd.array(rng.random(n) < 0.5, "boolean"),
            "signed": [f"2025-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(n)],
            "plan": rng.choice(["basic", "premium", "trial"], n),
        }
    )
    for name in ("calls", "usage", "autopay", "signed"):
        frame.loc[rng.choice(n, n // 10, replace=False), name] = None
    return frame


def all_kinds_scorer():
    kinds = {"calls": "number", "usage": "number", "autopay": "number", "signed": "number"}
    features = [Feature(name=name, kind=kind) for name, kind in kinds.items()]
    features.append(Feature(name="plan", kind="category", categories=["basic", "premium"]))
    terms = [Term(features=["usage"], cuts=[[4.0]], scores=[0.0, -0.3, 0.3, 0.1])]
    scorecard = Scorecard(intercept=-1.0, features=features, terms=terms)
    return Scorer(scorecard, ALL_KINDS)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_values_of_every_kind_come_back_as_they_were_scored(tmp_path, suffix):
    log, frame = tmp_path / "log", all_kinds(200)
    write_log(log, all_kinds_scorer(), frame, day("2026-03-01"), level="values")
    given = options(write_labels(tmp_path, rows_of(frame)))
    file = tmp_path / f"labelled.{suffix}"
    files = find_log(str(log))
    labels, joined, _ = join_labels(given, PredictionFiles("churn", ("customer_id",), files))
    populations = match_populations(labels, joined, "churn", timedelta(days=1), "exclude").values()
    made = training_table(file, given, labels, joined, populations, ALL_KINDS, files)
    write_table(file, made.table)
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(ALL_KINDS.to_json_schema()))
    arguments = [*shlex.split(made.command)[2:], "--schema", str(schema), "--name", "other"]
    table = read_training_data(train_options(arguments, "churn train")).table
    assert (table.rows, table.rejected_rows) == (200, 0)
    read = table.customers.set_index("customer_id").loc[frame["customer_id"]]
    for name in ("calls", "usage", "autopay"):
        expected = frame[name].astype("Float64").to_numpy(float, na_value=np.nan)
        np.testing.assert_array_equal(read[name].to_numpy(float, na_value=np.nan), expected)
    ages = (pd.Timestamp("2026-03-05") - pd.to_datetime(frame["signed"])).dt.days
    np.testing.assert_array_equal(read["signed"].to_numpy(float), ages.to_numpy(float))
    assert read["plan"].tolist() == frame["plan"].tolist()


def test_a_feature_that_versions_read_differently_is_text(tmp_path, scorer, customers):
    log = tmp_path / "log"
    write_log(log, scorer, customers[:20], day("2026-03-01"), level="values")
    write_log(log, scorer, customers[20:40], day("2026-03-02"), level="values")
    (file,) = (log / "date=2026-03-02").iterdir()
    table = pq.read_table(file)
    i = table.schema.get_field_index("age")
    pq.write_table(table.set_column(i, "age", table.column(i).cast(pa.string())), file)
    given = options(write_labels(tmp_path, rows_of(customers[:40])))
    found = labelled(tmp_path / "new.csv", log, given).table
    assert found["age"].tolist() == customers["age"][:40].astype(str).tolist()
    assert found["tenure"].tolist() == customers["tenure"][:40].tolist()


def half_treated(tmp_path, customers):
    rows = rows_of(customers)
    for i, row in enumerate(rows):
        row["contacted"] = i % 2
    return options(write_labels(tmp_path, rows), treatment="contacted=1", treated="weight")


def test_untreated_customers_have_the_weight_of_those_they_stand_for(tmp_path, scorer, customers):
    write_log(tmp_path / "log", scorer, customers, day("2026-03-01"), level="values", key=KEY)
    given = half_treated(tmp_path, customers)
    found = labelled(tmp_path / "new.csv", tmp_path / "log", given, key=KEY)
    weights = found.table["weight"]
    assert len(weights) <= len(customers) // 2
    assert (weights >= 1).all()
    assert weights.sum() == pytest.approx(len(customers), rel=0.1)
    assert train_options(shlex.split(found.command)[2:]).weight == "weight"


def test_a_column_named_like_the_weights_is_reported(tmp_path, scorer, customers):
    write_log(tmp_path / "log", scorer, customers, day("2026-03-01"), level="values", key=KEY)
    features = customers[FEATURES].to_dict("records")
    rows = [a | b | {"weight": 2} for a, b in zip(rows_of(customers), features, strict=True)]
    for i, row in enumerate(rows):
        row["contacted"] = i % 2
    given = options(write_labels(tmp_path, rows), treatment="contacted=1", treated="weight")
    with pytest.raises(MonitoringError, match="has a column 'weight'"):
        labelled(tmp_path / "new.csv", tmp_path / "log", given, key=KEY)
