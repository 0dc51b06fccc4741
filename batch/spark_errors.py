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

_LONGEST = 500
_FILE = re.compile(r"\b(file|hdfs|s3a?|gs|abfss?|dbfs):/\S+")
_PYTHON_ERROR = re.compile(r"(?!org\.|java\.|scala\.|py4j\.)[\w.]+(Error|Exception|Invalid): ")
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


def cause(text: str) -> str:
    """The decisive line of a stack trace.

    That is what Python raised, else the line that names a file, else the last cause.
    """
    lines = [line.strip(" :") for line in text.splitlines() if line.strip()] or ["Spark failed"]
    if "PYTHON_EXCEPTION" in text or "from the Python worker" in text:
        raised = [line for line in lines if _PYTHON_ERROR.match(line)]
        if raised:
            return raised[-1][:_LONGEST]
    causes = [line for line in lines if line.startswith("Caused by:")]
    with_file = [line for line in lines if _FILE.search(line)]
    return (with_file or causes[-1:] or lines)[0][:_LONGEST]
