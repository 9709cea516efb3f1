"""The figures of a drill's summary in words: rows for the table, and the text that is copied."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ...drill.summary import Check, Spread, Summary
from ..figures import latency, money, share
from ..theme import State


class Row(msgspec.Struct, frozen=True):
    """One figure: what it is, how much, what stands behind it, and how it did where it has a limit."""

    title: str
    figure: str
    note: str = ""
    state: State | None = None


def verdict(summary: Summary) -> tuple[State, str]:
    """How it went, as a glyph and a sentence."""
    answered = round(summary.availability * summary.requests)
    what = f"{answered:,} of {summary.requests:,} requests were answered, complete and correct"
    if summary.stopped_s is not None:
        return "idle", f"Stopped after {summary.stopped_s:.0f} s: until then {what}."
    if summary.passed:
        return "ok", f"Passed: {what}." if answered else "Passed: every request failed at once, with one clear error."
    missed = ", ".join(check.about for check in summary.checks if not check.passed)
    return "crit", f"Not passed: {what}. Beyond its limit: {missed}."


def rows(summary: Summary) -> list[Row]:
    """The figures that matter most first, then what the drill is held to."""
    ideal = "" if summary.ideal is None else f"{100 * summary.ideal:.4g} % is the ideal for as many attempts"
    failed = ", ".join(f"{count} × {kind}" for kind, count in sorted(summary.failed.items()))
    found = [
        Row("Availability", _exact(summary.availability), ideal or (f"failed: {failed}" if failed else "none failed")),
        Row("First token p50 / p95 / p99", _spread(summary.ttft), _before(summary)),
        Row("Whole answer p50 / p95 / p99", _spread(summary.total)),
        Row("Attempts per request", f"{summary.attempts:.2f}", f"at most {summary.most_attempts}"),
        Row("Switches", f"{summary.switches:,}", f"{summary.seams:,} in the middle of an answer"),
        Row("Requests to an open breaker", f"{summary.to_open:,}", f"{summary.trials:,} half-open trials apart"),
        Row(
            "Breakers opened / closed", f"{_sum(summary.openings)} / {_sum(summary.closings)}", _keys(summary.openings)
        ),
        Row(
            "From fault to first avoided call", _seconds(summary.avoided_after_s), f"{summary.calls:,} calls reached it"
        ),
        Row("Serves again after", _seconds(summary.serves_again_s), "from the end of the fault"),
        Row("Truncated or garbled as success", f"{summary.truncated + summary.garbled:,}", _noted(summary)),
        Row("Extra cost", money(summary.extra_usd), _unpriced(summary)),
    ]
    return found + [_checked(check) for check in summary.checks]


def text(summary: Summary) -> str:
    """All of it as plain lines."""
    lines = [f"Drill {summary.scenario}, seed {summary.seed}. {summary.about}", verdict(summary)[1]]
    for row in rows(summary):
        note = f" ({row.note})" if row.note else ""
        lines.append(f"{row.title}: {row.figure}{note}")
    return "\n".join(lines) + "\n"


def _checked(check: Check) -> Row:
    unit = f" {check.unit}" if check.unit else ""
    figure = "nothing seen" if check.figure is None else f"{check.figure:.4g}{unit}"
    side = "at least" if check.about == "availability" else "limit"
    about = check.about[:1].upper() + check.about[1:]
    return Row(about, figure, f"{side} {check.limit:g}{unit}", "ok" if check.passed else "crit")


def _exact(part: float) -> str:
    return f"{100 * part:.2f} %"


def _spread(spread: Spread) -> str:
    return " / ".join(latency(ms) for ms in (spread.p50, spread.p95, spread.p99))


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"


def _sum(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _keys(counts: Mapping[str, int]) -> str:
    return ", ".join(sorted(counts))


def _before(summary: Summary) -> str:
    if summary.unhedged is None:
        return ""
    asked_twice = share(summary.hedges / summary.requests) if summary.requests else "none"
    return f"without hedging {_spread(summary.unhedged)}; {asked_twice} asked twice"


def _noted(summary: Summary) -> str:
    return f"{summary.noted:,} lack one unreadable event and say so" if summary.noted else ""


def _unpriced(summary: Summary) -> str:
    return f"{summary.unpriced:,} attempts of unknown price" if summary.unpriced else "over one undisturbed answer each"
