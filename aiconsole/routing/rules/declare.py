"""What a fallback rule is: whom it concerns, its conditions, and what is done.

All conditions of a rule must hold together. A condition on a figure has a threshold to begin and another to cease, so that a
figure that hovers does not switch back and forth. From its conditions and its action follows the moment a rule matters:

- after an error: it names errors or statuses;
- on a measurement: it opens a breaker or notifies, once each time its figures begin to hold;
- before an attempt: all others, for as long as their figures hold.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from aiconsole.domain.errors import ProviderError

Action = Literal["next candidate", "route", "wait", "switch model", "open breaker", "notify", "fail fast"]
"""``next candidate``: after an error go on with the next one; before an attempt leave this one for last. ``route``: go over to
the route ``to``. ``wait``: try the same again after at most ``wait_s``. ``switch model``: ask the ``provider/model`` in ``to``.
``open breaker``: ask this candidate no more for ``open_s``. ``notify``: tell the person. ``fail fast``: give up, with the error
where there is one."""

Moment = Literal["before an attempt", "after an error", "on a measurement"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

ASIDE: Final = frozenset({"notify", "open breaker"})
"""Actions that do not decide where the request goes, so that further rules are looked at."""

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Window = Annotated[float, msgspec.Meta(ge=5, le=3600)]
_Calls = Annotated[int, msgspec.Meta(ge=1, le=1000)]
_Clock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
_Status = Annotated[int, msgspec.Meta(ge=400, le=599)]
_Statuses = Annotated[str, msgspec.Meta(pattern=r"^[45]xx$")]


def _kinds(of: type[ProviderError]) -> set[str]:
    return {of.kind}.union(*(_kinds(kind) for kind in of.__subclasses__()))


ERROR_KINDS: Final = frozenset(_kinds(ProviderError)) - {"error", "all candidates failed"}
"""The kinds of errors a rule may name, as in ``domain.errors``."""


class _Figure(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A condition on a figure of a candidate."""


class ErrorRate(_Figure, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The share of calls in the last ``window_s`` that failed by the provider's fault: from ``above`` on it holds, until it is
    ``below`` (half of it by default). With fewer than ``calls`` calls nothing is known and it does not hold."""

    above: _Share
    below: _Share | None = None
    window_s: _Window = 60.0
    calls: _Calls = 10

    @property
    def leave(self) -> float:
        return self.above / 2 if self.below is None else self.below


class Times(_Figure, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A percentile of the times in ms of the calls in the last ``window_s``: from ``above_ms`` on it holds, until it is below
    ``below_ms`` (four fifths of it by default)."""

    above_ms: _Positive
    below_ms: _Positive | None = None
    percentile: Annotated[int, msgspec.Meta(ge=1, le=99)] = 95
    window_s: _Window = 300.0
    calls: _Calls = 10

    @property
    def leave(self) -> float:
        return self.above_ms * 0.8 if self.below_ms is None else self.below_ms


class Floor(_Figure, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A figure that is bad when low (score 0 to 100, headroom 0 to 1): under ``below`` it holds, until it is ``above`` (a fifth
    more by default)."""

    below: _Positive
    above: _Positive | None = None

    @property
    def leave(self) -> float:
        return self.below * 1.2 if self.above is None else self.above


class Cost(_Figure, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What this request would cost at this candidate by estimate, in USD."""

    above_usd: Annotated[float, msgspec.Meta(ge=0)]


class Hours(
    _Figure, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """A time of day on this machine's clock, over midnight where ``to`` is before ``from``; a day is the one it begins on."""

    start: _Clock
    end: _Clock
    days: tuple[Day, ...] = DAYS

    def at(self, day: int, minute: int) -> bool:
        """Whether it holds on this day (0 is Monday) at this minute of the day."""
        start, end = _minutes(self.start), _minutes(self.end)
        if start <= end:
            return start <= minute < end and DAYS[day] in self.days
        return (minute >= start and DAYS[day] in self.days) or (minute < end and DAYS[day - 1] in self.days)


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One rule. Without ``routes`` or ``candidates`` it concerns all; a candidate may be a pattern like ``groq/*``.

    ``min_between_s``: after its figures began or ceased to hold for a candidate it stays so for this long; after an error, it
    does not notify or open a breaker again within this time.
    """

    name: str = ""
    do: Action
    about: str = ""
    enabled: bool = True
    routes: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    statuses: tuple[_Status | _Statuses, ...] = ()
    error_rate: ErrorRate | None = None
    latency: Times | None = None
    ttft: Times | None = None
    cost: Cost | None = None
    score: Floor | None = None
    headroom: Floor | None = None
    hours: Hours | None = None
    to: str = ""
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=120)] = 0.0
    open_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None
    message: str = ""
    min_between_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 30.0

    @property
    def moment(self) -> Moment:
        if self.errors or self.statuses:
            return "after an error"
        return "on a measurement" if self.do in ASIDE else "before an attempt"

    @property
    def measured(self) -> bool:
        """Whether it has a condition that is the same for every request of a moment."""
        return any(value is not None for value in self.figures) or self.hours is not None

    @property
    def figures(self) -> tuple[ErrorRate | Times | Floor | None, ...]:
        """Its conditions on figures of a candidate, None where it has none, always in the same order."""
        return (self.error_rate, self.latency, self.ttft, self.score, self.headroom)

    @property
    def unconditional(self) -> bool:
        return not (self.measured or self.errors or self.statuses or self.cost is not None)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
