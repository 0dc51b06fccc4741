import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_model.errors import ScorecardError
from churn_model.scoring.scorecard import Feature, Scorecard, Term


def small() -> dict:
    """A valid scorecard document with one number, one category and their pair."""
    return json.loads(
        Scorecard(
            intercept=-1.0,
            features=[
                Feature(name="age", kind="number"),
                Feature(name="plan", kind="category", categories=["basic", "plus"]),
            ],
            terms=[
                Term(features=["age"], cuts=[[30.0, 50.0]], scores=[0.0, 0.5, 0.1, -0.2, 0.0]),
                Term(features=["age", "plan"], cuts=[[40.0], []], scores=[0.0] * 16),
            ],
        ).dumps()
    )


def test_a_saved_scorecard_is_the_same_when_loaded(scorecard, tmp_path):
    scorecard.save(tmp_path / "scorecard.json")
    assert Scorecard.load(tmp_path / "scorecard.json") == scorecard


def test_the_same_scorecard_has_the_same_bytes(scorecard):
    again = Scorecard.loads(scorecard.dumps())
    assert again.dumps() == scorecard.dumps()


@pytest.mark.parametrize("profile", [{"rows": 10, "features": {"age": {"missing": 0.1}}}, None])
def test_a_file_that_summarises_the_training_table_is_the_same_scorecard(profile):
    older = json.dumps(small() | {"profile": profile})
    assert Scorecard.loads(older) == Scorecard.loads(json.dumps(small()))
    assert "profile" not in json.loads(Scorecard.loads(older).dumps())


def damaged(change):
    document = small()
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda d: d.update(version=3),
            "format version 3, but this program reads versions 1 and 2",
        ),
        (lambda d: d.update(version=2), "format version 2 needs a campaign"),
        (lambda d: d.update(format="pickle"), "is not a scorecard"),
        (lambda d: d.pop("format"), "is not a scorecard"),
        (lambda d: d.pop("intercept"), "intercept: Field required"),
        (lambda d: d.update(intercept="1"), "intercept"),
        (lambda d: d.update(threshold=1.5), "threshold"),
        (lambda d: d.update(code="import os"), "code"),
        (lambda d: d["terms"][0]["scores"].pop(), "4 scores, but its cuts need 5"),
        (lambda d: d["terms"][0]["cuts"].append([]), "one list of cuts per feature"),
        (lambda d: d["terms"][0]["cuts"][0].reverse(), "do not ascend"),
        (lambda d: d["terms"][0].update(features=["gone"]), "unknown feature"),
        (lambda d: d["terms"][1].update(features=["age", "age"]), "pairs a feature with itself"),
        (lambda d: d["terms"].append(d["terms"][0]), "occurs twice"),
        (lambda d: d["terms"][1]["cuts"][1].append(1.0), "cuts for the category"),
        (lambda d: d["features"].append(d["features"][0]), "listed twice"),
        (lambda d: d["features"][1]["categories"].append("plus"), "lists a category level twice"),
        (lambda d: d["features"][0]["categories"].append("x"), "is a number, but has categories"),
    ],
)
def test_a_damaged_scorecard_is_rejected_with_one_line(change, problem):
    with pytest.raises(ScorecardError, match=problem) as caught:
        Scorecard.loads(json.dumps(damaged(change)), "scorecard.json")
    assert str(caught.value).startswith("scorecard.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "1", "{", "[" * 100_000, b"\xff", '{"a": NaN}'])
def test_text_that_is_not_a_scorecard_is_rejected(text):
    with pytest.raises(ScorecardError):
        Scorecard.loads(text)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_nan_and_infinity_are_rejected(word):
    with pytest.raises(ScorecardError):
        Scorecard.loads(json.dumps(small()).replace("-1.0", word))


@settings(max_examples=50)
@given(st.data())
def test_a_file_cut_off_anywhere_is_rejected(data):
    text = json.dumps(small())
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(ScorecardError):
        Scorecard.loads(text[:end])


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ScorecardError, match="No such file"):
        Scorecard.load(tmp_path / "none.json")
