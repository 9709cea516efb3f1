"""Whom to tell of an alert and when: channels through the outbox, the desktop at once, nobody in quiet hours but of what is
critical."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from aiconsole.alerts.messages import body_of, quiet_until, title_of
from aiconsole.domain.alerts import SEVERITIES, Alert, AlertMessage, Happening, MessageKind, OutboxRow, Severity

if TYPE_CHECKING:
    from aiconsole.alerts.channels import Channels, ChannelSettings
    from aiconsole.domain.clock import Clock

_log = logging.getLogger(__name__)

Desktop = Callable[[AlertMessage], object]


class TellSettings(Protocol):
    """How alerts are told; `settings.AlertSettings`."""

    @property
    def enabled(self) -> bool: ...

    @property
    def desktop(self) -> bool: ...

    @property
    def sound(self) -> bool: ...

    @property
    def quiet_from(self) -> str: ...

    @property
    def quiet_to(self) -> str: ...

    @property
    def most_messages(self) -> int: ...

    @property
    def tell_simulated(self) -> bool: ...


class Telling:
    """Makes the messages of an alert; `rows` is for the outbox, `show` for the desktop."""

    def __init__(self, settings: Callable[[], TellSettings], channels: Channels, clock: Clock) -> None:
        self._settings = settings
        self._channels = channels
        self._clock = clock
        self._desktops: list[Desktop] = []

    def on_desktop(self, show: Desktop) -> Callable[[], None]:
        """See `Alerts.on_desktop`."""
        self._desktops.append(show)
        return lambda: self._desktops.remove(show) if show in self._desktops else None

    def rows(self, alert: Alert, what: Happening) -> tuple[OutboxRow, ...]:
        """The messages that channels are to get of a change; whoever got one of a kind already gets none (the outbox sees to
        that), so what became worse reaches those for whom it had not been bad enough."""
        kind = _kind(alert, what)
        if kind is None or (alert.simulated and not self._settings().tell_simulated):
            return ()
        now = self._clock.now()
        due = self._due(alert.severity, now)
        title, body = title_of(alert, kind), body_of(alert, kind)
        return tuple(
            OutboxRow(0, alert.id, name, kind, alert.severity, title, body, now, due)
            for name, own in self._channels.all().items()
            if _wants(own, alert.severity, kind)
        )

    def show(self, alert: Alert, what: Happening) -> None:
        """Show a change on the desktop."""
        own, now = self._settings(), self._clock.now()
        kind = None if what == "worse" else _kind(alert, what)
        if kind is None or not own.desktop or self._due(alert.severity, now) > now:
            return
        message = AlertMessage(
            alert.id, kind, alert.severity, title_of(alert, kind), body_of(alert, kind), own.sound and kind == "firing"
        )
        for show in tuple(self._desktops):
            try:
                show(message)
            except Exception:
                _log.exception("A notification could not be shown")

    def _due(self, severity: Severity, now: float) -> float:
        own = self._settings()
        until = None if severity == "critical" else quiet_until(now, own.quiet_from, own.quiet_to)
        return now if until is None else until


def _kind(alert: Alert, what: Happening) -> MessageKind | None:
    if what == "resolved":
        return "resolved"
    return "firing" if alert.state == "firing" and what in ("firing", "worse") else None


def _wants(own: ChannelSettings, severity: Severity, kind: MessageKind) -> bool:
    return (
        own.enabled
        and SEVERITIES.index(severity) >= SEVERITIES.index(own.least)
        and (kind != "resolved" or own.resolved)
    )
