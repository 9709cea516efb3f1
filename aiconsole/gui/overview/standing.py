"""How things stand: asked of the store over a stretch of time, and told in the words of the four tiles. No widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from ...domain.history import Figures, Objective, Series, Targets, Tiles
from ..figures import UNKNOWN, count, latency, money, share
from ..theme import State
from .scale import step_for
from .tiles import Told

if TYPE_CHECKING:
    from ...engine import Engine

_DAY: Final = 86_400
NOTHING: Final = "no data"


class Stands(msgspec.Struct, frozen=True):
    """The answers of the store: requests of the range and the one before, attempts of both, the objectives, and requests by
    hour since yesterday's beginning (UTC)."""

    tiles: Tiles
    attempts: Series
    objectives: tuple[Objective, ...]
    days: Series
    middle: float
    """Where the range begins, in epoch s."""


async def ask(engine: Engine, targets: Targets, start: float, end: float, now: float, *, simulated: bool) -> Stands:
    """Ask the store. Raises as `History`."""
    history = engine.history
    length = end - start
    today = now // _DAY * _DAY
    return Stands(
        await history.tiles(start, end, simulated=simulated),
        await history.series(start - length, end, step_for(length * 2), by="all", simulated=simulated),
        await history.objectives(start, end, targets, simulated=simulated),
        await history.series(today - _DAY, now + 1, 3600, of="requests", by="all", simulated=simulated),
        start,
    )


def tell(stands: Stands, spent_usd: float, words: str, now: float) -> dict[str, Told]:
    """The four tiles; ``words`` name the range, ``spent_usd`` is today's spend as far as it is known at this moment."""
    targets = {objective.name: objective for objective in stands.objectives}
    before = f"the {words.removeprefix('last ')} before"
    return {
        "availability": _availability(stands.tiles, targets["availability"], words, before),
        "p95": _latency(stands.tiles, targets["p95"], words, before),
        "errors": _errors(stands, targets["error rate"], words, before),
        "spend": _spend(stands.days, spent_usd, now),
    }


def budget(objective: Objective) -> str:
    """What is left of an error budget, in words."""
    left = objective.budget_left
    if left is None:
        return NOTHING
    if left < 0:
        return "budget overspent" if left < -9.99 else f"budget overspent {1 - left:.1f} times"
    return f"{share(left)} of the budget left"


def state_of(objective: Objective) -> State:
    """How an objective stands: crit once its budget is gone, warn when less than a quarter is left."""
    left = objective.budget_left
    return "idle" if left is None else "crit" if left < 0 else "warn" if left < 0.25 else "ok"


def _availability(tiles: Tiles, target: Objective, words: str, before: str) -> Told:
    value, earlier = tiles.now.availability, tiles.before.availability
    if value is None:
        return Told(words, NOTHING, f"objective {_exact(target.target)}")
    change, better = _points(value, earlier, more_is_better=True)
    return Told(
        words,
        _exact(value),
        budget(target),
        change,
        better,
        state_of(target),
        _course(tiles.spark, lambda part: part.availability),
        f"{count(tiles.now.failures)} of {count(target.over)} requests failed; objective {_exact(target.target)}. "
        f"In {before}: {_exact(earlier)}.",
    )


def _latency(tiles: Tiles, target: Objective, words: str, before: str) -> Told:
    value, earlier = tiles.now.p95_ms, tiles.before.p95_ms
    goal = f"objective {latency(target.target)}"
    if value is None:
        return Told(words, NOTHING, goal)
    change = _relative(value, earlier)
    return Told(
        words,
        latency(value),
        f"p50 {latency(tiles.now.p50_ms)}",
        change,
        value < earlier if earlier is not None and change[:1] in ("▲", "▼") else None,
        state_of(target),
        _course(tiles.spark, lambda part: part.p95_ms),
        f"95 of 100 whole answers took at most this long; {goal}, {budget(target)}. In {before}: {latency(earlier)}.",
    )


def _errors(stands: Stands, target: Objective, words: str, before: str) -> Told:
    buckets = stands.attempts.lines[0].buckets if stands.attempts.lines else ()
    cut = sum(at < stands.middle for at in stands.attempts.times)
    failures = sum(part.failures for part in buckets[cut:] if part)
    earlier = _rate(buckets[:cut])
    if target.value is None:
        return Told(words, NOTHING, f"objective {_exact(target.target)}")
    change, better = _points(target.value, earlier, more_is_better=False)
    return Told(
        words,
        share(target.value),
        f"{count(failures)} of {count(target.over)} attempts",
        change,
        better,
        state_of(target),
        tuple(None if part is None else part.error_rate for part in buckets[cut:]),
        f"Of attempts, before another provider took over; objective {_exact(target.target)}, {budget(target)}. "
        f"In {before}: {share(earlier)}.",
    )


def _spend(days: Series, spent_usd: float, now: float) -> Told:
    today = now // _DAY * _DAY
    buckets = days.lines[0].buckets if days.lines else ()
    pairs = list(zip(days.times, buckets, strict=False))
    mine = [part for at, part in pairs if at >= today]
    past = [part for at, part in pairs if at < today and at + 3600 <= now - _DAY]
    part_of_hour = [part for at, part in pairs if at <= now - _DAY < at + 3600]
    yesterday = sum(part.cost_usd for part in past if part)
    yesterday += sum(part.cost_usd for part in part_of_hour if part) * (now % 3600) / 3600
    saved = sum(part.saved_usd for part in mine if part)
    uncosted = sum(part.uncosted for part in mine if part)
    if not any(mine) and not spent_usd:
        return Told("today, UTC", NOTHING, "nothing was asked today")
    return Told(
        "today, UTC",
        money(spent_usd),
        f"cache saved {money(saved)}" + (f", {uncosted} of unknown cost" if uncosted else ""),
        _relative(spent_usd, yesterday or None),
        None,
        None,
        tuple(None if part is None else part.cost_usd for part in mine),
        f"Since midnight UTC, as limits count. Yesterday by this time: {money(yesterday) if any(past) else UNKNOWN}.",
    )


def _rate(parts: Sequence[Figures | None]) -> float | None:
    failures = sum(part.failures for part in parts if part)
    judged = failures + sum(part.answered for part in parts if part)
    return failures / judged if judged else None


def _course(series: Series, of: Callable[[Figures], float | None]) -> tuple[float | None, ...]:
    buckets = series.lines[0].buckets if series.lines else ()
    return tuple(None if part is None else of(part) for part in buckets)


def _points(value: float, earlier: float | None, *, more_is_better: bool) -> tuple[str, bool | None]:
    """The change of a share in percentage points, and whether it is for the better."""
    if earlier is None:
        return "", None
    change = (value - earlier) * 100
    if abs(change) < 0.005:
        return "unchanged", None
    return f"{'▲' if change > 0 else '▼'} {abs(change):.2g} pts", (change > 0) == more_is_better


def _relative(value: float, earlier: float | None) -> str:
    """The change in per cent of what it was."""
    if not earlier:
        return ""
    change = (value / earlier - 1) * 100
    if abs(change) < 0.5:
        return "unchanged"
    return f"{'▲' if change > 0 else '▼'} {abs(change):,.0f} %"


def _exact(part: float | None) -> str:
    """A share in per cent, as exact as objectives are."""
    return UNKNOWN if part is None else f"{part * 100:.2f}".rstrip("0").rstrip(".") + " %"
