"""The command line of ``churn serve``: one flag per setting.

A flag overrides an environment variable, which overrides the file of ``--config``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from churn_model.errors import InvalidParameter, first_line
from churn_model.suggestions import did_you_mean
from serving.settings import PREFIX, Settings

_SHORT = {
    "model_uri": "-m",
    "port": "-p",
    "host": "-h",
    "workers": "-w",
    "timeout": "-t",
}
_NEEDED = {
    **dict.fromkeys(("ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs"), ("ssl_certfile",)),
    **{
        name: ("inference_log",)
        for name in Settings.model_fields
        if name.startswith("inference_log_")
    },
    "canary_share": ("canary",),
}
"""Settings that have an effect only together with one of these others."""


def parser(prog: str = "churn serve") -> argparse.ArgumentParser:
    """The command-line parser, with one flag per setting."""
    made = argparse.ArgumentParser(
        prog=prog,
        description="Serve a registered churn model over HTTP, with MLflow's scoring protocol.",
        add_help=False,  # -h is the host, as in `mlflow models serve`
        argument_default=argparse.SUPPRESS,
    )
    made.add_argument("--help", action="help", help="show this message and exit")
    made.add_argument("--config", metavar="FILE.toml", help="TOML file with settings")
    for name, field in Settings.model_fields.items():
        flags = [_flag(name)]
        flags += [_SHORT[name]] if name in _SHORT else []
        text = f"{field.description}{_shown_default(field.default)}".replace("%", "%%")
        if field.annotation is bool:
            made.add_argument(*flags, action="store_true", help=text)
        else:
            made.add_argument(*flags, metavar="VALUE", help=text)
    return made


def _shown_default(default: Any) -> str:
    """A default for ``--help``; empty where there is nothing to show."""
    return "" if default in (None, "", False, ()) else f" (default: {default})"


def read_settings(arguments: list[str] | None = None, prog: str = "churn serve") -> Settings:
    """The settings of a command line, environment and file. Raises InvalidParameter."""
    flags = vars(parser(prog).parse_args(sys.argv[1:] if arguments is None else arguments))
    config = flags.pop("config", None)
    if config is not None:
        if not Path(config).is_file():
            raise InvalidParameter(f"--config {config}: the file does not exist")
        os.environ[f"{PREFIX}CONFIG"] = config
    try:
        settings = Settings(**flags)
    except ValidationError as error:
        raise InvalidParameter(_describe(error)) from None
    except ValueError as error:  # the file is not valid TOML
        file = os.environ[f"{PREFIX}CONFIG"]
        raise InvalidParameter(f"{file}: {first_line(error)}") from None
    _reject_without_effect(settings)
    return settings


def _reject_without_effect(settings: Settings) -> None:
    """Raise InvalidParameter for a setting that was given without one that it needs.

    This is not a validator of ``Settings``, because the workers are given every setting.
    """
    for name, others in _NEEDED.items():
        is_given = name in settings.model_fields_set and getattr(settings, name)
        if is_given and not any(getattr(settings, other) for other in others):
            needed = " or ".join(map(_flag, others))
            raise InvalidParameter(
                f"{_flag(name)} has no effect without {needed}; add {needed}, or leave it out"
            )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _describe(error: ValidationError) -> str:
    """The first problem on one line, with the flag that it is about."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{name} is not a known setting.{did_you_mean(name, Settings.model_fields)}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{_flag(name)}: {message}" if name else message
