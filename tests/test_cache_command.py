"""``aiconsole cache`` and ``chat --cache`` as their user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiconsole.cache.words import cached_words
from aiconsole.cli import run
from aiconsole.domain.chat import Cached
from aiconsole.store.lockfile import FileLock

ASK = ("chat", "--demo", "--json", "-m", "cerebras/gpt-oss-120b", "--temperature", "0", "[[tokens=12]]")


def test_answers_are_kept_between_runs_listed_and_cleared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)

    def aiconsole(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--home", str(tmp_path)])
        told = capsys.readouterr()
        return code, told.out, told.err

    first, again, fresh = (json.loads(aiconsole(*ASK, *more)[1]) for more in ((), (), ("--cache", "fresh")))
    assert [("cached" in result) for result in (first, again, fresh)] == [False, True, False]
    assert first["content"] == again["content"]
    code, listed, _ = aiconsole("cache", "list")
    head, row = listed.splitlines()
    assert code == 0
    assert head.split() == ["KEY", "MODEL", "ASKED", "AS", "SIZE", "AGE", "HITS", "SAVED", "PINNED"]
    assert "cerebras/gpt-oss-120b" in row
    stats = json.loads(aiconsole("cache", "stats", "--json")[1])
    assert (stats["entries"], stats["where"]) == (1, "disk")
    assert stats["saved_ms_ever"] > 0
    code, _, nothing = aiconsole("cache", "remove")
    assert (code, "--key" in nothing) == (2, True)
    assert "0 entries" in aiconsole("cache", "remove", "--provider", "groq")[2]
    assert "1 entry" in aiconsole("cache", "clear")[2]
    assert "0 B of" in aiconsole("cache", "stats")[1]


def test_it_says_so_where_another_console_has_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = FileLock(tmp_path / "cache.db.lock")
    assert run(["cache", "clear", "--home", str(tmp_path)]) == 2
    lock.release()
    assert "Another AI Console" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cached", "words"),
    [
        (Cached("k", 720, 0.004, 1800), "cached, 12 min old, saved $0.0040 and 1.8 s"),
        (Cached("k", 90_000, None, 1800), "cached, 1 d old, saved 1.8 s"),
        (Cached("k", 5, 2.5, 3, similarity=0.97), "cached, 5 s old, to a question 97% alike, saved $2.50"),
        (Cached("k", 7300, stale=True), "cached, 2 h old, past its time"),
        (Cached("k", 0, 0.00001, shared=True), "shared with an equal request under way, saved $0.000010"),
    ],
)
def test_what_is_told_of_a_cached_answer(cached: Cached, words: str) -> None:
    assert cached_words(cached) == words
