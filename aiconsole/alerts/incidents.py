"""From what single rules find to alerts: one outage is one alert with parts, and each alert has its states and its timeline.

Rules of one group that find trouble at the same provider share an alert. What is found about all providers together joins the
open alert of its group, and so does a second provider whose errors, like the first one's, may come from this machine's own
network and began within `JOIN_S`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import uuid4

from msgspec.structs import replace

from aiconsole.alerts.judging import Judged
from aiconsole.alerts.track import Track
from aiconsole.alerts.world import JOINED, Moment, World
from aiconsole.domain.alerts import (
    REQUESTS_KEPT,
    SEVERITIES,
    STEPS_KEPT,
    Alert,
    AlertLinks,
    AlertPart,
    AlertStep,
    Happening,
    Severity,
    Silence,
)
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.spans import span

JOIN_S: Final = 300.0
_RECENT_S: Final = 600.0

Changed = Callable[[Alert, Happening], object]


class Incidents:
    """The alerts that are open or pending, by id.

    Args:
        changed: told of each change of an alert, after it; "part" where only its parts or links changed.
        simulated: whether the simulator answers now.
    """

    def __init__(self, world: World, changed: Changed, simulated: Callable[[], bool] = lambda: False) -> None:
        self._world = world
        self._changed = changed
        self._simulated = simulated
        self.alerts: dict[str, Alert] = {}
        self.silences: dict[str, Silence] = {}
        self.end_part: Callable[[str, str], object] = lambda rule, subject: None

    def restore(self, alerts: Iterable[Alert], silences: Iterable[Silence]) -> None:
        """Go on with what was kept."""
        self.alerts.update((alert.id, alert) for alert in alerts)
        self.silences.update((silence.key, silence) for silence in silences)

    # What tracks tell

    def pending(self, track: Track, judged: Judged, now: Moment) -> None:
        if self._home_of(track, now) is not None:
            return
        self._set(self._new(track, judged, now), "pending")

    def dropped(self, track: Track, now: Moment) -> None:
        alert = self._pending_of(track)
        if alert is not None:
            self.alerts.pop(alert.id)
            self._changed(replace(alert, state="resolved", changed_at=now.wall), "pending")

    def fires(self, track: Track, judged: Judged, now: Moment) -> None:
        home = self._home_of(track, now)
        pending = self._pending_of(track)
        if home is not None:
            if pending is not None:
                self.dropped(track, now)
            self._join(home, track, judged, now)
            return
        alert = pending or self._new(track, judged, now)
        part = self._part(track, judged, now)
        alert = replace(alert, parts=(part,), severity=part.severity, summary=part.words, fired_at=now.wall)
        silence = self.silences.get(alert.key)
        self._set(self._linked(self._step(alert, now, "firing", part.words), track, now), None)
        if silence is not None and silence.until > now.wall:
            self._silence(self.alerts[alert.id], silence.until, silence.note, now)
        else:
            self._set(replace(self.alerts[alert.id], state="firing", flaps=max(1, track.flaps)), "firing")

    def goes_on(self, track: Track, judged: Judged, now: Moment) -> None:
        """The figures behind a part changed; kept in memory only, and written with the next change of the alert."""
        alert = self._alert_of(track.rule.name, track.subject)
        if alert is None:
            return
        parts = tuple(
            replace(part, words=_sentence(judged.words), value=judged.value) if _is(part, track) else part
            for part in alert.parts
        )
        if parts != alert.parts:
            self.alerts[alert.id] = self._linked(replace(alert, parts=parts), track, now)

    def ceased(self, track: Track, now: Moment) -> None:
        alert = self._alert_of(track.rule.name, track.subject)
        if alert is None:
            return
        parts = tuple(replace(part, until=now.wall) if _is(part, track) else part for part in alert.parts)
        alert = replace(alert, parts=parts)
        left = [part for part in parts if part.until is None]
        if left:
            self._set(replace(alert, severity=_worst(left)), "part")
        else:
            self._resolve(alert, now, f"Over after {span(round(now.wall - (alert.fired_at or now.wall)))}.")

    def leave(self, words: str, now: Moment, only: Callable[[Alert], bool] = lambda alert: True) -> None:
        """Close alerts that are not watched any more, without telling anybody that all is well."""
        for alert in [alert for alert in self.alerts.values() if only(alert)]:
            self.alerts.pop(alert.id)
            parts = tuple(replace(part, until=part.until or now.wall) for part in alert.parts)
            left = replace(alert, state="resolved", resolved_at=now.wall, silenced_until=None, parts=parts)
            what: Happening = "note" if alert.open else "pending"
            self._changed(self._step(left, now, "resolved", words), what)

    # What a person does

    def acknowledge(self, alert_id: str, note: str, now: Moment) -> Alert:
        """Take note of an alert: nobody is told of it again before it is resolved. Raises ConfigError: it is not open."""
        alert = self._open(alert_id)
        alert = replace(alert, state="acknowledged", acknowledged_at=now.wall, note=note, silenced_until=None)
        return self._set(self._step(alert, now, "acknowledged", note), "acknowledged")

    def silence(self, alert_id: str, until: float, note: str, now: Moment) -> Alert:
        """Tell nobody of this alert, nor of the next ones of its key, until then; a time that is over ends that.

        Raises:
            ConfigError: it is not open.
        """
        alert = self._open(alert_id)
        self.silences[alert.key] = Silence(alert.key, until, note)
        if until <= now.wall:
            self.silences.pop(alert.key)
            return self._wake(alert, now)
        return self._silence(alert, until, note, now)

    def resolve(self, alert_id: str, note: str, now: Moment) -> Alert:
        """Call an alert done; its rules must cease before they raise another. Raises ConfigError: it is not open."""
        alert = self._open(alert_id)
        for part in alert.parts:
            self.end_part(part.rule, part.subject)
        parts = tuple(replace(part, until=part.until or now.wall) for part in alert.parts)
        return self._resolve(replace(alert, parts=parts), now, note or "Called done by a person.")

    def annotate(self, alert_id: str, what: Happening, words: str, now: Moment) -> Alert | None:
        """Add to the timeline of an open alert; None where it is not open."""
        alert = self.alerts.get(alert_id)
        return None if alert is None else self._set(self._step(alert, now, what, words), None)

    # What time does

    def next_at(self) -> float | None:
        """When the next silence of an open alert ends (epoch s)."""
        return min((alert.silenced_until for alert in self.alerts.values() if alert.silenced_until), default=None)

    def turn(self, now: Moment) -> None:
        """End silences that are over."""
        for key in [key for key, silence in self.silences.items() if silence.until <= now.wall]:
            del self.silences[key]
        for alert in list(self.alerts.values()):
            if alert.silenced_until is not None and alert.silenced_until <= now.wall:
                self._wake(alert, now)

    # How

    def _open(self, alert_id: str) -> Alert:
        found = [alert for alert in self.alerts.values() if alert.id.startswith(alert_id) and alert.open]
        if not alert_id or len(found) != 1:
            raise ConfigError(f"There is no open alert {alert_id}.", advice="See `aiconsole alerts list`.")
        return found[0]

    def _wake(self, alert: Alert, now: Moment) -> Alert:
        woken = replace(alert, state="firing", silenced_until=None)
        return self._set(self._step(woken, now, "firing", "The silence is over."), "firing")

    def _silence(self, alert: Alert, until: float, note: str, now: Moment) -> Alert:
        silent = replace(alert, state="silenced", silenced_until=until, note=note or alert.note)
        words = f"Silenced for {span(round(until - now.wall))}.{f' {note}' if note else ''}"
        return self._set(self._step(silent, now, "silenced", words), "silenced")

    def _resolve(self, alert: Alert, now: Moment, words: str) -> Alert:
        told = alert.state != "silenced"
        done = replace(alert, state="resolved", resolved_at=now.wall, changed_at=now.wall, silenced_until=None)
        done = self._step(done, now, "resolved", words)
        self.alerts.pop(alert.id, None)
        self._changed(done, "resolved" if told else "note")
        return done

    def _join(self, alert: Alert, track: Track, judged: Judged, now: Moment) -> None:
        part = self._part(track, judged, now)
        others = [each for each in alert.parts if not _is(each, track)]
        parts = (*others, part)
        severity = _worst([each for each in parts if each.until is None])
        worse = SEVERITIES.index(severity) > SEVERITIES.index(alert.severity)
        joined = replace(alert, parts=parts, severity=severity)
        provider = part.subject.partition("/")[0]
        if not alert.subject and provider:
            joined = replace(joined, subject=provider, links=replace(joined.links, provider=provider))
        elif provider and alert.links.provider not in ("", provider):
            joined = replace(joined, links=replace(joined.links, provider=""))
        joined = self._linked(self._step(joined, now, "worse" if worse else "part", part.words), track, now)
        self._set(joined, "worse" if worse else "part")

    def _home_of(self, track: Track, now: Moment) -> Alert | None:
        """The open alert that a track's finding is part of."""
        own = self._alert_of(track.rule.name, track.subject, ended=True)
        if own is not None and own.open:
            return own
        if not track.rule.group:
            return None
        provider = track.subject.partition("/")[0]
        group = [alert for alert in self.alerts.values() if alert.open and alert.key.startswith(f"{track.rule.group}:")]
        if not provider:
            worst = self._world.worst(now.wall - _RECENT_S, now.wall)
            group.sort(key=lambda alert: (alert.subject == worst, alert.began_at), reverse=True)
            return group[0] if group else None
        for alert in group:
            if not alert.subject or provider in {part.subject.partition("/")[0] for part in alert.parts}:
                return alert
        return next((alert for alert in group if self._same_network(alert, provider, now)), None)

    def _same_network(self, alert: Alert, provider: str, now: Moment) -> bool:
        """Whether an alert's trouble and this provider's may be the same fault of this machine's network."""
        if now.wall - (alert.fired_at or 0.0) > JOIN_S:
            return False
        errors = [self._world.last_error.get(name) for name in (provider, alert.subject.partition("/")[0])]
        return all(
            error is not None and error.kind in JOINED and now.mono - error.at.mono <= _RECENT_S for error in errors
        )

    def _alert_of(self, rule: str, subject: str, *, ended: bool = False) -> Alert | None:
        for alert in self.alerts.values():
            for part in alert.parts:
                if part.rule == rule and part.subject == subject and (ended or part.until is None) and alert.open:
                    return alert
        return None

    def _pending_of(self, track: Track) -> Alert | None:
        return next(
            (
                alert
                for alert in self.alerts.values()
                if alert.state == "pending" and alert.rule == track.rule.name and alert.subject == track.subject
            ),
            None,
        )

    def _new(self, track: Track, judged: Judged, now: Moment) -> Alert:
        rule, subject = track.rule, track.subject
        provider = subject.partition("/")[0]
        key = f"{rule.group}:{provider}" if rule.group else f"{rule.name}:{subject}"
        began = now.wall if track.since is None else track.since.wall
        alert = Alert(
            uuid4().hex[:16],
            key,
            rule.name,
            subject,
            rule.severity,
            "pending",
            _sentence(judged.words),
            began,
            now.wall,
            simulated=self._simulated(),
        )
        held = f" It fires once it has lasted for {span(rule.for_s)}." if rule.for_s else ""
        return self._step(alert, now, "pending", f"{_sentence(judged.words)}{held}") if held else alert

    def _part(self, track: Track, judged: Judged, now: Moment) -> AlertPart:
        since = now.wall if track.since is None else track.since.wall
        return AlertPart(
            track.rule.name, track.subject, track.rule.severity, since, _sentence(judged.words), None, judged.value
        )

    def _linked(self, alert: Alert, track: Track, now: Moment) -> Alert:
        """With links to what is behind it by now."""
        links, condition, provider = alert.links, track.rule.condition, track.subject.partition("/")[0]
        sort = type(condition).__name__
        if sort == "JobFailed":
            return replace(alert, links=replace(links, job=track.subject))
        if sort == "Finding":
            found = self._world.findings.get(track.subject)
            if found is not None:
                requests = (found.request,) if found.request else ()
                links = AlertLinks(links.provider, requests or links.requests, "errors", found.fingerprint)
            return replace(alert, links=links)
        if sort == "BudgetReached":
            return alert
        if sort == "BenchFigure":
            links = replace(links, bench=self._world.runs[track.subject][-1].run)
        if not links.provider and len({part.subject.partition("/")[0] for part in alert.parts}) <= 1:
            links = replace(links, provider=provider)
        seen = tuple(self._world.failing_requests.get(provider, ()))
        fresh = [request for request in seen if request not in links.requests]
        return replace(alert, links=replace(links, requests=(*links.requests, *fresh)[-REQUESTS_KEPT:]))

    def _step(self, alert: Alert, now: Moment, what: Happening, words: str) -> Alert:
        timeline = (*alert.timeline, AlertStep(now.wall, what, words))
        if len(timeline) > STEPS_KEPT:
            timeline = (*timeline[: STEPS_KEPT // 2], *timeline[-STEPS_KEPT // 2 :])
        return replace(alert, timeline=timeline, changed_at=now.wall)

    def _set(self, alert: Alert, what: Happening | None) -> Alert:
        self.alerts[alert.id] = alert
        if what is not None:
            self._changed(alert, what)
        return alert


def _is(part: AlertPart, track: Track) -> bool:
    return part.rule == track.rule.name and part.subject == track.subject


def _worst(parts: Iterable[AlertPart]) -> Severity:
    return max((part.severity for part in parts), key=SEVERITIES.index)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."
