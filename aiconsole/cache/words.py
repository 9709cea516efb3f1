"""What a person is told of an answer from the cache."""

from __future__ import annotations

from math import floor, log10

from aiconsole.domain.chat import Cached


def cached_words(cached: Cached) -> str:
    """Such as “cached, 12 min old, saved $0.0040 and 1.8 s”, with its likeness where it is another question's answer."""
    words = ["shared with an equal request under way" if cached.shared else f"cached, {age_words(cached.age_s)} old"]
    if cached.stale:
        words.append("past its time")
    if cached.similarity is not None:
        words.append(f"to a question {cached.similarity:.0%} alike")
    saved = [] if cached.saved_usd is None else [usd_words(cached.saved_usd)]
    saved += [f"{cached.saved_ms / 1000:.1f} s"] if cached.saved_ms >= 50 else []
    if saved:
        words.append(f"saved {' and '.join(saved)}")
    return ", ".join(words)


def age_words(seconds: float) -> str:
    """A stretch of time in its largest whole unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def usd_words(usd: float) -> str:
    """Dollars: cents from one cent on, below it two significant digits."""
    if usd < 0:
        return f"-{usd_words(-usd)}"
    if usd == 0 or usd >= 0.01:
        return f"${usd:,.2f}"
    return f"${usd:.{1 - floor(log10(usd))}f}"
