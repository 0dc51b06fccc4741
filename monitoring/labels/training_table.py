"""The table of labelled, untreated customers for ``churn train``."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from churn_model.arrays import Rows
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

WEIGHT: Final = "weight"
"""The column that says how many customers a row represents."""

_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class TrainingTable:
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
    if not os.access(file.absolute().parent, os.W_OK):
        raise MonitoringError(f"--labelled {file}: cannot be written (Permission denied)")


def training_table(
    file: Path,
    options: LabelOptions,
    labels: Labels,
    joined: Join,
    populations: Iterable[Matched],
    schema: RecordSchema,
    log: LogFiles | None,
) -> TrainingTable:
    """The labelled customers of all populations, each label once.

    The features are those of the table of labels if it has the required ones, otherwise those that
    were logged with the predictions. If untreated customers represent treated ones, a column WEIGHT
    says how many customers each row represents. Without it, a version that is trained on the table
    would find all others riskier than its training rows. Raises MonitoringError if neither has the
    features, or if the table has a column of the name WEIGHT.
    """
    populations = tuple(populations)
    chosen = _chosen(file, populations)
    if _has_features(labels.raw.columns, schema):
        table = _plain(labels.raw.iloc[labels.rows[chosen]], options)
        weighted = _with_weights(table, options, populations, chosen)
        return TrainingTable(weighted, _command(file, options, labels))
    if log is None:
        raise _without_features(options, labels, schema, "batch results have none")
    found, features = logged_features(log, joined, chosen, [c.name for c in schema.features])
    if not len(found):
        reason = "the log has none, because its level is not values"
        raise _without_features(options, labels, schema, reason)
    table = _with_labels(options, labels, found, features)
    table = _with_weights(table, options, populations, found)
    left_out = len(chosen) - len(found)
    notes = (f"labelled: left out {plural(left_out, 'customer')} without logged features",)
    return TrainingTable(table, _command(file, options, labels), notes if left_out else ())


def _with_weights(
    table: pd.DataFrame, options: LabelOptions, populations: Iterable[Matched], labels: Rows
) -> pd.DataFrame:
    """The table of these labels (n,) with their weights, if untreated customers represent others.

    A label of several populations has the largest of its weights.
    """
    if options.treated != "weight":
        return table
    if WEIGHT in table.columns:
        raise MonitoringError(
            f"--labelled: the table has a column {WEIGHT!r}, in which --treated weight says "
            "how many customers a row represents; rename the column"
        )
    weights = np.zeros(len(labels))
    for matched in populations:
        position = np.searchsorted(labels, matched.label)
        inside = np.minimum(position, len(labels) - 1)
        is_found = labels[inside] == matched.label
        np.maximum.at(weights, inside[is_found], matched.weights[is_found])
    return table.assign(**{WEIGHT: weights})


def _chosen(file: Path, populations: Iterable[Matched]) -> Rows:
    """The labels of all populations, sorted. Raises MonitoringError if there are none."""
    chosen = [matched.label for matched in populations if len(matched)]
    if not chosen:
        raise MonitoringError(
            f"--labelled {file}: no table to write, because all labelled customers were treated"
        )
    return np.unique(np.concatenate(chosen))


def _with_labels(
    options: LabelOptions, labels: Labels, found: Rows, features: pd.DataFrame
) -> pd.DataFrame:
    """Identifier, observation date and target as in the table of labels, and the features."""
    own = [options.id, *dict.fromkeys(filter(None, [options.observation.column, _target(options)]))]
    own_columns = labels.raw[own].iloc[labels.rows[found]].reset_index(drop=True)
    repeated = [name for name in features.columns if name in own]
    return pd.concat([own_columns, features.drop(columns=repeated)], axis=1)


def write_table(file: Path, table: pd.DataFrame) -> None:
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
        _publish(aside, file)
    except FileExistsError:
        raise MonitoringError(
            f"--labelled {file}: exists already; remove it, or name another file"
        ) from None
    except OSError as error:
        raise MonitoringError(f"--labelled {file}: cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            aside.unlink()


def _publish(aside: Path, file: Path) -> None:
    """Give a file its name unless it exists by now. Raises OSError."""
    try:
        os.link(aside, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with aside.open("rb") as source, file.open("xb") as target:
            shutil.copyfileobj(source, target)


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
    options: LabelOptions, labels: Labels, schema: RecordSchema, log: str
) -> MonitoringError:
    plain = {plain_name(name) for name in labels.raw.columns}
    missing = [
        column.name
        for column in schema.features
        if column.required and plain_name(column.name) not in plain
    ]
    listed = ", ".join(map(repr, missing[:3])) + (" and more" if len(missing) > 3 else "")
    return MonitoringError(
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
    if options.treated == "weight":
        words += ["--weight", WEIGHT]
    return shlex.join(words)
