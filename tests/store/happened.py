"""Events made by hand, and a store with a recorder and a door to the past, for tests of the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.events import AttemptFinished, RequestFinished
from aiconsole.domain.trace import Attempt, Choice, DecisionTrace
from aiconsole.store import History, Recorder, Store
from tests.store.places import Clock

NOON = 1_700_049_600.0
"""A moment at which a UTC day is half over and an hour begins."""


class Past(NamedTuple):
    store: Store
    recorder: Recorder
    history: History
    clock: Clock


@asynccontextmanager
async def past(path: Path, clock: Clock | None = None, **options: Any) -> AsyncIterator[Past]:
    clock = clock or Clock(NOON)
    simulated = options.pop("simulated", lambda: False)
    most = options.pop("most", 100_000)
    store = await Store.open(path, clock, **options)
    recorder = Recorder(clock, simulated=simulated, most=most, pause_s=0.0)
    recorder.attach(store)

    async def opened() -> Store:
        return store

    try:
        yield Past(store, recorder, History(opened, clock), clock)
    finally:
        await recorder.close()
        await store.close()


def request(ended: float = NOON - 1.0, took_ms: float = 500.0, name: str = "run-1", **fields: Any) -> RequestFinished:
    """A request answered by Groq that ended at ``ended``; ``fields`` say what is different."""
    ttft = fields.pop("ttft_ms", took_ms / 5)
    values: dict[str, Any] = {
        "request_id": name,
        "route": "fast",
        "provider": "groq",
        "model": "oss",
        "timing": Timing(ended - took_ms / 1000, ttft, took_ms),
        "usage": Usage(100, 20),
        "cost": Cost(0.001, "price list"),
    }
    return RequestFinished(**{**values, **fields})


def attempt(ended: float = NOON - 1.0, took_ms: float = 500.0, **fields: Any) -> AttemptFinished:
    """An attempt at Groq that ended at ``ended``."""
    values: dict[str, Any] = {
        "provider": "groq",
        "model": "oss",
        "timing": Timing(ended - took_ms / 1000, took_ms / 5, took_ms),
        "usage": Usage(100, 20),
        "cost": Cost(0.001, "price list"),
    }
    return AttemptFinished(**{**values, **fields})


def trace(*attempts: Attempt, request_id: str = "run-1") -> DecisionTrace:
    return DecisionTrace(
        request_id,
        "fast",
        "priority",
        NOON - 2,
        500.0,
        attempts[-1].candidate if attempts else None,
        (Choice("groq/oss", 0.9, "first in the route"),),
        attempts=attempts,
    )
