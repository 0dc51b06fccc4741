import inspect
import pickle

import pytest

from churn_model import errors
from churn_model.errors import (
    ChurnError,
    ClientError,
    FieldError,
    InvalidRecords,
    KeyRejected,
    first_line,
    messages_by_row,
)

EVERY = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ChurnError)]


@pytest.mark.parametrize(
    ("message", "line"), [("a\nb", "a"), ("\n a\nb", " a"), ("", "OSError"), ("\n", "OSError")]
)
def test_the_first_line_of_an_exception_has_text(message, line):
    assert first_line(OSError(message)) == line


@pytest.mark.parametrize("kind", EVERY)
def test_the_module_docstring_names_every_error(kind):
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    "error",
    [
        InvalidRecords([FieldError(3, "age", "missing", "is required")], 7),
        KeyRejected("401: wrong key", 401, "req-1", 2.5),
        ChurnError("text"),
    ],
)
def test_errors_can_be_pickled(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_a_long_list_of_errors_is_shortened_and_counted():
    many = [FieldError(row, "age", "missing", "is required") for row in range(50)]
    assert str(InvalidRecords(many)).endswith("; and 45 more")
    assert str(InvalidRecords(many[:2], 9)).endswith("; and 7 more")


def test_a_client_error_names_the_request():
    assert str(ClientError("500: failed", 500, "abc")) == "500: failed (request abc)"


def test_an_error_of_a_whole_row_names_only_the_row():
    assert str(FieldError(3, "", "dict_type", "must be an object")) == "row 3: must be an object"


def test_the_errors_of_a_row_are_joined():
    errors = [
        FieldError(0, "age", "missing", "is required"),
        FieldError(0, "plan", "string_type", "must be a string"),
        FieldError(2, "", "dict_type", "must be an object"),
    ]
    messages = messages_by_row(errors, 3)
    assert messages == ["age: is required; plan: must be a string", None, "must be an object"]
    assert messages_by_row(errors, 3, lambda error: error.type, ",")[0] == "missing,string_type"
