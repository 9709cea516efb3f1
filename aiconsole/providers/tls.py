"""TLS for all channels: certificates are always verified, against the machine's own trust store.

On macOS and Windows that store is reached through ``truststore``. Elsewhere it is a file or folder that OpenSSL reads, and
``truststore`` would read it again for every connection, which holds the event loop for some 30 ms; there the context is
filled once. Filling it takes about 20 ms, so callers on an event loop make it in a thread.
"""

from __future__ import annotations

import ssl
import sys
import threading
from pathlib import Path
from typing import Final

from aiconsole.domain.errors import ConfigError

# Where distributions keep the bundle, for a Python whose OpenSSL was built to look elsewhere (Go's crypto/x509,
# root_linux.go and root_bsd.go, lists the same).
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

_contexts: dict[tuple[str, int] | None, ssl.SSLContext] = {}
_lock = threading.Lock()


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """The context for ``ca_file`` (certificates trusted beside the system's), shared by all who name the same file.

    Raises:
        ConfigError: the file cannot be read or holds no certificate.
    """
    key = None if ca_file is None else (ca_file, _changed_at(ca_file))
    with _lock:
        if key not in _contexts:
            _contexts[key] = _new_context(ca_file)
        return _contexts[key]


def _changed_at(ca_file: str) -> int:
    try:
        return Path(ca_file).stat().st_mtime_ns
    except OSError as exc:
        raise _unusable(ca_file, exc.strerror or str(exc)) from exc


def _new_context(ca_file: str | None) -> ssl.SSLContext:
    context: ssl.SSLContext
    if sys.platform in ("darwin", "win32"):
        import truststore

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load_system_store(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise _unusable(ca_file, "it holds no certificate in PEM form") from exc
    return context


def _load_system_store(context: ssl.SSLContext) -> None:
    context.set_default_verify_paths()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None or (paths.capath is not None and any(Path(paths.capath).iterdir())):
        return
    bundle = next((path for path in _BUNDLES if Path(path).is_file()), None)
    if bundle is not None:
        context.load_verify_locations(cafile=bundle)


def _unusable(ca_file: str, reason: str) -> ConfigError:
    return ConfigError(
        f"The CA file {ca_file} cannot be used: {reason}.",
        advice="Give the path of a readable file with certificates in PEM form, or clear the setting.",
    )
