"""Error tracking in a real database: groups, regressions, spikes, and what is no error."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiconsole.domain.chat import Timing
from aiconsole.domain.error_groups import ErrorFinding
from aiconsole.domain.errors import StoreError
from aiconsole.domain.events import RequestFinished
from aiconsole.domain.trace import Attempt, DecisionTrace
from aiconsole.jobs.errors import MAX_WAITING, ErrorTracking, generalised
from aiconsole.jobs.job import Run
from aiconsole.store import Store
from aiconsole.store.errors import ErrorStore
from tests.clocks import FakeClock


class Place:
    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.clock = clock
        self.errors = ErrorStore(store)
        self.findings: list[ErrorFinding] = []
        self.tracking = ErrorTracking(self.errors, clock, self.findings.append)

    async def run(self) -> tuple[str, list[str]]:
        said: list[str] = []
        outcome = await self.tracking.work(Run(None, "by hand", said.append))
        return outcome.message, said

    def fails(self, words: str = "upstream gave up", kind: str | None = "server fault", *, times: int = 1) -> None:
        for number in range(times):
            attempt = Attempt("groq/m", 1, 0.0, 5.0, "failed", error_kind=kind, error=words, status=500)
            trace = DecisionTrace(f"r{number}", "groq/m", "priority", 0.0, 5.0, attempts=(attempt,))
            self.tracking.listen(
                RequestFinished(
                    f"r{number}", "groq/m", "groq", "m", Timing(0.0, None, 5.0), error_kind=kind, trace=trace
                )
            )


@asynccontextmanager
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = FakeClock()
    async with await Store.open(tmp_path / "aiconsole.db", clock) as store:
        yield Place(store, clock)


async def test_errors_that_differ_in_ids_are_one_group_with_count_times_and_sample(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for words in (
            "request req_8f3a9c2d71e4b6 failed after 31 ms",
            "request req_0011aabb2233cc failed after 7.5 ms",
        ):
            here.fails(words, times=2)
            here.clock.advance(60)
        here.fails("something else")
        here.fails("left", "cancelled")
        assert await here.run() == (
            "5 errors: 2 new.",
            [
                "A new error, “server fault” from groq/m: request ‹id› failed after ‹n› ms",
                "A new error, “server fault” from groq/m: something else",
            ],
        )
        here.fails("something else")
        assert await here.run() == ("1 errors, all of known kinds.", [])
        assert await here.run() == ("No errors since the last run.", [])
        groups = {group.words: group for group in await here.errors.groups()}
    first = groups["request ‹id› failed after ‹n› ms"]
    assert (first.count, first.sample, first.last_seen - first.first_seen) == (4, "r1", 60)
    assert groups["something else"].count == 2


async def test_an_error_that_is_back_is_a_regression(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.fails()
        await here.run()
        here.clock.advance(2 * 86400)
        here.fails()
        assert (await here.run())[0] == "1 errors: 1 regression."
        (group,) = await here.errors.groups()
        await here.errors.resolve(group.fingerprint, here.clock.now())
        here.clock.advance(60)
        here.fails()
        assert (await here.run())[0] == "1 errors: 1 regression."
        (group,) = await here.errors.groups()
    assert group.resolved_at is None
    assert [finding.turn for finding in here.findings] == ["new", "regression", "regression"]


async def test_a_spike_is_told_once_an_hour_and_a_steady_rate_never(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for hour in range(48):
            here.fails(times=20 + hour % 5)
            assert "spike" not in (await here.run())[0]
            here.clock.advance(3600)
        here.fails(times=60)
        message, said = await here.run()
        assert message == "60 errors: 1 spike."
        assert "60 times an hour instead of 2" in said[0]
        here.fails(times=30)
        assert "spike" not in (await here.run())[0]
        (group,) = await here.errors.groups()
        assert sum(count for _, count in await here.errors.hours(group.fingerprint, 0.0)) == group.count


async def test_the_log_of_the_console_is_tracked_too(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        log = logging.getLogger("aiconsole.test-of-errors")
        log.addHandler(here.tracking.handler)
        log.propagate = False
        try:
            log.warning("no error")
            for number in (1, 2):
                try:
                    raise KeyError(number)
                except KeyError:
                    log.exception("lost %d", number)
        finally:
            log.removeHandler(here.tracking.handler)
        await here.run()
        (group,) = await here.errors.groups()
    assert (group.source, group.kind, group.count) == ("console", "KeyError", 2)
    assert "Traceback" in group.sample


async def test_what_cannot_be_kept_now_is_kept_later_and_memory_is_bounded(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        store = await Store.open(tmp_path / "other.db", here.clock)
        await store.close()
        tracking = ErrorTracking(ErrorStore(store), here.clock, here.findings.append)
        tracking.count("console", "x", "y")
        with pytest.raises(StoreError):
            await tracking.flush()
        tracking.count("console", "x", "y")
        tracking._keeping = here.errors
        assert (await tracking.flush())[0] == 2
        letters = [f"{a}{b}{c}" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij"]
        for word in letters:
            tracking.count("console", "many", word)
        count, _ = await tracking.flush()
        assert count == len(letters)
        assert len(await here.errors.groups(limit=5000)) <= MAX_WAITING + 2


def test_what_varies_is_taken_out_of_words() -> None:
    assert generalised("limit 30 of 40,000 at 12:30:01 for org_01h45tzzz9a see https://x.y/z?a=1 ok") == (
        "limit ‹n› of ‹n› at ‹n› for ‹id› see ‹address› ok"
    )
