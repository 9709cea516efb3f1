"""What the page says, from a picture of the optimizer: tiles and lines of tables. Plain functions of plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...cache.words import age_words, usd_words
from ..figures import count, latency, share
from ..lines import Cell, Line
from ..overview.tiles import Told

if TYPE_CHECKING:
    from ...cache.entry import CacheStats, EntryInfo
    from ...domain.pools import PoolFigures
    from ...optimizer.monitor import Reading
    from ...optimizer.service import HitRate, Picture

_MINUTE = 60
_HIGH = 0.8


def memory(picture: Picture) -> Told:
    """Resident memory against the budget."""
    foot = picture.footprint
    if foot is None:
        return Told("", "no data")
    used = foot.rss_mb / picture.budget_mb
    state = "crit" if used > 1 else "warn" if used > _HIGH else "ok"
    return Told(
        f"of {picture.budget_mb:,.0f} MB",
        f"{foot.rss_mb:,.0f} MB",
        f"{share(used)} used, {foot.blocks / 1e6:.1f} M Python blocks",
        state=state,  # type: ignore[arg-type]
        course=picture.memory,
        tip="Resident memory of this process. From 80 % of the budget on caches shrink and memory is collected.",
    )


def measure(reading: Reading | None, tip: str) -> Told:
    """A measure in ms with its course."""
    if reading is None or reading.figure is None:
        return Told("now", "no data", "nothing in the last second", course=() if reading is None else reading.samples)
    known = [sample for sample in reading.samples if sample is not None]
    return Told(
        "now",
        latency(reading.figure),
        f"worst of 5 min {latency(max(known))}, limit {latency(reading.limit)}",
        state="warn" if reading.over else "ok",
        course=reading.samples,
        tip=tip,
    )


def hits(rates: tuple[HitRate, ...], stats: CacheStats | None) -> Told:
    """The cache's hit rate, over time and of all, and what it saved."""
    if stats is None or stats.hit_rate is None:
        saved = "" if stats is None or not stats.saved_ms_ever else f"saved {_saved(stats)} so far"
        return Told("since the start", "no data", saved or "no request it could answer")
    course = tuple(rate.hits / (rate.hits + rate.misses) if rate.hits + rate.misses else None for rate in rates)
    return Told(
        "since the start",
        share(stats.hit_rate),
        f"saved {_saved(stats)} in all",
        course=course,
        tip="Requests that the response cache answered, of those it may answer; the line is in steps of ten seconds.",
    )


def _saved(stats: CacheStats) -> str:
    return f"{usd_words(stats.saved_usd_ever)} and {duration(stats.saved_ms_ever)}"


def duration(ms: float) -> str:
    """A stretch of time in its largest fitting unit."""
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    return f"{ms / 60_000:.1f} min" if ms < 5_400_000 else f"{ms / 3_600_000:.1f} h"


def measure_lines(readings: tuple[Reading, ...]) -> list[Line]:
    """A row a measure: what, now, worst of five minutes, limit, state."""
    return [_measure_line(reading) for reading in readings]


def _measure_line(reading: Reading) -> Line:
    unit = reading.measure.unit
    known = [sample for sample in reading.samples if sample is not None]

    def told(figure: float | None) -> str:
        return latency(figure) if unit == "ms" else count(None if figure is None else round(figure))

    state = Cell("too much", "warn") if reading.over else Cell("well", "ok") if known else Cell("no data", "idle")
    how = {"now": "now", "worst": "worst of a second", "p95": "p95 of a minute"}[reading.measure.how]
    return Line(
        reading.measure.key,
        (
            Cell(reading.measure.title, tip=how),
            Cell(told(reading.figure)),
            Cell(told(max(known, default=None))),
            Cell(told(reading.limit)),
            state,
        ),
    )


def pool_lines(pools: tuple[PoolFigures, ...]) -> list[Line]:
    """A row a pool: name, in use of how many, idle, waiting and timed out since the start, who has held one the longest."""
    return [_pool_line(pool) for pool in pools]


def _pool_line(pool: PoolFigures) -> Line:
    longest = max(pool.holders, key=lambda holder: holder.held_s, default=None)
    held = "" if longest is None else f"{longest.name}, {age_words(longest.held_s)}"
    waiting = count(pool.waiting) + (f" / {count(pool.timeouts)}" if pool.kind == "http" else "")
    waiting = "" if pool.kind == "files" else waiting
    opening = f"{pool.opening} more being opened" if pool.opening else ""
    tip = "\n".join(f"{holder.name}, {age_words(holder.held_s)}" for holder in pool.holders[:20])
    return Line(
        pool.name,
        (
            Cell(pool.name),
            Cell(count(pool.in_use) + ("" if pool.limit is None else f" of {count(pool.limit)}"), tip=opening),
            Cell(count(pool.idle) if pool.kind != "files" else ""),
            Cell(waiting),
            Cell(held, tip=tip),
        ),
    )


def entry_lines(entries: tuple[EntryInfo, ...]) -> list[Line]:
    """A row an entry of the response cache, without content."""
    return [
        Line(
            entry.key,
            (
                Cell(f"{entry.provider} / {entry.model}", tip=f"{entry.key[:12]}, asked as {entry.route}"),
                Cell(size(entry.size)),
                Cell(count(entry.hits)),
                Cell(age_words(entry.age_s)),
                Cell(saved_words(entry)),
                Cell("pinned" if entry.pinned else ""),
            ),
        )
        for entry in entries
    ]


def saved_words(entry: EntryInfo) -> str:
    """What an entry's hits have saved."""
    if not entry.hits:
        return ""
    usd = "" if entry.saved_usd is None else f"{usd_words(entry.saved_usd)}, "
    return f"{usd}{duration(entry.saved_ms)}"


def size(octets: int) -> str:
    """Bytes in their largest fitting unit."""
    if octets < 1000:
        return f"{octets} B"
    return f"{octets / 1e3:.1f} kB" if octets < 1_000_000 else f"{octets / 1e6:.1f} MB"


def stats_words(stats: CacheStats) -> str:
    """How large the cache is."""
    words = f"{count(stats.entries)} answers, {size(stats.memory_bytes)} of {size(stats.memory_limit)} in memory"
    if stats.file_limit:
        words += f", {size(stats.file_bytes)} of {size(stats.file_limit)} in the file"
    return words + (f", {stats.pinned} pinned" if stats.pinned else "")


def memory_words(picture: Picture) -> list[str]:
    """Caches by size, what was given back, how memory is collected, who was connected to, and leaks: a sentence each."""
    caches = ", ".join(f"{cache.name} {size(cache.size)}" for cache in picture.caches)
    words = [f"Caches: {caches}."]
    if picture.settled:
        longest = f", the longest {latency(picture.longest_collection_ms)}" if picture.collections else ""
        words.append(f"Memory is collected at quiet moments: {count(picture.collections)} times{longest}.")
    else:
        words.append("Memory is collected when Python likes.")
    if picture.relieved:
        last = picture.relieved[-1]
        gone = sum(last.caches_mb.values())
        words.append(
            f"Given back, {last.reason}: {last.before_mb:,.0f} MB before, {last.after_mb:,.0f} MB after; caches let go "
            f"{gone:.1f} MB, {count(last.collected)} objects were collected in {latency(last.took_ms)}."
        )
    if picture.warmed:
        made = ", ".join(
            f"{one.provider} {'not reached' if one.trouble else 'in ' + latency(one.took_ms)}" for one in picture.warmed
        )
        words.append(f"Connected ahead at the start: {made}.")
    words += [f"Held for {age_words(leak.held_s)} at {leak.pool}: {leak.holder}." for leak in picture.leaks[-3:]]
    return words
