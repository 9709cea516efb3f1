"""What is pointed out when rules are saved: contradictions, rules that can never fire, names that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from aiconsole.routing.rules.declare import ASIDE, Cost, ErrorRate, Floor, Hours, Rule, Times
from aiconsole.routing.rules.reading import faults, misfit
from aiconsole.rule_text import RuleProblem

_WITHOUT_STATUS = frozenset({"timeout", "connection failed", "connection cut", "missing key", "unsupported"})
"""Errors for which no answer came, so that there is no status."""


def check(rules: Sequence[Rule], routes: Mapping[str, Sequence[str]]) -> tuple[RuleProblem, ...]:
    """What is wrong with these rules together and with these routes (name -> ``provider/model`` names), in the rules' order.

    Rules that are switched off are only held against what can never work.
    """
    found: list[RuleProblem] = []
    for place, rule in enumerate(rules):
        unread = misfit(rule)
        broken = (("", unread),) if unread else faults(rule)
        found += [RuleProblem(rule.name, reason) for _, reason in broken]
        if rule.enabled and not broken:
            found += _names(rule, routes)
            found += _never(rule)
            found += _earlier(rule, [other for other in rules[:place] if other.enabled])
    found += _circles([rule for rule in rules if rule.enabled and rule.do == "route"])
    names = [rule.name for rule in rules]
    found += [RuleProblem("", "a rule needs a name") for name in names if not name.strip()][:1]
    found += [
        RuleProblem(name, "there are two rules of this name")
        for name in dict.fromkeys(names)
        if name.strip() and names.count(name) > 1
    ]
    return tuple(found)


def _names(rule: Rule, routes: Mapping[str, Sequence[str]]) -> Iterator[RuleProblem]:
    for name in rule.routes:
        if name not in routes:
            yield RuleProblem(rule.name, f"there is no route “{name}”")
    if rule.do == "route" and rule.to not in routes:
        yield RuleProblem(rule.name, f"there is no route “{rule.to}” to go over to")
    known = [name for name in rule.routes if name in routes]
    for pattern in rule.candidates if known else ():
        if not any(fnmatchcase(candidate, pattern) for name in known for candidate in routes[name]):
            yield RuleProblem(
                rule.name, f"no candidate of its routes fits “{pattern}”, so it can never fire", "warning"
            )


def _never(rule: Rule) -> Iterator[RuleProblem]:
    if rule.statuses and rule.errors and set(rule.errors) <= _WITHOUT_STATUS:
        yield RuleProblem(rule.name, "it can never fire: its errors come without a status", "warning")
    if rule.hours is not None and (rule.hours.start == rule.hours.end or not rule.hours.days):
        yield RuleProblem(rule.name, "it can never fire: its hours are empty", "warning")
    if rule.headroom is not None and rule.headroom.below > 1:
        yield RuleProblem(rule.name, "headroom is between 0 and 1; below that it holds always", "warning")
    if rule.score is not None and rule.score.below > 100:
        yield RuleProblem(rule.name, "a score is between 0 and 100; below that it holds always", "warning")
    for name, floor, most in (("score", rule.score, 100.0), ("headroom", rule.headroom, 1.0)):
        if floor is not None and floor.below <= most < floor.leave:
            yield RuleProblem(rule.name, f"once it holds it never ceases: the {name} is at most {most:g}", "warning")
    if rule.error_rate is not None and rule.error_rate.leave == 0:
        reason = "its error rate can never be below 0, so that it ceases only when there are no calls in the window"
        yield RuleProblem(rule.name, reason, "warning")


def _earlier(rule: Rule, earlier: Sequence[Rule]) -> Iterator[RuleProblem]:
    """The first earlier rule that always takes what this one would."""
    for other in earlier:
        if other.moment != rule.moment or other.do in ASIDE or rule.do in ASIDE or not _covers(other, rule):
            continue
        if _covers(rule, other) and (other.do, other.to) != (rule.do, rule.to):
            reason = f"it contradicts {other.name}, which has the same conditions and comes first"
            yield RuleProblem(rule.name, reason)
        else:
            yield RuleProblem(
                rule.name, f"it can never fire: {other.name}, which comes first, takes all it would", "warning"
            )
        return


def _circles(rules: Sequence[Rule]) -> Iterator[RuleProblem]:
    """Routes that hand a request on to each other, or to themselves. Of a rule for all routes its target is left out."""
    for rule in rules:
        trail = next((trail for name in rule.routes if (trail := _trail(rule, name, rules)) is not None), None)
        if trail is not None:
            told = " to ".join(f"“{step}”" for step in trail)
            yield RuleProblem(rule.name, f"a request could go in a circle, from {told}", "warning")


def _trail(first: Rule, start: str, rules: Sequence[Rule]) -> list[str] | None:
    """The way back to ``start`` over routes, if there is one."""
    trails = [[start, first.to]]
    while trails:
        trail = trails.pop()
        if trail[-1] == start:
            return trail
        trails += [[*trail, rule.to] for rule in rules if trail[-1] in rule.routes and rule.to not in trail[1:]]
    return None


def _covers(one: Rule, other: Rule) -> bool:
    """Whether ``one`` holds whenever ``other`` does, as far as their wording tells."""
    return (
        _within(other.routes, one.routes)
        and (not one.candidates or (bool(other.candidates) and all(_fits(name, one) for name in other.candidates)))
        and _within(other.errors, one.errors)
        and _within_statuses(other.statuses, one.statuses)
        and all(_implies(b, a) for a, b in zip(one.figures, other.figures, strict=True))
        and _implies(other.cost, one.cost)
        and _implies(other.hours, one.hours)
    )


def _within(inner: Sequence[object], outer: Sequence[object]) -> bool:
    """Whether a list (empty: all) lies within another one."""
    return not outer or (bool(inner) and set(inner) <= set(outer))


def _within_statuses(inner: Sequence[int | str], outer: Sequence[int | str]) -> bool:
    if not outer:
        return True
    return bool(inner) and all(status in outer or f"{str(status)[0]}xx" in outer for status in inner)


def _fits(pattern: str, rule: Rule) -> bool:
    return any(known == pattern or fnmatchcase(pattern, known) for known in rule.candidates)


_Condition = ErrorRate | Times | Floor | Cost | Hours | None


def _implies(one: _Condition, other: _Condition) -> bool:
    """Whether ``other`` holds whenever ``one`` does."""
    if other is None:
        return True
    if one is None:
        return False
    if isinstance(one, ErrorRate) and isinstance(other, ErrorRate):
        same = one.window_s == other.window_s and one.calls >= other.calls
        return same and one.above >= other.above and one.leave >= other.leave
    if isinstance(one, Times) and isinstance(other, Times):
        same = (one.window_s, one.percentile) == (other.window_s, other.percentile) and one.calls >= other.calls
        return same and one.above_ms >= other.above_ms and one.leave >= other.leave
    if isinstance(one, Floor) and isinstance(other, Floor):
        return one.below <= other.below and one.leave <= other.leave
    if isinstance(one, Cost) and isinstance(other, Cost):
        return one.above_usd >= other.above_usd
    return one == other
