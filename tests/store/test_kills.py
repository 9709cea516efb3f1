"""Processes killed at random moments, while they open, migrate, write, checkpoint, prune, give room back and close: nothing
that was acknowledged is lost, nothing is there twice, every sum is that of its rows, and the file is sound."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.happened import attempt, past, request
from tests.store.kills import kill_often, look
from tests.store.places import Clock, conversation, say


def test_kills_lose_and_double_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    left = kill_often(tmp_path, 12, lanes=4)
    assert left.wrong == ()
    assert left.rows > 0
    assert left.turns > 0
    assert sum(left.moments.values()) == 12


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        ("DELETE FROM usage_request WHERE request_id = 'run0-1'", "1 of 3 acknowledged ones of run0 are lost"),
        ("UPDATE usage_request SET request_id = 'run0-1' WHERE request_id = 'run0-2'", "1 of run0 are doubled"),
        ("UPDATE usage_rollup SET count = count + 1 WHERE tier = 3600", "the sums of tier 3600 differ"),
        ("DELETE FROM turn WHERE id = 'run0-0'", "1 of 1 acknowledged ones of run0 are lost"),
        ("DELETE FROM turn_fts_docsize", "turn_fts has 0 of 1 texts"),
    ],
)
async def test_the_count_finds_what_is_lost_doubled_or_wrongly_summed(tmp_path: Path, harm: str, word: str) -> None:
    path, now = tmp_path / "aiconsole.db", time.time()
    async with past(path, Clock(now)) as life:
        for number in range(3):
            life.recorder.listen(request(now, name=f"run0-{number}"))
            life.recorder.listen(attempt(now))
        await conversation(life.store)
        await say(life.store, "c1", None, ("run0-0", "user", "spoken"))
    events = ("user_activity", "breaker_events")
    assert [line for line in look(path, {"run0": 3}, {"run0": 1}) if not any(name in line for name in events)] == []
    with closing(sqlite3.connect(path)) as file:
        file.execute(harm)
        file.commit()
    assert any(word in line for line in look(path, {"run0": 3}, {"run0": 1}))
