"""Checks the TLS files before the server starts, so that an error is one line."""

from __future__ import annotations

import ssl

from churn_model.errors import InvalidParameter
from serving.settings import Settings


def check_certificates(settings: Settings) -> None:
    """Raise InvalidParameter if the certificate, its key or the CA certificates cannot be used."""
    if settings.ssl_certfile is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    password = settings.ssl_keyfile_password or ""  # without one, OpenSSL would ask the terminal
    try:
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, password)
    except OSError as error:
        raise InvalidParameter(
            f"--ssl-certfile {settings.ssl_certfile}: the certificate and its key cannot be used "
            f"({_reason(error)})"
        ) from None
    if settings.ssl_ca_certs is None:
        return
    try:
        context.load_verify_locations(settings.ssl_ca_certs)
    except OSError as error:
        raise InvalidParameter(
            f"--ssl-ca-certs {settings.ssl_ca_certs}: cannot be used ({_reason(error)})"
        ) from None


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or "not in PEM format"
