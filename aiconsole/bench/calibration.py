"""The calibration: the load process measures a simulator that notes when it really sent, just before a run and like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from aiconsole.bench.certificate import Calibration, Gauged
from aiconsole.bench.plan import Limits, Load, Plan, Prompt
from aiconsole.simulator.behaviour import Behaviour
from aiconsole.simulator.stamps import Stamp

TTFT_MS: Final = 200.0
TOKENS_PER_S: Final = 50.0
_MOST_TOKENS: Final = 100
BEHAVIOUR: Final = Behaviour(ttft_ms=TTFT_MS, tokens_per_s=TOKENS_PER_S)
"""How the reference simulator answers: streams of 50 tokens/s."""


class Seen(NamedTuple):
    """What the load process saw of one answer, monotonic s."""

    sent: float
    first: float
    ended: float


def plan_like(plan: Plan, targets: int, seconds: float) -> Plan:
    """A short plan of the same shape at the highest level of the given one.

    Args:
        targets: all of them are loaded at the same time, so the level is multiplied.
        seconds: how long requests are sent.
    """
    load = plan.load
    level = max(1.0, load.peak * targets)
    tokens = min(_MOST_TOKENS, max(prompt.max_tokens for prompt in plan.prompts))
    prompt = Prompt("calibration", f"[[tokens={tokens}]]", max_tokens=tokens + 1)
    shape = Load(
        shape="poisson" if load.poisson else "constant" if load.open_loop else "closed",
        by="rate" if load.open_loop else "concurrency",
        level=level,
        seconds=seconds,
    )
    # Only streams are stamped, and a stream is the harder of the two to measure.
    return Plan(
        kind="stress",
        prompts=(prompt,),
        load=shape,
        warmup=0,
        unique=False,
        seed=plan.seed,
        limits=Limits(usd=None, errors=None, seconds=seconds * 4 + 10, in_flight=plan.limits.in_flight),
    )


def compared(
    seen: Mapping[int, Seen], stamps: Sequence[Stamp], gauged: Gauged, *, level: float, seconds: float, failed: int
) -> Calibration:
    """Hold what was seen against what was sent; both by the simulator's serial number, on the clock they share."""
    firsts: list[float] = []
    requests: list[float] = []
    shares: list[float] = []
    for stamp in stamps:
        found = seen.get(stamp.serial)
        if found is None or stamp.first is None or stamp.last is None:
            continue
        firsts.append((found.first - stamp.first) * 1000)
        requests.append((stamp.received - found.sent) * 1000)
        real = stamp.last - stamp.received
        shares.append(abs((found.ended - found.sent) - real) / real if real > 0 else 0.0)
    firsts.sort()
    requests.sort()
    shares.sort()
    return Calibration(
        requests=len(firsts),
        failed=failed,
        seconds=round(seconds, 3),
        level=level,
        tokens_per_s=TOKENS_PER_S,
        ttft_p50_ms=round(_at(firsts, 0.5), 4),
        ttft_p99_ms=round(_at(firsts, 0.99), 4),
        ttft_max_ms=round(_at(firsts, 1), 4),
        request_p99_ms=round(_at(requests, 0.99), 4),
        e2e_mean=sum(shares) / len(shares) if shares else 0.0,
        e2e_p99=_at(shares, 0.99),
        dispatch_p99_ms=gauged.dispatch_p99_ms,
        cpu_mean=gauged.cpu_mean,
    )


def _at(ordered: Sequence[float], share: float) -> float:
    """The sample at a share by nearest rank; 0 where there is none."""
    if not ordered:
        return 0.0
    rank = -(-share * len(ordered) // 1)
    return ordered[min(len(ordered) - 1, max(0, int(rank) - 1))]


STAMPS: Final = msgspec.json.Decoder(list[Stamp])
