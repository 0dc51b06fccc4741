import json

import pytest

from churn_model.errors import FieldError, InvalidParameter, InvalidRecords, SchemaError
from serving.http.errors import ApiError, body, to_api_error

KEYS = "success error_code message error errors error_count request_id".split()


def test_the_error_body_suits_mlflows_clients_and_our_own():
    content = json.loads(body(ApiError(429, "slower"), "r1"))
    assert list(content) == KEYS
    assert content["error"] == content["message"] == "slower"
    assert (content["success"], content["request_id"]) == (False, "r1")


def test_at_most_a_hundred_field_errors_are_listed_and_all_are_counted():
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
def test_invalid_input_is_400_and_other_errors_reveal_nothing(error, status):
    reply = to_api_error(error)
    assert reply.status == status
    assert ("inside" in reply.message) is False
