"""The history at full size: queries of the Overview and the requests table among ten million requests, and writing.

The database is made straight through SQL: 90 days of requests of seven providers, two models each, asked for by two routes,
with latencies of a log-normal law, and rollups of every tier made of them. ``--rows`` sets another size.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.events import AttemptFinished, RequestFinished
from aiconsole.domain.history import RequestFilter, Targets
from aiconsole.domain.trace import Attempt, Choice, DecisionTrace
from aiconsole.store import History, Recorder, Store
from aiconsole.store.rollups import TIERS, Cell
from tests.benchmarks.rows import Row

ROWS: Final = 10_000_000
_DAYS: Final = 90
_DAY: Final = 86_400
_PROVIDERS: Final = ("groq", "cohere", "mistral", "gemini", "cerebras", "openrouter", "anthropic")
_ROUTES: Final = ("fast", "careful")
_MS: Final = 50
_ROUNDS: Final = 40
_RANGES: Final = {"15 min": 900, "1 h": 3600, "24 h": _DAY, "7 d": 7 * _DAY, "30 d": 30 * _DAY, "90 d": 90 * _DAY}
_SUMS: Final = (2000, 2500)
"""Series of requests are numbered from 1 (two a model, one a route), of attempts from 1001 (one a model), of sums by provider
from 2001 and 2501, and those of all are 3000 and 4000."""

_END: Final = 1_760_000_000.0


class _Clock:
    def now(self) -> float:
        return _END

    monotonic = staticmethod(time.perf_counter)


def run() -> list[Row]:
    rows = int(os.environ.get("AICONSOLE_HISTORY_ROWS", ROWS))
    with tempfile.TemporaryDirectory() as folder:
        return [*asyncio.run(_write(Path(folder) / "write.db")), *asyncio.run(_read(Path(folder) / "read.db", rows))]


async def _read(path: Path, rows: int) -> list[Row]:
    await (await Store.open(path, _Clock())).close()
    started = time.perf_counter()
    await asyncio.to_thread(_fill, path, rows)
    made = time.perf_counter() - started
    store = await Store.open(path, _Clock())

    async def opened() -> Store:
        return store

    history = History(opened, _Clock())
    found = [
        Row(f"{rows:,} requests, made", made, "s"),
        Row(f"{rows:,} requests, on the disk", path.stat().st_size / 2**30, "GiB"),
        *await _graphs(history),
        await _exactness(store, history),
        *await _table(history),
    ]
    await store.close()
    return found


async def _graphs(history: History) -> list[Row]:
    found: list[Row] = []
    await history.tiles(_END - 60, _END)
    for name, length in _RANGES.items():
        asked: dict[str, Callable[[float, float], Awaitable[Any]]] = {
            "lines by provider": history.series,
            "lines of one provider's models": partial(history.series, by="model", provider="groq"),
            "tiles": history.tiles,
            "objectives": lambda start, end: history.objectives(start, end, Targets()),
            "spend": history.spend,
            "breaker lanes": history.breaker_spans,
            "events": history.events,
        }
        for query, ask in asked.items():
            times = [await _ms(partial(ask, _END - length - shift, _END - shift)) for shift in _shifts(length)]
            p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
            found.append(Row(f"{name}: {query}, p50", statistics.median(times), "ms"))
            found.append(Row(f"{name}: {query}, p95", p95, "ms", f"at most {_MS}", p95 <= _MS))
    return found


def _shifts(length: float) -> list[float]:
    """Ranges a little apart, so that no two ask for the same; as often from the very end as from an odd place."""
    chance = random.Random(3)
    return [0.0 if length > 80 * _DAY else chance.uniform(0, 5400) for _ in range(_ROUNDS)]


async def _ms(ask: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await ask()
    return (time.perf_counter() - started) * 1000


async def _exactness(store: Store, history: History) -> Row:
    """The worst percentile of a day, against the exact one of the same requests by nearest rank."""
    start = _END // _DAY * _DAY - 3 * _DAY
    told = (await history.series(start, start + _DAY, _DAY, of="requests", by="all")).lines[0].buckets[0]
    exact = await store.read(
        lambda database: [
            ms / 1e3
            for (ms,) in database.execute_sql(
                "SELECT duration_us FROM usage_request WHERE error_kind IS NULL AND id >= ? AND id < ? ORDER BY 1",
                (int(start * 1000) << 20, int((start + _DAY) * 1000) << 20),
            )
        ],
        "tables",
    )
    assert told is not None and told.answered == len(exact)
    worst = 0.0
    for share, value in ((0.5, told.p50_ms), (0.95, told.p95_ms), (0.99, told.p99_ms)):
        real = exact[max(0, -(-int(share * 100) * len(exact) // 100) - 1)]
        assert value is not None
        worst = max(worst, abs(value - real) / real)
    return Row("percentiles of a day, worst error against exact", worst * 100, "%", "at most 1", worst <= 0.01)


async def _table(history: History) -> list[Row]:
    month, quarter = (_END - 30 * _DAY, _END), (_END - 90 * _DAY, _END)
    cases: dict[str, tuple[RequestFilter, Any, bool]] = {
        "all, newest first": (RequestFilter(*quarter), "time", True),
        "one provider": (RequestFilter(*quarter, provider="groq"), "time", True),
        "failed ones": (RequestFilter(*quarter, failed=True), "time", True),
        "failed, last 24 h": (RequestFilter(_END - _DAY, _END, failed=True), "time", True),
        "text in errors": (RequestFilter(*quarter, text="number 77"), "time", True),
        "text, a model": (RequestFilter(*month, text="gemini-1"), "time", True),
        "one request by id": (RequestFilter(*quarter, text="run-5f"), "time", True),
        "slowest of 24 h": (RequestFilter(_END - _DAY, _END), "duration", True),
        "slowest of 7 d": (RequestFilter(_END - 7 * _DAY, _END), "duration", True),
        "slowest of 30 d": (RequestFilter(*month), "duration", True),
        "dearest of 90 d": (RequestFilter(*quarter), "cost", True),
        "behind a point, 5 min": (RequestFilter(_END - 7200, _END - 6900, asked="groq"), "time", True),
    }
    found: list[Row] = []
    for name, (wanted, sort, descending) in cases.items():
        started = time.perf_counter()
        listed = await history.requests(wanted, sort, descending=descending)
        took = (time.perf_counter() - started) * 1000
        found.append(Row(f"requests, {name}: {listed.count:,}{'+' if listed.capped else ''} found", took, "ms"))
        if sort != "time":
            pages = [await _ms(partial(listed.page, at, 100)) for at in range(0, 9_900, 900)]
            deep = await _ms(partial(listed.page, listed.count - 100, 100))
            found.append(Row(f"requests, {name}: the first time beyond 10,000", deep, "ms"))
        else:
            pages = [await _ms(partial(listed.page, listed.count * part // 10, 100)) for part in range(10)]
        worst = max(pages)
        found.append(Row(f"requests, {name}: a page anywhere, worst", worst, "ms", "at most 50", worst <= 50))
    return found


def _fill(path: Path, rows: int) -> None:
    """Requests evenly over the days, with the rollups of every tier as far back as each is kept."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("BEGIN")
        series = _names(connection)
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'usage_request' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        made = _requests(rows, series)
        sums = _Sums(connection)
        while chunk := list(islice(made, 20_000)):
            connection.executemany(
                "INSERT INTO usage_request (id, request_id, series, flags, attempts, duration_us, ttft_us, error_kind, status, "
                "prompt, completion, cost_usd) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                chunk,
            )
            sums.add(chunk)
        sums.write()
        connection.execute(
            "INSERT INTO usage_failure SELECT id, series, error_kind, 'overloaded, number ' || (id & 1023) "
            "FROM usage_request WHERE error_kind IS NOT NULL"
        )
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute(
            "INSERT INTO usage_attempt (request, number, candidate, outcome, began_us, duration_us, ttft_us, error_kind, "
            "status) SELECT r.id, 1, l.id, 2, 0, r.duration_us, r.ttft_us, r.error_kind, r.status FROM usage_request r "
            "JOIN usage_series s ON s.id = r.series JOIN label l ON l.text = s.provider || '/' || s.model ORDER BY r.id"
        )
        for at in range(2000):
            moment = _END - at * 3600
            connection.execute(
                "INSERT INTO breaker_events VALUES (?, ?, ?, 'closed', 'open', 'five failures', NULL, 0, 0)",
                (int(moment * 1000) << 20, moment, _PROVIDERS[at % 7]),
            )
        connection.execute("COMMIT")


def _requests(rows: int, series: list[int]) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(1)
    shape = [int(chance.lognormvariate(6.2, 0.7) * 1000) + 20_000 for _ in range(65_521)]
    start = (_END - _DAYS * _DAY) * 1000
    step = _DAYS * _DAY * 1000 / rows
    for at in range(rows):
        took = shape[at * 7919 % 65_521]
        failed = at * 2_654_435_761 % 97 == 0
        yield (
            int(start + at * step) << 20 | at & 0xFFFFF,
            f"run-{at:x}",
            series[at * 48_271 % 65_537 % len(series)],
            1,
            1,
            took,
            took // 4,
            1 if failed else None,
            503 if failed else None,
            400 + took % 600,
            took % 300,
            None if failed else took / 1e9,
        )


class _Sums:
    """Rollups of requests that come in order of time, of each tier as far back as it is kept, written day by day."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cells: dict[tuple[int, int], Cell] = {}
        self._day = 0

    def add(self, chunk: list[tuple[Any, ...]]) -> None:
        for row in chunk:
            at = (row[0] >> 20) // 1000
            if at // _DAY != self._day:
                self.write()
                self._day = at // _DAY
                age = (_END - at) / _DAY
                self._finest = 10 if age < 3 else 60 if age < 15 else 300
            key = (row[2], at - at % self._finest)
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = Cell()
            cost = None if row[11] is None else Cost(row[11], "price list")
            cell.add((1, "overloaded") if row[7] else None, row[5], row[6], Usage(row[9], row[10]), cost)

    def write(self) -> None:
        if not self._cells:
            return
        finer: dict[tuple[int, int], Cell] = defaultdict(Cell)
        for (series, start), cell in self._cells.items():
            for number in (
                series,
                1000 + (series + 1) // 2,
                *(shift + (series + 3) // 4 for shift in _SUMS),
                3000,
                4000,
            ):
                finer[number, start].merge(cell)
        for tier in TIERS:
            if tier < self._finest:
                continue
            whole: dict[tuple[int, int], Cell] = defaultdict(Cell)
            for (number, start), cell in finer.items():
                whole[number, start - start % tier].merge(cell)
            self._connection.executemany(
                f"INSERT INTO usage_rollup VALUES ({', '.join('?' * 19)})",
                ((tier, *key, *cell.columns()) for key, cell in whole.items()),
            )
            finer = whole
        self._cells.clear()


def _names(connection: sqlite3.Connection) -> list[int]:
    """Labels and series; the ids of series of requests."""
    connection.execute("INSERT INTO label VALUES (1, 'overloaded'), (2, 'answered')")
    numbers: list[int] = []
    for place, provider in enumerate(_PROVIDERS, 1):
        for model in (f"{provider}-0", f"{provider}-1"):
            connection.execute("INSERT INTO label (text) VALUES (?)", (f"{provider}/{model}",))
            for route in _ROUTES:
                numbers.append(len(numbers) + 1)
                _name(connection, numbers[-1], "requests", provider, model, route)
            _name(connection, 1000 + numbers[-1] // 2, "attempts", provider, model)
        _name(connection, 2000 + place, "requests by provider", provider)
        _name(connection, 2500 + place, "attempts by provider", provider)
    _name(connection, 3000, "all requests")
    _name(connection, 4000, "all attempts")
    return numbers


def _name(
    connection: sqlite3.Connection, number: int, counted: str, provider: str = "", model: str = "", route: str = ""
) -> None:
    origin = "chat" if model else ""
    connection.execute(
        "INSERT INTO usage_series VALUES (?, ?, ?, ?, ?, ?, 0)", (number, counted, provider, model, route, origin)
    )


async def _write(path: Path) -> list[Row]:
    """Requests with their traces, and attempts, as many of each, as fast as the recorder takes them."""
    number = 100_000
    events = _events(number)
    gc.collect()
    gc.freeze()  # what stands ready here is no part of the console's memory
    store = await Store.open(path, _Clock())
    recorder = Recorder(_Clock())
    recorder.attach(store)
    recorder.listen(events.pop())
    await recorder.flush()
    gaps: list[float] = []
    watching = asyncio.ensure_future(_watch(gaps))
    handed = 0.0
    started = time.perf_counter()
    for at in range(0, len(events), 200):
        begun = time.perf_counter()
        for event in events[at : at + 200]:
            recorder.listen(event)
        handed += time.perf_counter() - begun
        await asyncio.sleep(0)
        while recorder.waiting > 50_000:
            await asyncio.sleep(0.01)
    await recorder.flush()
    took = time.perf_counter() - started
    watching.cancel()
    gc.unfreeze()
    rate = len(events) / took
    kept = await store.read(lambda database: database.execute_sql("SELECT count(*) FROM usage_request").fetchone()[0])
    assert kept == number and not recorder.dropped
    await recorder.close()
    await store.close()
    calm = statistics.quantiles(gaps, n=1000)
    return [
        Row("writing, sustained", rate, "events/s", "at least 20,000", rate >= 20_000),
        Row("writing, a publisher's share an event", handed / len(events) * 1e6, "us"),
        Row("writing, longest the loop was blocked", max(gaps), "ms", "at most 4", max(gaps) <= 4),
        Row("writing, loop's delay, 99.9th percentile", calm[-1], "ms"),
        Row("writing, bytes a request with trace and attempt", path.stat().st_size / number, "B"),
    ]


async def _watch(gaps: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        gaps.append((time.perf_counter() - begun) * 1000 - 1)


def _events(number: int) -> list[RequestFinished | AttemptFinished]:
    chance = random.Random(2)
    events: list[RequestFinished | AttemptFinished] = []
    for at in range(number):
        provider = _PROVIDERS[at % 7]
        model = f"{provider}-{at % 2}"
        took = chance.lognormvariate(6.2, 0.7)
        timing = Timing(_END - (number - at) / 10_000, took / 4, took)
        usage, cost = Usage(400, 120), Cost(took / 1e6, "price list")
        trace = DecisionTrace(
            f"run-{at:x}",
            "fast",
            "priority",
            timing.started_at,
            took,
            f"{provider}/{model}",
            (
                Choice(f"{provider}/{model}", 0.9, "first in the route"),
                Choice("groq/other", 0.5, "second in the route"),
            ),
            attempts=(Attempt(f"{provider}/{model}", 1, 0.1, took, "answered", took / 4, cost_usd=cost.usd),),
        )
        events.append(AttemptFinished(provider, model, timing, usage, cost))
        events.append(RequestFinished(f"run-{at:x}", "fast", provider, model, timing, usage, cost, trace=trace))
    return events
