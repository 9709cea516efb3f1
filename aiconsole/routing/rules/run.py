"""Rules at work: which hold for a candidate now, and what is to be done about an error.

Conditions on figures are looked at once a second for each rule and candidate, not for each request, and rules that do not
concern a route or candidate are sorted out once; so a request pays one look-up for each candidate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from math import inf
from typing import Final, NamedTuple

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.events import RuleFired
from aiconsole.routing.rules.declare import ASIDE, Rule
from aiconsole.routing.rules.measures import Figures
from aiconsole.routing.rules.words import describe, number, percent

_LOOK_S: Final = 1.0
_SCOPES: Final = 4_096
_Localtime = Callable[[float], time.struct_time]


class Verdict(NamedTuple):
    """What is to be done, by which rule, and why in words. See `Action` for what each action means."""

    rule: Rule
    reason: str


class Firing(NamedTuple):
    """When a rule last fired (epoch seconds), for whom, and why in words."""

    at: float
    candidate: str
    reason: str


class _Scope:
    """The rules that concern one candidate of one route, by the moment they matter. ``held`` are those of before an attempt
    that hold as of the last look, or hold but for their cost."""

    __slots__ = ("before", "error", "held", "look_at", "measured")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.before = tuple(rule for rule in rules if rule.moment == "before an attempt")
        self.error = tuple(rule for rule in rules if rule.moment == "after an error")
        self.measured = tuple(rule for rule in rules if rule.moment == "on a measurement")
        self.held: tuple[tuple[Rule, _State], ...] = ()
        self.look_at = -inf


class _State:
    """Whether a rule's figures hold for one candidate."""

    __slots__ = ("changed_at", "holds", "looked_at", "reason", "told_at")

    def __init__(self) -> None:
        self.holds = False
        self.changed_at = -inf
        self.looked_at = -inf
        self.told_at = -inf
        self.reason = ""


class RuleBook:
    """The rules in use. Rules come first to last; the first that decides where a request goes is followed.

    Args:
        rules: in order; those switched off are ignored.
        figures: the candidates' recent past.
        publish: takes `RuleFired`; must not raise.
        localtime: the local time at an epoch second, for times of day.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        clock: Clock,
        figures: Figures,
        publish: Callable[[RuleFired], None],
        *,
        localtime: _Localtime = time.localtime,
    ) -> None:
        self._rules = tuple(rule for rule in rules if rule.enabled)
        self._clock = clock
        self._figures = figures
        self._publish = publish
        self._localtime = localtime
        self._scopes: dict[tuple[str, str], _Scope] = {}
        self._states: dict[tuple[str, str], _State] = {}
        self._firings: dict[str, Firing] = {}
        self._minute = (-1, 0, 0)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self._rules

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Let other rules hold from now on. What is known of a rule whose conditions and action are the same stays."""
        before = {rule.name: _meant(rule) for rule in self._rules}
        self._rules = tuple(rule for rule in rules if rule.enabled)
        same = {rule.name for rule in self._rules if before.get(rule.name) == _meant(rule)}
        self._states = {key: state for key, state in self._states.items() if key[0] in same}
        self._firings = {name: firing for name, firing in self._firings.items() if name in same}
        self._scopes.clear()

    def before_attempt(self, route: str, candidate: str, *, cost_usd: float | None = None) -> Verdict | None:
        """What a rule says of asking this candidate (``provider/model``) now; None: nothing against it.

        Args:
            cost_usd: what the request would cost there by estimate, None where unknown.
        """
        scope = self._scopes.get((route, candidate)) or self._scope(route, candidate)
        if not scope.before:
            return None
        now = self._clock.monotonic()
        if now >= scope.look_at:
            looks = ((rule, self._look(rule, route, candidate, now)) for rule in scope.before)
            scope.held = tuple((rule, state) for rule, state in looks if state.holds or not rule.measured)
            scope.look_at = now + _LOOK_S
        for rule, state in scope.held:
            cost = rule.cost
            if cost is None:
                return Verdict(rule, state.reason)
            if cost_usd is not None and cost_usd > cost.above_usd:
                reason = f"the estimated cost of {cost_usd:.4g} USD is above {cost.above_usd:g} USD"
                self._tell(rule, route, candidate, reason, state, now)
                return Verdict(rule, reason)
        return None

    def after_error(self, route: str, candidate: str, error: ProviderError) -> tuple[Verdict, ...]:
        """What rules say about an error: any number of actions aside (notify, open breaker), and last the one that decides,
        if any does."""
        rules = self._scope(route, candidate).error
        found: list[Verdict] = []
        now = self._clock.monotonic()
        for rule in rules:
            if not _concerns(rule, error):
                continue
            state = self._look(rule, route, candidate, now)
            if rule.measured and not state.holds:
                continue
            status = f" ({error.status})" if error.status is not None else ""
            reason = f"{candidate} failed: {error.kind}{status}" + (f"; {state.reason}" if state.reason else "")
            if rule.do in ASIDE:
                if self._tell(rule, route, candidate, reason, state, now):
                    found.append(Verdict(rule, reason))
                continue
            self._fire(rule, route, candidate, reason)
            found.append(Verdict(rule, reason))
            break
        return tuple(found)

    def measured(self, route: str, candidate: str) -> tuple[Verdict, ...]:
        """The rules that began to hold for a candidate since they were last looked at; to be asked after each attempt."""
        found = []
        now = self._clock.monotonic()
        for rule in self._scope(route, candidate).measured:
            held = self._state(rule, candidate).holds
            state = self._look(rule, route, candidate, now)
            if state.holds and not held:
                found.append(Verdict(rule, state.reason))
        return tuple(found)

    def holding(self) -> tuple[tuple[str, Rule, str], ...]:
        """What holds now: candidate, rule and reason, for a view. What has ceased since anybody was asked ceases here."""
        rules = {rule.name: rule for rule in self._rules}
        now = self._clock.monotonic()
        held = [(rules[name], candidate) for (name, candidate), state in self._states.items() if state.holds]
        looks = [(candidate, rule, self._look(rule, "", candidate, now)) for rule, candidate in held]
        return tuple((candidate, rule, state.reason) for candidate, rule, state in looks if state.holds)

    def last_fired(self, name: str) -> Firing | None:
        """When a rule last fired, None where it has not since it is in use."""
        return self._firings.get(name)

    def _scope(self, route: str, candidate: str) -> _Scope:
        scope = self._scopes.get((route, candidate))
        if scope is None:
            if len(self._scopes) >= _SCOPES:
                self._scopes.clear()
            mine = [
                rule
                for rule in self._rules
                if (not rule.routes or route in rule.routes)
                and not (rule.do == "route" and rule.to == route)
                and not (rule.do == "switch model" and rule.to == candidate)
                and (not rule.candidates or any(fnmatchcase(candidate, pattern) for pattern in rule.candidates))
            ]
            scope = _Scope(mine)
            self._scopes[route, candidate] = scope
        return scope

    def _state(self, rule: Rule, candidate: str) -> _State:
        key = (rule.name, candidate)
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= _SCOPES * 4:
                self._states.clear()
            state = self._states[key] = _State()
        return state

    def _look(self, rule: Rule, route: str, candidate: str, now: float) -> _State:
        """The state of a rule's figures for a candidate, looked at afresh where the last time is a second ago."""
        state = self._state(rule, candidate)
        if not rule.measured or now - state.looked_at < _LOOK_S:
            return state
        state.looked_at = now
        reason = self._reason(rule, candidate, leaving=state.holds)
        if (reason is not None) == state.holds or now - state.changed_at < rule.min_between_s:
            return state
        state.holds, state.changed_at = reason is not None, now
        told = reason if reason is not None else f"no longer so: {state.reason}"
        state.reason = reason or ""
        if rule.moment != "after an error":
            self._fire(rule, route, candidate, told, holds=state.holds)
        return state

    def _reason(self, rule: Rule, candidate: str, *, leaving: bool) -> str | None:
        """Why all figures of a rule hold, in words; None where one does not."""
        told: list[str] = []
        for part in (
            self._bad_rate(rule, candidate, leaving),
            self._slow(rule, candidate, leaving),
            self._low(rule, candidate, leaving),
            self._in_hours(rule),
        ):
            if part is None:
                return None
            told += part
        return ", ".join(told)

    def _bad_rate(self, rule: Rule, candidate: str, leaving: bool) -> list[str] | None:
        figure = rule.error_rate
        if figure is None:
            return []
        share, calls = self._figures.error_rate(candidate, figure.window_s)
        if calls < (1 if leaving else figure.calls) or share < (figure.leave if leaving else figure.above):
            return None
        return [f"{percent(share)} of {calls} calls in {number(figure.window_s)} s failed"]

    def _slow(self, rule: Rule, candidate: str, leaving: bool) -> list[str] | None:
        told = []
        for name, figure, read in (
            ("duration", rule.latency, self._figures.latency_ms),
            ("time to the first token", rule.ttft, self._figures.ttft_ms),
        ):
            if figure is None:
                continue
            value, calls = read(candidate, figure.percentile, figure.window_s)
            if calls < (1 if leaving else figure.calls) or value < (figure.leave if leaving else figure.above_ms):
                return None
            told.append(f"the p{figure.percentile} {name} is {number(value)} ms over {calls} calls")
        return told

    def _low(self, rule: Rule, candidate: str, leaving: bool) -> list[str] | None:
        told = []
        for name, figure, read in (
            ("score", rule.score, self._figures.score),
            ("headroom", rule.headroom, self._figures.headroom),
        ):
            if figure is None:
                continue
            value = read(candidate)
            if value is None or value >= (figure.leave if leaving else figure.below):
                return None
            told.append(f"the {name} is {value:.3g}")
        return told

    def _in_hours(self, rule: Rule) -> list[str] | None:
        if rule.hours is None:
            return []
        minute = int(self._clock.now() // 60)
        if self._minute[0] != minute:
            local = self._localtime(minute * 60)
            self._minute = (minute, local.tm_wday, local.tm_hour * 60 + local.tm_min)
        if not rule.hours.at(*self._minute[1:]):
            return None
        return [f"it is between {rule.hours.start} and {rule.hours.end}"]

    def _tell(self, rule: Rule, route: str, candidate: str, reason: str, state: _State, now: float) -> bool:
        """Say that a rule fired, unless it did so a moment ago; whether it was said."""
        if now - state.told_at < rule.min_between_s:
            return False
        state.told_at = now
        self._fire(rule, route, candidate, reason)
        return True

    def _fire(self, rule: Rule, route: str, candidate: str, reason: str, *, holds: bool = True) -> None:
        now, told = self._clock.now(), reason or describe(rule)
        if holds:
            self._firings[rule.name] = Firing(now, candidate, told)
        self._publish(RuleFired(rule.name, rule.do, candidate, told, now, route, holds))


def _meant(rule: Rule) -> Rule:
    """A rule without what is only said of it."""
    return msgspec.structs.replace(rule, about="", message="")


def _concerns(rule: Rule, error: ProviderError) -> bool:
    if rule.errors and error.kind not in rule.errors:
        return False
    if not rule.statuses:
        return True
    return error.status is not None and (error.status in rule.statuses or f"{error.status // 100}xx" in rule.statuses)
