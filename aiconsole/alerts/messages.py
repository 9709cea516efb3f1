"""What is said of alerts on the desktop and in channels, and when nobody is to be disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from aiconsole.domain.alerts import Alert, MessageKind, OutboxRow, Severity
from aiconsole.domain.spans import span

LATE_S: Final = 120.0
"""A message that goes out so long after it was raised is marked late."""

_APP: Final = "AI console"


class Told(NamedTuple):
    """A message as it goes out."""

    title: str
    body: str
    severity: Severity
    resolved: bool


def title_of(alert: Alert, kind: MessageKind) -> str:
    """One line: how bad, whom, what."""
    whom = f"{alert.subject}: " if alert.subject and alert.subject not in alert.summary else ""
    pretended = "(simulated) " if alert.simulated else ""
    if kind == "resolved":
        return f"{pretended}Resolved: {whom}{alert.summary}"
    return f"{pretended}{alert.severity.capitalize()}: {whom}{alert.summary}"


def body_of(alert: Alert, kind: MessageKind) -> str:
    """The parts of an alert, since when, and its id."""
    lines = [f"- {part.words}" for part in alert.parts] if len(alert.parts) > 1 else []
    fired = alert.fired_at or alert.began_at
    if kind == "resolved" and alert.resolved_at is not None:
        lines.append(f"Raised {when(fired)}, over after {span(round(alert.resolved_at - fired))}.")
    else:
        lines.append(f"Raised {when(fired)} by the rule {alert.rule}.")
    if alert.links.requests:
        lines.append(f"Requests behind it: {', '.join(alert.links.requests[-3:])}.")
    lines.append(f"Alert {alert.id}.")
    return "\n".join(lines)


def compose(rows: Sequence[OutboxRow], now: float) -> Told:
    """One message from all rows of a batch."""
    severity = _worst(rows)
    resolved = all(row.kind == "resolved" for row in rows)
    if len(rows) == 1:
        row = rows[0]
        late = now - row.created_at > LATE_S and row.kind != "test"
        body = f"{row.body}\n{_lateness(row, now)}" if late else row.body
        return Told(f"{'Late: ' if late else ''}{row.title}", body, severity, resolved)
    late = any(now - row.created_at > LATE_S for row in rows)
    alerts = len({row.alert for row in rows})
    noun = "alert" if alerts == 1 else "alerts"
    pieces = []
    for row in rows:
        told = f"\n{_lateness(row, now)}" if now - row.created_at > LATE_S else ""
        pieces.append(f"{row.title}\n{row.body}{told}")
    return Told(f"{'Late: ' if late else ''}{alerts} {noun} from {_APP}", "\n\n".join(pieces), severity, resolved)


def when(at: float) -> str:
    """A moment in local time."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def quiet_until(now: float, begins: str, ends: str) -> float | None:
    """When the quiet hours around ``now`` end (epoch s), None outside of them. ``begins`` and ``ends`` are local times of day
    such as 22:00, over midnight where the end comes first; the same or "" means there are none."""
    if not begins or not ends or begins == ends:
        return None
    local = datetime.fromtimestamp(now)  # noqa: DTZ006  (quiet hours are what the clock on the wall says)
    start, end = (_at(local, text) for text in (begins, ends))
    if start < end:
        return end.timestamp() if start <= local < end else None
    if local >= start:
        return _at(local + timedelta(days=1), ends).timestamp()
    return end.timestamp() if local < end else None


def _at(day: datetime, text: str) -> datetime:
    hour, minute = text.split(":")
    return day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)


def _lateness(row: OutboxRow, now: float) -> str:
    return f"Late: raised {when(row.created_at)}, delivered {span(round(now - row.created_at))} later."


def _worst(rows: Sequence[OutboxRow]) -> Severity:
    order: tuple[Severity, ...] = ("info", "warning", "critical")
    return max((row.severity for row in rows), key=order.index)
