"""What Spark raises, as errors of one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from batch.output import not_writable
from churn_model.errors import BatchError
from churn_model.redaction import redact
from pyfunc.spark_errors import cause

_WRITE_ERROR = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|Read-only file system|"
    r"Mkdirs failed to create|Permission denied|Operation not permitted"
)
_READING = "while reading file"


@contextmanager
def one_line_errors(source: str, output: str) -> Iterator[None]:
    """Turn what Spark raises into a BatchError that names the input or the output."""
    try:
        yield
    except (PySparkException, Py4JError, MlflowException) as error:
        text = str(error)
        write_error = _WRITE_ERROR.search(text)
        if write_error and _READING not in text:
            raise not_writable(output, write_error[0]) from None
        raise BatchError(f"{source}: {redact(cause(text))}") from None
    except OSError as error:  # of Python, which only writes
        raise not_writable(output, error) from None
