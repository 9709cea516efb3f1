"""Holds the rules against the world: soon after something happened, and by a timer only while something can still change.

An idle console with nothing pending or firing has no timer here at all. A busy one looks at a rule and subject at most once a
second, and at long windows less often, however many events come.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.judging import Judged, concerns, judge, sort_of, subjects_of_budgets, tick
from aiconsole.alerts.track import Track
from aiconsole.alerts.world import Moment, Touched, World

if TYPE_CHECKING:
    from aiconsole.domain.events import Event
    from aiconsole.realtime.timers import Timers

SOON_S: Final = 1.0
_ASLEEP_S: Final = 30.0
_MOST_TRACKS: Final = 2_000
_log = logging.getLogger(__name__)


class Told(Protocol):
    """Who is told what tracks do."""

    def pending(self, track: Track, judged: Judged, now: Moment) -> None: ...

    def dropped(self, track: Track, now: Moment) -> None: ...

    def fires(self, track: Track, judged: Judged, now: Moment) -> None: ...

    def goes_on(self, track: Track, judged: Judged, now: Moment) -> None: ...

    def ceased(self, track: Track, now: Moment) -> None: ...

    def next_at(self) -> float | None: ...

    def turn(self, now: Moment) -> None: ...


class Watch:
    """See the module. Everything here is for the loop's thread.

    Attributes:
        looks: how many times a rule was held against a subject, for measurements.
    """

    def __init__(self, world: World, timers: Timers, told: Told) -> None:
        self.world = world
        self.looks = 0
        self._timers = timers
        self._told = told
        self._rules: tuple[AlertRule, ...] = ()
        self._by_sort: dict[str, tuple[AlertRule, ...]] = {}
        self._tracks: dict[tuple[str, str], Track] = {}
        self._cancel: Callable[[], None] | None = None
        self._timer_at = float("inf")
        self._last = world.moment()
        self._looking = False

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        return self._rules

    @property
    def waiting(self) -> bool:
        """Whether a timer runs."""
        return self._cancel is not None

    def set_rules(self, rules: Iterable[AlertRule]) -> None:
        """Follow these rules. What is known of those that did not change stays; what others found has ceased."""
        now = self.world.moment()
        self._rules = tuple(rule for rule in rules if rule.enabled and len(rule.conditions) == 1)
        kept = {rule.name: rule for rule in self._rules}
        for key, track in list(self._tracks.items()):
            if kept.get(track.rule.name) != track.rule:
                del self._tracks[key]
                self._leave(track, now)
        self._by_sort = {}
        for rule in self._rules:
            self._by_sort[sort_of(rule)] = (*self._by_sort.get(sort_of(rule), ()), rule)
        self.look_at_all()

    def look_at_all(self) -> None:
        """Look soon at everything that is known, as after a start."""
        world = self.world
        known: list[Touched] = [(of, provider) for of, provider in world.calls]
        known += [("breaker", key) for key in world.breakers]
        known += [("health", name) for name in world.health]
        known += [("job", name) for name in world.jobs]
        known += [("errors", name) for name in world.errors]
        known += [("finding", name) for name in world.findings]
        known += [("bench", target) for target in world.runs]
        self.touch((*known, ("budget", "")))

    def forget(self) -> None:
        """Let go of everything, as when the simulator takes over; what fired has ceased."""
        now = self.world.moment()
        tracks, self._tracks = list(self._tracks.values()), {}
        self.world.forget()
        for track in tracks:
            self._leave(track, now)

    def restore(self, rule: str, subject: str, since: float) -> bool:
        """Go on with what fired before a restart; False where there is no such rule any more."""
        found = next((each for each in self._rules if each.name == rule), None)
        if found is None:
            return False
        now = self.world.moment()
        track = self._track(found, subject)
        track.restore(Moment(since, now.mono - max(0.0, now.wall - since)), now)
        self._set_timer()
        return True

    def end(self, rule: str, subject: str) -> None:
        """A person called it done: it fires again only after it ceased."""
        track = self._tracks.get((rule, subject))
        if track is not None:
            track.end()

    def notice(self, event: Event) -> None:
        """Take an event of the bus in."""
        touched = self.world.notice(event)
        if touched:
            self.touch(touched)

    def touch(self, touched: Iterable[Touched]) -> None:
        """Look soon at what changed."""
        now = self.world.moment()
        self._notice_sleep(now)
        first = float("inf")
        for sort, subject in touched:
            for rule in self._by_sort.get(sort, ()):
                subjects = subjects_of_budgets(self.world) if sort == "budget" else (subject,)
                for each in subjects:
                    if concerns(rule, each):
                        first = min(first, self._soon(self._track(rule, each), now.mono, sort))
        if first < self._timer_at:
            self._set_timer()

    def close(self) -> None:
        """Stop looking."""
        if self._cancel is not None:
            self._cancel()
        self._cancel = None
        self._tracks.clear()
        self._rules, self._by_sort = (), {}

    def refresh_timer(self) -> None:
        """After something else changed what is due."""
        self._set_timer()

    def look(self) -> None:
        """Look at all that is due now."""
        self._cancel, self._timer_at = None, float("inf")
        now = self.world.moment()
        self._notice_sleep(now)
        self._looking = True
        try:
            self._told.turn(now)
            for track in [track for track in self._tracks.values() if track.due is not None and track.due <= now.mono]:
                self._look_at(track, now)
            if len(self._tracks) > _MOST_TRACKS:
                self._thin_out()
        finally:
            self._looking = False
            self._set_timer()

    def _look_at(self, track: Track, now: Moment) -> None:
        self.looks += 1
        try:
            judged = judge(track.rule, track.subject, self.world, now)
        except Exception:
            _log.exception("The alert rule %s could not be judged", track.rule.name)
            track.due = None
            return
        step = track.step(judged, now)
        if step == "fires":
            self._told.fires(track, judged, now)
        elif step == "pending":
            self._told.pending(track, judged, now)
        elif step == "dropped":
            self._told.dropped(track, now)
        elif step == "ceased":
            self._told.ceased(track, now)
        elif track.stage == "firing" and judged.holds:
            self._told.goes_on(track, judged, now)

    def _leave(self, track: Track, now: Moment) -> None:
        if track.stage == "firing":
            self._told.ceased(track, now)
        elif track.stage == "pending":
            self._told.dropped(track, now)

    def _soon(self, track: Track, mono: float, sort: str) -> float:
        track.touched()
        condition = track.rule.condition
        window = getattr(condition, "short_s", None) or getattr(condition, "window_s", None)
        pause = SOON_S if sort not in ("attempts", "requests") or window is None else tick(window) / 4
        due = max(mono + SOON_S, track.looked_at + pause)
        track.due = due if track.due is None else min(track.due, due)
        return track.due

    def _track(self, rule: AlertRule, subject: str) -> Track:
        track = self._tracks.get((rule.name, subject))
        if track is None:
            track = self._tracks[rule.name, subject] = Track(rule, subject)
        return track

    def _thin_out(self) -> None:
        for key, track in list(self._tracks.items()):
            if track.stage == "quiet" and track.due is None:
                del self._tracks[key]

    def _notice_sleep(self, now: Moment) -> None:
        """Time that the wall clock saw and the monotonic one did not, or a timer that came far too late, was sleep."""
        wall, mono = now.wall - self._last.wall, now.mono - self._last.mono
        if wall - mono > _ASLEEP_S:
            self.world.awake_since = now.wall
        self._last = now

    def _set_timer(self) -> None:
        if self._looking:
            return
        now = self.world.moment()
        dues = [track.due for track in self._tracks.values() if track.due is not None]
        other = self._told.next_at()
        if other is not None:
            dues.append(now.mono + max(0.0, other - now.wall))
        at = min(dues, default=float("inf"))
        if at >= self._timer_at and self._cancel is not None:
            return
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        self._timer_at = at
        if at != float("inf"):
            self._cancel = self._timers.later(max(0.01, at - now.mono), self.look)
