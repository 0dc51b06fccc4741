"""The server's settings: by flag, environment (``CHURN_SERVING_*``) or file, in that order."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from churn_model.errors import InvalidParameter
from pyfunc import CHAMPION_URI

PREFIX = "CHURN_SERVING_"
_SHORT = {
    "model_uri": "-m",
    "port": "-p",
    "host": "-h",
    "workers": "-w",
    "timeout": "-t",
}
_LOOPBACK = ("127.", "::1", "localhost")

Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The settings; ``docs/operating.md`` has them as a table."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    model_uri: str = Field(CHAMPION_URI, description="Model to serve")
    host: str = Field("127.0.0.1", description="Address to bind")
    port: int = Field(8000, ge=0, le=65535, description="Port to bind")
    workers: int = Field(1, ge=1, description="Worker processes")
    timeout: float = Field(30.0, gt=0, description="Seconds a request may take")
    keys_file: Path | None = Field(None, description="API keys (made by python -m serving.keys)")
    keys: Names = Field((), description="API keys as name=sha256:..., separated by commas")
    insecure: bool = Field(False, description="Serve without keys on other than loopback")
    public: Names = Field((), description="Routes that need no key, of: docs,version,metrics")
    cors_origins: Names = Field((), description="Origins that browsers may call from")
    rate_limit: str | None = Field(None, description="Requests a client, such as 600/minute")
    rate_limit_rows: str | None = Field(None, description="Customers a client, e.g. 1000000/hour")
    rate_limit_storage: str = Field(
        "memory://", description="Where limits are counted; redis://... shares them"
    )
    max_body: int = Field(16 * 2**20, gt=0, description="Largest request body, bytes")
    max_rows: int = Field(100_000, gt=0, description="Most customers a request")
    max_concurrency: int = Field(64, gt=0, description="Requests at work at once, a worker")
    threads: int = Field(2, gt=0, description="Threads for large requests, a worker")
    inline_bytes: int = Field(
        16_384, ge=0, description="Bodies up to this size are scored on the event loop"
    )
    reload_interval: float = Field(
        10.0, ge=0, description="Seconds between looks at the alias; 0 never looks"
    )
    wait_for_model: bool = Field(False, description="Start without a model, reply 503 until one")
    allow_schema_change: bool = Field(
        False, description="Serve a new version even if it refuses records the old one accepts"
    )
    reuse_port: bool = Field(False, description="Share the port with another server (restarts)")
    grace: float = Field(30.0, ge=0, description="Seconds for requests in flight at the end")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Of the log")
    forwarded_allow_ips: str | None = Field(
        None, description="Proxies whose X-Forwarded-For is believed"
    )
    root_path: str = Field("", description="Path under which a proxy serves this")
    ssl_certfile: Path | None = Field(None, description="TLS certificate")
    ssl_keyfile: Path | None = Field(None, description="TLS key")
    ssl_keyfile_password: str | None = Field(None, description="Password of the TLS key")
    ssl_ca_certs: Path | None = Field(None, description="TLS certificates of clients")
    reload: bool = Field(False, description="Restart when the code changes (for developing)")

    @field_validator("keys", "public", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(value) - {"docs", "version", "metrics"}
        if unknown:
            raise ValueError(f"{sorted(unknown)} can't be public; only docs, version, metrics can")
        return value

    @model_validator(mode="after")
    def _is_guarded(self) -> Settings:
        guarded = self.keys_file or self.keys or self.insecure
        if not guarded and not self.host.startswith(_LOOPBACK):
            raise ValueError(
                f"refusing to serve on {self.host} without API keys; make one with "
                "`python -m serving.keys NAME --file keys.toml` and pass --keys-file keys.toml, "
                "or say --insecure"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over the file that ``CHURN_SERVING_CONFIG`` names."""
        file = TomlConfigSettingsSource(settings_cls, os.environ.get(f"{PREFIX}CONFIG") or None)
        return init_settings, env_settings, file


def parser(prog: str = "churn serve") -> argparse.ArgumentParser:
    """The command line: a flag for each setting."""
    made = argparse.ArgumentParser(
        prog=prog,
        description="Serve a registered churn model at MLflow's scoring protocol.",
        add_help=False,  # -h is the host, as in `mlflow models serve`
        argument_default=argparse.SUPPRESS,
    )
    made.add_argument("--help", action="help", help="show this and exit")
    made.add_argument("--config", metavar="FILE.toml", help="settings as a TOML file")
    for name, field in Settings.model_fields.items():
        flags = [f"--{name.replace('_', '-')}"]
        flags += [_SHORT[name]] if name in _SHORT else []
        text = f"{field.description} ({_shown(field.default)})".replace("%", "%%")
        if field.annotation is bool:
            made.add_argument(*flags, action="store_true", help=text)
        else:
            made.add_argument(*flags, metavar="VALUE", help=text)
    return made


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(default) or "none"
    return "none" if default is None or default == "" else str(default)


def read_settings(arguments: list[str] | None = None, prog: str = "churn serve") -> Settings:
    """The settings of a command line. Raises InvalidParameter with one line."""
    flags = vars(parser(prog).parse_args(sys.argv[1:] if arguments is None else arguments))
    config = flags.pop("config", None)
    if config is not None:
        if not Path(config).is_file():
            raise InvalidParameter(f"--config {config}: no such file")
        os.environ[f"{PREFIX}CONFIG"] = config
    try:
        return Settings(**flags)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"--{part}: " for part in first["loc"]).replace("_", "-")
        raise InvalidParameter(f"{place}{first['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:  # a TOML file that is none
        raise InvalidParameter(f"{config}: {str(error).splitlines()[0]}") from None
