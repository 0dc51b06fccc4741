"""Detects how the CSV files of a table are written, wherever they are."""

from __future__ import annotations

import codecs

import pyarrow as pa

from churn_model.errors import TableError, first_line
from churn_model.tables.csv_format import csv_format_of, encoding_error
from churn_model.tables.descriptor import CsvFormat
from churn_model.tables.reading.csv_stream import python_encoding
from churn_model.tables.reading.locations import file_names, file_system, root_of

_EXAMINED = 1 << 20
"""Bytes of the first file that are examined."""


def detect_source_format(source: str, declared: CsvFormat) -> CsvFormat:
    """How the first CSV file of a table is written; the others must be written in the same way.

    ``declared``: the [csv] table of a descriptor. Raises TableError as ``detect_csv_format`` does.
    """
    for file in file_names(source):
        lines = _first_lines(source, file, declared.encoding)
        if any(line.strip() for line in lines):
            return csv_format_of(file, lines, declared)
    return declared


def _first_lines(source: str, file: str, encoding: str) -> list[str]:
    decoder = codecs.getincrementaldecoder(python_encoding(encoding))()
    try:
        system = file_system(root_of(source))[0]
        with system.open_input_stream(file, compression="detect") as stream:
            return decoder.decode(stream.read(_EXAMINED)).splitlines(keepends=True)
    except UnicodeError:
        raise encoding_error(file, encoding) from None
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{file}: cannot be read as csv ({first_line(error)})") from None
