"""A drill in a process of its own, so that whoever watches it goes on undisturbed and nothing of the person's is touched.

The child has its own loop (in which waiting may be shortened), engine, simulator and scratch home; a `Plan` goes in, `Step`s
come out as JSON. Processes are spawned, so that it is the same on every system and in a bundled console.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from multiprocessing.context import SpawnProcess
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import msgspec

from aiconsole.domain.errors import ConfigError, ConsoleError
from aiconsole.drill.alone import alone
from aiconsole.drill.lapse import LapseLoop
from aiconsole.drill.run import Done, Step
from aiconsole.drill.scenarios import SCENARIOS, FaultKind, Scenario, one_fault

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

_TOGETHER_S: Final = 0.05
"""Steps that come within this time are handed on together."""
_ENDING_S: Final = 3.0


class OwnDrill(msgspec.Struct, frozen=True):
    """One fault at one provider of a route; the arguments of `one_fault`."""

    kind: FaultKind
    candidates: tuple[str, ...]
    provider: str
    lasts_s: float = 30.0
    rate_per_s: float = 2.0


class Plan(msgspec.Struct, frozen=True):
    """What to drill.

    Attributes:
        drill: the name of a ready scenario, or a drill of one's own.
        scale: how long waiting takes, 0 to 1; see `LapseLoop`.
        settings, rules: as in `rig`.
    """

    drill: str | OwnDrill
    seed: int = 0
    scale: float = 0.1
    settings: Mapping[str, Any] = {}
    rules: str | None = None

    def scenario(self) -> Scenario:
        """The scenario meant.

        Raises:
            ConfigError: there is none of that name.
        """
        own = self.drill
        if isinstance(own, OwnDrill):
            return one_fault(own.kind, own.candidates, own.provider, lasts_s=own.lasts_s, rate_per_s=own.rate_per_s)
        found = next((scenario for scenario in SCENARIOS if scenario.name == own), None)
        if found is None:
            raise ConfigError(f"There is no scenario called “{own}”.")
        return found


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The drill could not be run; in the words of a `ConsoleError`."""

    message: str
    advice: str


async def apart(plan: Plan, *, stop: asyncio.Event | None = None) -> AsyncGenerator[list[Step], None]:
    """The steps of a drill, several at a time, up to `Done`. Closing the generator ends the child.

    Args:
        stop: once set, the drill ends early; `Done` then tells of what was seen.

    Raises:
        ConsoleError: the drill could not be run, or its process ended early.
    """
    context = multiprocessing.get_context("spawn")
    steps_in, steps_out = context.Pipe(duplex=False)
    stop_in, stop_out = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(msgspec.json.encode(plan), steps_out, stop_in), daemon=True)
    threads = ThreadPoolExecutor(1, thread_name_prefix="drill")
    run = asyncio.get_running_loop().run_in_executor
    telling = asyncio.ensure_future(_tell(stop or asyncio.Event(), stop_out))
    started = False
    try:
        await run(threads, process.start)
        started = True
        steps_out.close()
        stop_in.close()
        while batch := await run(threads, _some, steps_in):
            yield [step for step in batch if not isinstance(step, Failed)]
            if isinstance(last := batch[-1], Failed):
                raise ConsoleError(last.message, advice=last.advice)
            if isinstance(last, Done):
                return
        raise ConsoleError("The drill's process ended early.", advice="Start the drill again.")
    finally:
        telling.cancel()
        stop_out.close()
        if started:
            await asyncio.shield(asyncio.to_thread(_end, process))
        threads.shutdown(wait=False)
        for pipe in (steps_in, steps_out, stop_in):
            pipe.close()


async def _tell(stop: asyncio.Event, out: Connection) -> None:
    await stop.wait()
    with contextlib.suppress(OSError):
        out.send_bytes(b"stop")


def _some(steps: Connection) -> list[Step | Failed]:
    """Wait for a step and take what comes with it; nothing once the child has gone."""
    found: list[Step | Failed] = []
    with contextlib.suppress(EOFError, OSError):
        found.append(_DECODER.decode(steps.recv_bytes()))
        until = monotonic() + _TOGETHER_S
        while not isinstance(found[-1], Done) and steps.poll(max(0.0, until - monotonic())):
            found.append(_DECODER.decode(steps.recv_bytes()))
            if monotonic() >= until:
                break
    return found


def _end(process: SpawnProcess) -> None:
    process.join(_ENDING_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    process.close()


_DECODER: Final = msgspec.json.Decoder(Step | Failed)


# The child


def _child(encoded: bytes, out: Connection, stop: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger().addHandler(logging.NullHandler())
    plan = msgspec.json.decode(encoded, type=Plan)
    with (
        contextlib.suppress(asyncio.CancelledError, BrokenPipeError),
        asyncio.Runner(loop_factory=lambda: LapseLoop(plan.scale)) as runner,
    ):
        runner.run(_drill(plan, out, stop))


async def _drill(plan: Plan, out: Connection, stop: Connection) -> None:
    loop, task, stopping = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    assert task is not None

    def listen() -> None:
        """Hear from whoever watches: a word means stop, silence for good means that nobody watches any more."""
        with contextlib.suppress(EOFError, OSError):
            while stop.recv_bytes():
                loop.call_soon_threadsafe(stopping.set)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel)

    Thread(target=listen, daemon=True).start()
    encode = msgspec.json.Encoder().encode
    try:
        async with aclosing(
            alone(plan.scenario(), seed=plan.seed, settings=plan.settings, rules=plan.rules, stop=stopping)
        ) as steps:
            async for step in steps:
                out.send_bytes(encode(step))
    except ConsoleError as error:
        out.send_bytes(encode(Failed(error.message, error.advice)))
