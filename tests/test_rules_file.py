"""The fallback rules through the engine's door: kept with their comments, never lost, in force at once."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import Event, Notice
from aiconsole.domain.messages import Message
from aiconsole.engine import Engine
from aiconsole.routing.rules import Rule, default_rules
from aiconsole.routing.rules.declare import ErrorRate, Floor

OWN = """# My rules.

# Because of last week.
[first]
errors = ["timeout"]  # silent
do = "fail fast"

[second]
errors = ["overloaded"]
do = "next candidate"
"""


def opened(home: Path, text: str | None = None) -> Path:
    path = home / "rules.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return path


async def test_without_a_file_the_defaults_hold_and_a_save_makes_a_private_one(tmp_path: Path) -> None:
    path = opened(tmp_path)
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        assert (engine.rules.in_use.rules, engine.rules.in_use.own, engine.rules.in_use.problems) == (
            default_rules(),
            False,
            (),
        )
        await engine.rules.save(engine.rules.in_use.rules[1:])
        assert engine.rules.in_use.own
        assert "# The fallback rules that come with the console" in path.read_text(encoding="utf-8")
        if os.name != "nt":
            assert path.stat().st_mode & 0o777 == 0o600
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        assert engine.rules.in_use.rules == default_rules()[1:]
        await engine.rules.reset()
        assert engine.rules.in_use.rules == default_rules()
        assert not path.exists()
        assert (tmp_path / "rules.toml.bak").exists()


async def test_comments_and_tables_that_cannot_be_read_stay(tmp_path: Path) -> None:
    path = opened(tmp_path, OWN.replace("[second]", '[dances]\ndo = "dance"  # one day\n\n# Goes on.\n[second]'))
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        first, second = engine.rules.in_use.rules
        assert [problem.rule for problem in engine.rules.in_use.problems] == ["dances"]
        changed = msgspec.structs.replace(second, errors=("overloaded", "server fault"))
        await engine.rules.save((changed, first))
        assert engine.rules.in_use.rules == (changed, first)
        assert [problem.rule for problem in engine.rules.in_use.problems] == ["dances"]
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# My rules.\n\n# Goes on.\n[second]\n")
    assert '# Because of last week.\n[first]\nerrors = ["timeout"]  # silent\n' in text
    assert 'do = "dance"  # one day' in text


async def test_a_save_takes_effect_at_the_next_request(tmp_path: Path) -> None:
    hello = ChatRequest("gpt-oss-120b", (Message.user("[[tokens=2]]"),))
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        assert (await engine.complete(hello)).provider == "groq"
        over = Rule(
            name="over", do="route", to="gpt-oss-20b", routes=("gpt-oss-120b",), score=Floor(below=101, above=101)
        )
        await engine.rules.save((over, *engine.rules.in_use.rules))
        assert (await engine.complete(hello)).model == "openai/gpt-oss-20b"
        await engine.rules.reset()
        assert (await engine.complete(hello)).model == "openai/gpt-oss-120b"


async def test_a_contradiction_is_refused_and_a_warning_is_told(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        one = Rule(name="one", do="fail fast", errors=("timeout",))
        with pytest.raises(ConfigError, match="contradicts one"):
            await engine.rules.save((one, Rule(name="other", do="next candidate", errors=("timeout",))))
        with pytest.raises(ConfigError, match="needs a name"):
            await engine.rules.save((msgspec.structs.replace(one, name=" "),))
        assert engine.rules.in_use.rules == default_rules()
        await engine.rules.save((one, msgspec.structs.replace(one, name="again")))
        assert [(problem.rule, problem.severity) for problem in engine.rules.in_use.problems] == [("again", "warning")]


async def test_what_somebody_else_wrote_is_not_written_over(tmp_path: Path) -> None:
    path = opened(tmp_path, OWN)
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        before = engine.rules.in_use.rules
        path.write_text(OWN + '[third]\nerrors = ["quota exhausted"]\ndo = "notify"\n', encoding="utf-8")
        with pytest.raises(ConfigError, match="another program"):
            await engine.rules.save(before[:1])
        assert len((await engine.rules.reload()).rules) == 3

        path.write_text("[third\n", encoding="utf-8")
        again = await engine.rules.reload()
        assert len(again.rules) == 3
        assert "not TOML" in again.problems[0].reason
        with pytest.raises(ConfigError, match="not written over"):
            await engine.rules.save(before)
        assert path.read_text(encoding="utf-8") == "[third\n"
        await engine.rules.reset()
        assert (tmp_path / "rules.toml.bak").read_text(encoding="utf-8") == "[third\n"


async def test_a_file_that_is_not_toml_leaves_the_defaults_and_says_so(tmp_path: Path) -> None:
    opened(tmp_path, "what")
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        assert engine.rules.in_use.rules == default_rules()
        assert "not TOML" in engine.rules.in_use.problems[0].reason


async def test_an_unchanged_rule_goes_on_holding(tmp_path: Path) -> None:
    rule = Rule(name="bad", do="next candidate", error_rate=ErrorRate(above=0.5, calls=2), min_between_s=600)
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        seen: list[Event] = []
        engine.bus.subscribe(seen.append)
        await engine.rules.save((rule,))
        book = engine.gate.rules
        assert book is not None
        for _ in range(4):
            engine.gate.measures.seen("groq/a", failed=True)
        assert book.before_attempt("r", "groq/a") is not None
        await engine.rules.save((msgspec.structs.replace(rule, about="Told."), default_rules()[0]))
        assert [(candidate, held.name) for candidate, held, _ in book.holding()] == [("groq/a", "bad")]
        fired = book.last_fired("bad")
        assert fired is not None
        assert fired.candidate == "groq/a"
        await engine.rules.save((msgspec.structs.replace(rule, min_between_s=601.0),))
        assert book.holding() == ()
        assert book.last_fired("bad") is None
        assert not any(isinstance(event, Notice) for event in seen)
