import inspect
import pickle

import pytest

from churn_model import errors
from churn_model.errors import ChurnError, ClientError, FieldError, InvalidRecords, KeyRejected

EVERY = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ChurnError)]


@pytest.mark.parametrize("kind", EVERY)
def test_the_familys_docstring_names_every_member(kind):
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    "error",
    [
        InvalidRecords([FieldError(3, "age", "missing", "is required")], 7),
        KeyRejected("401: wrong key", 401, "req-1"),
        ChurnError("text"),
    ],
)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_a_long_list_of_errors_is_shown_in_part_and_counted():
    many = [FieldError(row, "age", "missing", "is required") for row in range(50)]
    assert str(InvalidRecords(many)).endswith("; and 45 more")
    assert str(InvalidRecords(many[:2], 9)).endswith("; and 7 more")


def test_a_client_error_names_the_request():
    assert str(ClientError("500: failed", 500, "abc")) == "500: failed (request abc)"
