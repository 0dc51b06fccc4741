"""Logs the model to MLflow: its data files, its code, signature and requirements."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from mlflow.models.model import ModelInfo

import pyfunc
from churn_model.errors import RegistryError
from churn_model.profile import MonitoringProfile
from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from churn_model.tables.descriptor import TableDescriptor
from pyfunc import CELLS, DATA_TAG, MONITORING_PROFILE, SIMULATED
from pyfunc.code_paths import copy_code, package_folder
from pyfunc.environment import no_progress_bar
from pyfunc.inference_log import not_recorded
from pyfunc.input_example import cast_to_signature
from pyfunc.model import SCHEMA, SCORECARD
from pyfunc.registry_errors import readable_errors
from pyfunc.signature import signature

REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic")
"""The packages that scoring needs; they are logged with the versions installed here."""


def log_model(
    scorecard: Scorecard,
    schema: RecordSchema,
    example: pd.DataFrame,
    *,
    simulated: bool = False,
    descriptor: TableDescriptor | None = None,
    profile: MonitoringProfile | None = None,
) -> ModelInfo:
    """Log the model to the active run.

    ``example``: a few valid customers. ``simulated``: whether the model was trained on simulated
    customers. ``descriptor``: of the training table; it says how cells are written. ``profile``:
    of the training rows; a model without one cannot be monitored. Raises RegistryError if MLflow
    stored no signature, because its server would then accept any input, and ProfileError for the
    profile of another scorecard.
    """
    if profile is not None:
        profile.check_match(scorecard)
    with readable_errors(), not_recorded(), TemporaryDirectory() as folder, _without_noise():
        info: ModelInfo = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(package_folder(pyfunc) / "model.py"),
            artifacts=_write_artifacts(scorecard, schema, profile, Path(folder)),
            code_paths=copy_code(Path(folder, "code")),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            signature=signature(schema, campaign=scorecard.campaign is not None),
            input_example=cast_to_signature(example, schema),
            metadata=_metadata(schema, simulated, descriptor),
        )
    if info.signature is None:
        raise RegistryError("MLflow logged the model without its signature; nothing is registered")
    return info


def _write_artifacts(
    scorecard: Scorecard, schema: RecordSchema, profile: MonitoringProfile | None, folder: Path
) -> dict[str, str]:
    """Write the model's data files; return their paths by name."""
    paths = {name: folder / f"{name}.json" for name in (SCORECARD, SCHEMA)}
    scorecard.save(paths[SCORECARD])
    paths[SCHEMA].write_text(json.dumps(schema.to_json_schema(), indent=1), encoding="utf-8")
    if profile is not None:
        paths[MONITORING_PROFILE] = folder / f"{MONITORING_PROFILE}.json"
        profile.save(paths[MONITORING_PROFILE])
    return {name: str(path) for name, path in paths.items()}


def _metadata(
    schema: RecordSchema, simulated: bool, descriptor: TableDescriptor | None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"record_schema": schema.to_json_schema()}
    if simulated:
        metadata[DATA_TAG] = SIMULATED
    if descriptor is not None:
        metadata[CELLS] = descriptor.cells()
    return metadata


@contextmanager
def _without_noise() -> Iterator[None]:
    """Hide MLflow's progress bar, and its hint that integers cannot be missing."""
    with warnings.catch_warnings(), no_progress_bar():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        yield
