"""What Spark raises, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from churn_model.errors import TableError
from churn_model.redaction import redact

_LONGEST = 500
_FILE = re.compile(r"\b(file|hdfs|s3a?|gs|abfss?|dbfs):/\S+")
_PYTHON_ERROR = re.compile(r"(?!org\.|java\.|scala\.|py4j\.)[\w.]+(Error|Exception|Invalid): ")


@contextmanager
def reading_errors(source: str) -> Iterator[None]:
    """Turn what Spark raises while it reads a table into a TableError."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise TableError(f"{source}: {redact(cause(str(error)))}") from None


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
