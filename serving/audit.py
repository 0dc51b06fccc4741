"""Audit lines: which model versions the server loaded, served, rejected and rolled back."""

from __future__ import annotations

import logging
import os
from typing import Literal, TypeAlias

AuditEvent: TypeAlias = Literal["load", "swap", "roll_back", "reject", "begin", "end"]

_logger = logging.getLogger("serving.audit")


def audit(event: AuditEvent, message: str, **fields: str | None) -> None:
    """Write one line, whatever the log level is, with the event, the process and these fields."""
    level = logging.WARNING if event in ("reject", "end") else logging.INFO
    _logger.log(level, message, extra={"audit": {"event": event, "pid": os.getpid(), **fields}})
