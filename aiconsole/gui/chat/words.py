"""What the chat says in words: footers, failures, days. Plain functions of plain values."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from ...cache.words import cached_words
from ...domain.conversations import AnswerMeta, Turn, TurnError
from ...domain.messages import DocumentPart, ImagePart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from ...domain.models import ModelInfo
from ..figures import count, latency, money

FILE_MARK = "File "
MIDDLE = " · "
_JOINED = "\N{WORD JOINER}/\N{WORD JOINER}"
_STATES = {
    "stopped": "stopped by you",
    "interrupted": "interrupted: the console was closed",
    "failed": "failed",
}


def unbroken(facts: str) -> str:
    """The footer so that a line does not break inside a figure or a name."""
    return MIDDLE.join(
        (fact if "," in fact else fact.replace(" ", "\N{NO-BREAK SPACE}")).replace("/", _JOINED)
        for fact in facts.split(MIDDLE)
    )


def footer(turn: Turn) -> str:
    """The facts of an answer: who gave it and what it took."""
    meta = turn.meta
    if meta is None or not meta.provider:
        return _STATES.get(turn.state, "")
    facts = [f"{meta.provider} / {meta.model}"]
    if meta.simulated:
        facts.append("simulated")
    if meta.cached is not None:
        facts.append(cached_words(meta.cached))
    facts += _took(meta)
    if meta.cost is not None:
        facts.append(money(meta.cost.usd))
    elif turn.state not in _STATES:
        facts.append("cost unknown")
    if meta.finish_reason == "length":
        facts.append("cut at the token limit")
    elif meta.finish_reason == "refused":
        facts.append("refused by the provider")
    if turn.state in _STATES:
        facts.append(_STATES[turn.state])
    return MIDDLE.join(facts)


def _took(meta: AnswerMeta) -> list[str]:
    timing, usage = meta.timing, meta.usage
    facts = []
    if timing.ttft_ms is not None:
        facts.append(f"TTFT {latency(timing.ttft_ms)}")
    if timing.duration_ms:
        facts.append(latency(timing.duration_ms))
    if usage.completion is not None:
        facts.append(f"{count(usage.prompt)} + {count(usage.completion)} tokens")
        speed = tokens_per_s(meta)
        if speed is not None and meta.cached is None:
            facts.append(f"{speed:.0f} tokens/s" if speed >= 10 else f"{speed:.1f} tokens/s")
    return facts


def footer_details(turn: Turn) -> str:
    """The footer's tooltip: every figure by its name."""
    meta = turn.meta
    if meta is None or not meta.provider:
        return ""
    usage, timing = meta.usage, meta.timing
    lines = [
        f"Provider: {meta.provider}" + (" (simulated on this machine)" if meta.simulated else ""),
        f"Model: {meta.model}",
        f"Time to first token: {latency(timing.ttft_ms)}",
        f"Duration: {latency(timing.duration_ms)}",
        f"Prompt tokens: {count(usage.prompt)}" + (f", {count(usage.cached)} of them cached" if usage.cached else ""),
        f"Answer tokens: {count(usage.completion)}"
        + (f", {count(usage.reasoning)} of them reasoning" if usage.reasoning else ""),
        f"Cost: {money(meta.cost.usd)} (by the {meta.cost.source})" if meta.cost else "Cost: unknown",
    ]
    if meta.raw_finish_reason or meta.finish_reason:
        lines.append(f"Ended: {meta.raw_finish_reason or meta.finish_reason}")
    if meta.request_id:
        lines.append(f"Request: {meta.request_id}")
    if meta.cached is not None and not meta.cached.shared:
        lines.append("Taken from the response cache; R asks for a fresh answer")
    return "\n".join(lines)


def tokens_per_s(meta: AnswerMeta) -> float | None:
    """Answer tokens per second after the first one came; None where that cannot be said."""
    tokens, timing = meta.usage.completion, meta.timing
    seconds = (timing.duration_ms - (timing.ttft_ms or 0.0)) / 1000
    return (tokens - 1) / seconds if tokens is not None and tokens > 1 and seconds > 0 else None


def thought(seconds: float | None) -> str:
    """The head of folded reasoning."""
    if seconds is None:
        return "Thoughts"
    return f"Thought for {seconds:.0f} s" if seconds >= 1 else "Thought for less than 1 s"


def failover(failed: Sequence[tuple[str, str]], answered: str) -> str:
    """Who failed before the answer: (provider, kind of error) each, and who answered in the end."""
    said = ", ".join(f"{provider} failed ({kind})" for provider, kind in failed)
    return f"{said}, answered by {answered}" if answered else f"{said}, asking the next"


def error_title(error: TurnError) -> str:
    """What happened, to whom."""
    who = f"{error.provider} / {error.model}" if error.provider and error.model else error.provider
    kind = error.kind[:1].upper() + error.kind[1:]
    return f"{kind} at {who}" if who else kind


def error_message(error: TurnError) -> str:
    """What happened, in the provider's words; where several were tried, a line each instead of one long sentence."""
    if not error.attempts:
        return error.message
    lines: dict[tuple[str, str], list[TurnError]] = {}
    for attempt in error.attempts:
        lines.setdefault((f"{attempt.provider} / {attempt.model}", attempt.kind), []).append(attempt)
    said = [
        f"{who}: {kind}{f', {len(attempts)} times' if len(attempts) > 1 else ''}. {attempts[-1].message}"
        for (who, kind), attempts in lines.items()
    ]
    return "\n".join(said)


def warnings(turn: Turn, *, failures_shown: bool) -> list[str]:
    """An answer's warnings; without those on candidates that failed before it where these are shown already."""
    told = turn.meta.warnings if turn.meta is not None else ()
    return [warning for warning in told if not (failures_shown and " failed first (" in warning)]


def error_details(error: TurnError) -> str:
    """All there is about an error, line by line, to fold out and copy."""
    lines = [error_title(error), error.message]
    facts = (
        ("HTTP status", error.status),
        ("Code", error.code),
        ("Request", error.request_id),
        ("Retry after", f"{error.retry_after:g} s" if error.retry_after is not None else None),
    )
    lines += [f"{name}: {value}" for name, value in facts if value is not None]
    for attempt in error.attempts:
        lines += ["", *error_details(attempt).split("\n")]
    return "\n".join(lines)


def spoken(turn: Turn) -> str:
    """A message for a screen reader: its text, with a word for what is not text."""
    words = []
    for part in turn.message.parts:
        if isinstance(part, TextPart):
            words.append(part.text)
        elif isinstance(part, ImagePart):
            words.append("Image.")
        elif isinstance(part, DocumentPart):
            words.append(f"Document {part.name or ''}.")
        elif isinstance(part, ReasoningPart) and part.text:
            words.append("With thoughts.")
        elif isinstance(part, ToolCallPart):
            words.append(f"Calls the tool {part.name}.")
        elif isinstance(part, ToolResultPart):
            words.append("Result of a tool.")
    if turn.error is not None:
        words.append(f"{error_title(turn.error)}. {turn.error.message} {turn.error.advice}")
    return "\n".join(words)[:8000]


def attached_name(part: TextPart) -> str | None:
    """The file's name of a text part that is an attached file, else None."""
    head = part.text.split("\n", 1)[0]
    return head[len(FILE_MARK) : -1] if head.startswith(FILE_MARK) and head.endswith(":") else None


def size(byte_count: int) -> str:
    """Bytes for people."""
    if byte_count < 1000:
        return f"{byte_count} B"
    return f"{byte_count / 1000:.0f} kB" if byte_count < 1_000_000 else f"{byte_count / 1e6:.1f} MB"


def day(at: float, now: float) -> str:
    """The day of a time, both in epoch seconds, as people call it: local time."""
    there, today = datetime.datetime.fromtimestamp(at).astimezone(), datetime.datetime.fromtimestamp(now).astimezone()
    days = (today.date() - there.date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return f"{there:%A}"
    return f"{there.day} {there:%B}" + (f" {there.year}" if there.year != today.year else "")


def clock_time(at: float) -> str:
    """The local time of day, such as 14:05."""
    return f"{datetime.datetime.fromtimestamp(at).astimezone():%H:%M}"


def full_time(at: float) -> str:
    """The local time in full, with its zone."""
    return f"{datetime.datetime.fromtimestamp(at).astimezone():%A %d %B %Y, %H:%M:%S %Z}"


def model_facts(info: ModelInfo) -> str:
    """Context length and prices of a model, what is known of them."""
    facts = []
    if info.context_tokens:
        facts.append(tokens(info.context_tokens) + " context")
    if info.prices is not None and info.prices.prompt is not None and info.prices.completion is not None:
        facts.append(f"{money(info.prices.prompt)} in, {money(info.prices.completion)} out / M tokens")
    if info.deprecated:
        facts.append("deprecated")
    return "  ·  ".join(facts)


def tokens(number: int) -> str:
    """A token count in short: 131k, 1M."""
    if number >= 1_000_000:
        return f"{number / 1e6:.3g}M"
    return f"{number / 1000:.0f}k" if number >= 1000 else str(number)
