"""Sends requests to the targets, keeps the accounts of the run, and stops it where a limit is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from aiconsole.bench.load.gauge import Gauge
from aiconsole.bench.load.order import Aim
from aiconsole.bench.measure import Place, Sample, Stopwatch
from aiconsole.bench.plan import Plan, Prompt
from aiconsole.domain.chat import ChatRequest, ChatResult
from aiconsole.domain.errors import ProviderError, ServerFault
from aiconsole.domain.messages import Message
from aiconsole.providers.client import HttpProvider

_ENOUGH: Final = 20
_GRACE_S: Final = 10.0

Noted = Callable[[Stopwatch, ChatResult], object]


class Target:
    """One target of a run and the prompts it is given, in an order of chance that is the same for all targets."""

    def __init__(self, aim: Aim, provider: HttpProvider, plan: Plan) -> None:
        self.aim = aim
        self.provider = provider
        self.prompts: Iterator[Prompt] = _dealt(plan.prompts, Random(plan.seed))  # noqa: S311


def _dealt(prompts: tuple[Prompt, ...], random: Random) -> Iterator[Prompt]:
    """All prompts again and again, each round shuffled anew."""
    while True:
        yield from random.sample(prompts, len(prompts))


class Sending:
    """The requests of one phase of a run.

    Args:
        emit: takes each sample as its request ends.
        noted: takes the times and the result of each request that was answered, for the calibration.
        nonce: begins every prompt where the plan wants them unique.

    Attributes:
        stopped: why the run ends before its time, in words; "" while it goes on.
        over: set when it is to end.
        drivers: the tasks that send; they may be waiting for long, so `stop` cancels them.
        done: the samples of a sweep by target, for judging its levels.
    """

    def __init__(
        self,
        plan: Plan,
        now: Callable[[], float],
        gauge: Gauge,
        emit: Callable[[Sample], object],
        *,
        noted: Noted | None = None,
        nonce: str = "",
    ) -> None:
        self.plan = plan
        self.now = now
        self.began = now()
        self.stopped = ""
        self.over = asyncio.Event()
        self.drivers: list[asyncio.Future[None]] = []
        self.sent = 0
        self.done: dict[str, list[Sample]] = {}
        self._gauge = gauge
        self._emit = emit
        self._noted = noted
        self._nonce = nonce
        self._tasks: set[asyncio.Task[None]] = set()
        self._reserved_usd = 0.0
        self._spent_usd = 0.0
        self._ended = self._failed = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    def begin(self) -> None:
        """The clock of the run starts now."""
        self.began = self.now()
        seconds = self.plan.limits.seconds
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.stop, f"The time limit of {seconds:g} s.")

    def at_s(self) -> float:
        """Seconds since `begin`."""
        return self.now() - self.began

    def stop(self, why: str) -> None:
        """End the run: nothing more is sent, and what is in flight is broken off."""
        if not self.over.is_set():
            self.stopped = why
            self.over.set()
            for task in (*self._tasks, *self.drivers):
                task.cancel()

    async def pause(self, seconds: float) -> bool:
        """Wait, unless the run ends before; whether it goes on."""
        if seconds > 0 and not self.over.is_set():
            await asyncio.sleep(seconds)
        return not self.over.is_set()

    def send(self, target: Target, due_s: float, stage: int, level: float, *, warm: bool = False) -> asyncio.Task[None]:
        """Begin one request; the task ends with it and never raises. Only while the run is not over."""
        place = Place(target.aim.name, self.sent, self.began, due_s, stage, level, warm)
        self.sent += 1
        self._reserved_usd += target.aim.usd_each or 0.0
        task = asyncio.ensure_future(self._request(target, place, next(target.prompts)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._check_before()
        return task

    async def drained(self) -> None:
        """Wait for what is in flight; what goes on long after the run was stopped is left behind."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=_GRACE_S if self.over.is_set() else None)
            if self.over.is_set() and self._tasks:
                break
        if self._timer is not None:
            self._timer.cancel()

    async def _request(self, target: Target, place: Place, prompt: Prompt) -> None:
        request = self._written(target, prompt, place.serial)
        watch = Stopwatch(self.now)
        result: ChatResult | None = None
        error: ProviderError | None = None
        stopped = False
        self._gauge.dispatched(max(0.0, watch.sent - self.began - place.due))
        try:
            ask = watch.stream if self.plan.stream else watch.whole
            result = await ask(target.provider, request)
        except ProviderError as failure:
            error = failure
        except asyncio.CancelledError:
            stopped = True
        except Exception as fault:
            error = ServerFault(f"The bench could not ask: {type(fault).__name__}: {fault}")
        if result is not None and self._noted is not None:
            self._noted(watch, result)
        sample = watch.sample(place, prompt.name, result, error, stopped=stopped)
        self._emit(sample)
        self._account(sample, target.aim.usd_each or 0.0)

    def _written(self, target: Target, prompt: Prompt, serial: int) -> ChatRequest:
        text = f"[{self._nonce}-{serial}] {prompt.whole}" if self.plan.unique else prompt.whole
        return ChatRequest(
            target.aim.model,
            (Message.user(text),),
            max_tokens=prompt.max_tokens,
            temperature=self.plan.temperature,
            origin="bench",
        )

    def _account(self, sample: Sample, estimate_usd: float) -> None:
        self._reserved_usd -= estimate_usd
        self._spent_usd += sample.cost_usd if sample.cost_usd is not None else 0.0
        if self.plan.load.shape == "sweep":
            self.done.setdefault(sample.target, []).append(sample)
        if sample.error_kind == "stopped":
            return
        self._ended += 1
        self._failed += not sample.ok
        limits = self.plan.limits
        if limits.errors is not None and self._failed > limits.errors:
            self.stop(f"More than {limits.errors} requests failed.")
        elif limits.error_share is not None and self._ended >= _ENOUGH:
            share = self._failed / self._ended
            if share > limits.error_share:
                self.stop(f"{share:.0%} of the requests failed; the limit is {limits.error_share:.0%}.")

    def _check_before(self) -> None:
        limits = self.plan.limits
        if limits.usd is not None and self._spent_usd + self._reserved_usd > limits.usd:
            self.stop(f"The cost limit of ${limits.usd:g} is reached.")
        elif limits.requests is not None and self.sent > limits.requests:
            self.stop(f"The limit of {limits.requests} requests.")
        elif self.in_flight > limits.in_flight:
            self.stop(f"More than {limits.in_flight} requests in flight: the provider does not keep up by far.")
