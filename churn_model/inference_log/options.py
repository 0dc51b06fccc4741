"""How an inference log is written, and the checks of these options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from churn_model.errors import InferenceLogError
from churn_model.inference_log.identifiers import read_or_make_key
from churn_model.inference_log.log_format import LEVELS, Level
from churn_model.redaction import redact_uri

IdentifierMode: TypeAlias = Literal["hash", "plain"]

MODES: Final[tuple[IdentifierMode, ...]] = ("hash", "plain")
FLUSH_SECONDS: Final = 10.0
MOST_BYTES: Final = 64 * 2**20
"""Rows that may wait to be written, in bytes of memory; further rows are dropped."""

SHADOW: Final = "shadow"
"""The source of customers whom a version scored without replying to anybody."""

_RETENTION = re.compile(r"([1-9]\d{0,4})D", re.ASCII)


@dataclass(frozen=True)
class LogOptions:
    """How an inference log is written.

    ``folder``: a local path, or a URI of a file system that pyarrow can write to. ``key`` (32
    bytes): hashes identifiers; None stores them as they are. ``sample`` (above 0, up to 1): the
    share of customers whose rows are logged. ``retention_days``: date folders older than this are
    removed; None keeps all. ``flush_seconds``: how often files are written. ``most_bytes``: the
    rows that may wait to be written, in bytes.
    """

    folder: str
    level: Level = "scores"
    key: bytes | None = None
    sample: float = 1.0
    retention_days: int | None = None
    source: str = "serve"
    flush_seconds: float = FLUSH_SECONDS
    most_bytes: int = MOST_BYTES

    @property
    def shown_folder(self) -> str:
        """The folder as messages name it, without credentials."""
        return redact_uri(self.folder)


def read_level(text: str) -> Level:
    """A level by its name. Raises InferenceLogError."""
    if text not in LEVELS:
        raise InferenceLogError(f"the level must be one of {', '.join(LEVELS)}, not {text!r:.50}")
    return text


def read_sample(text: str) -> float:
    """A share above 0 and up to 1. Raises InferenceLogError."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InferenceLogError(
            f"the sample must be a number above 0 and up to 1, not {text!r:.50}"
        )
    return share


def read_retention(text: str | None) -> int | None:
    """The days of a retention such as ``400D``; None for none. Raises InferenceLogError."""
    if not text:
        return None
    match = _RETENTION.fullmatch(text)
    if match is None:
        raise InferenceLogError(
            f"the retention must be a number of days such as 400D, not {text!r:.50}"
        )
    return int(match[1])


def read_identifiers(
    mode: str, key_file: str | Path | None, level: Level, how: str
) -> bytes | None:
    """The key that hashes identifiers, made if its file does not exist; None to store them plain.

    ``how``: how the user names a key file, for messages. Raises InferenceLogError.
    """
    if mode not in MODES:
        raise InferenceLogError(f"identifiers must be one of {', '.join(MODES)}, not {mode!r:.50}")
    if level == "counts":  # which has no identifiers
        return None
    if mode == "plain":
        if key_file:
            raise InferenceLogError(
                "plain identifiers need no key; leave out the key, or have identifiers hashed"
            )
        return None
    if not key_file:
        raise InferenceLogError(
            f"the inference log stores identifiers as a keyed hash: pass {how} (the file is made "
            "if it does not exist), or have identifiers stored plain"
        )
    return read_or_make_key(key_file)
