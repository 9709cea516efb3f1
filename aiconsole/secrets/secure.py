"""The OS keyring, behind a list of the backends that are known to keep a secret. All calls here block.

Left out on purpose, though the keyring package offers them: ``fail`` (there is no keyring), ``null`` (says "stored" and stores
nothing), ``keyrings.alt`` (base64 in a plain file), backends nobody here has looked at, and the chainer, which would write to
whichever of its members comes first. Which backend is used is decided from this list, not by the package's own choice, except
that one the person has configured for keyring is taken if it is on the list, and refused in words if not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from aiconsole.domain.errors import ConfigError
from aiconsole.secrets.key import Key
from aiconsole.secrets.redaction import REDACTOR

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

ALLOWED = {
    "keyring.backends.macOS.Keyring": "the macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "the Windows Credential Manager",
    "keyring.backends.SecretService.Keyring": "the Secret Service (GNOME Keyring, KeePassXC or the like)",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet",
    "keyring.backends.libsecret.Keyring": "the Secret Service through libsecret",
}
"""Class of each backend that may hold a key, and its name for people."""

BACKEND_VARIABLE = "PYTHON_KEYRING_BACKEND"
_CHAINER = "keyring.backends.chainer.ChainerBackend"
_REFUSED = {
    "keyring.backends.fail.": "there is no keyring on this machine",
    "keyring.backends.null.": "it says “stored” and stores nothing",
    "keyrings.alt.": "it keeps keys in a file that anyone with your rights can read",
}


class SecureStoreUnavailable(ConfigError):
    """There is no secure place for keys on this machine, or it did not do what it was asked."""

    advice = "Keep the key for this run only, or put it into the provider's environment variable."


def find_backend(environ: Mapping[str, str]) -> KeyringBackend:
    """The backend to use: the one configured for the keyring package, else the best of ``ALLOWED`` that works here.

    Raises:
        SecureStoreUnavailable: none may be used; the message says why.
    """
    configured = environ.get(BACKEND_VARIABLE) or _configured_in_file()
    if configured and configured != _CHAINER:
        if configured not in ALLOWED:
            raise _refusal(configured)
        candidates = [configured]
    else:
        candidates = list(ALLOWED)
    usable: list[tuple[float, KeyringBackend]] = []
    for path in candidates:
        try:
            module, _, name = path.rpartition(".")
            backend_class: type[KeyringBackend] = getattr(import_module(module), name)
            priority = float(backend_class.priority)
            if priority > 0:
                usable.append((priority, backend_class()))
        except Exception:  # noqa: S112  (a backend says in its own way that it cannot work here)
            continue
    if not usable:
        raise SecureStoreUnavailable(
            f"No secure key store was found: {' and '.join(dict.fromkeys(_expected(candidates)))} cannot be reached."
        )
    return max(usable, key=lambda pair: pair[0])[1]


def allowed_backend(backend: KeyringBackend) -> KeyringBackend:
    """``backend`` itself where its class is on the list, or the first such member of a chainer.

    Raises:
        SecureStoreUnavailable: it may not be used; the message says why.
    """
    name = _class_path(backend)
    if name == _CHAINER:
        for member in getattr(backend, "backends", ()):
            if _class_path(member) in ALLOWED and _is_genuine(member):
                return allowed_backend(member)
    if name not in ALLOWED or not _is_genuine(backend):
        raise _refusal(name)
    return backend


def backend_words(backend: KeyringBackend) -> str:
    """The name of an allowed backend, for people."""
    return ALLOWED[_class_path(backend)]


def read(backend: KeyringBackend, service: str, name: str) -> str | None:
    """The secret kept under ``name``, or None.

    Raises:
        SecureStoreUnavailable: the backend failed, or the person declined to unlock it.
    """
    try:
        return backend.get_password(service, name)
    except Exception as error:
        raise _failure("could not be read", backend, error) from None


def write(backend: KeyringBackend, service: str, name: str, key: Key) -> None:
    """Store ``key`` under ``name`` and read it back.

    Raises:
        SecureStoreUnavailable: the backend failed, or did not give back what was stored.
    """
    try:
        backend.set_password(service, name, key.reveal())
    except Exception as error:
        raise _failure("could not store the key", backend, error) from None
    kept = read(backend, service, name)
    if kept != key.reveal():
        raise SecureStoreUnavailable(f"{_subject(backend)} took the key but did not give it back.")


def delete(backend: KeyringBackend, service: str, name: str) -> bool:
    """Remove what is kept under ``name``; False where nothing was.

    Raises:
        SecureStoreUnavailable: the backend failed, or still gives it back.
    """
    if read(backend, service, name) is None:
        return False
    try:
        backend.delete_password(service, name)
    except Exception as error:
        raise _failure("could not remove the key", backend, error) from None
    if read(backend, service, name) is not None:
        raise SecureStoreUnavailable(f"{_subject(backend)} still has the key after removing it.")
    return True


def _class_path(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _is_genuine(backend: object) -> bool:
    """Whether the class is the very one that its module holds under its name, not one that only calls itself so."""
    module = sys.modules.get(type(backend).__module__)
    return getattr(module, type(backend).__qualname__, None) is type(backend)


def _configured_in_file() -> str | None:
    """The backend named in keyring's own configuration file; read here because keyring would import whatever it names."""
    from configparser import ConfigParser, Error

    from keyring.util.platform_ import config_root

    parser = ConfigParser(interpolation=None)
    try:
        parser.read(os.fspath(config_root() / "keyringrc.cfg"), encoding="utf-8")
        return parser.get("backend", "default-keyring", fallback="").strip() or None
    except (Error, UnicodeDecodeError, OSError):
        return None


def _expected(candidates: list[str]) -> list[str]:
    """The stores one would expect on this platform, for the message that none was found."""
    if len(candidates) == 1:
        return [ALLOWED[candidates[0]]]
    if sys.platform == "darwin":
        return [ALLOWED["keyring.backends.macOS.Keyring"]]
    if sys.platform == "win32":
        return [ALLOWED["keyring.backends.Windows.WinVaultKeyring"]]
    return [ALLOWED["keyring.backends.SecretService.Keyring"], ALLOWED["keyring.backends.kwallet.DBusKeyring"]]


def _refusal(path: str) -> SecureStoreUnavailable:
    reason = next(
        (words for start, words in _REFUSED.items() if path.startswith(start)),
        "the console cannot tell how it keeps keys",
    )
    return SecureStoreUnavailable(
        f"The keyring backend {path.removeprefix('keyring.backends.')} is not used: {reason}."
    )


def _failure(what: str, backend: KeyringBackend, error: Exception) -> SecureStoreUnavailable:
    detail = REDACTOR.redact(str(error)) or type(error).__name__
    return SecureStoreUnavailable(f"{_subject(backend)} {what}: {detail.rstrip('.')}.")


def _subject(backend: KeyringBackend) -> str:
    words = backend_words(backend)
    return words[0].upper() + words[1:]
