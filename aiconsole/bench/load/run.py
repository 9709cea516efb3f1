"""A whole run in the load process: calibration, warm-up, the load, and the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec

from aiconsole.bench.calibration import STAMPS, Seen, compared, plan_like
from aiconsole.bench.certificate import Calibration
from aiconsole.bench.load.driving import drive, warm_up
from aiconsole.bench.load.gauge import Gauge
from aiconsole.bench.load.loop import steady
from aiconsole.bench.load.order import Aim, Began, Calibrated, Ended, Judged, Measured, Order, Phase, Ticked, Told, Wire
from aiconsole.bench.load.sending import Sending, Target
from aiconsole.bench.measure import Stopwatch
from aiconsole.bench.plan import Plan
from aiconsole.bench.reference import Address, reference
from aiconsole.domain.chat import ChatResult
from aiconsole.domain.clock import Clock, SystemClock
from aiconsole.providers.channel import HttpChannel
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import make_dialect
from aiconsole.providers.transport import Transport
from aiconsole.simulator.stamps import SERIAL_HEADER, STAMPS_HEADER

_TICK_S: Final = 0.1
_REFERENCE_MODELS: Final = {
    "groq": "llama-3.1-8b-instant",
    "cohere": "command-r7b-12-2024",
    "mistral": "mistral-small-latest",
    "gemini": "gemini-2.0-flash",
    "cerebras": "gemma-4-31b",
    "openrouter": "openai/gpt-4o-mini",
    "anthropic": "claude-haiku-4-5-20251001",
}
_OTHERS: Final = "groq"


class Run:
    """One order being carried out. ``tell`` takes each message for the console."""

    def __init__(self, order: Order, tell: Callable[[Told], object], clock: Clock | None = None) -> None:
        self._order = order
        self._tell = tell
        self._clock = clock or SystemClock()
        self._prices = PriceBook(self._clock)
        self._gauge = Gauge()
        self._sending: Sending | None = None
        self._stopped = ""
        self._phase: Phase = "warming up"

    def stop(self, why: str) -> None:
        """End the run at once, whatever it does at the moment; what there is is kept."""
        self._stopped = self._stopped or why
        if self._sending is not None:
            self._sending.stop(why)

    async def go(self) -> None:
        """Carry the order out; every way it may end is told by `Ended`, but for faults of our own, which raise."""
        order = self._order
        await self._prices.load()
        steady()
        if order.plan.calibrate and not self._stopped:
            self._tell(Ticked(0.0, 0, 0, "calibrating"))
            async with reference() as address:
                calibration = await self._calibrate(address)
            self._tell(Calibrated(calibration))
        targets = [self._target(aim, order.plan) for aim in order.aims]
        try:
            await self._load(targets)
        finally:
            await asyncio.gather(*(target.provider.aclose() for target in targets))
            await self._prices.aclose()

    async def _load(self, targets: list[Target]) -> None:
        plan = self._order.plan
        sending = self._sending = Sending(
            plan, self._clock.monotonic, self._gauge, lambda sample: self._tell(Measured(sample)), nonce=_nonce()
        )
        if self._stopped:
            sending.stop(self._stopped)
        ticking = asyncio.ensure_future(self._tick(sending))
        self._tell(Began(self._clock.now()))
        sending.begin()
        try:
            await asyncio.gather(*(warm_up(sending, target, plan.warmup) for target in targets))
            self._phase = "measuring"
            self._gauge.start()
            await self._drive(sending, targets)
        finally:
            ticking.cancel()
        self._tell(Ended(self._gauge.stop(), sending.stopped))

    async def _drive(self, sending: Sending, targets: list[Target]) -> None:
        """Send all there is to send, and wait until it has ended or the run is stopped."""
        if not sending.over.is_set():
            sending.drivers = [asyncio.ensure_future(drive(sending, target, self._judge)) for target in targets]
            for ended in await asyncio.gather(*sending.drivers, return_exceptions=True):
                if ended is not None and not isinstance(ended, asyncio.CancelledError):
                    raise ended
        await sending.drained()

    async def _calibrate(self, address: Address) -> Calibration:
        """The same shape against the simulator; all targets' load goes to it in the first target's dialect."""
        plan = plan_like(self._order.plan, len(self._order.aims), self._order.calibration_s)
        seen: dict[int, Seen] = {}

        def noted(watch: Stopwatch, result: ChatResult) -> None:
            serial = (result.headers or {}).get(SERIAL_HEADER)
            if serial is not None and watch.first is not None and watch.ended is not None:
                seen[int(serial)] = Seen(watch.sent, watch.first, watch.ended)

        name = next((aim.wire.dialect for aim in self._order.aims if aim.wire.dialect in address.base_urls), _OTHERS)
        wire = Wire(name, name, base_url=address.base_urls[name], key="calibration-key", headers={STAMPS_HEADER: "1"})
        target = self._target(Aim(name, _REFERENCE_MODELS[name], wire), plan)
        failures = 0

        def counted(failed: bool) -> None:
            nonlocal failures
            failures += failed

        sending = self._sending = Sending(
            plan, self._clock.monotonic, self._gauge, lambda sample: counted(not sample.ok), noted=noted
        )
        try:
            await warm_up(sending, target, min(256, int(plan.load.level)))
            await _stamps(address, name)
            seen.clear()
            self._gauge.start()
            sending.begin()
            await self._drive(sending, [target])
        finally:
            gauged = self._gauge.stop()
            await target.provider.aclose()
        stamps = STAMPS.decode(await _stamps(address, name))
        seconds, level = sending.at_s(), plan.load.level
        return compared(seen, stamps, gauged, level=level, seconds=seconds, failed=failures)

    def _target(self, aim: Aim, plan: Plan) -> Target:
        config = aim.wire.config(max_connections=plan.limits.in_flight)
        dialect = make_dialect(config, self._order.plugins)
        return Target(aim, HttpProvider(config, dialect, self._prices, self._clock), plan)

    def _judge(self, target: str, level: float, kept_up: bool, why: str) -> None:
        self._tell(Judged(target, round(level, 4), kept_up, why))

    async def _tick(self, sending: Sending) -> None:
        while True:
            self._tell(Ticked(round(sending.at_s(), 3), sending.in_flight, sending.sent, self._phase))
            await asyncio.sleep(_TICK_S)


async def _stamps(address: Address, name: str) -> bytes:
    channel = HttpChannel(base_url=address.control, headers={}, transport=Transport())
    try:
        return await (await channel.request("GET", f"/_control/{name}/stamps")).body()
    finally:
        await channel.aclose()


def _nonce() -> str:
    """What begins the prompts of one run and no other."""
    return f"{time.time_ns():x}"


def decoded(line: bytes) -> Order:
    """The order on a line. Raises `msgspec.ValidationError`, which shows no value."""
    return msgspec.json.decode(line, type=Order)
