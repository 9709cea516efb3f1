"""Alerts of a console: rules are held against what happens, alerts kept and told, and a person can act on them.

This is the door for the window and the command line; `alerts_setup.open_alerts` makes it from the engine's services.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from aiconsole.alerts import backtest as backtests
from aiconsole.alerts.channels import Channels
from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.incidents import Incidents
from aiconsole.alerts.messages import LATE_S, compose
from aiconsole.alerts.outbox import Outbox
from aiconsole.alerts.rules_file import AlertRulesFile
from aiconsole.alerts.seeding import seed
from aiconsole.alerts.sending import Sent
from aiconsole.alerts.telling import Desktop, Telling, TellSettings
from aiconsole.alerts.watch import Watch
from aiconsole.alerts.world import KINDS, Moment, World
from aiconsole.domain.alerts import (
    Alert,
    AlertStep,
    Backtest,
    ChannelView,
    Happening,
    OutboxRow,
    Silence,
)
from aiconsole.domain.errors import ConfigError, ConsoleError
from aiconsole.domain.events import AlertChanged, Event, Notice
from aiconsole.domain.spans import span
from aiconsole.rule_text import RuleProblem

if TYPE_CHECKING:
    from aiconsole.alerts.backtest import Benches, Past, Runs
    from aiconsole.domain.analysis import Performance
    from aiconsole.domain.clock import Clock
    from aiconsole.domain.error_groups import ErrorFinding
    from aiconsole.realtime.timers import Timers
    from aiconsole.store.alerts import AlertStore

BACKTEST_S: Final = 30 * 86_400.0
_log = logging.getLogger(__name__)


class AlertRuleSet(msgspec.Struct, frozen=True):
    """The rules in use, what is wrong with them or with the file, and whether they are the person's ``own``."""

    rules: tuple[AlertRule, ...]
    problems: tuple[RuleProblem, ...]
    path: Path
    own: bool


class Alerts:
    """See the module. Every method is for the loop's thread.

    Args:
        settings: how alerts are told.
        simulated: whether the simulator answers now.
        runs: the runs of background jobs, newest first, for backtests.
        benches: the scheduled runs of the test bench since a moment.

    Attributes:
        channels: where alerts are sent, and their addresses.
        outbox: messages on their way.
        watch: what holds the rules against what happens.
    """

    def __init__(
        self,
        file: AlertRulesFile,
        keeping: AlertStore,
        past: Past,
        channels: Channels,
        world: World,
        clock: Clock,
        timers: Timers,
        random: Random,
        *,
        settings: Callable[[], TellSettings],
        simulated: Callable[[], bool],
        publish: Callable[[Event], object],
        runs: Runs,
        benches: Benches,
        pause: Callable[[], object] = lambda: None,
    ) -> None:
        self._file = file
        self._keeping = keeping
        self._past = past
        self.channels = channels
        self._world = world
        self._clock = clock
        self._settings = settings
        self._simulated = simulated
        self._publish = publish
        self._runs = runs
        self._benches = benches
        self._pause = pause
        self._incidents = Incidents(world, self._changed, simulated)
        self.watch = Watch(world, timers, self._incidents)
        self._incidents.end_part = self.watch.end
        self.outbox = Outbox(
            keeping,
            channels.send,
            clock,
            timers,
            random,
            cap=lambda: settings().most_messages,
            ended=self._delivered,
        )
        self._telling = Telling(settings, channels, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._saving = asyncio.Lock()

    async def start(self, *, by_itself: bool = True) -> None:
        """Take up what was kept; with ``by_itself`` follow the rules and deliver what waits.

        Raises:
            StoreError: it cannot be read.
        """
        alerts, silences = await self._keeping.load()
        self._incidents.restore(alerts, silences)
        if not by_itself:
            return
        await seed(self._world, self._past, self._benches, self._clock.now(), simulated=self._simulated())
        self._follow()
        now = self._now()
        self._incidents.leave(
            "Other providers are watched now.", now, lambda alert: alert.simulated != self._simulated()
        )
        for alert in list(self._incidents.alerts.values()):
            self._publish(msgspec.structs.replace(_event(alert), at=now.wall))
            for part in alert.parts:
                if part.until is None and not self.watch.restore(part.rule, part.subject, part.since):
                    self._incidents.resolve(alert.id, "Its rule is gone.", now)
                    break
        self._spawn(self._begin_sending())

    async def aclose(self) -> None:
        """Stop looking, keep what is not kept yet, let deliveries that are under way end."""
        self.watch.close()
        await self.settle()
        await self.outbox.aclose()
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that happened so far is kept."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def listen(self, event: Event) -> None:
        """For the event bus; for `KINDS`."""
        self.watch.notice(event)

    @property
    def kinds(self) -> tuple[type, ...]:
        """The events to listen to."""
        return KINDS

    # Alerts

    def current(self) -> tuple[Alert, ...]:
        """All that is pending, firing, acknowledged or silenced, the latest first."""
        return tuple(sorted(self._incidents.alerts.values(), key=lambda alert: alert.began_at, reverse=True))

    async def recent(self, since: float = 0.0, limit: int = 500) -> tuple[Alert, ...]:
        """The latest alerts that fired, resolved ones too, newest first. Raises StoreError."""
        await self.settle()
        kept = await self._keeping.recent(since, limit)
        return tuple(self._incidents.alerts.get(alert.id, alert) for alert in kept)

    async def get(self, alert_id: str) -> Alert | None:
        """One alert by its id or the beginning of it; None where there is none or several. Raises StoreError."""
        found = [alert for alert in self._incidents.alerts.values() if alert.id.startswith(alert_id)]
        return found[0] if len(found) == 1 else await self._keeping.get(alert_id)

    def acknowledge(self, alert_id: str, note: str = "") -> Alert:
        """Take note of an open alert. Raises ConfigError: it is not open."""
        return self._incidents.acknowledge(alert_id, note, self._now())

    def silence(self, alert_id: str, for_s: float, note: str = "") -> Alert:
        """Tell nobody of an open alert, nor of the next ones like it, for so long; 0 ends a silence.

        Raises:
            ConfigError: it is not open.
        """
        now = self._now()
        alert = self._incidents.silence(alert_id, now.wall + for_s, note, now)
        self._spawn(self._keeping.silence(Silence(alert.key, now.wall + for_s, note)))
        self.watch.refresh_timer()
        return alert

    def resolve(self, alert_id: str, note: str = "") -> Alert:
        """Call an open alert done; what raised it must cease before it can again. Raises ConfigError: it is not open."""
        return self._incidents.resolve(alert_id, note, self._now())

    def found(self, finding: ErrorFinding) -> None:
        """Error tracking found something remarkable."""
        group = finding.group
        touched = self._world.found(
            group.fingerprint,
            finding.turn,
            finding.words,
            fingerprint=group.fingerprint,
            request=group.sample if group.source == "provider" else "",
        )
        self.watch.touch(touched)

    def measured(self, found: Performance) -> None:
        """Performance monitoring looked at the objectives: budgets of p95 that burn too fast are told as “slow”."""
        burns = [burn for burn in found.burns if burn.objective == "p95"]
        if burns:
            worst = max(burns, key=lambda burn: burn.long_rate)
            words = (
                f"answers are slower than their objective {worst.long_rate:.1f} times as often as it allows over "
                f"{span(worst.long_s)}"
            )
            self.watch.touch(self._world.found("p95", "slow", words))

    def forget(self) -> None:
        """Begin anew, as when the simulator takes over: what was open is closed, and nobody is told that all is well."""
        self._incidents.leave("Other providers are watched now.", self._now())
        self.watch.forget()

    # Rules

    @property
    def rules(self) -> AlertRuleSet:
        """The rules in use, and what is wrong with them or their file."""
        return AlertRuleSet(self._file.rules, self._file.problems, self._file.path, self._file.own)

    async def set_rules(self, rules: Sequence[AlertRule]) -> None:
        """Keep these rules and follow them at once. Raises ConfigError: see `AlertRulesFile.save`; nothing is changed."""
        await asyncio.to_thread(self._file.save, tuple(rules))
        self._follow()

    async def reset_rules(self) -> None:
        """Follow the rules that come with the console again. Raises ConfigError where the file cannot be moved."""
        await asyncio.to_thread(self._file.reset)
        self._follow()

    async def reload_rules(self) -> AlertRuleSet:
        """Read ``alerts.toml`` again, as after a change by hand; where it is not TOML the rules in use stay."""
        await asyncio.to_thread(self._file.reload)
        self._follow()
        return self.rules

    async def backtest(self, rule: AlertRule, start: float | None = None, end: float | None = None) -> Backtest:
        """When a rule, saved or not, would have fired; over the last 30 days where nothing else is said.

        Raises:
            ConfigError: it has no condition.
            StoreError: the history cannot be read.
        """
        if len(rule.conditions) != 1:
            raise ConfigError("The rule has no condition yet.", advice="Give it one first.")
        end = self._clock.now() if end is None else end
        start = end - BACKTEST_S if start is None else start
        return await backtests.backtest(
            rule,
            start,
            end,
            self._past,
            target=self._world.target(),
            simulated=self._simulated(),
            runs=self._runs,
            benches=self._benches,
            pause=self._pause,
        )

    # Channels

    def on_desktop(self, show: Desktop) -> Callable[[], None]:
        """Have ``show`` called with what is to be shown on the desktop; the callable returned ends that."""
        return self._telling.on_desktop(show)

    async def channel_views(self) -> tuple[ChannelView, ...]:
        """Every channel with how it stands. Raises StoreError."""
        standings = {standing.channel: standing for standing in await self._keeping.standings()}
        views = []
        for name, own in self.channels.all().items():
            standing = standings.get(name)
            address = self.channels.address_words(name)
            views.append(
                ChannelView(
                    name,
                    own.enabled,
                    own.least,
                    own.resolved,
                    address,
                    address.partition("://")[0],
                    standing.waiting if standing else 0,
                    standing.last_sent_at if standing else None,
                    standing.trouble if standing else "",
                )
            )
        return tuple(views)

    async def keep_address(self, name: str, url: str, where: Literal["keyring", "session"] = "keyring") -> None:
        """Keep the address (an Apprise URL) of a channel of the settings.

        Raises:
            ConfigError: Apprise does not know it, or the keyring cannot be used (`SecureStoreUnavailable`).
        """
        await self.channels.keep(name, url, where)
        self.outbox.nudge(name)

    async def forget_address(self, name: str) -> None:
        """Forget a channel's address. Raises ConfigError where the keyring cannot be used."""
        await self.channels.forget(name)

    async def test_channel(self, name: str) -> Sent:
        """Send a test to a channel at once, past the outbox; what came of it."""
        now = self._clock.now()
        row = OutboxRow(
            0, f"test-{now:.3f}", name, "test", "info", "A test", "Alerts of the AI console arrive here.", now, now
        )
        return await self.channels.send(name, compose((row,), now), row.alert)

    async def messages(self, limit: int = 200) -> tuple[OutboxRow, ...]:
        """The latest messages to channels, delivered or not, newest first. Raises StoreError."""
        return await self._keeping.outbox(limit)

    # How

    def _now(self) -> Moment:
        return self._world.moment()

    def configure(self) -> None:
        """Let changed settings take effect."""
        self._follow()

    def _follow(self) -> None:
        self.watch.set_rules(self._file.rules if self._settings().enabled else ())

    async def _begin_sending(self) -> None:
        try:
            await self.channels.load()
            await self.outbox.start()
            await self._keeping.prune(self._clock.now())
        except ConsoleError as error:
            _log.warning("Messages that wait are not delivered now: %s", error.message)

    def _changed(self, alert: Alert, what: Happening) -> None:
        """Keep, publish and tell a change of an alert."""
        if what == "pending":
            self._publish(_event(alert))
            return
        self._publish(_event(alert))
        self._telling.show(alert, what)
        self._spawn(self._keep(alert, self._telling.rows(alert, what)))

    async def _keep(self, alert: Alert, rows: tuple[OutboxRow, ...]) -> None:
        async with self._saving:
            await self._keeping.save((alert,), rows)
        for channel in {row.channel for row in rows}:
            self.outbox.nudge(channel)

    async def _delivered(self, rows: tuple[OutboxRow, ...], trouble: str) -> None:
        """Write into the timelines what came of a delivery."""
        now = self._now()
        for row in rows:
            late = f", {span(round(now.wall - row.created_at))} late" if now.wall - row.created_at > LATE_S else ""
            words = f"Given up for {row.channel}: {trouble}" if trouble else f"Told {row.channel}{late}."
            await self._annotate(row.alert, "not delivered" if trouble else "delivered", words, now)
        if trouble:
            channel = rows[0].channel
            self._publish(
                Notice(f"Alerts for the channel {channel} could not be delivered: {trouble}", "Test it under Alerts.")
            )

    async def _annotate(self, alert_id: str, what: Happening, words: str, now: Moment) -> None:
        noted = self._incidents.annotate(alert_id, what, words, now) is not None
        async with self._saving:
            alert = self._incidents.alerts.get(alert_id)
            if noted:
                await self._keeping.save(() if alert is None else (alert,))
                return
            kept = await self._keeping.get(alert_id)
            if kept is not None:
                step = AlertStep(now.wall, what, words)
                await self._keeping.save((msgspec.structs.replace(kept, timeline=(*kept.timeline, step)),))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _event(alert: Alert) -> AlertChanged:
    return AlertChanged(
        alert.id, alert.rule, alert.state, alert.changed_at, alert.severity, alert.summary, alert.subject
    )


async def _logged(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except ConsoleError as error:
        _log.warning("Something about an alert cannot be kept now: %s", error.message)
