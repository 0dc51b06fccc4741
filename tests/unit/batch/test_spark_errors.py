import pytest
from mlflow.exceptions import MlflowException
from pyspark.errors import PySparkException

from batch.spark_errors import one_line_errors
from churn_model.errors import BatchError
from pyfunc.spark_errors import cause


def message(text):
    with pytest.raises(BatchError) as raised, one_line_errors("in.parquet", "out"):
        raise PySparkException(text)
    return str(raised.value)


def test_what_python_raised_on_an_executor_is_the_cause():
    text = "[PYTHON_EXCEPTION] from the Python worker\n  File x.py\nValueError: no such level\n\tat org.x"
    assert message(text) == "in.parquet: ValueError: no such level"


def test_a_line_that_names_a_file_is_the_cause():
    text = (
        "Job aborted\n\tat org.x\nCaused by: java.io.IOException: bad footer in file:/in/b.parquet"
    )
    assert message(text).endswith("bad footer in file:/in/b.parquet")


def test_otherwise_the_last_cause_is_shortened_to_one_line():
    text = "Job aborted\nCaused by: first\nCaused by: second " + "x" * 1000
    assert cause(text).startswith("Caused by: second")
    assert len(cause(text)) == 500
    assert cause("") == "Spark failed"


@pytest.mark.parametrize("reason", ["No space left on device", "Permission denied"])
def test_a_failure_to_write_names_the_output(reason):
    text = f"Job aborted.\nCaused by: java.io.IOException: {reason}\n\tat org.x"
    assert message(text).startswith(f"out: cannot be written ({reason})")


def test_a_file_that_may_not_be_read_names_the_input():
    text = "Encountered error while reading file file:/in/a.parquet.\nCaused by: Permission denied"
    assert message(text).startswith("in.parquet: Encountered error")


def test_a_password_of_the_registry_is_not_shown():
    with pytest.raises(BatchError) as raised, one_line_errors("in.parquet", "out"):
        raise MlflowException("API request to http://svc:s3cret@host/api failed")
    assert str(raised.value) == "in.parquet: API request to http://***@host/api failed"
