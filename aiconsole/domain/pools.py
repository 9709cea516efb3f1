"""What a pool of scarce things looks like at a moment: connections to a provider, threads of the database, files."""

from __future__ import annotations

from typing import Literal

import msgspec

PoolKind = Literal["http", "reader", "writer", "files"]


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Who has one of them. ``since`` is in the pool's own time and tells holders of a like ``name`` apart; ``held_s`` in s;
    ``where`` is the stack at which it was taken, "" unless stacks are kept."""

    name: str
    since: float
    held_s: float
    where: str = ""


class PoolFigures(msgspec.Struct, frozen=True):
    """A pool in figures.

    ``idle`` are open and free, ``opening`` are being opened, ``waiting`` stand in the queue for one. ``limit`` None: there is
    none that is known. ``timeouts`` counts, since the start, who waited or connected for too long.
    """

    name: str
    kind: PoolKind
    in_use: int
    idle: int = 0
    opening: int = 0
    waiting: int = 0
    limit: int | None = None
    timeouts: int = 0
    holders: tuple[Holder, ...] = ()
