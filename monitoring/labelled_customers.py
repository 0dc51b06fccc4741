"""Labels joined with predictions, and the table for training that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_model.inference_log.identifiers import read_key
from churn_model.schema import RecordSchema
from monitoring.inputs.batch import own_runs
from monitoring.inputs.batch_files import find_runs
from monitoring.inputs.log_files import LogFiles
from monitoring.labels.matched import Matched, match_populations
from monitoring.labels.options import LabelOptions
from monitoring.labels.read import PredictionFiles, join_labels
from monitoring.labels.training_table import check_new, training_table, write_table
from monitoring.options import MonitorOptions
from monitoring.windows import Population
from pyfunc.loaded_version import LoadedVersion


@dataclass(frozen=True)
class LabelledCustomers:
    """The labelled customers of each population.

    ``file``, ``table``, ``command``: of the table for training; None and empty if none is wanted.
    """

    populations: Mapping[Population, Matched]
    notes: tuple[str, ...]
    file: Path | None = None
    table: Any = None
    command: str = ""

    def write(self) -> None:
        """Write the table for training, if one is wanted. Raises MonitoringError."""
        if self.file is not None:
            write_table(self.file, self.table)


def read_labelled_customers(
    options: MonitorOptions,
    label_options: LabelOptions,
    version: LoadedVersion,
    log: LogFiles | None,
) -> LabelledCustomers:
    """Join the labels with predictions. Raises ChurnError."""
    labels, joined, notes = join_labels(label_options, _prediction_files(options, version, log))
    populations = match_populations(
        labels, joined, str(version.name), options.every, label_options.treated
    )
    if not populations:
        notes = (*notes, "labels: all customers with a prediction were treated; none is measured")
    if options.labelled is None:
        return LabelledCustomers(populations, notes)
    made = training_table(
        options.labelled,
        label_options,
        labels,
        joined,
        populations.values(),
        version.scorer.schema,
        log,
    )
    return LabelledCustomers(
        populations, (*notes, *made.notes), options.labelled, made.table, made.command
    )


def check_label_options(options: MonitorOptions) -> LabelOptions | None:
    """The options of labels; None without labels.

    Raises MonitoringError if they contradict each other, or if the table for training cannot be
    written. Called first, because a log may take minutes to read.
    """
    if options.labels is None:
        return None
    assert options.as_of is not None  # as MonitorOptions checks
    if options.labelled is not None:
        check_new(options.labelled)
    return LabelOptions(
        table=options.labels,
        id=options.id,
        target=options.target,
        as_of=options.as_of,
        window=options.window,
        known_until=options.known_until,
        treatment=options.treatment,
        treated=options.treated,
    )


def _prediction_files(
    options: MonitorOptions, version: LoadedVersion, log: LogFiles | None
) -> PredictionFiles:
    name = str(version.name)
    runs = own_runs(find_runs(options.batch)[0], name, options.batch) if options.batch else ()
    key = None if options.log_key is None else read_key(options.log_key)
    return PredictionFiles(name, _identifiers(version.scorer.schema), log, runs, key)


def _identifiers(schema: RecordSchema) -> tuple[str, ...]:
    return tuple(column.name for column in schema.identifiers)
