"""One request as the cells of the table: its words, its state, and what a hover tells."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from ...domain.errors import CALLERS_KINDS
from ...domain.history import RequestRow, Sort
from ..figures import UNKNOWN, count, latency, money
from ..theme import State

TITLES: Final = (
    "Time",
    "Route",
    "Provider",
    "Model",
    "Status",
    "TTFT",
    "Duration",
    "Tokens",
    "Cost",
    "Attempts",
    "Origin",
)
TIME, ROUTE, PROVIDER, MODEL, STATUS, TTFT, DURATION, TOKENS, COST, ATTEMPTS, ORIGIN = range(len(TITLES))
NUMBERS: Final = (TTFT, DURATION, TOKENS, COST, ATTEMPTS)
SORTS: Final[dict[int, Sort]] = {
    TIME: "time",
    TTFT: "ttft",
    DURATION: "duration",
    TOKENS: "tokens",
    COST: "cost",
    ATTEMPTS: "attempts",
}


class Line(NamedTuple):
    """A request with its cells' words."""

    row: RequestRow
    words: tuple[str, ...]
    state: State


def line_of(row: RequestRow) -> Line:
    """The cells of one request."""
    state, status = standing(row)
    words = (
        clock_time(row.finished_at),
        "direct" if row.route == f"{row.provider}/{row.model}" else row.route,
        row.provider or UNKNOWN,
        row.model or UNKNOWN,
        status,
        latency(row.ttft_ms),
        latency(row.duration_ms),
        count(row.usage.total),
        cost_words(row),
        str(row.attempts),
        row.origin,
    )
    return Line(row, words, state)


def standing(row: RequestRow) -> tuple[State, str]:
    """How it ended, for a glyph and a word."""
    if row.error_kind is None:
        return "ok", "from cache" if row.cached else "answered"
    if row.error_kind == "cancelled":
        return "idle", "stopped"
    return ("warn" if row.error_kind in CALLERS_KINDS else "crit"), row.error_kind


def cost_words(row: RequestRow) -> str:
    """What it cost."""
    if row.cached:
        return money(0.0)
    return money(None if row.cost is None else row.cost.usd)


def clock_time(at: float) -> str:
    """Local time of day, with the day where that is not today."""
    there, today = time.localtime(at), time.localtime()
    if there[:3] == today[:3]:
        return time.strftime("%H:%M:%S", there)
    return time.strftime("%d %b %H:%M:%S" if there[0] == today[0] else "%d %b %Y %H:%M", there)


def full_time(at: float) -> str:
    """Local time in full, to the millisecond, with its zone."""
    there = time.localtime(at)
    return f"{time.strftime('%A %d %B %Y, %H:%M:%S', there)}.{int(at % 1 * 1000):03d} {time.strftime('%Z', there)}"


def tip(line: Line, column: int) -> str:
    """What a hover over a cell tells beyond its words, as plain text."""
    row = line.row
    if column == TIME:
        return f"Asked {full_time(row.started_at)}\nEnded {full_time(row.finished_at)}"
    if column == ROUTE and row.route != line.words[ROUTE]:
        return f"Asked for {row.route}, not for a route"
    if column == STATUS and row.error_kind is not None:
        status = f", HTTP status {row.status}" if row.status is not None else ""
        return f"{row.error_kind}{status}\n{row.error}".strip()
    if column == STATUS and row.cached:
        return f"From the response cache; it saved {money(row.saved_usd)} and {latency(row.saved_ms)}"
    if column == TOKENS:
        return tokens_words(row)
    if column == COST:
        return "Unknown" if row.cost is None else f"${row.cost.usd:.6f}, by the {row.cost.source}"
    return line.words[column]


def tokens_words(row: RequestRow) -> str:
    """Its tokens by kind, a line each."""
    usage = row.usage
    kinds = (
        ("Prompt", usage.prompt),
        ("of it read from the provider's cache", usage.cached),
        ("of it written to the provider's cache", usage.cache_written),
        ("Answer", usage.completion),
        ("of it reasoning", usage.reasoning),
        ("Billed prompt", usage.billed_prompt),
        ("Billed answer", usage.billed_completion),
    )
    told = [f"{title}: {count(number)}" for title, number in kinds if number is not None]
    return "\n".join(told) or "Not known"


def as_text(lines: list[Line]) -> str:
    """Rows for the clipboard: a head, then a line each, cells apart by tabs."""
    head = ("Started", "Request", *TITLES[1:], "Error")
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.row.started_at)),
            line.row.request_id,
            *line.words[1:],
            line.row.error,
        )
        for line in lines
    ]
    return "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in (head, *rows))
