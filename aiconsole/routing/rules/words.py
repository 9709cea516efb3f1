"""A rule as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from aiconsole.routing.rules.declare import DAYS, Cost, ErrorRate, Floor, Hours, Rule, Times

_ERRORS: Final = {
    "bad request": "calls the request wrong",
    "unsupported": "cannot do what was asked",
    "context too long": "finds the conversation too long",
    "content refused": "refuses the content",
    "bad key": "rejects the key",
    "missing key": "has no key",
    "no permission": "denies permission",
    "unknown model": "does not know the model",
    "rate limit": "reports its rate limit",
    "quota exhausted": "reports an exhausted quota",
    "overloaded": "is overloaded",
    "server fault": "has an internal fault",
    "timeout": "stays silent",
    "connection failed": "cannot be reached",
    "connection cut": "breaks the connection",
    "malformed answer": "answers with something unreadable",
}


def describe(rule: Rule) -> str:
    """The rule in one sentence, such as “When a candidate of “fast” is overloaded, go on with the next candidate.”"""
    conditions = _conditions(rule)
    when = _joined(conditions, "and") if conditions else "a request is made"
    sentence = f"When {when}, {_action(rule)}."
    return sentence if rule.enabled else f"{sentence} (switched off)"


def number(value: float) -> str:
    """A figure for people: 12,300 or 0.05."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:g}"


def percent(share: float) -> str:
    """A share of 0 to 1 for people: 30 % or 2.5 %."""
    return f"{share * 100:.3g} %"


def _conditions(rule: Rule) -> list[str]:
    who = _who(rule)
    errors = [_ERRORS.get(kind, f"fails with “{kind}”") for kind in rule.errors]
    statuses = [f"answers with {_joined([str(status) for status in rule.statuses], 'or')}"] if rule.statuses else []
    told = [f"{who} {_joined(errors, 'or')}"] if errors else []
    told += [f"{'it' if told else who} {statuses[0]}"] if statuses else []
    whose = "its" if told else f"the {{}} of {who}"
    for name, figure in (
        ("error rate", rule.error_rate),
        ("duration", rule.latency),
        ("time to the first token", rule.ttft),
        ("reliability score", rule.score),
        ("headroom of the limits", rule.headroom),
        ("estimated cost", rule.cost),
    ):
        if figure is not None:
            label = f"p{figure.percentile} {name}" if isinstance(figure, Times) else name
            subject = whose.format(label) if "{}" in whose else f"its {label}"
            told.append(f"{subject} {_threshold(figure, percent if figure is rule.headroom else number)}")
            whose = "its"
    if rule.hours is not None:
        told.append(_hours(rule.hours) if told else f"{who} would be asked {_hours(rule.hours)}")
    return told


def _who(rule: Rule) -> str:
    who = _joined(list(rule.candidates), "or") if rule.candidates else "a candidate"
    return f"{who} of {_joined([f'“{route}”' for route in rule.routes], 'or')}" if rule.routes else who


def _threshold(figure: ErrorRate | Times | Floor | Cost, words: Callable[[float], str]) -> str:
    if isinstance(figure, ErrorRate):
        return (
            f"is {percent(figure.above)} or more over {number(figure.window_s)} s and at least {figure.calls} calls "
            f"(until it is below {percent(figure.leave)})"
        )
    if isinstance(figure, Times):
        return (
            f"is {number(figure.above_ms)} ms or more over {number(figure.window_s)} s "
            f"(until it is below {number(figure.leave)} ms)"
        )
    if isinstance(figure, Cost):
        return f"is above {figure.above_usd:g} USD"
    return f"is below {words(figure.below)} (until it is {words(figure.leave)})"


def _hours(hours: Hours) -> str:
    span = f"between {hours.start} and {hours.end}"
    return span if set(hours.days) == set(DAYS) else f"{span} on {_joined(list(hours.days), 'and')}"


def _action(rule: Rule) -> str:
    before = rule.moment == "before an attempt"
    told = {
        "next candidate": "leave it for last" if before else "go on with the next candidate",
        "route": f"go over to the route “{rule.to}”",
        "wait": f"wait up to {number(rule.wait_s)} s and try it again",
        "switch model": f"ask {rule.to} instead",
        "open breaker": "ask it no more"
        + (f" for {number(rule.open_s)} s" if rule.open_s is not None else " until it is tested again"),
        "notify": f"say “{rule.message.rstrip('.')}”" if rule.message else "say so",
        "fail fast": "give up at once",
    }
    return told[rule.do]


def _joined(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
