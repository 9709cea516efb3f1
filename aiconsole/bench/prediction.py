"""What a run will send and cost, told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Final

import msgspec

from aiconsole.bench.plan import Plan
from aiconsole.bench.shapes import segments
from aiconsole.domain.models import Prices

_WAIT_S: Final = 0.6
_TOKENS_PER_S: Final = 80.0
_TEMPLATE_TOKENS: Final = 20


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run before it starts.

    Attributes:
        requests: of all targets, warm-up included; ``exact`` is False where it depends on how fast answers come.
        usd: the most it costs if every answer uses its whole token limit; None where no price is known.
        unpriced: targets whose price is unknown, so that neither ``usd`` nor the cost limit covers them.
        seconds: how long it takes, None where that depends on the answers.
        usd_each: what one request costs at most, by target.
    """

    requests: int
    exact: bool
    usd: float | None
    unpriced: tuple[str, ...] = ()
    seconds: float | None = None
    usd_each: dict[str, float] = {}
    words: str = ""


def predict(plan: Plan, prices: Mapping[str, Prices | None]) -> Prediction:
    """What a plan will do.

    Args:
        prices: by target, as far as known.
    """
    tokens_in = sum(prompt.tokens for prompt in plan.prompts) / len(plan.prompts) + _TEMPLATE_TOKENS
    tokens_out = sum(prompt.max_tokens for prompt in plan.prompts) / len(plan.prompts)
    each, exact = _requests_each(plan, tokens_out)
    each += plan.warmup
    usd_each = {}
    for target in plan.targets:
        found = prices.get(target)
        if found is not None and found.prompt is not None and found.completion is not None:
            usd_each[target] = (tokens_in * found.prompt + tokens_out * found.completion) / 1e6
    unpriced = tuple(target for target in plan.targets if target not in usd_each)
    usd = each * sum(usd_each.values()) if usd_each else None
    requests = each * len(plan.targets)
    if plan.limits.requests is not None:
        requests = min(requests, plan.limits.requests)
    seconds = None if exact and not plan.load.open_loop else sum(part.seconds for part in segments(plan.load))
    return Prediction(requests, exact, usd, unpriced, seconds, usd_each, _words(plan, requests, exact, usd, unpriced))


def _requests_each(plan: Plan, tokens_out: float) -> tuple[int, bool]:
    if plan.requests_each is not None:
        return plan.requests_each, True
    area = sum((part.begin + part.end) / 2 * part.seconds for part in segments(plan.load))
    if plan.load.open_loop:
        return ceil(area), plan.load.shape != "sweep"
    return ceil(area / (_WAIT_S + tokens_out / _TOKENS_PER_S)), False


def _words(plan: Plan, requests: int, exact: bool, usd: float | None, unpriced: tuple[str, ...]) -> str:
    told = [f"{requests:,} requests" if exact else f"about {requests:,} requests"]
    if usd is not None:
        told.append(f"at most {money(usd)}" if exact else f"about {money(usd)}")
    if unpriced:
        several = ", ".join(unpriced) if len(unpriced) <= 3 else f"{len(unpriced)} of the targets"
        told.append(f"the price of {several} is unknown")
    limit = plan.limits.usd
    if limit is not None and usd is not None:
        told.append(f"stops at {money(limit)}" + (", before its end" if usd > limit else ""))
    return "; ".join(told)


def money(usd: float) -> str:
    """An amount for people."""
    if usd >= 0.1 or usd == 0:
        return f"${usd:,.2f}"
    return f"${usd:.{1 - floor(log10(usd))}f}"
