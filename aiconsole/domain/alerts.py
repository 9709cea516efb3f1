"""Alerts as they are kept and shown: what holds, since when, what was done about it, and where to look.

Times are epoch seconds. Nothing here holds content, a key or the address of a channel.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from aiconsole.domain.events import AlertState
from aiconsole.domain.history import RequestFilter

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""Least serious first."""

Happening = Literal[
    "pending", "firing", "part", "worse", "acknowledged", "silenced", "resolved", "delivered", "not delivered", "note"
]
OPEN_STATES: Final[frozenset[AlertState]] = frozenset(("firing", "acknowledged", "silenced"))
REQUESTS_KEPT: Final = 10
STEPS_KEPT: Final = 80
_AROUND: Final = 0.25
_LEAST_AROUND_S: Final = 300.0


class AlertStep(msgspec.Struct, frozen=True, gc=False):
    """One thing in an alert's timeline; ``words`` is a sentence or a person's note."""

    at: float
    what: Happening
    words: str = ""


class AlertPart(msgspec.Struct, frozen=True, gc=False):
    """What one rule found about one subject, and for how long; ``until`` None where it still holds.

    ``subject`` is a provider, ``provider/model``, a job, a budget or an error's fingerprint; "" is all of them together.
    ``value`` is the figure that was judged, in the rule's unit, None where there is none.
    """

    rule: str
    subject: str
    severity: Severity
    since: float
    words: str
    until: float | None = None
    value: float | None = None


class AlertLinks(msgspec.Struct, frozen=True):
    """What is behind an alert: a provider ("" is all), requests by their ``request_id`` (each has a decision trace), a job,
    the fingerprint of a group of errors, a run of the test bench."""

    provider: str = ""
    requests: tuple[str, ...] = ()
    job: str = ""
    fingerprint: str = ""
    bench: str = ""


class Alert(msgspec.Struct, frozen=True):
    """One alert over its life. Several rules that find the same trouble are parts of one.

    Attributes:
        id: identifies it for ever.
        key: what it is about, the same each time that happens; a silence is kept by it.
        rule: the rule of its first part; ``subject`` whom it concerns.
        began_at: when the condition began to hold; ``fired_at`` when it had held for long enough, None while pending.
        silenced_until: in the state "silenced", until when.
        acknowledged_at, note: when a person took note, and their words.
        flaps: how many times it fired within the last hour, this time too.
        simulated: whether it is about simulated providers.
    """

    id: str
    key: str
    rule: str
    subject: str
    severity: Severity
    state: AlertState
    summary: str
    began_at: float
    changed_at: float
    fired_at: float | None = None
    resolved_at: float | None = None
    silenced_until: float | None = None
    acknowledged_at: float | None = None
    note: str = ""
    flaps: int = 1
    simulated: bool = False
    parts: tuple[AlertPart, ...] = ()
    timeline: tuple[AlertStep, ...] = ()
    links: AlertLinks = AlertLinks()

    @property
    def open(self) -> bool:
        """Whether it fired and is not resolved."""
        return self.state in OPEN_STATES

    def graph_range(self, now: float) -> tuple[float, float]:
        """Start and end of the stretch of time to show in a graph: the alert's with a quarter of it on either side."""
        end = now if self.resolved_at is None else self.resolved_at
        around = max((end - self.began_at) * _AROUND, _LEAST_AROUND_S)
        return self.began_at - around, min(end + around, now)

    def request_filter(self, now: float) -> RequestFilter:
        """The requests behind it: those that failed or asked its provider around that time."""
        start, end = self.graph_range(now)
        return RequestFilter(start, end + 1.0, asked=self.links.provider, simulated=self.simulated)


class Silence(msgspec.Struct, frozen=True, gc=False):
    """Alerts of this key are not told until then."""

    key: str
    until: float
    note: str = ""


MessageKind = Literal["firing", "resolved", "test"]


class OutboxRow(msgspec.Struct, frozen=True, gc=False):
    """A message about an alert on its way to a channel. ``sent_at`` None where it is not there yet.

    ``batch`` names the delivery it goes out with, the same on each try, so that a receiver can tell a repeated one.
    ``given_up`` is True where it is not tried any more; ``trouble`` is why the last try failed.
    """

    number: int
    alert: str
    channel: str
    kind: MessageKind
    severity: Severity
    title: str
    body: str
    created_at: float
    due_at: float
    tries: int = 0
    batch: str = ""
    sent_at: float | None = None
    given_up: bool = False
    trouble: str = ""


class AlertMessage(msgspec.Struct, frozen=True, gc=False):
    """A message as it is shown on the desktop; ``sound`` whether it may be heard."""

    alert: str
    kind: MessageKind
    severity: Severity
    title: str
    body: str
    sound: bool = False


class ChannelView(msgspec.Struct, frozen=True):
    """A channel as it is shown. ``address`` is its Apprise URL with everything secret hidden, "" where none is kept;
    ``waiting`` messages are not delivered yet, ``trouble`` is why the last try failed."""

    name: str
    enabled: bool
    least: Severity
    resolved: bool
    address: str = ""
    service: str = ""
    waiting: int = 0
    last_sent_at: float | None = None
    trouble: str = ""


class WouldFire(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the past in which a rule would have fired; ``end`` None where it still would."""

    subject: str
    start: float
    end: float | None
    words: str


class Backtest(msgspec.Struct, frozen=True):
    """When a rule would have fired from ``start`` to ``end``; times are to ``step_s``. ``told`` is False where the history
    cannot tell, and ``words`` says why, or sums it up."""

    rule: str
    start: float
    end: float
    step_s: float
    told: bool
    words: str
    fired: tuple[WouldFire, ...] = ()
