"""The channels alerts are sent to: their settings by name, and their addresses, which are kept like keys.

An address is an Apprise URL and mostly holds a token, so it is in the keyring (or in memory until the end) and nowhere else;
it and each of its longer parts are removed from logs, exports and the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from aiconsole.alerts.messages import Told
from aiconsole.alerts.sending import Sent, problem_of, send
from aiconsole.domain.errors import ConfigError

if TYPE_CHECKING:
    from aiconsole.domain.alerts import Severity

_PREFIX: Final = "alert-channel-"
_LEAST_SECRET: Final = 8


class ChannelSettings(Protocol):
    """How a channel is set; `settings.AlertChannel`."""

    @property
    def enabled(self) -> bool: ...

    @property
    def least(self) -> Severity: ...

    @property
    def resolved(self) -> bool: ...


class Secret(Protocol):
    """A kept address."""

    def reveal(self) -> str: ...


class Secrets(Protocol):
    """Where addresses are kept; `secrets.KeyStore` is one."""

    async def load(self, names: Iterable[str], variables: Mapping[str, str] | None = None) -> None: ...

    def get(self, name: str) -> Secret | None: ...

    async def set(self, name: str, value: Any, where: Literal["keyring", "session"]) -> None: ...

    async def remove(self, name: str) -> bool: ...


class Channels:
    """See the module.

    Args:
        settings: the channels as set, by name.
        hide: has a text removed from everything that leaves the process.
        sender: sends and blocks; another one only in tests.
    """

    def __init__(
        self,
        settings: Callable[[], Mapping[str, ChannelSettings]],
        secrets: Secrets,
        hide: Callable[[str], object],
        *,
        sender: Callable[[str, Told, str], Sent] = send,
        in_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._hide = hide
        self._sender = sender
        self._in_thread = in_thread

    async def load(self) -> None:
        """Fetch the addresses from the keyring, where there are channels at all."""
        names = [_PREFIX + name for name in self._settings()]
        if names:
            await self._secrets.load(names)
            for name in names:
                kept = self._secrets.get(name)
                if kept is not None:
                    self._hide_parts(kept.reveal())

    def wanted(self, name: str) -> ChannelSettings | None:
        """How a channel is set, None where there is none of that name."""
        return self._settings().get(name)

    def all(self) -> Mapping[str, ChannelSettings]:
        """Every channel by name."""
        return self._settings()

    def address_words(self, name: str) -> str:
        """A channel's address without anything that may be secret, "" where none is kept."""
        kept = self._secrets.get(_PREFIX + name)
        return "" if kept is None else f"{kept.reveal().partition('://')[0]}://…"

    async def keep(self, name: str, url: str, where: Literal["keyring", "session"]) -> None:
        """Keep a channel's address.

        Raises:
            ConfigError: it is none that Apprise knows, or the keyring cannot be used.
        """
        self._hide(url.strip())
        self._hide_parts(url.strip())
        problem = await self._in_thread(problem_of, url.strip())
        if problem:
            raise ConfigError(problem, advice="See Apprise's list of services for how its address is written.")
        await self._secrets.set(_PREFIX + name, url.strip(), where)

    async def forget(self, name: str) -> None:
        """Forget a channel's address. Raises ConfigError: the keyring holds it and cannot be used."""
        await self._secrets.remove(_PREFIX + name)

    async def send(self, name: str, told: Told, delivery: str) -> Sent:
        """Send to a channel, in a thread."""
        kept = self._secrets.get(_PREFIX + name)
        if kept is None:
            return Sent(False, "No address is kept for this channel.")
        sent: Sent = await self._in_thread(self._sender, kept.reveal(), told, delivery)
        return sent

    def _hide_parts(self, url: str) -> None:
        """Have each part of an address that may be a token removed from what leaves."""
        parts = urlsplit(url)
        pieces = [
            parts.username,
            parts.password,
            *parts.path.split("/"),
            *(value for _, value in parse_qsl(parts.query)),
        ]
        if not url.lower().startswith(("json", "xml", "form", "mailto", "ntfy://localhost")):
            pieces.append(parts.hostname if parts.hostname and "." not in parts.hostname else None)
        for piece in pieces:
            for form in {piece or "", unquote(piece or "")}:
                if len(form) >= _LEAST_SECRET:
                    self._hide(form)
