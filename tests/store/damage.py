"""A database with something of everything in it, and ways to harm its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from aiconsole.domain.events import BreakerChanged, CacheEvent, HealthSeen, UserActed
from aiconsole.domain.messages import ImagePart, Message, TextPart
from aiconsole.domain.trace import Attempt
from tests.store.happened import NOON, Past, attempt, past, request, trace
from tests.store.places import conversation, rows, say

REQUESTS = 400
TURNS = 30
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


def happen(life: Past, number: int) -> None:
    """One request with all that goes with it."""
    at, name = NOON - 3600 + number, f"run-{number}"
    way = trace(Attempt("groq/oss", 1, 0.0, 40.0, "answered"), request_id=name)
    life.recorder.listen(request(at, name=name, trace=way, error_kind=None if number % 9 else "overloaded"))
    life.recorder.listen(attempt(at))
    life.recorder.listen(UserActed(name, at))
    life.recorder.listen(CacheEvent("miss", f"e{number}", at))
    life.recorder.listen(BreakerChanged("groq", "closed", "open", name, at))
    life.recorder.listen(HealthSeen("groq", at, number % 2 > 0, 20.0))


async def write_all(path: Path) -> None:
    """Write `REQUESTS` requests, and a conversation of `TURNS` turns one of which has a picture."""
    async with past(path) as life:
        for number in range(REQUESTS):
            happen(life, number)
        await life.recorder.flush()
        await conversation(life.store, title="About harm")
        parent = None
        for number in range(TURNS):
            words = f"said {number} " + "word " * 300
            picture = (TextPart(words), ImagePart(PICTURE, media_type="image/png"))
            await say(
                life.store, "c1", parent, (f"t{number}", "user", Message("user", picture if number == 3 else words))
            )
            parent = f"t{number}"


def pages_of(path: Path, name: str) -> list[int]:
    """The numbers of the leaf pages of a table or index, and of its root."""
    size = rows(path, "PRAGMA page_size")[0][0]
    [(root,)] = rows(path, f"SELECT rootpage FROM sqlite_master WHERE name = '{name}'")
    data = path.read_bytes()
    found, wanted = [], [root]
    while wanted:
        page = wanted.pop()
        found.append(page)
        start = (page - 1) * size
        head = data[start : start + 12]
        if head[0] in (2, 5):
            cells = int.from_bytes(head[3:5])
            wanted.append(int.from_bytes(head[8:12]))
            for cell in range(cells):
                at = int.from_bytes(data[start + 12 + 2 * cell : start + 14 + 2 * cell])
                wanted.append(int.from_bytes(data[start + at : start + at + 4]))
    return sorted(found[1:] or found)


def scribble(path: Path, page: int) -> None:
    """Overwrite a page."""
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def sums_match(path: Path) -> bool:
    """Whether each tier counts as many requests as there are rows."""
    with closing(sqlite3.connect(path)) as file:
        (count,) = file.execute("SELECT count(*) FROM usage_request").fetchone()
        tiers = file.execute(
            "SELECT tier, sum(count) FROM usage_rollup JOIN usage_series s ON s.id = series WHERE s.counted = 'requests' "
            "GROUP BY tier"
        ).fetchall()
    return len(tiers) == 6 and {each for _, each in tiers} == {count}


def numbers(path: Path) -> list[int]:
    """The numbers of the requests that are there, in the order in which they were written."""
    return [int(name[4:]) for (name,) in rows(path, "SELECT request_id FROM usage_request ORDER BY id")]
