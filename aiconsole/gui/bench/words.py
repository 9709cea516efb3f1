"""Plans, limits and results in sentences. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...bench.history import Entry
from ...bench.plan import Kind, Limits, Load, Plan, Shape
from ...bench.report import Report
from ..figures import money
from ..theme import State

KINDS: Final[dict[Kind, tuple[str, str]]] = {
    "health": (
        "Health check",
        "Each feature of each provider is tried once: it passes, fails, or is skipped with the reason.",
    ),
    "bench": ("Benchmark", "Each prompt is asked several times with few requests in flight: how fast one answer is."),
    "stress": ("Stress test", "Load by a shape over time: how much a provider takes, and what happens beyond."),
}
SHAPES: Final[dict[Shape, str]] = {
    "closed": "Fixed number in flight (closed loop)",
    "constant": "Constant rate (open loop)",
    "poisson": "Random arrivals (open loop, Poisson)",
    "ramp": "Ramp: from one level to another",
    "step": "Steps: level by level",
    "spike": "Spike: up for a third of the time",
    "soak": "Soak: one level for long",
    "sweep": "Sweep: up until it no longer keeps up",
}
STATES: Final[dict[str, State]] = {"valid": "ok", "invalid": "crit", "unproven": "warn"}


def number(value: float) -> str:
    """A number for people without digits that say nothing: 15, 4.58, 1,200."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time in s, minutes or hours, as people say it."""
    if seconds < 120:
        return f"{number(seconds)} s"
    return f"{number(seconds / 60)} min" if seconds < 7200 else f"{number(seconds / 3600)} h"


def load_words(load: Load) -> str:
    """What a load does, in a sentence, for each target."""
    one = load.level == 1 and not load.open_loop
    unit = "requests/s" if load.open_loop else "request in flight" if one else "requests in flight"
    level, to = number(load.level), number(load.to or load.level)
    if load.to is not None and one:
        unit = "requests in flight"
    long = duration(load.seconds)
    if load.shape == "ramp":
        return f"From {level} to {to} {unit} within {long}."
    if load.shape == "step":
        return f"{load.steps} levels from {level} to {to} {unit}, {long} each."
    if load.shape == "sweep":
        return f"From {level} up to {to} {unit} in {load.steps} levels of {long}; ends at the one it does not keep up with."
    if load.shape == "spike":
        return f"{level} {unit}, in the middle third of {long} {to}."
    if load.shape == "closed" and not load.open_loop:
        return f"{level} {unit}: the next is sent when an answer is complete."
    how = "at random moments" if load.poisson else "evenly spaced"
    if not load.open_loop:
        return f"{level} {unit} for {long}."
    return f"{level} {unit} {how} for {long}, whether answers come or not."


def stops_words(limits: Limits, *, health: bool = False) -> str:
    """Where a run stops by itself."""
    if health:
        return "One small request for each feature; nothing to limit."
    found = [money(limits.usd)] if limits.usd is not None else []
    found += [f"{limits.errors:,} failed requests"] if limits.errors is not None else []
    found += [f"{100 * limits.error_share:.0f} % failed"] if limits.error_share is not None else []
    found += [duration(limits.seconds)] if limits.seconds is not None else []
    found += [f"{limits.requests:,} requests"] if limits.requests is not None else []
    found += [f"{limits.in_flight:,} in flight at once"]
    return f"Stops by itself at {', '.join(found[:-1])} or {found[-1]}, whichever comes first." if found[1:] else ""


def title_of(plan: Plan) -> str:
    """A plan's name, else its kind."""
    return plan.name or KINDS[plan.kind][0]


def short_names(targets: Sequence[str]) -> dict[str, str]:
    """Each target by its provider's name where that is enough to tell it."""
    providers = [target.partition("/")[0] for target in targets]
    return {
        target: provider if providers.count(provider) == 1 else target
        for target, provider in zip(targets, providers, strict=True)
    }


def provider_of(target: str) -> str:
    """A target's provider."""
    return target.partition("/")[0]


def entry_state(entry: Entry) -> tuple[State, str]:
    """How a kept run ended, as a glyph and a word."""
    if not entry.finished:
        return "idle", "not finished"
    if entry.verdict == "invalid":
        return "crit", "invalid"
    if entry.passed is False:
        return "crit", "failed"
    if entry.kind == "health":
        return "ok", "passed"
    return STATES.get(entry.verdict, "idle"), entry.verdict


def certificate_words(report: Report) -> str:
    """What the certificate means for the figures, before its own reason."""
    certificate = report.certificate
    if report.plan.kind == "health":
        return ""
    means = {
        "valid": "Valid: the figures are the provider's.",
        "invalid": "Invalid: do not use the figures.",
        "unproven": "Unproven: nothing speaks against the figures, nothing proves them either.",
    }[certificate.verdict]
    return f"{means} {certificate.words}"
