"""Writes inference logs with the log's own collector and writer, at any time in the past."""

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import count
from pathlib import Path

import pandas as pd

from churn_model.inference_log.collector import Collector
from churn_model.inference_log.log_format import Level
from churn_model.inference_log.log_writer import LogWriter
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.score_queue import ScoreQueue
from churn_model.inference_log.scored_rows import ScoredCall
from churn_model.inference_log.storage import LocalStorage
from churn_model.scoring import Scorer

_NUMBERS: Iterator[int] = count()


def day(text: str, hour: int = 9) -> datetime:
    return datetime.fromisoformat(text).replace(hour=hour, tzinfo=timezone.utc)


def write_log(
    folder: Path,
    scorer: Scorer,
    customers: pd.DataFrame,
    when: datetime,
    *,
    name: str = "churn",
    version: str = "1",
    source: str = "serve",
    level: Level = "scores",
    key: bytes | None = None,
    most_bytes: int = 2**30,
) -> None:
    """Log the scores of customers as of one moment, in files of their own."""
    options = LogOptions(str(folder), level, key, source=source, most_bytes=most_bytes)
    opened_log(folder, scorer, name=name, version=version, options=options)(customers, when)


def opened_log(
    folder: Path,
    scorer: Scorer,
    *,
    name: str = "churn",
    version: str = "1",
    options: LogOptions | None = None,
) -> Callable[[pd.DataFrame, datetime], None]:
    """Logs and writes the scores of customers as of a moment, as often as it is called."""
    options = options or LogOptions(str(folder))
    logged = LoggedVersion(options, scorer, name, version)
    queue = ScoreQueue()
    collector = Collector(queue, options.most_bytes, on_drop=lambda rows: None)
    writer = LogWriter(
        options, LocalStorage(folder), collector, _NUMBERS, lambda rows: None, lambda: None
    )

    def write(customers: pd.DataFrame, when: datetime) -> None:
        scores = scorer.score(customers, on_invalid="report")
        queue.add(logged, ScoredCall(when.timestamp(), None, None, scores))
        assert writer.write()

    return write
