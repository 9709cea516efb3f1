"""One rule about one subject over time: from quiet over pending to firing and back, without flapping.

It fires once its condition has held for the rule's ``for_s``, and ceases once the clear threshold was passed for ``resolve_s``.
That time doubles with each firing within the last hour, up to `MOST_S`, so that what comes and goes is one alert and not ten.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from aiconsole.alerts import declare
from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.judging import Judged
from aiconsole.alerts.world import Moment

FLAPS_S: Final = 3600.0
MOST_S: Final = 3600.0
Stage = Literal["quiet", "pending", "firing", "ended"]
"""``ended``: a person called it done, so it must cease before it can fire again."""

Step = Literal["pending", "dropped", "fires", "ceased"]


class Track:
    """See the module. ``due`` is when to look again (monotonic s), None where nothing can change by itself."""

    __slots__ = ("_ceased_at", "_fired", "_kept_until", "due", "looked_at", "rule", "since", "stage", "subject")

    def __init__(self, rule: AlertRule, subject: str) -> None:
        self.rule = rule
        self.subject = subject
        self.stage: Stage = "quiet"
        self.since: Moment | None = None
        self.due: float | None = None
        self.looked_at = float("-inf")
        self._ceased_at: float | None = None
        self._fired: deque[float] = deque(maxlen=16)
        self._kept_until = float("-inf")

    @property
    def flaps(self) -> int:
        """How many times it fired within the last hour."""
        return len(self._fired)

    @property
    def resolve_s(self) -> float:
        """How long it must have ceased by now before that is believed."""
        flaps = max(0, len(self._fired) - 1)
        return min(self.rule.resolve_s * 2.0 ** min(flaps, 10), max(MOST_S, self.rule.resolve_s))

    def restore(self, since: Moment, now: Moment) -> None:
        """Go on firing after a restart; what only events can tell is believed for a while without any."""
        self.stage, self.since = "firing", since
        self._fired.append(now.mono)
        self._kept_until = now.mono + _kept_s(self.rule)
        self.due = now.mono

    def touched(self) -> None:
        """Something happened to the subject, so that what was kept from before the restart holds no longer."""
        self._kept_until = float("-inf")

    def end(self) -> None:
        """A person called it done."""
        if self.stage == "firing":
            self.stage = "ended"

    def step(self, judged: Judged, now: Moment) -> Step | None:
        """Go by what was found; what changed. Sets ``due``."""
        self.looked_at = now.mono
        if now.mono < self._kept_until and not judged.holds:
            self.due = self._kept_until
            return None
        step = self._step(judged, now)
        waits = [] if judged.next_s is None else [judged.next_s]
        if self.stage == "pending" and self.since is not None:
            waits.append(self.rule.for_s - (now.mono - self.since.mono))
        if self._ceased_at is not None:
            waits.append(self.resolve_s - (now.mono - self._ceased_at))
        self.due = now.mono + max(0.05, min(waits)) if waits else None
        return step

    def _step(self, judged: Judged, now: Moment) -> Step | None:
        if judged.holds:
            self._ceased_at = None
            return self._holds(now)
        if self.stage == "pending":
            self.stage, self.since = "quiet", None
            return "dropped"
        if self.stage == "quiet":
            return None
        if not judged.ceased:
            self._ceased_at = None
            return None
        if self.stage == "ended":
            self.stage, self.since = "quiet", None
            return None
        if self._ceased_at is None:
            self._ceased_at = now.mono
        if now.mono - self._ceased_at < self.resolve_s:
            return None
        self.stage, self.since, self._ceased_at = "quiet", None, None
        return "ceased"

    def _holds(self, now: Moment) -> Step | None:
        if self.stage in ("firing", "ended"):
            return None
        began = self.stage == "quiet"
        if self.since is None or began:
            self.since = now
        if now.mono - self.since.mono >= self.rule.for_s:
            self.stage = "firing"
            while self._fired and self._fired[0] < now.mono - FLAPS_S:
                self._fired.popleft()
            self._fired.append(now.mono)
            return "fires"
        self.stage = "pending"
        return "pending" if began else None


def _kept_s(rule: AlertRule) -> float:
    """For how long after a restart to believe what was known before, where nothing happens."""
    condition = rule.condition
    if isinstance(condition, declare.Errors | declare.Finding):
        return condition.quiet_s
    if isinstance(condition, declare.JobFailed):
        return 30 * 86_400.0
    if isinstance(condition, declare.BreakerOpen | declare.Unhealthy):
        return 600.0
    return 0.0
