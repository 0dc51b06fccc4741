"""One of several worker processes."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn_model.errors import InferenceLogError
from pyfunc.environment import quiet_mlflow
from serving.app import create_app
from serving.http.asgi import App
from serving.http.logs import configure
from serving.http.metrics import FOLDER_VARIABLE
from serving.served_model import ServedModel, load_if_available
from serving.settings import PREFIX, Settings
from serving.shared_version import SharedVersion

_logger = logging.getLogger("serving")

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SETTINGS_VARIABLE = f"{PREFIX}RESOLVED"
"""Environment variable with which the parent process hands its settings to the workers."""


def worker() -> App:
    """The application of one worker process, with the settings of the parent process.

    A worker that cannot load the model replies 503 and keeps trying. If it exited instead, it would
    be restarted again and again while the registry is unreachable.
    """
    settings = Settings.model_validate_json(os.environ[SETTINGS_VARIABLE])
    configure(settings.log_level)
    quiet_mlflow()
    folder = Path(os.environ[FOLDER_VARIABLE])
    with _default_signals():
        served = _load_agreed(settings.model_uri, SharedVersion(folder))
    try:
        return create_app(settings, served, folder)
    except InferenceLogError as error:  # of this version; the next one may do
        _logger.warning("no model is loaded yet, trying again: %s", error)
        return create_app(settings, None, folder)


def _load_agreed(uri: str, shared: SharedVersion) -> ServedModel | None:
    """The model that the other workers serve; of several that start at once, one decides."""
    served = load_if_available(uri, shared.read())
    if served is None or served.version is None:
        return served
    agreed = shared.settle(served.version)
    return served if agreed == served.version else load_if_available(uri, agreed)


@contextmanager
def _default_signals() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the process; uvicorn would not react until the model is loaded."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
