"""The cache's file: what outlasts a start, what must not be left in it, and files that cannot be used."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aiconsole.cache.entry import Meta
from aiconsole.cache.file import CacheFile
from aiconsole.cache.sealing import Seal
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import CacheEvent, Notice
from aiconsole.secrets import Key, KeyStore
from tests.cache.console import asking, console
from tests.clocks import FakeClock
from tests.keyrings import memory_keyring

CANARY = "[[tokens=3000]]"


def traces(home: Path, text: bytes) -> list[str]:
    """The files below ``home`` in which ``text`` is to be found."""
    return [path.name for path in home.rglob("*") if path.is_file() and text in path.read_bytes()]


async def test_answers_pins_hits_and_savings_outlast_a_start(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        first = await here.engine.complete(asking(cache_tags=("demo", "two words")))
        await here.engine.complete(asking("[[tokens=20]]"))
        for _ in range(3):
            await here.engine.complete(asking())
        [info, _] = await here.engine.cache.entries("hits")
        await here.engine.cache.pin(info.key)
    async with console(tmp_path) as here:
        again = await here.engine.complete(asking())
        assert here.calls == 0
        [info, other] = await here.engine.cache.entries("hits")
        stats = await here.engine.cache.stats()
    assert again.text == first.text
    assert again.cached is not None
    assert first.cost is not None
    assert again.cached.saved_usd == first.cost.usd
    assert (info.hits, info.pinned, info.tags) == (4, True, ("demo", "two words"))
    assert (other.hits, other.pinned, other.tags) == (0, False, ())
    assert stats.saved_usd_ever == pytest.approx(4 * first.cost.usd)
    assert stats.saved_usd == pytest.approx(first.cost.usd)
    async with console(tmp_path, keys=KeyStore({}, backend=memory_keyring())) as here:
        await here.engine.complete(asking())
        await here.engine.change("cache.storage", "encrypted")
        assert (await here.engine.cache.stats()).saved_usd_ever == pytest.approx(5 * first.cost.usd)
    assert os.name == "nt" or (tmp_path / "cache.db").stat().st_mode & 0o077 == 0


async def test_clearing_leaves_nothing_of_the_content_in_any_file(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        answer = (await here.engine.complete(asking(CANARY))).text
        await here.engine.complete(asking("[[tokens=100]]"))
        words = answer[:40].encode()
        await here.engine.cache.flush()
        assert traces(tmp_path, words)
        assert await here.engine.cache.clear() == 2
        assert traces(tmp_path, words) == []
        assert (await here.engine.complete(asking(CANARY))).cached is None
    assert traces(tmp_path, words)
    async with console(tmp_path) as here:
        assert await here.engine.cache.clear() == 1
    assert traces(tmp_path, words) == []


async def test_an_answer_with_a_key_in_it_is_not_written_to_the_file(tmp_path: Path) -> None:
    key = Key("canary-of-the-cache-1234567890").reveal()
    async with console(tmp_path) as here:
        answer = await here.engine.complete(asking(f"[[echo]] my key is {key}"))
        assert key in answer.text
        assert (await here.engine.complete(asking(f"[[echo]] my key is {key}"))).cached is not None
        await here.engine.complete(asking("[[echo]] nothing"))
    assert traces(tmp_path, key.encode()) == []
    async with console(tmp_path) as here:
        assert (await here.engine.complete(asking(f"[[echo]] my key is {key}"))).cached is None
        assert (await here.engine.complete(asking("[[echo]] nothing"))).cached is not None


async def test_what_is_invalidated_is_gone_from_the_file_too(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        answer = (await here.engine.complete(asking(CANARY, model="anthropic/claude-haiku-4-5-20251001"))).text
        await here.engine.complete(asking("[[tokens=20]]"))
        await here.engine.cache.flush()
        assert traces(tmp_path, answer[-40:].encode())
        assert await here.engine.cache.invalidate(provider="anthropic") == 1
        assert traces(tmp_path, answer[-40:].encode()) == []
        assert (await here.engine.complete(asking("[[tokens=20]]"))).cached is not None


async def test_encrypted_nothing_of_the_content_is_ever_in_the_file(tmp_path: Path) -> None:
    backend = memory_keyring()
    settings = '[cache]\nstorage = "encrypted"\n'
    async with console(tmp_path, settings, keys=KeyStore({}, backend=backend)) as here:
        answer = (await here.engine.complete(asking(CANARY))).text
        assert (await here.engine.cache.stats()).where == "encrypted"
    assert traces(tmp_path, answer[:20].encode()) == []
    async with console(tmp_path, keys=KeyStore({}, backend=backend)) as here:
        again = await here.engine.complete(asking(CANARY))
        assert (again.text, here.calls) == (answer, 0)
    async with console(tmp_path, keys=KeyStore({}, backend=memory_keyring())) as here:
        assert (await here.engine.complete(asking(CANARY))).cached is None, "another key opens nothing"


async def test_what_was_in_the_clear_is_removed_when_encryption_is_switched_on(tmp_path: Path) -> None:
    async with console(tmp_path, keys=KeyStore({}, backend=memory_keyring())) as here:
        answer = (await here.engine.complete(asking(CANARY))).text
        await here.engine.change("cache.storage", "encrypted")
        assert (await here.engine.complete(asking(CANARY))).cached is None
        assert traces(tmp_path, answer[:20].encode()) == []
        assert (await here.engine.complete(asking(CANARY))).cached is not None
        await here.engine.change("cache.storage", "memory")
        assert (await here.engine.complete(asking(CANARY))).cached is None
        assert not (tmp_path / "cache.db").exists()
        assert (await here.engine.complete(asking(CANARY))).cached is not None
        assert (await here.engine.cache.stats()).where == "memory"
    assert [path for path in tmp_path.iterdir() if path.name.startswith("cache")] == []


async def test_without_a_keyring_an_encrypted_cache_stays_in_memory_and_says_so(tmp_path: Path) -> None:
    keys = KeyStore({"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"})
    async with console(tmp_path, '[cache]\nstorage = "encrypted"\n', keys=keys) as here:
        await here.engine.complete(asking())
        assert (await here.engine.complete(asking())).cached is not None
        told = [event.message for event in here.seen if isinstance(event, Notice)]
        with pytest.raises(ConfigError, match="secure"):
            await here.engine.cache.clear()
    assert ["memory only" in message for message in told] == [True]
    assert not (tmp_path / "cache.db").exists()


async def test_a_second_console_keeps_its_answers_in_memory(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        await one.engine.complete(asking())
        async with console(tmp_path) as two:
            assert (await two.engine.complete(asking())).cached is None
            assert (await two.engine.complete(asking())).cached is not None
            assert two.engine.cache.trouble is not None
            with pytest.raises(ConfigError, match="Another AI Console"):
                await two.engine.cache.clear()


@pytest.mark.parametrize("damage", ["torn", "unnoticed", "overwritten", "foreign", "newer", "empty"])
async def test_a_file_that_cannot_be_used_is_set_aside(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as here:
        await here.engine.complete(asking(CANARY))
    path = tmp_path / "cache.db"
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "unnoticed":
        monkeypatch.setattr("aiconsole.cache.opening._CHECKED", 0)
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xff" * 12_288 + data[16_384:])
    elif damage == "overwritten":
        path.write_bytes(b"x" * 20_000)
    elif damage == "foreign":
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE theirs (x)")
    elif damage == "newer":
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA user_version = 99")
    else:
        path.write_bytes(b"")
    async with console(tmp_path) as here:
        assert (await here.engine.complete(asking())).cached is None
        assert (await here.engine.complete(asking())).cached is not None
        told = [event.message for event in here.seen if isinstance(event, Notice)]
        aside = [kept.name for kept in tmp_path.glob("cache.*-[0-9]*")]
        if damage == "empty":
            assert (told, aside) == ([], [])
        else:
            assert len(aside) >= 1
            assert aside[0].partition(".db")[0] in told[0]
        await here.engine.cache.clear()
    left = [kept.name for kept in tmp_path.glob("cache.*-[0-9]*")]
    assert bool(left) == (damage in ("foreign", "newer")), (
        "clearing removes content of ours, not another program's file"
    )


async def test_content_that_was_lost_is_a_miss(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        await here.engine.complete(asking())
    with closing(sqlite3.connect(tmp_path / "cache.db")) as other, other:
        other.execute("UPDATE entry SET body = x'c1'")
    async with console(tmp_path) as here:
        assert (await here.engine.complete(asking())).cached is None
        assert (await here.engine.complete(asking())).cached is not None
    assert [event.reason for event in here.seen if isinstance(event, CacheEvent) and event.step == "invalidate"] == [
        "its content is lost"
    ]


async def test_the_file_keeps_to_its_room_and_drops_what_is_past_its_time(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = "[cache]\nfile_mb = 1\nmemory_mb = 1\nttl_s = 1000\n"
    async with console(tmp_path, settings, clock=clock) as here:
        for number in range(60):
            await here.engine.complete(asking("[[tokens=4000]]", seed=number))
        stats = await here.engine.cache.stats()
        assert 0 < stats.file_bytes <= stats.file_limit == 1024 * 1024
        assert stats.memory_bytes <= stats.memory_limit
        assert stats.evictions == 60 - stats.entries > 0
        assert here.engine.cache.shrink(0.5) >= 1
        assert (await here.engine.cache.stats()).entries == stats.entries
    clock.advance(2000)
    async with console(tmp_path, clock=clock) as here:
        assert (await here.engine.cache.stats()).entries == 0


async def test_a_large_answer_comes_back_from_the_file(tmp_path: Path) -> None:
    async with console(tmp_path, "[cache]\nfile_mb = 4\nmemory_mb = 1\n") as here:
        first = await here.engine.complete(asking("[[tokens=20000]]"))
        await here.engine.cache.flush()
        here.engine.cache.shrink(0)
        [info] = await here.engine.cache.entries()
        assert info.size > 64 * 1024
        again = await here.engine.complete(asking("[[tokens=20000]]"))
    assert again.cached is not None
    assert again.text == first.text


async def test_pinned_answers_outlive_time_and_crowding(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = "[cache]\nfile_mb = 1\nmemory_mb = 1\nttl_s = 1000\n"
    async with console(tmp_path, settings, clock=clock) as here:
        cache = here.engine.cache
        await here.engine.complete(asking("[[tokens=4000]]"))
        [info] = await cache.entries()
        await cache.pin(info.key[:10])
        for number in range(60):
            await here.engine.complete(asking("[[tokens=4000]]", seed=number))
        clock.advance(5000)
        kept = await here.engine.complete(asking("[[tokens=4000]]"))
        assert kept.cached is not None
        assert (kept.cached.age_s, kept.cached.stale) == (5000, False)
        with pytest.raises(ConfigError, match="half"):
            for other in await cache.entries(limit=None):
                await cache.pin(other.key)
        await cache.pin(info.key, on=False)
        assert (await here.engine.complete(asking("[[tokens=4000]]"))).cached is None
        with pytest.raises(ConfigError, match="No single answer"):
            await cache.pin("ffffffffff")


async def test_entries_are_removed_by_key_model_route_tag_and_age(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, clock=clock) as here:
        cache = here.engine.cache
        for number, model in enumerate(("gpt-oss-120b", "groq/openai/gpt-oss-20b", "mistral/mistral-small-latest")):
            await here.engine.complete(asking(model=model, seed=number, cache_tags=(f"n{number}", "all")))
            clock.advance(10)
        with pytest.raises(ValueError, match="which"):
            await cache.invalidate()
        assert await cache.invalidate(tag="all", provider="cohere") == 0
        assert await cache.invalidate(model="gpt-oss-120b") == 1
        assert await cache.invalidate(model="mistral/mistral-small-latest", older_than_s=100) == 0
        assert await cache.invalidate(tag="n2") == 1
        [info] = await cache.entries("age")
        assert await cache.invalidate(key=info.key[:7]) == 0
        assert await cache.invalidate(key=info.key[:8]) == 1
        await here.engine.complete(asking())
        clock.advance(50)
        assert await cache.invalidate(older_than_s=49) == 1
        assert here.steps().count("invalidate") == 4


async def test_tidying_removes_what_is_past_its_time_but_pins(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, "[cache]\nttl_s = 100\non_error_s = 100\n", clock=clock) as here:
        cache = here.engine.cache
        for number in range(3):
            await here.engine.complete(asking(seed=number))
            clock.advance(60)
        [oldest, *_] = await cache.entries("age")
        await cache.pin(oldest.key)
        assert await cache.tidy() == 0
        clock.advance(100)
        assert await cache.tidy() == 1
        stats = await cache.stats()
        assert (stats.entries, stats.pinned, stats.expired) == (2, 1, 1)


async def test_many_entries_are_taken_up_listed_and_removed_in_turns(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    file = CacheFile.open(path, 0.0, None)
    for number in range(1800):
        key = number.to_bytes(32)
        file.put(
            Meta(key, "groq" if number % 3 else "cohere", "m", "r", 9, 0.0, 1e12, None, 1.0, hits=number), b"x", None
        )
    await file.close()
    async with console(tmp_path) as here:
        cache = here.engine.cache
        assert (await cache.stats()).entries == 1800
        assert [info.hits for info in await cache.entries("hits", limit=2)] == [1799, 1798]
        assert await cache.invalidate(provider="cohere") == 600
        assert await cache.clear() == 1200
        assert here.steps().count("invalidate") == 1800


def test_a_sealed_entry_opens_only_as_itself() -> None:
    seal = Seal(b"k" * 32)
    sealed = seal.seal(b"said", b"one")
    assert seal.open(sealed, b"one") == b"said"
    assert seal.open(sealed, b"two") is None
    assert Seal(b"l" * 32).open(sealed, b"one") is None
    assert seal.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"one") is None
    assert seal.open(b"", b"one") is None
    assert sealed != seal.seal(b"said", b"one")
    with pytest.raises(ValueError, match="32"):
        Seal(b"short")


async def test_a_write_that_fails_harms_nobody(tmp_path: Path) -> None:
    file = CacheFile.open(tmp_path / "cache.db", 0.0, None)
    file._post(("INSERT INTO nowhere VALUES (1)", ()))
    file.note("saved_ms", 5.0)
    await file.settle()
    file.note("saved_ms", 7.0)
    await file.close()
    again = CacheFile.open(tmp_path / "cache.db", 0.0, None)
    assert again.totals == {"saved_ms": 7.0}
    await again.close()


class SlowClock(FakeClock):
    """Time passes with each look at it."""

    step_s = 0.0

    def monotonic(self) -> float:
        self.advance(self.step_s)
        return super().monotonic()


async def test_a_slow_disk_is_read_in_the_thread_for_a_while_and_longer_each_time(tmp_path: Path) -> None:
    file = CacheFile.open(tmp_path / "cache.db", 0.0, None)
    clock = SlowClock()
    clock.step_s = 0.01
    file.read(b"a", clock)
    clock.step_s = 0.0
    assert file.quick(100, clock), "one slow read may be the machine's"
    assert not file.quick(100_000, clock)
    clock.step_s = 0.01
    file.read(b"a", clock)
    clock.step_s = 0.0
    assert not file.quick(100, clock)
    assert await file.read_later(b"a") is None
    clock.advance(1.1)
    assert file.quick(100, clock)
    clock.step_s = 0.01
    file.read(b"a", clock)
    clock.step_s = 0.0
    clock.advance(1.1)
    assert not file.quick(100, clock)
    clock.advance(1.0)
    file.read(b"a", clock)
    assert file.quick(100, clock)
    await file.close()
