"""One run of ``churn monitor``: from what was scored, and labels, to findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from churn_model.errors import MonitoringError
from churn_model.progress import in_progress
from monitoring.alarms import Limits, load_limits
from monitoring.analysis import analyse
from monitoring.findings import Findings
from monitoring.inputs.batch import read_batch
from monitoring.inputs.counted import Counted, to_windows
from monitoring.inputs.log import read_log
from monitoring.inputs.log_files import LogFiles, find_log
from monitoring.labelled_customers import (
    LabelledCustomers,
    check_label_options,
    read_labelled_customers,
)
from monitoring.limits_in_words import limits_in_words
from monitoring.options import MonitorOptions
from monitoring.realised.cohorts import realised
from monitoring.realised.verdict import realised_alarms, verdict
from monitoring.results import PopulationResult
from monitoring.versions import MonitoredVersion, load_versions
from monitoring.windows import Population, Window
from pyfunc.loaded_version import LoadedVersion, read_version
from pyfunc.registry_errors import readable_errors


@dataclass(frozen=True)
class Scored:
    """What was scored: the counts of the log and of batch results, and the files of the log."""

    counted: tuple[Counted, ...] = ()
    log: LogFiles | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def versions(self) -> Iterator[str]:
        """The versions that scored."""
        return (number for counted in self.counted for number in counted.versions)


def monitor(
    options: MonitorOptions, now: datetime | None = None
) -> tuple[Findings, LabelledCustomers | None]:
    """Read what was scored, compare it and join it with labels.

    ``now``: the time of the run; by default the present. Raises ChurnError.
    """
    now = now or datetime.now(timezone.utc)
    limits = load_limits(options.limits)
    label_options = check_label_options(options)
    with in_progress(f"reading {options.model_uri}"):
        current = _current(options.model_uri)
    scored = _read_scored(options, str(current.name))
    versions, notes = _versions(current, scored)
    windows, more_notes = _windows(options, current, scored, versions, now)
    labelled = None
    if label_options is not None:
        with in_progress(f"joining {options.labels}"):
            labelled = read_labelled_customers(options, label_options, current, scored.log)
    with in_progress("comparing"):
        results = tuple(_results(options, current, windows, versions, labelled, limits, now))
    findings = Findings(
        model_uri=options.model_uri,
        model_name=str(current.name),
        version=str(current.number),
        now=now,
        every=options.every,
        results=results,
        limits=limits_in_words(limits),
        notes=(*scored.notes, *notes, *more_notes, *(labelled.notes if labelled else ())),
        labelled=labelled.command if labelled else "",
    )
    return findings, labelled


def _current(uri: str) -> LoadedVersion:
    """The version that a URI names. Raises MonitoringError if it is not registered."""
    with readable_errors(uri):
        version = read_version(uri)
    if version.name is None or version.number is None:
        raise MonitoringError(
            f"{uri}: is not a registered model; name one with -m models:/NAME@ALIAS or "
            "-m models:/NAME/VERSION"
        )
    return version


def _read_scored(options: MonitorOptions, name: str) -> Scored:
    """Read the log and the batch results."""
    log, counted = None, []
    if options.log:
        with in_progress(f"reading {options.log}"):
            log = find_log(options.log)
            counted.append(read_log(log, name, every=options.every))
    if options.batch:
        with in_progress(f"reading {options.batch}"):
            counted.append(read_batch(options.batch, name, every=options.every))
    return Scored(tuple(counted), log, tuple(note for each in counted for note in each.notes))


def _versions(
    current: LoadedVersion, scored: Scored
) -> tuple[Mapping[str, MonitoredVersion], tuple[str, ...]]:
    """The versions that scored, and the current one. Raises MonitoringError without the latter."""
    number = str(current.number)
    numbers = dict.fromkeys((number, *scored.versions))
    with in_progress(f"reading {len(numbers)} versions"):
        versions, notes = load_versions(str(current.name), numbers)
    if number not in versions:
        reason = next((note for note in notes if note.startswith(f"version {number} ")), "")
        raise MonitoringError(f"{reason}; name another version with -m, or train one")
    return versions, notes


def _windows(
    options: MonitorOptions,
    current: LoadedVersion,
    scored: Scored,
    versions: Mapping[str, MonitoredVersion],
    now: datetime,
) -> tuple[dict[Population, list[Window]], tuple[str, ...]]:
    windows: dict[Population, list[Window]] = {}
    notes: list[str] = []
    scorecards = {number: version.scorecard for number, version in versions.items()}
    for counted in scored.counted:
        found, more = to_windows(counted, scorecards, now)
        problem = f"version {current.number} is left out: "
        for note in more:
            if note.startswith(problem):
                raise MonitoringError(f"version {current.number}: {note.removeprefix(problem)}")
        windows.update(found)
        notes += more
    if options.data:
        from monitoring.inputs.table import read_table

        with in_progress(f"reading {options.data}"):
            windows.update(
                read_table(str(options.data), current, every=options.every, as_of=options.as_of)
            )
    return windows, tuple(notes)


def _results(
    options: MonitorOptions,
    current: LoadedVersion,
    windows: Mapping[Population, list[Window]],
    versions: Mapping[str, MonitoredVersion],
    labelled: LabelledCustomers | None,
    limits: Limits,
    now: datetime,
) -> Iterator[PopulationResult]:
    for population, own in windows.items():
        is_live = population.model_version == current.number and population.source != "table"
        yield population_result(
            population,
            own,
            versions[population.model_version],
            labelled,
            limits,
            options,
            now if is_live else None,
        )


def population_result(
    population: Population,
    windows: list[Window],
    version: MonitoredVersion,
    labelled: LabelledCustomers | None,
    limits: Limits,
    options: MonitorOptions,
    now: datetime | None,
) -> PopulationResult:
    """The results of one population. ``now``: None if no more customers are to be expected."""
    found = analyse(
        windows, version.scorecard, version.profile, limits, options.every, options.reference, now
    )
    matched = labelled.populations.get(population) if labelled else None
    measured = None
    alarms = found.alarms
    if matched is not None:
        measured = realised(matched, version.scorecard, version.profile, limits.labels)
        alarms = (*alarms, *realised_alarms(measured))
    decision, reasons = verdict(found.alarms, measured, limits.labels, found.seen_once)
    return PopulationResult(
        population=population,
        reference=found.reference,
        windows=found.windows,
        alarms=alarms,
        verdict=decision,
        reasons=reasons,
        cohorts=measured.cohorts if measured else (),
        estimates=found.estimates,
        false_alarms_per_year=found.false_alarms_per_year,
        past_alarms=found.past_alarms,
    )
