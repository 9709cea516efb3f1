"""Processes killed at random moments, while they open, migrate, write, checkpoint, prune, give room back and close: nothing
that was acknowledged is lost, nothing is there twice, every sum is that of its rows, and the file is sound."""

from __future__ import annotations

from pathlib import Path

from tests.store.kills import kill_often


def test_kills_lose_and_double_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    left = kill_often(tmp_path, 12, lanes=4)
    assert left.wrong == ()
    assert left.rows > 0
    assert left.turns > 0
    assert sum(left.moments.values()) == 12
    assert len(left.moments) >= 3
