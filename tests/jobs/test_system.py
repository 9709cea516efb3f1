"""The checks of what the console stands on: real disk, memory, handles, sockets and database."""

from __future__ import annotations

import socket
from contextlib import closing
from email.utils import formatdate
from pathlib import Path

from aiconsole.domain.chat import Timing
from aiconsole.domain.errors import StoreError
from aiconsole.domain.events import RequestFinished
from aiconsole.domain.jobs import JobRun
from aiconsole.jobs import system
from aiconsole.jobs.system import Check, ClockWatch, SystemHealth
from aiconsole.secrets import KeyStore
from aiconsole.store import Store
from aiconsole.store.jobs import JobStore
from tests.clocks import FakeClock
from tests.jobs.places import Rig
from tests.keyrings import memory_keyring


async def run(health: SystemHealth) -> JobRun:
    async with Rig(health.job()) as rig:
        await rig.scheduler.run_now("system")
        done = await rig.scheduler.finished("system")
    assert done is not None
    return done


def answer(date: float, started: float, ttft_ms: float = 400.0) -> RequestFinished:
    headers = {"date": formatdate(date, usegmt=True)}
    return RequestFinished("r", "groq/m", "groq", "m", Timing(started, ttft_ms, 9000.0), headers=headers)


async def test_everything_is_well_on_a_healthy_machine(tmp_path: Path) -> None:
    clock = ClockWatch()
    clock.listen(answer(1_750_000_000, 1_750_000_000.2))
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        async with await Store.open(tmp_path / "aiconsole.db", FakeClock()) as store:
            health = SystemHealth(
                [tmp_path / "not" / "there" / "yet"],
                [
                    system.database_check(tmp_path / "aiconsole.db", JobStore(store).load, lambda: store.trouble),
                    system.keyring_check(KeyStore({}, backend=memory_keyring()).check_backend),
                    system.loop_check(lambda: 3.0),
                    system.network_check(lambda: [("127.0.0.1", server.getsockname()[1])]),
                    clock.check,
                ],
            )
            done = await run(health)
    found = {check.name: check for check in health.latest}
    assert list(found) == ["disk", "memory", "file handles", "database", "key store", "event loop", "network", "clock"]
    assert done.result == "succeeded", done.message
    assert {name for name, check in found.items() if check.verdict == "unknown"} == set()
    assert len(done.output) == len(found)
    assert all((found[name].figure or 0) > 0 for name in ("disk", "memory", "file handles", "database"))


async def test_what_is_bad_fails_the_job_with_advice_and_does_not_hide_the_rest(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]

    async def raises() -> Check:
        raise KeyError("x")

    full = StoreError("The disk with the conversations is full.", advice="Make room.")
    store = await Store.open(tmp_path / "aiconsole.db", FakeClock())
    await store.close()
    health = SystemHealth(
        [tmp_path],
        [
            system.database_check(tmp_path / "aiconsole.db", JobStore(store).load, lambda: full),
            system.database_check(tmp_path / "aiconsole.db", JobStore(store).load, lambda: None),
            system.loop_check(lambda: 4000.0),
            system.network_check(lambda: [("127.0.0.1", port)]),
            raises,
        ],
    )
    done = await run(health)
    assert done.result == "failed"
    for words in ("is full", "closed", "4000 ms late", "can be reached", "Make room"):
        assert words in done.message, done.message
    assert [check.verdict for check in health.latest[3:]] == ["bad", "bad", "bad", "bad", "unknown"]


async def test_the_clock_is_judged_by_the_best_answer() -> None:
    watch = ClockWatch()
    assert (await watch.check()).verdict == "unknown"
    watch.listen(answer(1_750_000_000, 1_750_000_090.0))
    behind = await watch.check()
    assert (behind.verdict, "ahead of" in behind.words) == ("low", True)
    watch.listen(answer(1_750_000_000, 1_750_000_000.5))
    assert (await watch.check()).verdict == "well"
    other = ClockWatch()
    other.listen(answer(1_750_000_900, 1_750_000_000.0))
    bad = await other.check()
    assert (bad.verdict, "behind" in bad.words, bool(bad.advice)) == ("bad", True, True)
