"""Logging the model to MLflow: its two data files, its code and its requirements."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models.model import ModelInfo

import churn_model
import pyfunc
from churn_model.errors import RegistryError
from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from pyfunc import DATA_TAG, SIMULATED
from pyfunc.environment import environment_variable
from pyfunc.model import SCHEMA, SCORECARD
from pyfunc.registry_errors import readable_errors
from pyfunc.signature import signature

REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic")
"""All that scoring needs; logged with the versions that the model was made with."""

CODE = {
    churn_model: (
        "__init__.py",
        "dates.py",
        "errors.py",
        "json_text.py",
        "schema",
        "scoring",
        "validation",
    ),
    pyfunc: ("__init__.py", "model.py"),
}
"""The files and folders of each package that scoring needs; they travel with the model."""


def log_model(
    scorecard: Scorecard, schema: RecordSchema, example: pd.DataFrame, *, simulated: bool = False
) -> ModelInfo:
    """Log the model to the active run.

    ``example``: a few valid customers, as they are scored later. ``simulated``: whether the model
    was trained on simulated customers.

    Raises RegistryError if MLflow kept no signature, because its server would then accept anything.
    """
    with (
        readable_errors(),
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ):
        files = {SCORECARD: Path(folder, "scorecard.json"), SCHEMA: Path(folder, "schema.json")}
        code = [_copied(module, parts, Path(folder, "code")) for module, parts in CODE.items()]
        scorecard.save(files[SCORECARD])
        files[SCHEMA].write_text(json.dumps(schema.to_json_schema(), indent=1), encoding="utf-8")
        # a hint at what the signature already says: whole numbers cannot be missing
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        metadata: dict[str, Any] = {"record_schema": schema.to_json_schema()}
        if simulated:
            metadata[DATA_TAG] = SIMULATED
        info: ModelInfo = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(_folder(pyfunc) / "model.py"),
            artifacts={name: str(path) for name, path in files.items()},
            code_paths=code,
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            signature=signature(schema),
            input_example=_as_signed(example, schema),
            metadata=metadata,
        )
    if info.signature is None:
        raise RegistryError("MLflow logged the model without its signature; nothing is registered")
    return info


def _as_signed(example: pd.DataFrame, schema: RecordSchema) -> pd.DataFrame:
    """The example in the signature's types.

    An optional whole number or boolean that is missing in it is left out, because numpy's types,
    which MLflow checks it in, have no missing value of these kinds.
    """
    exact = {"integer": np.int64, "boolean": np.bool_}
    typed = example.copy()
    for column in schema:
        if column.kind in exact:
            if typed[column.name].isna().any():
                typed = typed.drop(columns=column.name)
            else:
                typed[column.name] = typed[column.name].astype(exact[column.kind])
        elif column.kind == "number":
            numbers = typed[column.name].to_numpy(np.float64, na_value=np.nan)
            typed[column.name] = numbers  # also from the nullable kinds, which MLflow refuses
        else:
            typed[column.name] = typed[column.name].astype(object)
    return typed


def _copied(module: ModuleType, parts: tuple[str, ...], target: Path) -> str:
    """Copy parts of a package's folder into ``target``; return the copy's path."""
    source, copy = _folder(module), target / module.__name__
    copy.mkdir(parents=True)
    for part in parts:
        if (source / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source / part, copy / part, ignore=ignored)
        else:
            shutil.copy(source / part, copy / part)
    return str(copy)


def _folder(module: ModuleType) -> Path:
    return Path(str(module.__file__)).parent
