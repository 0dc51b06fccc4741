"""A small scorecard with a number, a category with unlisted levels, and their pair."""

from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Feature, Scorecard, Term

SCHEMA = RecordSchema.from_json_schema(
    {
        "title": "Customer",
        "type": "object",
        "properties": {
            "usage": {"type": ["number", "null"], "description": "Usage"},
            "plan": {"anyOf": [{"enum": ["basic", "premium"]}, {"type": "string"}]},
        },
        "required": ["plan"],
    }
)

PAIRED = Scorecard(
    intercept=-1.0,
    features=[
        Feature(name="usage", kind="number"),
        Feature(name="plan", kind="category", categories=["basic", "premium"]),
    ],
    terms=[
        Term(features=["usage"], cuts=[[2.0, 6.0]], scores=[0.1, 0.6, 0.2, -0.5, 0.0]),
        Term(
            features=["plan", "usage"],
            cuts=[[], [4.0]],
            scores=[0.01 * i - 0.05 for i in range(16)],
        ),
        Term(features=["plan"], cuts=[[]], scores=[0.0, 0.3, -0.3, 0.2]),
    ],
)
