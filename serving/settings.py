"""The server's settings. ``arguments.py`` reads them from the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pyfunc import CHAMPION_URI

PREFIX = "CHURN_SERVING_"
_LOOPBACK = ("127.", "::1", "localhost")  # hosts start with one of these

Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """All settings of the server; ``docs/operating.md`` lists them in a table."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, allow_inf_nan=False
    )

    # --- the flags of `mlflow models serve` -------------------------------------------------------

    model_uri: str = Field(CHAMPION_URI, description="URI of the model to serve")
    host: str = Field("127.0.0.1", description="Address to bind")
    port: int = Field(8000, ge=0, le=65535, description="Port to bind")
    workers: int = Field(1, ge=1, description="Number of worker processes")
    timeout: float = Field(30.0, gt=0, description="Time limit for a request, in seconds")

    # --- access, and the page ---------------------------------------------------------------------

    keys_file: Path | None = Field(None, description="TOML file with API keys; see `churn keys`")
    keys: Names = Field((), description="API keys as name=sha256:..., separated by commas")
    insecure: bool = Field(
        False, description="Serve without API keys on an address other than loopback"
    )
    public: Names = Field((), description="Routes that need no API key, of docs,version,metrics")
    page: bool = Field(False, description="Serve the page for retention teams at /")
    cors_origins: Names = Field((), description="Origins whose web pages may call the server")

    # --- limits of a client -----------------------------------------------------------------------

    rate_limit: str | None = Field(
        None, description="Requests allowed per client, such as 600/minute"
    )
    rate_limit_rows: str | None = Field(
        None, description="Customers allowed per client, such as 1000000/hour"
    )
    rate_limit_unauthorized: str | None = Field(
        "60/minute", description="Requests without a valid API key allowed per IP address"
    )
    rate_limit_storage: str = Field(
        "memory://", description="Where rate limits are counted; redis://... shares them"
    )

    # --- limits of requests and connections -------------------------------------------------------

    max_body: int = Field(16 * 2**20, gt=0, description="Largest request body, in bytes")
    max_body_single: int = Field(
        64 * 2**10, gt=0, description="Largest request body of /predict/single, in bytes"
    )
    max_decoded: int = Field(
        32 * 2**20, gt=0, description="Largest decoded size of a Parquet body, in bytes"
    )
    max_bodies: int = Field(
        64 * 2**20,
        gt=0,
        description="Largest sum of the request bodies in progress per worker, in bytes",
    )
    max_rows: int = Field(100_000, gt=0, description="Largest number of customers per request")
    max_concurrency: int = Field(
        64, gt=0, description="Largest number of requests in progress per worker"
    )
    max_connections: int = Field(1000, gt=0, description="Largest number of connections per worker")
    max_headers: int = Field(32_768, gt=0, description="Largest request line and headers, in bytes")
    header_timeout: float = Field(
        10.0, gt=0, description="Time limit for the headers of a request, in seconds"
    )
    write_timeout: float = Field(
        30.0, gt=0, description="Time limit for a client that does not read its reply, in seconds"
    )
    max_unread: int = Field(
        64 * 2**20,
        gt=0,
        description="Largest sum of the replies per worker that clients do not read, in bytes",
    )

    # --- scoring ----------------------------------------------------------------------------------

    threads: int = Field(
        1,
        gt=0,
        description="Threads per worker that score requests of more than 4 MiB (CSV and Parquet: "
        "1 MiB); one more scores the others",
    )
    inline_bytes: int = Field(
        131_072,
        ge=0,
        description="Largest request body that is scored without a thread, in bytes",
    )

    # --- new versions of the model ----------------------------------------------------------------

    reload_interval: float = Field(
        10.0, ge=0, description="Seconds between checks for a new version; 0 disables them"
    )
    wait_for_model: bool = Field(
        False, description="Start even if no model can be loaded; reply 503 until one can"
    )
    allow_schema_change: bool = Field(
        False, description="Serve a new version even if it rejects inputs that the old one accepts"
    )

    # --- start, end and surroundings --------------------------------------------------------------

    reuse_port: bool = Field(
        False, description="Share the port with another server, for restarts without downtime"
    )
    grace: float = Field(
        30.0, ge=0, description="Seconds to finish the requests in progress at shutdown"
    )
    drain: float = Field(
        0.0,
        ge=0,
        description="Seconds to go on serving after SIGTERM, as not ready, before shutdown",
    )
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="Log level: debug, info, warning or error",
    )
    forwarded_allow_ips: str | None = Field(
        None, description="IP addresses of the proxies whose X-Forwarded-For is trusted"
    )
    root_path: str = Field("", description="Path under which a proxy serves the application")

    # --- TLS --------------------------------------------------------------------------------------

    ssl_certfile: Path | None = Field(None, description="TLS certificate file")
    ssl_keyfile: Path | None = Field(None, description="TLS key file")
    ssl_keyfile_password: str | None = Field(None, description="Password of the TLS key file")
    ssl_ca_certs: Path | None = Field(
        None,
        description="CA certificates file; clients must then present a certificate signed by one",
    )

    # --- inference log ----------------------------------------------------------------------------

    inference_log: str | None = Field(
        None, description="Folder, or URI of a folder, in which all scores are recorded"
    )
    inference_log_level: str = Field(
        "scores",
        pattern="^(counts|scores|values)$",
        description="What is recorded: counts, scores (also a row per customer), or values (also "
        "the features)",
    )
    inference_log_identifiers: str = Field(
        "hash",
        pattern="^(hash|plain)$",
        description="How identifiers are recorded: hash (with a key) or plain",
    )
    inference_log_key: Path | None = Field(
        None, description="File with the key that hashes identifiers; it is made if there is none"
    )
    inference_log_sample: float = Field(
        1.0, gt=0, le=1, description="Share of customers whose rows are recorded"
    )
    inference_log_retention: str | None = Field(
        None,
        pattern=r"^[1-9]\d{0,4}D$",
        description="Age from which recorded days are removed, such as 400D",
    )
    inference_log_flush: float = Field(
        10.0, gt=0, le=600, description="Seconds between files of the inference log"
    )

    # --- canary and shadow ------------------------------------------------------------------------

    canary: str | None = Field(
        None,
        pattern="^models:/",
        description="URI of a version that scores a share of the customers, such as "
        "models:/churn@challenger",
    )
    canary_share: float = Field(
        0.05, gt=0, lt=1, description="Share of the customers whom the canary scores"
    )
    shadow: str | None = Field(
        None,
        pattern="^models:/",
        description="URI of a version that scores the same requests for comparison, such as "
        "models:/churn@challenger",
    )

    # --- development ------------------------------------------------------------------------------

    reload: bool = Field(False, description="Restart when the code changes, for development")

    @field_validator("keys", "public", "cors_origins", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public")
    @classmethod
    def _only_public_routes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(value) - {"docs", "version", "metrics"}
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))} cannot be public; only docs, version, metrics can"
            )
        return value

    @field_validator("root_path")
    @classmethod
    def _one_form_of_path(cls, value: str) -> str:
        path = value.strip("/")
        return f"/{path}" if path else ""

    @model_validator(mode="after")
    def _requires_keys_beyond_loopback(self) -> Settings:
        if not self.has_keys and not self.insecure and not self.listens_on_loopback:
            raise ValueError(
                f"--host {self.host} needs API keys: make one with `churn keys NAME --file "
                "keys.toml` and pass --keys-file keys.toml, or pass --insecure to serve without"
            )
        return self

    @property
    def has_keys(self) -> bool:
        """Whether requests need an API key."""
        return bool(self.keys_file or self.keys)

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host.startswith(_LOOPBACK)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment variables, then the file that ``CHURN_SERVING_CONFIG`` names."""
        file = TomlConfigSettingsSource(settings_cls, os.environ.get(f"{PREFIX}CONFIG") or None)
        return init_settings, env_settings, file
