import json

import pytest

from churn_model.errors import FieldError, InvalidParameter, InvalidRecords, SchemaError
from serving.http.errors import ApiError, body, to_api_error

KEYS = "success error_code message error errors error_count request_id".split()


def test_the_body_is_one_for_mlflows_clients_and_for_ours():
    content = json.loads(body(ApiError(429, "slower"), "r1"))
    assert list(content) == KEYS
    assert content["error"] == content["message"] == "slower"
    assert (content["success"], content["request_id"]) == (False, "r1")


def test_at_most_a_hundred_field_errors_are_listed_and_all_counted():
    errors = [FieldError(row, "age", "missing", "is missing") for row in range(250)]
    content = json.loads(body(to_api_error(InvalidRecords(errors)), "r1"))
    assert len(content["errors"]) == 100
    assert content["error_count"] == 250
    assert content["errors"][3]["loc"][-2:] == [3, "age"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidParameter("threshold"), 400),
        (InvalidRecords([FieldError(0, "age", "missing", "is missing")]), 400),
        (SchemaError("inside"), 500),
    ],
)
def test_what_the_caller_can_mend_is_400_and_the_rest_says_nothing(error, status):
    refused = to_api_error(error)
    assert refused.status == status
    assert ("inside" in refused.message) is False
