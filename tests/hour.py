"""An hour of traffic as it may be in the middle of a working day: seven providers, one route, and an outage of one of them.

The outage is first slow, then refused, until the breaker keeps requests away; meanwhile the route's next candidates answer.
`write_week` puts it at the end of a calmer week into a database, through the recorder, as if a console had been open all along.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.events import AttemptFinished, BreakerChanged, BreakerState, HealthSeen, RequestFinished, Switched
from aiconsole.domain.trace import Attempt, Choice, DecisionTrace, Note, Skip
from aiconsole.store import Recorder, Store

SPAN_S: Final = 3600.0
OUTAGE: Final = (1500.0, 2340.0)
"""From and to when OpenRouter is down, in seconds since the hour's begin."""

Happened = RequestFinished | AttemptFinished | BreakerChanged | Switched


class Model(NamedTuple):
    """A candidate: its usual time to the first token in ms, tokens a second, USD a million tokens of answer, and how often it
    is asked in how many."""

    provider: str
    model: str
    ttft_ms: float
    speed: float
    price: float
    share: float


MODELS: Final = (
    Model("groq", "openai/gpt-oss-120b", 190, 420, 0.75, 6),
    Model("cerebras", "gpt-oss-120b", 150, 800, 0.69, 3),
    Model("openrouter", "openai/gpt-oss-120b", 640, 330, 0.40, 5),
    Model("mistral", "mistral-small-latest", 330, 340, 0.30, 3),
    Model("gemini", "gemini-2.5-flash", 480, 460, 2.50, 3),
    Model("cohere", "command-a-03-2025", 390, 300, 10.0, 1),
    Model("anthropic", "claude-haiku-4-5-20251001", 610, 380, 5.0, 2),
)
ROUTE: Final = "gpt-oss-120b"
_CHAIN: Final = (MODELS[2], MODELS[0], MODELS[1])
_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "server": "cloudflare",
    "cf-cache-status": "DYNAMIC",
    "x-ratelimit-limit-requests": "1000",
    "x-ratelimit-remaining-requests": "994",
    "x-ratelimit-reset-requests": "7m12s",
    "x-request-id": "req_01jbd8g9x2e5p",
}


async def write_week(path: Path, now: float, *, simulated: bool = True) -> None:
    """A week that ends with `hour`, into the database at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = await Store.open(path, SystemClock())
    recorder = Recorder(SystemClock(), simulated=lambda: simulated, most=1_000_000)
    recorder.attach(store)
    for back in range(7 * 24, 0, -1):
        end = now - back * SPAN_S
        busy = 0.75 + 0.35 * math.sin(2 * math.pi * (end % 86_400) / 86_400 - 2)
        rate = (12.0 if back < 26 else 3.0) * busy
        for event in hour(end, per_minute=rate, simulated=simulated, seed=back, outage=back in (9, 80)):
            recorder.listen(event)
    for event in hour(now, simulated=simulated):
        recorder.listen(event)
    for look in health(now, 7 * 24 * SPAN_S, simulated=simulated):
        recorder.listen(look)
    await recorder.flush()
    await recorder.close()
    await store.close()


def health(end: float, length_s: float, *, simulated: bool = True) -> Iterator[HealthSeen]:
    """Looks at each provider's health, a quarter of an hour apart, in the time before ``end``; OpenRouter's outage is seen."""
    down = (end - SPAN_S + OUTAGE[0], end - SPAN_S + OUTAGE[1])
    for back in range(int(length_s // 900), -1, -1):
        at = end - back * 900
        for name in dict.fromkeys(model.provider for model in MODELS):
            ill = name == "openrouter" and (down[0] <= at < down[1] or back in (33, 34, 317))
            kind, took = ("timeout", None) if ill else (None, 90.0)
            yield HealthSeen(name, at, not ill, took, kind, simulated=simulated)


def hour(
    end: float, *, per_minute: float = 40.0, simulated: bool = True, seed: int = 11, outage: bool = True
) -> Iterator[Happened]:
    """What happened in the hour before ``end`` (epoch s), in order; the same each time."""
    random = Random(seed)
    begin, at, number = end - SPAN_S, 0.0, 0
    held, trial = False, OUTAGE[0] + 160
    while True:
        at += random.expovariate(per_minute / 60)
        if at >= SPAN_S - 3:
            return
        number += 1
        down = outage and OUTAGE[0] <= at < OUTAGE[1]
        if down and not held and at > OUTAGE[0] + 40:
            held = True
            yield _breaker(begin + at, "closed", "open", "5 of the last 8 calls failed")
        elif held and at >= trial:
            yield _breaker(begin + at, "open", "half-open")
            yield _breaker(
                begin + at + 18,
                "half-open",
                "open" if down else "closed",
                f"a trial {'failed' if down else 'succeeded'}",
            )
            held, trial = down, at + 200
        yield from _one(random, begin, at, f"{seed:02x}3a{number:04x}", down=down, held=held, simulated=simulated)


def _breaker(
    at: float, before: BreakerState, after: BreakerState, reason: str = "the time to wait is over"
) -> BreakerChanged:
    return BreakerChanged(
        "openrouter/openai/gpt-oss-120b", before, after, reason, at, at + 30 if after == "open" else None
    )


def _one(
    random: Random, begin: float, at: float, name: str, *, down: bool, held: bool, simulated: bool
) -> Iterator[Happened]:
    routed = random.random() < 0.45
    first = random.choices(MODELS, [model.share for model in MODELS])[0]
    chain = _CHAIN if routed else (first,)
    if random.random() < 0.06:
        yield _from_cache(random, begin + at, name, first, simulated)
        return
    usage = Usage(random.randrange(120, 4200), random.randrange(30, 420))
    attempts: list[Attempt] = []
    skipped: list[Skip] = []
    now, answered = 0.4, None
    for model in chain:
        candidate = f"{model.provider}/{model.model}"
        if model.provider == "openrouter" and held and routed:
            skipped.append(Skip(candidate, "the breaker is open: 5 of the last 8 calls failed"))
            continue
        attempt = _attempt(
            random, model, candidate, len(attempts) + 1, now, usage, broken=down, last=model is chain[-1]
        )
        attempts.append(attempt)
        yield _attempt_event(begin + at, model, attempt, usage, simulated)
        now = attempt.began_ms + attempt.duration_ms + 0.3
        if attempt.outcome != "failed":
            answered = model if attempt.outcome == "answered" else None
            break
        now += random.uniform(80, 240)
        if model is not chain[-1]:
            after = chain[chain.index(model) + 1]
            other, why = f"{after.provider}/{after.model}", attempt.error_kind
            yield Switched(candidate, other, "no first token came", begin + at + now / 1000, ROUTE, name, why)
    yield _request(random, begin + at, name, chain, attempts, skipped, usage, answered, routed, simulated)


def _attempt(
    random: Random, model: Model, candidate: str, number: int, began: float, usage: Usage, *, broken: bool, last: bool
) -> Attempt:
    ttft = random.lognormvariate(math.log(model.ttft_ms), 0.22)
    chance = random.random()
    if (model.provider == "openrouter" and broken) or chance < 0.008:
        kind, words, status = random.choice(
            (
                ("server fault", "Internal server error", 500),
                ("overloaded", "The upstream is at capacity, try again shortly", 503),
                ("timeout", "No first token within 6 s", None),
            )
        )
        took = 6000.0 if kind == "timeout" else ttft * 1.6
        after = "" if last else "the next candidate is asked"
        return Attempt(candidate, number, began, took, "failed", None, kind, words, status, None, after)
    if model.provider == "groq" and broken and chance < 0.2:
        words = "Rate limit reached for requests per minute, try again in 2.1 s"
        after = "" if last else "the next candidate is asked"
        return Attempt(candidate, number, began, ttft * 0.4, "failed", None, "rate limit", words, 429, None, after)
    took = ttft + (usage.completion or 0) / model.speed * 1000 * random.uniform(0.9, 1.2)
    if chance > 0.99:
        return Attempt(candidate, number, began, took * 0.4, "cancelled", ttft)
    return Attempt(candidate, number, began, took, "answered", ttft, cost_usd=_cost(model, usage).usd)


def _cost(model: Model, usage: Usage) -> Cost:
    return Cost(((usage.prompt or 0) * model.price / 5 + (usage.completion or 0) * model.price) / 1e6, "price list")


def _attempt_event(start: float, model: Model, attempt: Attempt, usage: Usage, simulated: bool) -> AttemptFinished:
    kind = "cancelled" if attempt.outcome == "cancelled" else attempt.error_kind
    timing = Timing(start + attempt.began_ms / 1000, attempt.ttft_ms, attempt.duration_ms)
    cost = None if attempt.cost_usd is None else Cost(attempt.cost_usd, "price list")
    return AttemptFinished(
        model.provider,
        model.model,
        timing,
        usage if kind is None else Usage(),
        cost,
        kind,
        attempt.status,
        stream=True,
        attempt=attempt.number,
        simulated=simulated,
    )


def _request(
    random: Random,
    start: float,
    name: str,
    chain: tuple[Model, ...],
    attempts: list[Attempt],
    skipped: list[Skip],
    usage: Usage,
    answered: Model | None,
    routed: bool,
    simulated: bool,
) -> RequestFinished:
    last = attempts[-1]
    asked = answered or next(model for model in chain if last.candidate.startswith(f"{model.provider}/"))
    route = ROUTE if routed else f"{asked.provider}/{asked.model}"
    duration = last.began_ms + last.duration_ms + 0.2
    by = None if answered is None else last.candidate
    ranked = tuple(
        Choice(f"{model.provider}/{model.model}", 1 - place * 0.3, ("place", place + 1))
        for place, model in enumerate(chain)
    )
    notes = (Note("OpenRouter failed before its first token", attempts[0].duration_ms),) if len(attempts) > 1 else ()
    trace = DecisionTrace(
        name, route, "priority", start, duration, by, ranked, tuple(skipped), tuple(attempts), notes=notes
    )
    kind = "cancelled" if last.outcome == "cancelled" else last.error_kind if answered is None else None
    ttft = None if last.ttft_ms is None else last.began_ms + last.ttft_ms
    return RequestFinished(
        name,
        route,
        asked.provider,
        asked.model,
        Timing(start, ttft, duration),
        usage if answered else Usage(),
        _cost(asked, usage) if answered else None,
        kind,
        last.status,
        len(attempts),
        True,
        random.choices(("chat", "job", "bench"), (8, 2, 1))[0],
        simulated,
        trace=trace,
        headers=_HEADERS if answered else None,
    )


def _from_cache(random: Random, start: float, name: str, model: Model, simulated: bool) -> RequestFinished:
    usage = Usage(random.randrange(120, 1200), random.randrange(40, 400))
    return RequestFinished(
        name,
        f"{model.provider}/{model.model}",
        model.provider,
        model.model,
        Timing(start, 1.2, 2.4),
        usage,
        Cost(0.0, "price list"),
        attempts=0,
        stream=True,
        simulated=simulated,
        cached=True,
        saved_usd=_cost(model, usage).usd,
        saved_ms=model.ttft_ms * 2,
    )
