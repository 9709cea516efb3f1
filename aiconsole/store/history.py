"""The door to the past: what graphs, tables and reports ask, on the event loop. The work is done in the store's threads.

Figures come from rollups (see graphs.py) and are at most a third of a second behind what happens, as the recorder writes that
often. Every method may raise StoreError, and ConfigError where the database cannot be opened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from aiconsole.domain.clock import Clock
from aiconsole.domain.history import (
    BreakerSpan,
    CallSums,
    EventKind,
    FailureCount,
    Figures,
    HealthSpan,
    Objective,
    Of,
    PastEvent,
    PastRequest,
    RequestFilter,
    RequestRow,
    Series,
    Sort,
    Spend,
    Targets,
    Tiles,
)
from aiconsole.store.chosen import By, choose

if TYPE_CHECKING:
    from aiconsole.domain.chat import Origin
    from aiconsole.store.database import Database
    from aiconsole.store.request_table import Pages
    from aiconsole.store.store import Store
    from aiconsole.store.writer import Job

T = TypeVar("T")


class FoundRequests:
    """Requests that a filter let through, in one order; a snapshot.

    Attributes:
        count: how many can be paged through.
        capped: whether there are more than those.
    """

    def __init__(self, history: History, pages: Pages) -> None:
        self.count = pages.number
        self.capped = pages.capped
        self._history = history
        self._pages = pages

    async def page(self, offset: int, limit: int = 100) -> tuple[RequestRow, ...]:
        """At most ``limit`` rows from ``offset`` on; those deleted since are left out."""
        from aiconsole.store import request_table

        def read(database: Database) -> tuple[Pages, tuple[RequestRow, ...]]:
            pages = request_table.reaching(database, self._pages, offset + limit)
            return pages, request_table.page(database, pages, offset, limit)

        self._pages, rows = await self._history.ask(read, tables=True)
        return rows


class History:
    """Made by `Engine`. ``store`` gives the open store, opening it first where needed."""

    def __init__(self, store: Callable[[], Awaitable[Store]], clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def ask(self, job: Job[T], *, tables: bool = False) -> T:
        """Run a query of one's own in the graphs' thread, or in the tables', which may be kept waiting."""
        store = await self._store()
        return await store.read(job, "tables" if tables else "graphs")

    async def series(
        self,
        start: float,
        end: float,
        step: float | None = None,
        *,
        of: Of = "attempts",
        by: By = "provider",
        provider: str = "",
        model: str = "",
        route: str = "",
        origins: Sequence[Origin] = (),
        simulated: bool = False,
    ) -> Series:
        """Figures bucket by bucket, a line a provider, a model, or one of all.

        Args:
            start, end: the range in epoch s, widened to whole buckets.
            step: length of a bucket in s, rounded up to what is kept; None gives up to 180 buckets.
            of: what is counted.
            by: what a line is. Of requests, the line of provider "" are those for which nobody could be asked.
            provider, model, route, origins: only those; "" and () are all. Attempts know no route.
            simulated: simulated ones instead of real ones.
        """
        store = await self._store()
        now, retention = self._clock.now(), store.retention

        def read(database: Database) -> Series:
            from aiconsole.store import graphs

            chosen = choose(
                database,
                of,
                by,
                provider=provider,
                model=model,
                route=route,
                origins=origins,
                simulated=simulated,
            )
            return graphs.series(database, chosen, start, end, step or graphs.auto_step(start, end), now, retention)

        return await store.read(read, "graphs")

    async def call_sums(
        self,
        start: float,
        end: float,
        step: float,
        *,
        of: Of = "attempts",
        by: By = "provider",
        simulated: bool = False,
    ) -> tuple[float, tuple[CallSums, ...]]:
        """Calls counted in buckets of ``step`` s (rounded up to what is kept), those without a call left out, by line and time;
        and the length of a bucket in s."""
        store = await self._store()
        now, retention = self._clock.now(), store.retention

        def read(database: Database) -> tuple[float, tuple[CallSums, ...]]:
            from aiconsole.store import call_sums

            return call_sums.call_sums(database, start, end, step, now, retention, of=of, by=by, simulated=simulated)

        return await store.read(read, "graphs")

    async def totals(
        self,
        start: float,
        end: float,
        *,
        of: Of = "attempts",
        by: By = "provider",
        provider: str = "",
        simulated: bool = False,
    ) -> dict[tuple[str, str], Figures]:
        """Figures over the whole range, to the nearest ten seconds where those are kept, by provider and model; by provider, or
        for all together, the names left out are "". Who did nothing is not in it."""
        store = await self._store()
        now, retention = self._clock.now(), store.retention

        def read(database: Database) -> dict[tuple[str, str], Figures]:
            from aiconsole.store import graphs

            chosen = choose(database, of, by, provider=provider, simulated=simulated)
            return graphs.totals(database, chosen, start, end, now, retention)

        return await store.read(read, "graphs")

    async def tiles(
        self, start: float, end: float, *, provider: str = "", route: str = "", simulated: bool = False
    ) -> Tiles:
        """Requests of the range, of the one before it, and in up to 60 buckets (of 90 days: 90)."""
        store = await self._store()
        now, retention = self._clock.now(), store.retention

        def read(database: Database) -> Tiles:
            from aiconsole.store import graphs

            chosen = choose(database, "requests", provider=provider, route=route, simulated=simulated)
            return Tiles(
                graphs.total(database, chosen, start, end, now, retention),
                graphs.total(database, chosen, 2 * start - end, start, now, retention),
                graphs.series(database, chosen, start, end, graphs.spark_step(start, end), now, retention),
            )

        return await store.read(read, "graphs")

    async def requests(self, wanted: RequestFilter, sort: Sort = "time", *, descending: bool = True) -> FoundRequests:
        """Find requests. Cancelling the caller ends the search, which may take a while among millions."""
        store = await self._store()
        now, retention = self._clock.now(), store.retention

        def read(database: Database) -> Pages:
            from aiconsole.store import request_table

            return request_table.find(database, wanted, sort, descending, now, retention)

        return FoundRequests(self, await store.read(read, "tables"))

    async def request(self, number: int) -> PastRequest | None:
        """One request by its ``id``, with attempts and trace; None where it is not kept any more."""

        def read(database: Database) -> PastRequest | None:
            from aiconsole.store import request_page

            return request_page.read(database, number)

        return await self.ask(read)

    async def request_named(self, request_id: str) -> PastRequest | None:
        """The same by its ``request_id``, as events and answers name it."""

        def read(database: Database) -> PastRequest | None:
            from aiconsole.store import request_page

            return request_page.named(database, request_id)

        return await self.ask(read)

    async def breaker_spans(self, start: float, end: float, *, simulated: bool = False) -> tuple[BreakerSpan, ...]:
        """The states of every breaker that ever changed, by breaker and time, cut to the range. The last span of a breaker is
        open-ended (``end`` None)."""
        from aiconsole.store import past

        return await self.ask(lambda database: past.breaker_spans(database, start, end, simulated))

    async def health_spans(self, start: float, end: float, *, simulated: bool = False) -> tuple[HealthSpan, ...]:
        """Spans of health that reach into the range, by provider and time."""
        from aiconsole.store import past

        return await self.ask(lambda database: past.health_spans(database, start, end, simulated))

    async def events(
        self,
        start: float,
        end: float,
        *,
        limit: int = 200,
        kinds: frozenset[EventKind] = frozenset(),
        simulated: bool = False,
    ) -> tuple[PastEvent, ...]:
        """The newest ``limit`` events of the range, newest first; of all kinds but "cache" where ``kinds`` is empty."""
        from aiconsole.store import past

        return await self.ask(lambda database: past.events(database, start, end, limit, kinds, simulated))

    async def failures(
        self, start: float, end: float, *, provider: str = "", simulated: bool = False
    ) -> tuple[FailureCount, ...]:
        """Requests that failed, by the kind of their last error, the most frequent first; of those whose last candidate was of
        ``provider``."""
        from aiconsole.store import past

        return await self.ask(lambda database: past.failures(database, start, end, provider, simulated))

    async def spend(self, start: float, end: float, *, simulated: bool = False) -> tuple[Spend, ...]:
        """What requests cost by UTC day, provider and route, of the days that begin in the range."""
        from aiconsole.store import past

        return await self.ask(lambda database: past.spend(database, start, end, simulated))

    async def objectives(
        self, start: float, end: float, targets: Targets, *, simulated: bool = False
    ) -> tuple[Objective, ...]:
        """Each target with what was reached in the range: availability and p95 of requests, error rate of attempts, hits of
        repeated look-ups in the cache."""
        store = await self._store()
        now, retention = self._clock.now(), store.retention

        def read(database: Database) -> tuple[Objective, ...]:
            from aiconsole.store import objectives

            return objectives.measure(database, start, end, targets, simulated, now, retention)

        return await store.read(read, "graphs")

    async def routes(self) -> tuple[str, ...]:
        """Every route that was ever asked for, for a filter's choices."""

        def read(database: Database) -> tuple[str, ...]:
            rows = database.execute_sql("SELECT DISTINCT route FROM usage_series WHERE counted = 'requests' ORDER BY 1")
            return tuple(route for (route,) in rows.fetchall())

        return await self.ask(read)
