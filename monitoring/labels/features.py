"""The logged features of labelled customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_model.arrays import Rows
from monitoring.inputs.log_files import LogFiles, unreadable
from monitoring.labels.join import Join


def logged_features(
    log: LogFiles, joined: Join, labels: Rows, names: Sequence[str]
) -> tuple[Rows, pd.DataFrame]:
    """The features of labels whose current prediction was logged with values, one row each.

    Returns these labels, sorted, and their features in the same order. Files are read one after the
    other. If a customer was scored for several sources, the latest prediction counts. Raises
    InferenceLogError if a file can no longer be read.
    """
    columns = {file.path: file.columns for file in log.rows}
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for label, path, row in _latest(joined, labels):
        if set(names) <= set(columns.get(path, ())):
            wanted[path].append((label, row))
    found, tables = [], []
    for path, pairs in sorted(wanted.items()):
        found += [label for label, _ in pairs]
        tables.append(_read_rows(log, path, [row for _, row in pairs], names))
    if not tables:
        return np.empty(0, dtype=np.intp), pd.DataFrame(columns=list(names))
    order = np.argsort(found)
    table = _concatenated(tables).take(pa.array(order))
    return np.array(found, dtype=np.intp)[order], _to_pandas(table)


def _concatenated(tables: Sequence[pa.Table]) -> pa.Table:
    """The tables as one; a feature whose types do not go together is text.

    Versions may have read a feature differently: as an integer, and as a category.
    """
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowTypeError:
        return pa.concat_tables([_as_text(table, _mixed(tables)) for table in tables])


def _mixed(tables: Sequence[pa.Table]) -> list[str]:
    """The features that have several types."""
    names = tables[0].column_names
    return [name for name in names if len({table.schema.field(name).type for table in tables}) > 1]


def _as_text(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        i = table.schema.get_field_index(name)
        table = table.set_column(i, name, table.column(i).cast(pa.string()))
    return table


def _latest(joined: Join, labels: Rows) -> list[tuple[int, str, int]]:
    """The file and row of each label's latest prediction, of all sources."""
    latest: dict[int, tuple[int, str, int]] = {}
    for current in joined.current.values():
        for label in labels[current.file[labels] >= 0].tolist():
            time, file = int(current.scored_at[label]), joined.files[current.file[label]]
            if label not in latest or time > latest[label][0]:
                latest[label] = (time, file, int(current.row[label]))
    return [(label, file, row) for label, (_, file, row) in latest.items()]


def _read_rows(log: LogFiles, path: str, rows: list[int], names: Sequence[str]) -> pa.Table:
    """Some rows of a file, in the order of ``rows``."""
    position = np.argsort(rows, kind="stable")
    ordered = np.array(rows, dtype=np.int64)[position]
    parts, start = [], 0
    try:
        with log.open(path) as file:
            for batch in file.iter_batches(columns=list(names)):
                first, end = np.searchsorted(ordered, [start, start + batch.num_rows])
                parts.append(batch.take(pa.array(ordered[first:end] - start)))
                start += batch.num_rows
    except (OSError, pa.ArrowException, ValueError) as error:
        raise unreadable(path, error) from None
    table = pa.Table.from_batches(parts).select(list(names))
    return table.take(pa.array(np.argsort(position)))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Integers and booleans with missing values keep their types; dates become ISO texts."""
    for i, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            texts = pc.strftime(table.column(i).cast(pa.timestamp("s")), format="%Y-%m-%d")
            table = table.set_column(i, field.name, texts)
    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=types.get)
