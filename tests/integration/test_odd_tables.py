"""Tables with problems: each is trained on, or rejected with a reason."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import ChurnError
from churn_model.scoring import Scorer
from churn_model.tables.csv_format import detect_csv_format
from churn_model.tables.files import read_file
from churn_model.tables.observations import ObservationOptions
from pyfunc.input_example import cast_to_signature
from tests.unit.training.schema_inference.test_proposal import NAMED, ROWS, base, drawn
from training.data.table_reader import check_table
from training.evaluation.alarms import alarms
from training.fitting.fit import FitSettings, fit
from training.schema_inference.proposal import propose

RNG = np.random.default_rng(9)
MIXED = [f"{i}" if i % 30 else f"{i} or so" for i in range(ROWS)]


QUICK = FitSettings("quick", interactions=1, smoothing_rounds=10, learning_rate=0.2)


def prepared(path):
    """A file -> its table and proposal, as the command makes them."""
    csv = detect_csv_format(path)
    raw = read_file(path, csv)
    found = propose(raw, csv, path.stem, NAMED)
    table = check_table(
        raw,
        path,
        found.dataset,
        found.schema,
        0.05,
        observation=ObservationOptions(date(2026, 1, 31)),
    )
    return table, found


def trained(path):
    """A file -> its table, proposal and scorer, fitted quickly."""
    table, found = prepared(path)
    features = table.features(found.schema)
    scorecard = fit(table.customers, table.churned, features, settings=QUICK).scorecard
    assert not alarms(table.customers, table.churned, features)
    return table, found, Scorer(scorecard, found.schema)


def semicolons(table):
    commas = table["Price"].str.replace(".", ",", regex=False)
    return table.assign(Price=commas).to_csv(index=False, sep=";")


ODD = {
    "ten thousand categories": lambda t: t.assign(
        Shop=[f"shop {i}" for i in RNG.integers(0, 10_000, ROWS)]
    ),
    "a row per category": lambda t: t.assign(Note=[f"note {i}" for i in range(ROWS)]),
    "names of all kinds": lambda t: t.rename(columns={"Price": 'Price "net" ($)'}).assign(
        **{"select": drawn(["1", "2"]), "Größe 客户": drawn(["a", "b"]), "a.b; DROP TABLE": "1.5"}
    ),
    "some words among the numbers": lambda t: t.assign(Calls=MIXED),
    "numbers as words": lambda t: t.assign(Calls=drawn(["zero", "one", "two", "three"])),
    "zeros for missing": lambda t: t.assign(Income=drawn([*["0"] * 50, *map(str, range(900))])),
    "rows and identifiers twice": lambda t: pd.concat([t, t.head(200)], ignore_index=True),
    "empty and constant columns": lambda t: t.assign(Empty="", Same="x"),
    "dates": lambda t: t.assign(Signed=drawn(["2024-02-29", "2026-01-30", ""])),
    "a category of one value, mostly missing": lambda t: t.assign(Club=drawn(["gold", "", "", ""])),
    "very large and very small numbers": lambda t: t.assign(
        Big=drawn(["1e300", "1e-300", "-1e300"]), Whole=drawn([str(2**53 - 1), "0"])
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_table_is_trained_on_and_scored_as_it_is(tmp_path, name):
    path = tmp_path / "t.csv"
    ODD[name](base()).to_csv(path, index=False)
    table, found, scorer = trained(path)
    sent = cast_to_signature(table.as_sent(len(table.churned), found.schema), found.schema)
    scores = scorer.score(sent, as_of="2026-01-31", explain=True)
    assert scores.valid.all()
    records = sent.astype(object).where(sent.notna(), None).to_dict("records")
    one = scorer.score_one(records[7], as_of="2026-01-31", explain=True)
    assert one._replace(values=(), inputs=()) == scores.row(7)


@pytest.mark.parametrize(
    "write",
    [
        lambda table: table.to_csv(index=False),
        lambda table: "\ufeff" + table.to_csv(index=False),
        semicolons,
        lambda table: table.to_csv(index=False, sep="\t"),
        lambda table: table.to_csv(index=False, lineterminator="\r\n", quoting=1),
        lambda table: table.rename(columns=lambda name: f" {name} ").to_csv(index=False),
    ],
)
def test_however_a_file_is_written_it_holds_the_same_customers(tmp_path, write):
    """The same customers give the same model, which ``test_training_command`` shows."""
    (tmp_path / "t.csv").write_text(write(base()), newline="")
    table, found = prepared(tmp_path / "t.csv")
    base().to_csv(tmp_path / "plain.csv", index=False)
    plain, expected = prepared(tmp_path / "plain.csv")
    pd.testing.assert_frame_equal(table.customers, plain.customers)
    assert table.churned.tolist() == plain.churned.tolist()
    assert found.schema == expected.schema


def test_typed_columns_of_parquet_are_trained_on(tmp_path):
    table = base().astype({"Months": int, "Price": float, "Exited": int})
    table["Signed"] = pd.to_datetime(drawn(["2024-02-29", "2026-01-30"])).to_numpy()
    table["Flag"] = table["Months"] > 20
    table["Some"] = pd.array(drawn([1, 2, None]), dtype="Int64")
    table["Plan"] = pd.Categorical(drawn(["a", "b"]))
    table.to_parquet(tmp_path / "t.parquet")
    kept, found, scorer = trained(tmp_path / "t.parquet")
    kinds = {column.name: column.kind for column in found.schema}
    assert list(kinds.values()) == [
        *("identifier", "integer", "number", "date", "boolean", "number", "category")
    ]
    sent = cast_to_signature(kept.as_sent(ROWS, found.schema), found.schema)
    assert scorer.score(sent).valid.all()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t[["Id", "Exited"]], "no column can be a feature"),
        (lambda t: t.assign(Exited="0"), "has no value '1'. The values are '0'"),
        (lambda t: t.head(0), "has no value '1'. There are no values"),
    ],
)
def test_what_cannot_be_trained_on_says_why(tmp_path, change, complaint):
    change(base()).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ChurnError, match=complaint):
        prepared(tmp_path / "t.csv")
