"""The model in MLflow: signature, log, register, alias, load."""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

import churn_model
import pyfunc
from churn_model.column import Kind
from churn_model.errors import RegistryError
from churn_model.schema import RecordSchema
from churn_model.scorecard import Scorecard
from churn_model.scoring import OnInvalid
from pyfunc import CHAMPION, CHAMPION_URI, MODEL_NAME
from pyfunc.model import SCHEMA, SCORECARD

REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic")
"""All that scoring needs; logged with the versions that the model was made with."""

MLFLOW_TYPES: dict[Kind, DataType] = {
    "integer": DataType.long,
    "number": DataType.double,
    "boolean": DataType.boolean,
    "date": DataType.string,  # as JSON has it; MLflow's datetime takes anything that looks like one
    "category": DataType.string,
    "identifier": DataType.string,
}


def signature(schema: RecordSchema) -> ModelSignature:
    """The registered model's signature: the schema's columns in, scores out, and the params.

    A model that scores dates has one more param, the day that they are aged to.
    """
    params = [
        ParamSpec("threshold", DataType.double, None),
        ParamSpec("explain", DataType.boolean, False),
        ParamSpec("on_invalid", DataType.string, "raise"),
    ]
    if schema.dates:
        params.append(ParamSpec("as_of", DataType.string, None))
    return ModelSignature(
        inputs=Schema([ColSpec(MLFLOW_TYPES[c.kind], c.name, c.required) for c in schema]),
        outputs=Schema(
            [
                *(ColSpec(DataType.string, c.name) for c in schema.identifiers),
                ColSpec(DataType.long, "churn_prediction"),
                ColSpec(DataType.double, "churn_probability"),
            ]
        ),
        params=ParamSchema(params),
    )


def result_type(
    schema: RecordSchema,
    *,
    explain: bool = False,
    on_invalid: OnInvalid = "raise",
    identifiers: bool = True,
) -> str:
    """What ``mlflow.pyfunc.spark_udf`` has to be told of the model's replies, as Spark's DDL.

    The arguments are the params that the UDF is made with. A reason's value is text in Spark,
    where a column has one type. Under ``on_invalid="report"`` the prediction is a double: MLflow
    converts it with numpy, which has no missing whole number; it also writes the missing error of
    a good row as the text ``None``, which ``nullif(error, lit("None"))`` puts right.
    Identifiers go through numpy too, which cuts a NUL off a text's end: without ``identifiers``
    they are left to the caller, who has them in the row anyway.
    """
    whole = "double" if on_invalid == "report" else "bigint"
    names = (column.name.replace("`", "``") for column in schema.identifiers)
    columns = [f"`{name}` string" for name in names if identifiers]
    columns += [f"churn_prediction {whole}", "churn_probability double"]
    if explain:
        columns.append("reasons array<struct<feature:string,value:string,effect:double>>")
    if on_invalid == "report":
        columns.append("error string")
    return ", ".join(columns)


def log(scorecard: Scorecard, schema: RecordSchema, example: pd.DataFrame) -> ModelInfo:
    """Log the model to the active run. ``example``: a few valid customers, as scored later.

    Raises RegistryError if MLflow kept no signature, because its server would then accept anything.
    """
    with (
        readable_errors(),
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        _environment("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ):
        files = {SCORECARD: Path(folder, "scorecard.json"), SCHEMA: Path(folder, "schema.json")}
        scorecard.save(files[SCORECARD])
        files[SCHEMA].write_text(json.dumps(schema.to_json_schema(), indent=1), encoding="utf-8")
        # a hint at what the signature already says: whole numbers cannot be missing
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        info: ModelInfo = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(_package(pyfunc) / "model.py"),
            artifacts={name: str(path) for name, path in files.items()},
            code_paths=[str(_package(churn_model)), str(_package(pyfunc))],
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            signature=signature(schema),
            input_example=_as_signed(example, schema),
            metadata={"record_schema": schema.to_json_schema()},
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


def register(
    info: ModelInfo,
    *,
    name: str = MODEL_NAME,
    alias: str = CHAMPION,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> ModelVersion:
    """Register a logged model as a new version of ``name`` and point ``alias`` at it.

    Either both happen or neither: a version that could not get its alias is deleted again.
    """
    with readable_errors():
        client = MlflowClient()
        with redirect_stderr(io.StringIO()):  # where it prints what the caller will say better
            registered = mlflow.register_model(info.model_uri, name, tags=dict(tags or {}))
        try:
            if description:
                client.update_model_version(name, registered.version, description)
            client.set_registered_model_alias(name, alias, registered.version)
        except MlflowException:
            client.delete_model_version(name, registered.version)
            raise
        return registered


def load(uri: str = CHAMPION_URI) -> PyFuncModel:
    """Load a registered model. Raises RegistryError with one line that says what to do."""
    with readable_errors(uri):
        return cast(PyFuncModel, mlflow.pyfunc.load_model(uri))


def champion_version(name: str = MODEL_NAME, alias: str = CHAMPION) -> str | None:
    """The version that an alias points at, or None where there is none."""
    with readable_errors():
        models = MlflowClient().search_registered_models(f"name = '{name}'")
        found = models[0].aliases.get(alias) if models else None
        return None if found is None else str(found)


def check_reachable() -> None:
    """Ask tracking server and registry for one row each, with one retry. Raises RegistryError."""
    # MLflow's seven retries take two minutes to find that nobody is there
    with _environment("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"), readable_errors():
        client = MlflowClient()
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable of MLflow's for a while, unless the user has set it."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


@contextmanager
def readable_errors(uri: str | None = None) -> Iterator[None]:
    """Turn what MLflow and its stores raise into a RegistryError of one line."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        raise RegistryError(_explain(error, uri)) from error


def _explain(error: Exception, uri: str | None) -> str:
    first = (str(error).splitlines() or [""])[0]
    if uri is not None and getattr(error, "error_code", "") in (
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
    ):
        return (
            f"{uri}: no such model at {mlflow.get_registry_uri()} ({first}); "
            "train and register one, or set MLFLOW_TRACKING_URI"
        )
    return (
        f"the MLflow registry at {mlflow.get_registry_uri()} does not answer as it should "
        f"({first}); check MLFLOW_TRACKING_URI and that the server runs"
    )


def _package(module: Any) -> Path:
    return Path(module.__file__).parent
