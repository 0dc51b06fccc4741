import json
from dataclasses import replace

import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Term
from serving.api.openapi import document
from serving.served_model import ServedModel
from tests.unit.serving.conftest import Application


@pytest.fixture
def served(scorer):
    return ServedModel("churn", "3", "champion", "", scorer)


@pytest.fixture
def served_with_date(scorecard):
    since = Column(name="since", kind="date", description="First contract")
    schema = replace(CUSTOMER_SCHEMA, columns=(*CUSTOMER_SCHEMA, since))
    term = Term(features=["since"], cuts=[[100.5]], scores=[0.0, 0.1, 0.2, 0.3])
    features = [*scorecard.features, Feature(name="since", kind="number")]
    changed = {"features": features, "terms": [*scorecard.terms, term]}
    scorer = Scorer(scorecard.model_copy(update=changed), schema)
    return ServedModel("churn", "3", "champion", "", scorer)


def references(node):
    """All ``$ref`` of a document."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        node = node.values()
    if isinstance(node, list | type({}.values())):
        for child in node:
            yield from references(child)


def test_every_reference_points_to_a_schema_of_the_document(served):
    complete = document(served, keys=True)
    schemas = complete["components"]["schemas"]
    names = set(references(complete))
    assert names == {f"#/components/schemas/{name}" for name in schemas}
    assert "$defs" not in complete


def test_the_document_describes_the_models_own_fields(served):
    complete = document(served, keys=False, root_path="/churn")
    customer = complete["components"]["schemas"]["Customer"]
    assert list(customer["properties"]) == [column.name for column in CUSTOMER_SCHEMA]
    single = complete["paths"]["/predict/single"]["post"]
    example = single["requestBody"]["content"]["application/json"]["example"]
    assert set(example) == set(customer["properties"])
    for column in CUSTOMER_SCHEMA.identifiers:
        assert column.name in complete["components"]["schemas"]["Score"]["required"]
    assert complete["info"]["version"] == "3"
    assert complete["servers"] == [{"url": "/churn"}]


def test_only_a_model_with_dates_has_as_of(served, served_with_date):
    assert "as_of" not in json.dumps(document(served, keys=True))
    complete = document(served_with_date, keys=True)
    query = complete["paths"]["/predict"]["post"]["parameters"]
    assert [parameter["name"] for parameter in query] == ["threshold", "explain", "as_of"]
    invocation = complete["paths"]["/invocations"]["post"]["requestBody"]["content"]
    for body in invocation["application/json"]["schema"]["oneOf"]:
        assert "as_of" in body["properties"]["params"]["properties"]


def test_keys_are_described_only_where_they_are_required(served):
    assert document(served, keys=True)["security"] == [{"ApiKey": []}, {"Bearer": []}]
    without = document(served, keys=False)
    assert "security" not in without
    assert without["components"]["securitySchemes"] == {}


def test_the_routes_of_a_model_name_it_and_its_version(served):
    paths = document(served, keys=True)["paths"]
    model, version = paths["/v2/models/{model_name}/versions/{model_version}/infer"]["post"][
        "parameters"
    ]
    assert (model["schema"]["enum"], version["schema"]["enum"]) == (["churn"], ["3"])
    assert len(paths["/v2/models/{model_name}/infer"]["post"]["parameters"]) == 1
    unregistered = document(replace(served, version=None), keys=True)["paths"]
    assert [path for path in unregistered if "versions" in path] == []
    operations = [own["operationId"] for path in paths.values() for own in path.values()]
    assert len(set(operations)) == len(operations)


@pytest.mark.parametrize("name", ["served", "served_with_date"])
def test_the_example_of_the_open_inference_protocol_is_valid(name, request):
    model = request.getfixturevalue(name)
    infer = document(model, keys=True)["paths"]["/v2/models/{model_name}/infer"]["post"]
    example = infer["requestBody"]["content"]["application/json"]["example"]
    reply = Application(model).post("/v2/models/churn/infer", example)
    assert reply.status == 200, reply.body
