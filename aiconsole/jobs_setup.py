"""From the engine's services to its background jobs: which there are, what each may touch, and when they begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiconsole import __version__
from aiconsole.domain.analysis import Performance
from aiconsole.domain.clock import Clock
from aiconsole.domain.error_groups import ErrorFinding
from aiconsole.domain.errors import ConfigError, ConsoleError
from aiconsole.domain.events import AttemptFinished, Event, Notice, RequestFinished
from aiconsole.jobs import system
from aiconsole.jobs.analytics import Analytics
from aiconsole.jobs.backup import ConfigBackup
from aiconsole.jobs.bench import BenchSchedule, SuiteEnd
from aiconsole.jobs.cache import CacheCare
from aiconsole.jobs.errors import ErrorTracking
from aiconsole.jobs.health import HealthWatch
from aiconsole.jobs.job import Job
from aiconsole.jobs.logs import LogArchive
from aiconsole.jobs.maintenance import Maintenance
from aiconsole.jobs.performance import PerformanceWatch
from aiconsole.jobs.scheduler import Scheduler
from aiconsole.jobs.system import ClockWatch, SystemHealth
from aiconsole.jobs.threads import in_thread
from aiconsole.kept_history import targets_of
from aiconsole.logs import FILE_NAME
from aiconsole.routing.rules import read_rules
from aiconsole.secrets import REDACTOR
from aiconsole.settings import JobSettings, Settings, SettingsFile
from aiconsole.store.errors import ErrorStore
from aiconsole.store.jobs import JobStore
from aiconsole.store.upkeep import Upkeep

if TYPE_CHECKING:
    from aiconsole.engine import Engine
    from aiconsole.store import Store

CONFIGURATION: Final = ("settings.toml", "rules.toml", "alerts.toml")
_UNSET: Final = JobSettings()
_log = logging.getLogger(__name__)


class Jobs:
    """The jobs of a console, and what they found. Made by `open_jobs`.

    Attributes:
        scheduler: runs them; everything a list or a button of jobs needs.
        backup: the backups of the configuration; its methods block.
        system: the checks of the last look at the system.
        errors: the tracked errors by group.
        performance: what the last look at the objectives found.
        analytics: what the last run made of usage.
    """

    def __init__(self, engine: Engine, store: Store, clock: Clock, random: Random, zone: tzinfo) -> None:
        self._engine = engine
        self._closing = contextlib.AsyncExitStack()
        home = engine.home
        self.errors = ErrorStore(store)
        self.backup = ConfigBackup(
            home.settings.parent,
            CONFIGURATION,
            home.database.parent / "backups",
            clock,
            version=__version__,
            clean=_without_secrets,
            check=self._check,
        )
        dates = ClockWatch()
        self.system = SystemHealth(
            (home.settings.parent, home.database.parent, home.logs),
            (
                system.database_check(home.database, JobStore(store).load, lambda: store.trouble),
                system.keyring_check(engine.keys.check_backend),
                system.loop_check(lambda: engine.heartbeat.pulse().worst_ms),
                system.network_check(lambda: hosts(engine)),
                dates.check,
            ),
        )
        self._tracking = ErrorTracking(self.errors, clock, self._found)
        watch = HealthWatch(engine, clock, engine.bus.publish, lambda in_s: self.scheduler.sooner("health", in_s))
        self.performance = PerformanceWatch(
            engine.history, clock, lambda: targets_of(engine.settings), lambda: engine.demo, self._measured
        )
        self.analytics = Analytics(
            engine.history, clock, zone, lambda: engine.settings.spending.month_usd, lambda: engine.demo
        )
        idle = _Idle(engine, clock)
        jobs: tuple[Job, ...] = (
            watch.job(),
            self._tracking.job(),
            self.system.job(),
            CacheCare(engine.cache, lambda: in_thread(system.available_memory)).job(),
            Maintenance(Upkeep(store, home.database), clock, idle.seconds).job(),
            self.performance.job(),
            self.analytics.job(),
            LogArchive(home.logs, FILE_NAME, clock).job(),
            self.backup.job(),
            BenchSchedule(self._run_suite).job(),
        )
        self.scheduler = Scheduler(
            jobs,
            JobStore(store),
            clock,
            zone=zone,
            random=random,
            publish=engine.bus.publish,
            clean=REDACTOR.redact,
            plans=lambda name: _plan(engine.settings, name),
        )
        for leave in (
            engine.bus.subscribe(watch.listen, AttemptFinished),
            engine.bus.subscribe(self._tracking.listen, RequestFinished),
            engine.bus.subscribe(dates.listen, RequestFinished),
            engine.bus.subscribe(idle.listen, RequestFinished),
        ):
            self._closing.callback(leave)

    async def start(self, *, by_itself: bool) -> None:
        """Take up what was kept and begin. Raises StoreError."""
        log = logging.getLogger("aiconsole")
        log.addHandler(self._tracking.handler)
        self._closing.callback(log.removeHandler, self._tracking.handler)
        self._closing.push_async_callback(self._keep_errors)
        self._closing.push_async_callback(self.scheduler.aclose)
        await self.scheduler.start(by_itself=by_itself)

    async def aclose(self) -> None:
        """Stop what runs, keep what is not kept yet."""
        await self._closing.aclose()

    async def restore(self, name: str) -> tuple[str, ...]:
        """Put a backup of the configuration in place, and follow it at once.

        Returns: what the person should know.

        Raises:
            ConfigError: there is no such backup, or it cannot be used; nothing was changed.
        """
        try:
            told = await asyncio.to_thread(self.backup.restore, name)
        except OSError as error:
            raise ConfigError(
                f"{name} cannot be put in place: {error.strerror or error}.", advice="Check the disk and try again."
            ) from error
        await self._engine.reload()
        return told

    def _found(self, finding: ErrorFinding) -> None:
        """Have an alert raised, or where alerts are not open tell the person."""
        if self._engine.alerts is not None:
            self._engine.alerts.found(finding)
        elif finding.turn != "new":
            self._engine.bus.publish(Notice(f"{finding.words}.".replace("..", "."), "See the errors under Jobs."))

    def _measured(self, found: Performance) -> None:
        if self._engine.alerts is not None:
            self._engine.alerts.measured(found)

    async def _run_suite(self, say: Callable[[str], None]) -> SuiteEnd:
        """The suite that the settings name, on the test bench."""
        from aiconsole.bench.scheduled import run_suite

        wanted = self._engine.settings.bench
        well, words = await run_suite(self._engine.bench, wanted.suite, wanted.targets, wanted.baseline, say)
        return SuiteEnd(well, words)

    async def _keep_errors(self) -> None:
        try:
            await self._tracking.flush()
        except ConsoleError as error:
            _log.warning("The errors counted last cannot be kept: %s", error.message)

    def _check(self, folder: Path) -> None:
        """Refuse a configuration that has faults which the one in use has not."""
        known = {str(problem.key) for problem in self._engine.setting_problems}
        for problem in SettingsFile.load(folder / "settings.toml").problems:
            if str(problem.key) not in known:
                raise ConfigError(f"settings.toml: {problem}")
        rules = folder / "rules.toml"
        if rules.is_file():
            _, problems = read_rules(rules.read_text(encoding="utf-8-sig"))
            if problems and not self._engine.rules.in_use.problems:
                raise ConfigError(f"rules.toml: {problems[0]}")


class _Idle:
    """For how long no request has been under way."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ended_at = -1e9

    def listen(self, event: Event) -> None:
        self._ended_at = self._clock.monotonic()

    def seconds(self) -> float:
        if any(provider.in_flight for provider in self._engine.live.state().providers.values()):
            return 0.0
        return self._clock.monotonic() - self._ended_at


async def open_jobs(engine: Engine, store: Store, clock: Clock, random: Random, *, by_itself: bool) -> Jobs:
    """Make and start the jobs; what they need is imported here, when it is first wanted. Raises StoreError."""
    jobs = Jobs(engine, store, clock, random, await asyncio.to_thread(local_zone))
    try:
        await jobs.start(by_itself=by_itself)
    except BaseException:
        await jobs.aclose()
        raise
    return jobs


def local_zone() -> tzinfo:
    """The zone of this machine's clock, UTC where it cannot be told. Blocks, as do the imports that schedules and checks need,
    which are made here so that the loop is not held up by them."""
    import apscheduler.triggers.cron  # noqa: F401
    import psutil  # noqa: F401
    import tzlocal

    try:
        return tzlocal.get_localzone()
    except Exception as error:
        _log.warning("The local time zone cannot be told (%s), so jobs go by UTC.", error)
        return UTC


def hosts(engine: Engine) -> list[tuple[str, int]]:
    """Where the usable providers are reached: their own hosts, or the proxy."""
    urls = [state.base_url for state in engine.providers() if state.usable]
    if engine.settings.network.proxy and not engine.demo:
        urls = [engine.settings.network.proxy]
    found = []
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname:
            found.append((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)))
    return found


def _plan(settings: Settings, name: str) -> tuple[bool, str]:
    own = settings.jobs.get(name, _UNSET)
    wanted = name != "bench" or bool(settings.bench.suite)
    return own.enabled and wanted, own.schedule


def _without_secrets(data: bytes) -> bytes:
    return REDACTOR.redact(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
