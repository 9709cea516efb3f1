"""Figures and lines for graphs, from the rollups. Each function takes the database first and runs in the graphs' thread.

Lines read the one tier that fits their step; figures over a whole range cover it with the coarsest buckets that fit inside
and finer ones at its edges. So what is read stays some thousand rows whatever the range. numpy merges the histograms; it is
imported here, when the first graph is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aiconsole.domain.history import Figures, Line, Series
from aiconsole.store.chosen import Chosen
from aiconsole.store.retention import Retention
from aiconsole.store.rollups import PICO, TIERS
from aiconsole.store.sketch import GAMMA, LEAST_MS, bucket_of

if TYPE_CHECKING:
    from aiconsole.store.database import Database

STEPS: Final = (10, 30, 60, 300, 600, 3600, 14_400, 86_400)
"""Lengths of a bucket in s that are chosen from where none is asked for."""

_BUCKETS: Final = 180
_SPARKS: Final = 60
_SUMS: Final = (
    "count",
    "failures",
    "refusals",
    "cancelled",
    "cached",
    "uncosted",
    "prompt",
    "completion",
    "cost_pico",
    "saved_pico",
    "saved_us",
    "duration_us",
)
_SELECT: Final = f"SELECT series, start, latency, ttft, {', '.join(_SUMS)} FROM usage_rollup "  # noqa: S608
_SHARES: Final = (0.0, 0.5, 0.95, 0.99, 1.0)


def auto_step(start: float, end: float) -> int:
    """The finest of `STEPS` that gives at most 180 buckets."""
    return next((step for step in STEPS if (end - start) / step <= _BUCKETS), STEPS[-1])


def spark_step(start: float, end: float) -> int:
    """The finest tier's bucket from a minute on that gives at most 60 of them."""
    return next((tier for tier in TIERS[1:] if (end - start) / tier <= _SPARKS), TIERS[-1])


def tier_for(step: float, start: float, now: float, retention: Retention) -> int:
    """The coarsest tier that divides ``step`` and whose buckets are still there at ``start``; else the finest that is."""
    there = [tier for tier in TIERS if now - start <= retention.reach(tier)] or [TIERS[-1]]
    fitting = [tier for tier in there if step % tier == 0]
    return fitting[-1] if fitting else there[0]


def series(
    database: Database, chosen: Chosen, start: float, end: float, step: float, now: float, retention: Retention
) -> Series:
    """The lines of ``chosen`` from ``start`` to ``end``, in buckets of ``step`` s, widened to whole buckets."""
    tier = tier_for(step, start, now, retention)
    step = max(ceil(step / tier), 1) * tier
    first = floor(start / step) * step
    buckets = max(ceil((end - first) / step), 1)
    names = sorted(set(chosen.values()))
    place = {number: names.index(name) * buckets for number, name in chosen.items()}
    rows = _rows(database, chosen, [(tier, first, first + buckets * step)])
    groups = [place[row[0]] + int((row[1] - first) // step) for row in rows]
    figures = _figures(rows, groups, len(names) * buckets)
    lines = (
        Line(*name, tuple(figures[at * buckets : (at + 1) * buckets]))
        for at, name in enumerate(names)
        if any(figures[at * buckets : (at + 1) * buckets])
    )
    return Series(float(first), float(step), tuple(lines))


def total(database: Database, chosen: Chosen, start: float, end: float, now: float, retention: Retention) -> Figures:
    """The figures of all of ``chosen`` together, to the nearest ten seconds where those are still kept."""
    rows = _rows(database, chosen, cover(start, end, now, retention))
    return _figures(rows, [0] * len(rows), 1)[0] or Figures()


def totals(
    database: Database, chosen: Chosen, start: float, end: float, now: float, retention: Retention
) -> dict[tuple[str, str], Figures]:
    """The same for each line of ``chosen`` by itself; lines without anything are left out."""
    rows = _rows(database, chosen, cover(start, end, now, retention))
    names = sorted(set(chosen.values()))
    places = {name: at for at, name in enumerate(names)}
    figures = _figures(rows, [places[chosen[row[0]]] for row in rows], len(names))
    return {name: found for name, found in zip(names, figures, strict=True) if found is not None and found.count}


def slower(
    database: Database, chosen: Chosen, start: float, end: float, now: float, retention: Retention, limit_ms: float
) -> float | None:
    """The share of answers that took longer than ``limit_ms``; None where there was none."""
    rows = _rows(database, chosen, cover(start, end, now, retention))
    pairs = _pairs([row[2] for row in rows])
    answers = int(pairs[:, 1].sum())
    return float(pairs[pairs[:, 0] > bucket_of(limit_ms), 1].sum()) / answers if answers else None


def cover(start: float, end: float, now: float, retention: Retention) -> list[tuple[int, float, float]]:
    """Stretches of tiers, (tier, from, until), that together make up the range."""
    there = [tier for tier in TIERS if now - start <= retention.reach(tier)] or [TIERS[-1]]
    finest = there[0]
    low, high = floor(start / finest) * finest, ceil(end / finest) * finest
    return [stretch for stretch in _cover(there, low, high) if stretch[1] < stretch[2]]


def _cover(tiers: Sequence[int], low: float, high: float) -> Iterable[tuple[int, float, float]]:
    """Cover [low, high), whole buckets of the first tier, with that one and coarser ones."""
    finest = tiers[0]
    if len(tiers) == 1:
        yield finest, low, high
        return
    coarser = tiers[1]
    inner_low, inner_high = ceil(low / coarser) * coarser, floor(high / coarser) * coarser
    if inner_low >= inner_high:
        yield finest, low, high
        return
    yield finest, low, inner_low
    yield from _cover(tiers[1:], inner_low, inner_high)
    yield finest, inner_high, high


def _rows(database: Database, chosen: Chosen, stretches: Iterable[tuple[int, float, float]]) -> list[tuple[Any, ...]]:
    if not chosen:
        return []
    sql = f"{_SELECT} WHERE tier = ? AND series IN ({','.join(map(str, chosen))}) AND start >= ? AND start < ?"
    return [row for stretch in stretches for row in database.execute_sql(sql, stretch).fetchall()]


def _pairs(blobs: Sequence[bytes]) -> Any:
    return np.frombuffer(b"".join(blobs), "<u2").reshape(-1, 2).astype(np.int64)


def _figures(rows: Sequence[tuple[Any, ...]], groups: Sequence[int], number: int) -> list[Figures | None]:
    """The rows' figures by group, None for a group without a row."""
    if not rows:
        return [None] * number
    places = np.asarray(groups, np.int64)
    used, where = np.unique(places, return_inverse=True)
    sums = np.asarray([row[4:] for row in rows], np.float64)
    columns = [np.bincount(where, sums[:, at], len(used)).tolist() for at in range(len(_SUMS))]
    latency = _quantiles([row[2] for row in rows], where, len(used), _SHARES)
    ttft = _quantiles([row[3] for row in rows], where, len(used), (0.5, 0.95))
    found: list[Figures | None] = [None] * number
    for place, values, times, firsts in zip(used.tolist(), zip(*columns, strict=True), latency, ttft, strict=True):
        found[place] = _of(values, times, firsts)
    return found


def _of(values: tuple[float, ...], times: Sequence[float | None], firsts: Sequence[float | None]) -> Figures:
    count, failures, refusals, cancelled, cached, uncosted, prompt, completion, cost, saved, saved_us, took = values
    answered = count - failures - refusals - cancelled
    judged = answered + failures
    low, p50, p95, p99, high = times
    return Figures(
        count=int(count),
        answered=int(answered),
        failures=int(failures),
        refusals=int(refusals),
        cancelled=int(cancelled),
        error_rate=failures / judged if judged else None,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        low_ms=low,
        high_ms=high,
        mean_ms=took / answered / 1e3 if answered else None,
        ttft_p50_ms=firsts[0],
        ttft_p95_ms=firsts[1],
        cost_usd=cost / PICO,
        uncosted=int(uncosted),
        cached=int(cached),
        saved_usd=saved / PICO,
        saved_ms=saved_us / 1e3,
        prompt_tokens=int(prompt),
        completion_tokens=int(completion),
    )


def _quantiles(
    blobs: Sequence[bytes], groups: Any, number: int, shares: Sequence[float]
) -> list[tuple[float | None, ...]]:
    """The quantiles of the packed histograms of each group, by nearest rank; None where a group has no sample.

    All samples are put in order of group and bucket; a quantile is then a place in the running sum of their counts.
    """
    pairs = _pairs(blobs)
    if not len(pairs):
        return [(None,) * len(shares)] * number
    keys = (np.repeat(groups, [len(blob) >> 2 for blob in blobs]) << 16) | pairs[:, 0]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    running = np.concatenate(([0], np.cumsum(pairs[:, 1][order])))
    edges = running[np.searchsorted(keys, np.arange(number + 1) << 16)]
    begins, totals = edges[:-1], np.diff(edges)
    known = totals.tolist()
    found = []
    for share in shares:
        ranks = begins + np.maximum(np.ceil(share * totals), 1)
        places = np.minimum(np.searchsorted(running[1:], ranks), len(keys) - 1)
        values = LEAST_MS * 2 * GAMMA ** (keys[places] & 0xFFFF).astype(np.float64) / (GAMMA + 1)
        found.append([value if count else None for value, count in zip(values.tolist(), known, strict=True)])
    return list(zip(*found, strict=True))
