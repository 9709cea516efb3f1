"""Circuit breakers over a restart: kept in ``breakers.json`` beside the settings, written a moment after each change.

What is still meaningful is up to `Breaker.restore`: states forced by hand stay, an open breaker only while its time lasts.
Only what real providers did is kept: while simulated ones are asked, the real states stand aside.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec

from aiconsole.domain.events import BreakerChanged, Event
from aiconsole.home import Home, write_private
from aiconsole.routing.breaker import BreakerSnapshot
from aiconsole.routing.breakers import Breakers

_log = logging.getLogger(__name__)
_PAUSE_S: Final = 1.0


class KeptBreakers:
    """Keeps the breakers' states from `take_up` until `set_aside`; ``listen`` is for the event bus."""

    def __init__(self, breakers: Breakers, home: Home) -> None:
        self._breakers = breakers
        self._home = home
        self._path = home.settings.with_name("breakers.json")
        self._following = False
        self._aside: dict[str, BreakerSnapshot] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._unsaved = False
        self._writing: asyncio.Future[None] | None = None

    def take_up(self) -> None:
        """Real providers are asked from now on: give the breakers the states set aside, or at first those of the last run, and
        keep what becomes of them. A file that cannot be read is left out, and said so in the log."""
        if self._following:
            return
        kept = self._read() if self._aside is None else self._aside
        self._reset()
        self._breakers.restore(kept)
        self._following = True

    def set_aside(self) -> None:
        """Simulated providers are asked from now on: hold the states as they are, and give the breakers fresh ones."""
        if not self._following:
            return
        self._following = False
        self._aside = self._breakers.snapshot()
        self._reset()

    def listen(self, event: Event) -> None:
        """Keep the states a moment after one changed."""
        if not (self._following and isinstance(event, BreakerChanged)):
            return
        self._unsaved = True
        if self._saving is None or self._saving.done():
            self._saving = asyncio.ensure_future(self._save_soon())

    def _reset(self) -> None:
        for breaker in self._breakers:
            breaker.reset("other providers are asked")

    def _read(self) -> dict[str, BreakerSnapshot]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, BreakerSnapshot])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("The breakers' states in %s cannot be read: %s", self._path.name, error)
            return {}

    async def _save_soon(self) -> None:
        while self._unsaved:
            await asyncio.sleep(_PAUSE_S)
            self._unsaved = False
            await self.save()

    async def save(self) -> None:
        """Write the real states now. A disk that does not let us is said in the log and harms nothing."""
        states = self._breakers.snapshot() if self._following else self._aside
        data = msgspec.json.format(msgspec.json.encode(states))
        try:
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, data))
            await asyncio.shield(self._writing)
        except Exception as error:
            _log.warning("The breakers' states cannot be kept: %s", error)

    def _write(self, data: bytes) -> None:
        self._home.ensure()
        write_private(self._path, data)

    async def aclose(self) -> None:
        """Write what has changed since the last time."""
        if self._saving is not None and not self._saving.done():
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
            if self._writing is not None:
                await asyncio.gather(self._writing, return_exceptions=True)
            await self.save()
