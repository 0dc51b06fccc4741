"""The way back to training: a table of labelled, untreated customers for ``churn train``."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.errors import MonitoringError
from churn_model.schema import RecordSchema
from churn_model.suggestions import plain_name
from monitoring.inputs.log_files import LogFiles
from monitoring.labels.features import logged_features
from monitoring.labels.join import Join
from monitoring.labels.matched import Matched
from monitoring.labels.options import LabelOptions
from monitoring.labels.table import Labels
from monitoring.plural import plural

_SUFFIXES = (".csv", ".parquet")

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Labelled:
    """``table``: one row per label, with the columns of the labels and the features. ``command``:
    what trains on the file. ``notes``: what was left out.
    """

    table: pd.DataFrame
    command: str
    notes: tuple[str, ...] = ()


def check_new(file: Path) -> None:
    """Raise MonitoringError unless the file can be written as a new one."""
    if file.suffix.lower() not in _SUFFIXES:
        raise MonitoringError(f"--labelled {file}: is neither .csv nor .parquet")
    if os.path.lexists(file):
        raise MonitoringError(f"--labelled {file}: exists already; remove it, or name another file")
    if not file.absolute().parent.is_dir():
        raise MonitoringError(f"--labelled {file}: there is no folder {file.absolute().parent}")


def labelled_table(
    file: Path,
    options: LabelOptions,
    labels: Labels,
    joined: Join,
    populations: Iterable[Matched],
    schema: RecordSchema,
    log: LogFiles | None,
) -> Labelled:
    """The labelled customers of all populations, each label once.

    The features are those of the table of labels if it has the required ones, otherwise those that
    were logged with the predictions. Raises MonitoringError if neither has them.
    """
    chosen = np.unique(
        np.concatenate([np.empty(0, dtype=np.intp), *(m.label for m in populations)])
    )
    if not len(chosen):
        raise MonitoringError(
            f"--labelled {file}: no table to write, because all labelled customers were treated"
        )
    columns, names = labels.raw.columns, [column.name for column in schema.features]
    if _has_features(columns, schema):
        table = labels.raw.iloc[labels.rows[chosen]]
        return Labelled(_plain(table, options), _command(file, options, labels))
    if log is None:
        raise MonitoringError(
            _without_features(options, columns, schema, "batch results have none")
        )
    found, features = logged_features(log, joined, chosen, names)
    if not len(found):
        reason = "the log has none, because its level is not values"
        raise MonitoringError(_without_features(options, columns, schema, reason))
    own = [options.id, *dict.fromkeys(filter(None, [options.observation.column, _target(options)]))]
    own_columns = labels.raw[own].iloc[labels.rows[found]].reset_index(drop=True)
    repeated = [name for name in names if name in own]
    table = pd.concat([own_columns, features.drop(columns=repeated)], axis=1)
    left_out = len(chosen) - len(found)
    notes = (f"labelled: left out {plural(left_out, 'customer')} without logged features",)
    return Labelled(table, _command(file, options, labels), notes if left_out else ())


def write_labelled(file: Path, table: pd.DataFrame) -> None:
    """Write the table aside and give it its name; an existing file is never replaced.

    Raises MonitoringError.
    """
    check_new(file)
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        if file.suffix.lower() == ".csv":
            table.to_csv(aside, index=False)
        else:
            table.to_parquet(aside, index=False)
        os.link(aside, file)  # unlike a rename, it fails if the file exists by now
    except FileExistsError:
        raise MonitoringError(
            f"--labelled {file}: exists already; remove it, or name another file"
        ) from None
    except OSError as error:
        raise MonitoringError(f"--labelled {file}: cannot be written ({error.strerror})") from None
    finally:
        aside.unlink(missing_ok=True)


def _has_features(columns: Iterable[str], schema: RecordSchema) -> bool:
    """Whether a table has the required features, and at least one, by the names of its columns."""
    plain = {plain_name(name) for name in columns}
    is_there = {column.name: plain_name(column.name) in plain for column in schema.features}
    required = [column.name for column in schema.features if column.required]
    return any(is_there.values()) and all(is_there[name] for name in required)


def _plain(table: pd.DataFrame, options: LabelOptions) -> pd.DataFrame:
    """The rows of the labels without the treatment, which all of them lack."""
    dropped = [options.treatment_column] if options.treatment_column else []
    return table.drop(columns=dropped).reset_index(drop=True)


def _without_features(
    options: LabelOptions, columns: Sequence[str], schema: RecordSchema, log: str
) -> str:
    plain = {plain_name(name) for name in columns}
    missing = [
        column.name
        for column in schema.features
        if column.required and plain_name(column.name) not in plain
    ]
    listed = ", ".join(map(repr, missing[:3])) + (" and more" if len(missing) > 3 else "")
    return (
        f"--labelled: {options.table} does not have the features ({listed or 'none of them'}), and "
        f"{log}; add them to the table, or log with --inference-log-level values"
    )


def _target(options: LabelOptions) -> str:
    return options.target[0].rpartition("=")[0].strip()


def _command(file: Path, options: LabelOptions, labels: Labels) -> str:
    """The command that trains on the table."""
    words = ["churn", "train", "--data", str(file), "--id", options.id]
    for target in options.target:
        words += ["--target", target]
    words += ["--as-of", str(options.as_of)]
    if options.window:
        until = labels.observation.known_until
        words += ["--window", f"{options.window}D", "--known-until", str(until)]
    return shlex.join(words)
