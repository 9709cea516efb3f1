"""A drill in a real child process: its steps, its end before time, its faults, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from contextlib import aclosing
from pathlib import Path

import pytest

from aiconsole.domain.errors import ConsoleError
from aiconsole.drill.apart import OwnDrill, Plan, apart
from aiconsole.drill.run import Answered, Asked, Began, Done, Step
from aiconsole.drill.scenarios import CEREBRAS, GROQ, drillable

OWN = OwnDrill("rate limits", (GROQ, CEREBRAS, "mistral/mistral-small-latest"), "groq", 10.0, 1.0)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where children put what is theirs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_a_drill_apart_tells_its_steps_and_leaves_nothing(scratch: Path) -> None:
    plan = Plan(OWN, seed=5, scale=0.0, settings={"fallback.breaker_failures": 3}, rules="")
    steps: list[Step] = []
    async with aclosing(apart(plan)) as batches:
        async for batch in batches:
            steps += batch
    assert isinstance(steps[0], Began)
    assert steps[0].candidates == OWN.candidates
    assert sum(isinstance(step, Asked) for step in steps) == sum(isinstance(step, Answered) for step in steps) == 40
    assert isinstance(steps[-1], Done)
    assert (steps[-1].summary.seed, steps[-1].summary.availability) == (5, 1.0)
    assert not multiprocessing.active_children()
    assert not list(scratch.iterdir())


async def test_a_drill_apart_can_be_stopped_and_given_up_at_any_moment(scratch: Path) -> None:
    stop = asyncio.Event()
    last: Step | None = None
    async with aclosing(apart(Plan("recovery", scale=0.05), stop=stop)) as batches:
        async for batch in batches:
            stop.set()
            last = batch[-1]
    assert isinstance(last, Done)
    assert last.summary.stopped_s is not None
    async with aclosing(apart(Plan("recovery", scale=1.0))) as batches:
        async for _ in batches:
            break
    assert not multiprocessing.active_children()
    assert not list(scratch.iterdir())


async def test_why_a_drill_cannot_be_run_is_told(scratch: Path) -> None:
    with pytest.raises(ConsoleError, match="no-such"):
        async for _ in apart(Plan("no-such")):
            pass


def test_only_models_that_are_simulated_can_be_drilled() -> None:
    assert drillable((GROQ, "groq/no-such", "mine/gpt-oss-120b", CEREBRAS)) == (GROQ, CEREBRAS)
