"""Connecting before the first request, so that it need not wait for name, TCP and TLS. Nothing is asked or billed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError


class Warmed(msgspec.Struct, frozen=True):
    """A provider that was connected to, how long that took, and why it could not be done, "" where it was."""

    provider: str
    took_ms: float
    trouble: str = ""


def first_candidates(routes: Mapping[str, Sequence[str]], usable: Iterable[str], default: str = "") -> tuple[str, ...]:
    """The providers that are asked first: of the default model or route, then of each route, the first that is usable."""
    able = frozenset(usable)
    entries = [routes.get(default, (default,)), *routes.values()]
    firsts = (
        next((name for entry in candidates if (name := entry.partition("/")[0]) in able), None)
        for candidates in entries
    )
    return tuple(dict.fromkeys(name for name in firsts if name is not None))


async def warm_up(
    providers: Iterable[str], warm: Callable[[str], Awaitable[object]], clock: Clock
) -> tuple[Warmed, ...]:
    """Connect to each, all at once; never raises for one that cannot be reached."""

    async def one(name: str) -> Warmed:
        began = clock.monotonic()
        trouble = ""
        try:
            await warm(name)
        except ConsoleError as error:
            trouble = error.message
        return Warmed(name, (clock.monotonic() - began) * 1000, trouble)

    return tuple(await asyncio.gather(*(one(name) for name in providers)))
