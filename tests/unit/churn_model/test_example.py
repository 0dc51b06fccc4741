"""An example customer is typical, as far as a scorecard tells."""

from datetime import datetime, timedelta, timezone

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.example import example_customer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from tests.unit.churn_model.test_schema import Rich
from tests.unit.churn_model.test_scoring import Dated

LEVELS = {"plan": ["basic", "plus"], "region": ["north", "south"]}


def made_up(*terms, model=Rich):
    schema = RecordSchema.from_model(model)
    features = [
        Feature(
            name=column.name,
            kind="category" if column.kind == "category" else "number",
            categories=LEVELS.get(column.name, []),
        )
        for column in schema.features
    ]
    return Scorer(Scorecard(intercept=0.0, features=features, terms=list(terms)), schema)


def number(name, *cuts):
    return Term(features=[name], cuts=[list(cuts)], scores=[0.0] * (len(cuts) + 3))


def test_a_number_is_the_middle_one_of_its_cuts():
    customer = example_customer(made_up(number("visits", 1.5, 3.5, 8.5), number("score", 0.2)))
    assert customer["visits"] == 4
    assert isinstance(customer["visits"], int)
    assert customer["score"] == 0.2


def test_the_finest_cuts_of_several_terms_count():
    coarse = Term(features=["visits", "score"], cuts=[[8.5], []], scores=[0.0] * 12)
    assert example_customer(made_up(number("visits", 1.5, 2.5, 3.5), coarse))["visits"] == 2
    assert example_customer(made_up(coarse))["visits"] == 8


def test_a_category_and_a_boolean_have_the_effect_of_the_average_customer():
    plan = Term(features=["plan"], cuts=[[]], scores=[0.0, 0.9, -0.1, 0.0])
    active = Term(features=["active"], cuts=[[0.5]], scores=[0.0, -0.7, 0.2, 0.0])
    customer = example_customer(made_up(plan, active))
    assert customer["plan"] == "plus"
    assert customer["active"] is True


def test_a_date_has_the_middle_age():
    left = number("left", 10.0, 30.0, 365.0)
    customer = example_customer(made_up(left, model=Dated))
    assert customer["left"] == str(datetime.now(timezone.utc).date() - timedelta(days=30))


def test_the_example_is_valid_without_any_term_and_if_rounding_would_break_a_bound():
    without_terms = made_up(model=Dated)
    assert without_terms.score_one(example_customer(without_terms)).probability == 0.5
    tiny = made_up(number("score", 0.001))
    customer = example_customer(tiny)
    assert customer["score"] == 0.001
    assert tiny.score_one(customer).probability == 0.5


def test_a_number_outside_the_usual_ones_respects_its_bounds():
    columns = (
        Column("old", "integer", minimum=18, maximum=120),
        Column("debt", "number", maximum=-5.0),
    )
    schema = RecordSchema("Customer", columns)
    features = [Feature(name=column.name, kind="number") for column in columns]
    scorer = Scorer(Scorecard(intercept=0.0, features=features, terms=[]), schema)
    assert example_customer(scorer) == {"old": 18, "debt": -5.0}


def test_the_example_of_a_model_is_accepted_by_the_model(scorer):
    customer = example_customer(scorer)
    assert set(customer) == {column.name for column in CUSTOMER_SCHEMA}
    assert 0 < scorer.score_one(customer).probability < 1
