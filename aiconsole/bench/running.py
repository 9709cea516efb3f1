"""One run of the bench while it goes on: its process or its checks, what it tells, its stop, and its report."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from aiconsole import __version__
from aiconsole.bench import asserts
from aiconsole.bench.certificate import Certificate, certify
from aiconsole.bench.compare import compare
from aiconsole.bench.figures import Question, computed_apart
from aiconsole.bench.finished import finished
from aiconsole.bench.health import CHECKS, HealthCheck, examine
from aiconsole.bench.history import KeptPlan
from aiconsole.bench.load.order import Told
from aiconsole.bench.plan import Plan
from aiconsole.bench.prediction import Prediction
from aiconsole.bench.process import LoadProcess
from aiconsole.bench.progress import Checked, Happening, Over, Planned, Watch
from aiconsole.bench.reference import reference
from aiconsole.bench.report import Report, TargetReport
from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.events import HealthSeen
from aiconsole.secrets import REDACTOR

if TYPE_CHECKING:
    from aiconsole.bench.service import Bench

_LOOK_S: Final = 0.25


class BenchRun:
    """One run that goes on.

    Attributes:
        plan: with its targets' models.
        id: as it is kept, "" until `Planned` came.
        task: ends with the run; its result is the report.
    """

    def __init__(self, bench: Bench, plan: Plan, baseline: Report | None, *, scheduled: bool) -> None:
        self.plan = plan
        self.id = ""
        self._bench = bench
        self._baseline = baseline
        self._scheduled = scheduled
        self._happenings: asyncio.Queue[Happening | None] = asyncio.Queue()
        self._stop = asyncio.Event()
        self._process: LoadProcess | None = None
        self.task = asyncio.ensure_future(self._go())

    async def happenings(self) -> AsyncIterator[Happening]:
        """What happens, from `Planned` to `Over`. For one reader; leaving early does not end the run.

        Raises:
            ConsoleError: the run could not be made.
        """
        while (happening := await self._happenings.get()) is not None:
            yield happening
        await self.task

    async def report(self) -> Report:
        """Wait for the end. Raises as `happenings`."""
        return await asyncio.shield(self.task)

    def stop(self) -> None:
        """End the run now; what there is is kept and reported."""
        self._stop.set()
        if self._process is not None:
            self._process.stop()

    @property
    def process_id(self) -> int | None:
        """Of the load process, None where there is none."""
        return None if self._process is None else self._process.pid

    async def _go(self) -> Report:
        try:
            bench, plan = self._bench, self.plan
            started_at = bench.clock.now()
            self.id = await asyncio.to_thread(bench.history.new_id, started_at)
            prediction = Prediction(0, True, None) if plan.kind == "health" else await bench.predict(plan)
            kept = KeptPlan(self.id, plan, started_at, bench.simulated(plan), prediction.usd, self._scheduled)
            self._happenings.put_nowait(Planned(self.id, plan, prediction))
            report = await (self._examine(kept) if plan.kind == "health" else self._load(kept, prediction))
            report = await asyncio.to_thread(self._complete, report)
            bench.tell(finished(report, bench.clock.now()))
            self._happenings.put_nowait(Over(report))
            return report
        finally:
            self._happenings.put_nowait(None)

    async def _examine(self, kept: KeptPlan) -> Report:
        bench = self._bench
        (await asyncio.to_thread(bench.history.begin, kept)).close()
        checks: list[HealthCheck] = []
        patients = bench.patients(self.plan)
        total = len(CHECKS) * len(patients)

        async def look() -> None:
            async with aclosing(examine(patients, bench.clock)) as found:
                async for check in found:
                    checks.append(check)
                    self._happenings.put_nowait(Checked(check, len(checks), total))

        looking = asyncio.ensure_future(look())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((looking, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopped = not looking.done()
        for task in (looking, stopping):
            task.cancel()
        await asyncio.gather(looking, stopping, return_exceptions=True)
        if not stopped:
            looking.result()
        for seen in _health_seen(checks, bench.clock.now(), kept.simulated):
            bench.tell(seen)
        order = {
            (patient.provider.name, name): index
            for index, (patient, name) in enumerate((patient, name) for patient in patients for name in CHECKS)
        }
        checks.sort(key=lambda check: order[check.provider, check.check])
        why = "Stopped by hand." if stopped else ""
        return self._report(
            kept, why, partial=stopped, health=tuple(checks), seconds=bench.clock.now() - kept.started_at
        )

    async def _load(self, kept: KeptPlan, prediction: Prediction) -> Report:
        bench, plan = self._bench, self.plan
        watch = Watch(plan, prediction)
        looked_at = asyncio.get_running_loop().time()

        def deliver(messages: Sequence[Told]) -> None:
            nonlocal looked_at
            ticked = watch.take(messages)
            now = asyncio.get_running_loop().time()
            if ticked and now - looked_at >= _LOOK_S:
                looked_at = now
                self._happenings.put_nowait(watch.progress())

        async with self._demo() as base_urls:
            order = bench.order(plan, prediction, base_urls)
            file = await asyncio.to_thread(bench.history.begin, kept)
            process = await LoadProcess.start(order, deliver, file, REDACTOR.redact)
            self._process = process
            if self._stop.is_set():
                process.stop()
            try:
                code = await process.ended()
            except asyncio.CancelledError:
                process.kill()
                raise
        self._happenings.put_nowait(watch.progress())
        return await asyncio.to_thread(self._made, kept, watch, code, process.complaint)

    @asynccontextmanager
    async def _demo(self) -> AsyncIterator[Mapping[str, str]]:
        """Where the console's own demo is measured: at a simulator in a process of its own that behaves alike."""
        behaviours = self._bench.demo()
        if behaviours is None:
            yield {}
            return
        async with AsyncExitStack() as stack:
            try:
                address = await stack.enter_async_context(reference(behaviours))
            except (OSError, msgspec.DecodeError) as error:
                raise ConsoleError(f"The simulator's process cannot be started: {error}.") from error
            yield address.base_urls

    def _made(self, kept: KeptPlan, watch: Watch, code: int, complaint: str) -> Report:
        """The report of a load, from its kept samples."""
        plan = self.plan
        path = self._bench.history.folder / self.id / "samples.jsonl"
        found = computed_apart(Question(str(path), plan, tuple(watch.judged)))
        seconds, targets = found.seconds, found.targets
        if watch.ended is None:
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            because = f": {complaint}" if complaint else "."
            stopped = f"The load process ended unexpectedly ({how}){because} What it had measured until then is kept."
            words = "The load process ended before it could be judged."
            certificate = Certificate("invalid", calibration=watch.calibration, words=words)
            report = self._report(
                kept, stopped, partial=True, targets=targets, seconds=seconds, certificate=certificate
            )
            return msgspec.structs.replace(report, broken=True)
        certificate = certify(watch.ended.gauged, watch.calibration, typical_ms=found.typical_ms, wanted=plan.calibrate)
        stopped = watch.ended.stopped
        partial = self._stop.is_set() and bool(stopped)
        return self._report(kept, stopped, partial=partial, targets=targets, seconds=seconds, certificate=certificate)

    def _report(
        self,
        kept: KeptPlan,
        stopped: str,
        *,
        partial: bool,
        seconds: float,
        targets: Sequence[TargetReport] = (),
        health: tuple[HealthCheck, ...] = (),
        certificate: Certificate | None = None,
    ) -> Report:
        return Report(
            id=kept.id,
            plan=self.plan,
            started_at=kept.started_at,
            seconds=round(seconds, 3),
            stopped=stopped,
            partial=partial,
            simulated=kept.simulated,
            scheduled=kept.scheduled,
            console=__version__,
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            certificate=certificate or Certificate("unproven", words="A health check makes no load."),
            targets=tuple(targets),
            health=health,
            predicted_usd=kept.predicted_usd,
        )

    def _complete(self, report: Report) -> Report:
        """Compare with the baseline, judge the assertions, and keep it."""
        baseline = self._baseline
        conditions = [asserts.read(text) for text in self.plan.asserts]
        report = msgspec.structs.replace(
            report,
            assertions=asserts.judged(conditions, report, baseline),
            comparison=() if baseline is None else compare(baseline, report),
            compared_with="" if baseline is None else baseline.id,
        )
        self._bench.history.finish(report)
        return report


def _health_seen(checks: Sequence[HealthCheck], now: float, simulated: bool) -> list[HealthSeen]:
    """What the health checks say of each provider, for those who watch health."""
    seen = []
    for provider in dict.fromkeys(check.provider for check in checks):
        own = [check for check in checks if check.provider == provider]
        bad = next((check for check in own if check.result == "fail"), None)
        chat = next((check for check in own if check.check == "chat" and check.ms is not None), None)
        kind, reason = (None, "") if bad is None else (bad.error_kind, f"{bad.check}: {bad.reason}")
        latency = chat.ms if chat is not None and bad is None else None
        seen.append(HealthSeen(provider, now, bad is None, latency, kind, reason, simulated))
    return seen
