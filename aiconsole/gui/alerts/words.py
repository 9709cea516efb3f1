"""Alerts and messages in glyphs and words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...domain.alerts import Alert, Backtest, OutboxRow, Severity, WouldFire
from ...domain.events import AlertState
from ...domain.spans import span
from ..moments import moment
from ..theme import State

SEVERITY: Final[dict[Severity, State]] = {"info": "idle", "warning": "warn", "critical": "crit"}
ORDER: Final[tuple[AlertState, ...]] = ("firing", "acknowledged", "silenced", "pending", "resolved")
LATE_S: Final = 120.0
_SHOWN: Final = 3


def state_of(alert: Alert) -> State:
    """The glyph of an alert: how bad it is while somebody has to look, quiet otherwise."""
    if alert.state == "resolved":
        return "ok"
    return SEVERITY[alert.severity] if alert.state == "firing" else "idle"


def lasted(alert: Alert, now: float) -> str:
    """How long it lasted, or has lasted by now."""
    until = now if alert.resolved_at is None else alert.resolved_at
    return span(float(round(max(0.0, until - alert.began_at))))


def state_words(alert: Alert, now: float) -> str:
    """Its state, with until when where it is silenced."""
    if alert.state == "silenced" and alert.silenced_until is not None:
        return f"silenced until {moment(alert.silenced_until, now)}"
    return alert.state


def summary(alerts: Iterable[Alert], rules: int, *, followed: bool) -> tuple[State, str]:
    """What one wants to know first."""
    by_state = {state: [alert for alert in alerts if alert.state == state] for state in ORDER}
    firing = by_state["firing"]
    rest = [f"{len(by_state[state])} {state}" for state in ("acknowledged", "silenced", "pending") if by_state[state]]
    if firing:
        worst: State = "crit" if any(alert.severity == "critical" for alert in firing) else "warn"
        return worst, " · ".join([f"{len(firing)} firing", *rest])
    if not followed:
        return "idle", "Alerts are switched off in the settings"
    followed_words = f"{rules} {'rule is' if rules == 1 else 'rules are'} followed"
    return "ok", " · ".join(["Nothing is wrong" if not rest else "Nothing fires", *rest, followed_words])


def would(test: Backtest, now: float) -> tuple[State, str, str]:
    """What a backtest found: glyph, words, and every firing as a line."""
    if not test.told:
        return "idle", test.words, ""
    shown = [_firing(each, now) for each in test.fired[-_SHOWN:][::-1]]
    more = len(test.fired) - len(shown)
    words = f"{test.words.rstrip('.')}: {'; '.join(shown)}" if shown else test.words.rstrip(".")
    words += f"; and {more} more." if more > 0 else "."
    details = "\n".join(_firing(each, now) + (f": {each.words}" if each.words else "") for each in test.fired[::-1])
    state: State = "ok" if not test.fired else "idle" if len(test.fired) <= 30 else "warn"
    return state, words, details if len(test.fired) > 0 else ""


def message_state(row: OutboxRow, now: float) -> tuple[State, str]:
    """How a message stands: waiting, delivered (late), or given up."""
    if row.given_up:
        return "crit", "given up"
    if row.sent_at is None:
        late = now - row.created_at > LATE_S
        return ("warn" if late or row.tries else "idle"), "waiting, late" if late else "waiting"
    late_s = row.sent_at - row.created_at
    return "ok", f"delivered {span(float(round(late_s)))} late" if late_s > LATE_S else "delivered"


def _firing(each: WouldFire, now: float) -> str:
    whom = f"{each.subject}, " if each.subject else ""
    held = "still" if each.end is None else f"for {span(float(round(each.end - each.start)))}"
    return f"{whom}{moment(each.start, now)}, {held}"
