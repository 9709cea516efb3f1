"""A process that loads the store until it is killed: ``python -m tests.store.killed DATABASE RUN LIFE_S``.

Beside the load it checkpoints, prunes, gives room back and searches all the time. After LIFE_S seconds it closes the store as
a console does. It tells its parent, a line each: ``opening``; ``ready``; ``wrote N`` when the recorder said that everything
numbered below N is on the disk; ``said N`` when N turns of a conversation are; ``closing``; ``closed``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from aiconsole.domain.clock import SystemClock
from aiconsole.domain.conversations import Conversation
from aiconsole.domain.events import BreakerChanged, CacheEvent, HealthSeen, UserActed
from aiconsole.domain.messages import Message
from aiconsole.domain.trace import Attempt
from aiconsole.store import Recorder, Retention, Store
from aiconsole.store.conversations import NewTurn
from aiconsole.store.upkeep import Upkeep
from tests.store.happened import attempt, request, trace

if TYPE_CHECKING:
    from aiconsole.store.database import Database

LONG_AGO_S = 200 * 86400.0
"""Older than any retention, so that there is always something to prune."""


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def happen(recorder: Recorder, run: str, number: int) -> None:
    """One request with all that goes with it, and one that is long past."""
    now, name = time.time(), f"{run}-{number}"
    failed = number % 7 == 0
    steps = (Attempt("groq/oss", 1, 0.0, 40.0, "failed" if failed else "answered"),)
    recorder.listen(
        request(
            now,
            10.0 + number % 900,
            name,
            model=f"m{number % 5}",
            error_kind="overloaded" if failed else None,
            trace=trace(*steps, request_id=name),
        )
    )
    recorder.listen(attempt(now, 10.0 + number % 900, model=f"m{number % 5}"))
    recorder.listen(request(now - LONG_AGO_S - number, name=f"old-{name}"))
    recorder.listen(UserActed(name, now))
    recorder.listen(CacheEvent("hit" if number % 3 else "miss", f"entry {number % 50}", now))
    recorder.listen(BreakerChanged("groq", "closed", "open", name, now))
    recorder.listen(HealthSeen("groq", now, number % 11 > 0, 20.0, None if number % 11 else "timeout"))


async def requests(recorder: Recorder, run: str) -> None:
    numbers = count()
    while True:
        for number in (next(numbers) for _ in range(40)):
            happen(recorder, run, number)
        await recorder.flush()
        tell(f"wrote {number + 1}")


async def speech(store: Store, run: str) -> None:
    now = time.time()
    await store.conversations.create(Conversation(run, "", created_at=now, updated_at=now))
    parent = None
    for first in count(step=5):
        names = [f"{run}-{number}" for number in range(first, first + 5)]
        fresh = [NewTurn(name, Message.user(f"spoken {name} " + "and so on " * 20), "complete") for name in names]
        await asyncio.wrap_future(store.conversations.append(run, parent, fresh, now=now + first))
        parent = names[-1]
        tell(f"said {first + 5}")


async def upkeep(store: Store, path: Path) -> None:
    care = Upkeep(store, path)
    for turn in count():
        await store.write(partial(_checkpoint_every, pages=(1, 20, 1000)[turn % 3]))
        await store.prune(time.time())
        await care.release()
        await store.conversations.list("spoken")


def _checkpoint_every(database: Database, pages: int) -> None:
    database.pragma("wal_autocheckpoint", pages)


async def main(path: Path, run: str, life_s: float) -> None:
    tell("opening")
    clock = SystemClock()
    store = await Store.open(path, clock, retention=Retention(requests=90, rollups=(2, 14, 60, 100, 100, 120)))
    recorder = Recorder(clock, pause_s=0.005)
    recorder.attach(store)
    tell("ready")
    work = [asyncio.ensure_future(each) for each in (requests(recorder, run), speech(store, run), upkeep(store, path))]
    await asyncio.wait(work, timeout=life_s, return_when=asyncio.FIRST_EXCEPTION)
    failed = [task.exception() for task in work if task.done()]
    for task in work:
        task.cancel()
    if failed:
        raise failed[0] or AssertionError
    tell("closing")
    await recorder.close()
    await store.close()
    tell("closed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
