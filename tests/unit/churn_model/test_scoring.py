import json
import math
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import InvalidParameter, InvalidRecords, SchemaError, ScorecardError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from tests.unit.churn_model.test_schema import Dated, Rich
from tests.unit.churn_model.test_validation import GOOD_RICH
from training.data.simulator import simulate


@pytest.fixture(scope="module")
def customers():
    return simulate(500, seed=5).customers


def as_records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def test_frame_records_and_single_rows_score_the_same(scorer, customers):
    frame = scorer.score(customers).probability
    records = scorer.score(as_records(customers)).probability
    single = [scorer.score_one(record).probability for record in as_records(customers)]
    np.testing.assert_array_equal(frame, records)
    np.testing.assert_allclose(single, frame, atol=1e-15)
    assert ((frame > 0) & (frame < 1)).all()


def test_the_decision_is_at_the_threshold(scorer, customers):
    scores = scorer.score(customers)
    np.testing.assert_array_equal(scores.prediction, scores.probability >= 0.5)
    low = scorer.score(customers, threshold=0.0)
    assert low.prediction.all()
    exact = float(scores.probability[3])
    assert scorer.score(customers, threshold=exact).prediction[3] == 1
    assert scorer.score_one(as_records(customers)[3], threshold=exact).prediction == 1


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_threshold_outside_0_to_1_is_rejected(scorer, customers, threshold):
    with pytest.raises(InvalidParameter, match="from 0 to 1"):
        scorer.score(customers, threshold=threshold)
    with pytest.raises(InvalidParameter, match="from 0 to 1"):
        scorer.score_one(as_records(customers)[0], threshold=threshold)


def test_an_unknown_value_of_on_invalid_is_rejected(scorer, customers):
    with pytest.raises(InvalidParameter, match="'raise' or 'report'"):
        scorer.score(customers, on_invalid="ignore")


def test_reasons_are_the_strongest_upward_effects(scorer, customers):
    scores = scorer.score(customers, explain=True)
    effects = scorer.lookup.effects(
        {name: customers[name].to_numpy(float) for name in scorer.lookup.features}
    )
    for reasons, row in zip(scores.reasons, effects, strict=True):
        strongest = sorted((e for e in row if e > 0), reverse=True)[:3]
        assert [reason["effect"] for reason in reasons] == pytest.approx(strongest, abs=1e-12)
    first = as_records(customers)[0]
    for reason in scorer.score_one(first, explain=True).reasons:
        assert reason["value"] == first[reason["feature"]]
        assert type(reason["value"]) is type(first[reason["feature"]])
    assert scorer.score_one(first, explain=True).reasons == scores.reasons[0]


def test_an_invalid_row_fails_the_call_or_keeps_its_position(scorer, customers):
    spoiled = customers.copy()
    spoiled.loc[7, "age"] = 300
    with pytest.raises(InvalidRecords, match="row 7, age: must be at most 120") as caught:
        scorer.score(spoiled)
    assert caught.value.count == 1
    scores = scorer.score(spoiled, on_invalid="report", explain=True)
    all_valid = scorer.score(customers)
    valid = np.arange(len(customers)) != 7
    assert np.isnan(scores.probability[7])
    assert scores.prediction[7] == -1
    assert scores.reasons[7] == []
    assert scores.error_texts()[7] == "age: must be at most 120"
    assert scores.error_texts().count(None) == len(customers) - 1
    np.testing.assert_array_equal(scores.probability[valid], all_valid.probability[valid])


def test_a_single_invalid_record_names_its_fields(scorer, customer):
    with pytest.raises(InvalidRecords, match="row 0, age: must be an integer, without"):
        scorer.score_one({**customer, "age": 30.5})


def test_numpy_scalars_in_a_record_are_numbers(scorer, customer):
    plain = scorer.score_one(customer, explain=True)
    typed = {**customer, "age": np.int64(customer["age"])}
    assert scorer.score_one(typed, explain=True) == plain


def test_the_result_keeps_order_and_index_and_the_input_is_not_changed(scorer, customers):
    shuffled = customers.sample(frac=1, random_state=1)
    before = shuffled.copy(deep=True)
    result = scorer.score(shuffled).to_frame(shuffled.index)
    pd.testing.assert_frame_equal(shuffled, before)
    assert result.index.equals(shuffled.index)
    assert result["customer_id"].tolist() == shuffled["customer_id"].tolist()
    assert list(result) == ["customer_id", "churn_prediction", "churn_probability"]
    straight = scorer.score(customers).to_frame(customers.index)
    pd.testing.assert_frame_equal(result.sort_index(), straight)


def test_duplicate_and_unusual_identifiers_are_returned_unchanged(scorer, customer):
    ids = ["a", "a", "", "Ünïcode-客户-🙂", "'; DROP TABLE"]
    records = [{**customer, "customer_id": name} for name in ids]
    assert scorer.score(records).to_frame()["customer_id"].tolist() == ids
    assert scorer.score(pd.DataFrame(records)).to_frame()["customer_id"].tolist() == ids


def test_no_customers_give_no_scores(scorer):
    assert scorer.score([]).to_frame().shape == (0, 3)


def test_extreme_log_odds_stay_probabilities(customer):
    for intercept, expected in ((-800.0, 0.0), (800.0, 1.0)):
        age = Feature(name="age", kind="number")
        scorecard = Scorecard(intercept=intercept, features=[age], terms=[])
        scorer = Scorer(scorecard, CUSTOMER_SCHEMA)
        assert scorer.score_one(customer).probability == expected


def rich_scorer():
    scorecard = Scorecard(
        intercept=0.0,
        features=[
            Feature(name="visits", kind="number"),
            Feature(name="active", kind="number"),
            Feature(name="plan", kind="category", categories=["basic", "plus"]),
            Feature(name="region", kind="category", categories=["north", "south"]),
        ],
        terms=[
            Term(features=["active"], cuts=[[0.5]], scores=[0.0, 1.0, 2.0, 0.0]),
            Term(features=["plan"], cuts=[[]], scores=[0.0, 0.25, 0.5, 0.0]),
            Term(features=["region"], cuts=[[]], scores=[4.0, 0.1, 0.2, 0.0]),
        ],
    )
    return Scorer(scorecard, RecordSchema.from_model(Rich))


def test_booleans_and_categories_score_and_are_explained_as_sent():
    scorer = rich_scorer()
    record = {"key": "k", "visits": 3, "active": True, "plan": "plus", "region": None}
    one = scorer.score_one(record, explain=True)
    assert math.log(one.probability / (1 - one.probability)) == pytest.approx(6.5)
    expected = [("region", None), ("active", True), ("plan", "plus")]
    assert [(r["feature"], r["value"]) for r in one.reasons] == expected
    many = scorer.score(pd.DataFrame([record]), explain=True).row(0)
    assert many[:5] == one[:5]


def dated_scorer():
    days = [Term(features=["left"], cuts=[[10.0, 365.0]], scores=[4.0, -1.0, 1.0, 2.0, 0.0])]
    scorecard = Scorecard(intercept=0.0, features=[Feature(name="left", kind="number")], terms=days)
    return Scorer(scorecard, RecordSchema.from_model(Dated))


@pytest.mark.parametrize(
    ("left", "log_odds"),
    [
        ("2026-01-31", -1.0),
        ("2026-01-21", 1.0),
        ("2020-01-01", 2.0),
        ("2030-01-01", -1.0),
        (None, 4),
    ],
)
def test_a_date_is_scored_by_its_age_on_the_day_of_scoring(left, log_odds):
    scorer = dated_scorer()
    record = {**GOOD_RICH, "left": left}
    scores = [
        scorer.score_one(record, as_of="2026-01-31", explain=True),
        scorer.score([record] * 20, as_of=date(2026, 1, 31), explain=True).row(19),
        scorer.score(pd.DataFrame([record]), as_of="2026-01-31", explain=True).row(0),
    ]
    for score in scores:
        assert math.log(score.probability / (1 - score.probability)) == pytest.approx(log_odds)
        if log_odds > 0:
            assert [(r["feature"], r["value"]) for r in score.reasons] == [("left", left)]


def test_the_day_of_scoring_is_today_by_default():
    today = datetime.now(timezone.utc).date()
    record = {**GOOD_RICH, "left": today - timedelta(days=10)}
    scorer = dated_scorer()
    first, second = scorer.score_one(record), scorer.score_one(record, as_of=today)
    assert first.probability == second.probability
    assert scorer.score([record] * 20).probability[0] == first.probability


@pytest.mark.parametrize("as_of", ["yesterday", "20260131", "2026-02-30"])
def test_an_invalid_day_of_scoring_is_rejected(as_of):
    with pytest.raises(InvalidParameter, match="as_of must be a date such as 2026-01-31"):
        dated_scorer().score_one(GOOD_RICH, as_of=as_of)


def test_scorecard_and_schema_must_match(scorecard):
    other = RecordSchema.from_model(Rich)
    with pytest.raises(ScorecardError, match="which is not in the schema"):
        Scorer(scorecard, other)


@pytest.mark.parametrize("text", ["", "[]", '{"type": "array"}', '{"type": "object"}'])
def test_a_damaged_schema_file_is_rejected(scorecard, tmp_path, text):
    scorecard.save(tmp_path / "scorecard.json")
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(SchemaError):
        Scorer.load(tmp_path / "scorecard.json", tmp_path / "schema.json")
    with pytest.raises(SchemaError, match="cannot be read"):
        Scorer.load(tmp_path / "scorecard.json", tmp_path / "none.json")


def test_a_scorer_loads_from_its_two_files(scorer, customers, tmp_path):
    scorer.scorecard.save(tmp_path / "scorecard.json")
    (tmp_path / "schema.json").write_text(json.dumps(scorer.schema.to_json_schema()))
    loaded = Scorer.load(tmp_path / "scorecard.json", tmp_path / "schema.json")
    np.testing.assert_array_equal(
        loaded.score(customers).probability, scorer.score(customers).probability
    )


def test_the_domain_and_its_client_load_neither_mlflow_nor_a_web_framework():
    code = (
        "import sys, churn_model.client, churn_model.scoring\n"
        "print([m for m in ('mlflow', 'fastapi', 'starlette', 'sklearn') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
