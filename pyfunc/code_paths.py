"""The code that is logged with a model: only the files that scoring needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import churn_model
import pyfunc

CODE: dict[ModuleType, tuple[str, ...]] = {
    churn_model: (
        "__init__.py",
        "arrays.py",
        "dates.py",
        "errors.py",
        "inference_log",
        "json_text.py",
        "model_file.py",
        "offer.py",
        "profile",
        "redaction.py",
        "schema",
        "scoring",
        "validation",
    ),
    pyfunc: ("__init__.py", "inference_log.py", "model.py"),
}
"""The files and folders of each package that are logged with the model."""


def copy_code(target: Path) -> list[str]:
    """Copy the files in CODE into a folder; return the paths to log as ``code_paths``."""
    return [_copy_package(package, parts, target) for package, parts in CODE.items()]


def _copy_package(package: ModuleType, parts: tuple[str, ...], target: Path) -> str:
    source, copy = package_folder(package), target / package.__name__
    copy.mkdir(parents=True)
    for part in parts:
        if (source / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source / part, copy / part, ignore=ignored)
        else:
            shutil.copy(source / part, copy / part)
    return str(copy)


def package_folder(package: ModuleType) -> Path:
    """The folder of a package's source files."""
    return Path(str(package.__file__)).parent
