"""The type a key travels in."""

from __future__ import annotations

import os
from typing import NoReturn, Self, final

from aiconsole.domain.errors import ConfigError
from aiconsole.secrets.redaction import REDACTOR, Redactor

_SHOWN = "Key(…)"
_SALT = os.urandom(16)
_PASTE_ADVICE = "Paste only the key, as the provider showed it."


@final
class Key:
    """A key that shows itself nowhere: printing, formatting, logging, pickling and encoding give ``Key(…)`` or an error.

    Two keys compare in constant time; a key never equals a ``str``. Copies are the key itself.

    Args:
        value: the key as typed or pasted; white space around it is dropped.
        redactor: where the key is registered, so that it is removed from text that leaves the process.

    Raises:
        ConfigError: nothing is left, or it holds characters that no HTTP header may carry. The message never shows it.
    """

    __slots__ = ("__value",)
    __value: str

    def __init__(self, value: str, *, redactor: Redactor = REDACTOR) -> None:
        value = value.strip()
        redactor.add(value)
        if problem := _problem(value):
            raise ConfigError(problem, advice=_PASTE_ADVICE)
        object.__setattr__(self, "_Key__value", value)

    def reveal(self) -> str:
        """The key itself, for the header of a request and the OS keyring."""
        return self.__value

    def __repr__(self) -> str:
        return _SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(self.__value, other.__value)

    def __hash__(self) -> int:
        return hash((_SALT, self.__value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A key cannot be changed.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A key cannot be changed.")

    def __getstate__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A key cannot be pickled.")


def _problem(value: str) -> str:
    """Why ``value`` cannot be a key, in words that do not show it; empty where it can."""
    if not value:
        return "The key is empty."
    if any(character.isspace() for character in value):
        return "The key has a space or a line break inside."
    if not value.isascii():
        return "The key has characters outside ASCII, such as typographic quotes or dashes."
    if not value.isprintable():
        return "The key has control characters inside."
    return ""


def proxy_with_password(url: str, password: Key | None) -> str:
    """The proxy's URL with the password put behind its user name; unchanged where there is no password or no user.

    Settings hold a proxy as ``http://user@host:port``; the password is kept like a key, under the name ``proxy``.
    """
    scheme, separator, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if password is None or not (separator and at and user):
        return url
    from urllib.parse import quote

    return f"{scheme}://{user}:{quote(password.reveal(), safe='')}@{host}"
