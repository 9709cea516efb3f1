"""How exactly the bench's load process measures: against a simulator, in a process of its own, that stamps its send times.

Each case is measured three times, and the best is held against its target beside the median, since what is asked is what the
generator can do: a machine shared with others only ever adds. Streams are of 100 tokens at 50 tokens/s; the requests of the
open loop are answered with 4 tokens, so that 500 a second are in question and not thousands of streams.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

import msgspec

from aiconsole.bench.certificate import Calibration
from aiconsole.bench.load.order import Aim, Calibrated, Order, Told, Wire
from aiconsole.bench.plan import Limits, Load, Plan, Prompt
from tests.benchmarks.rows import Row

ROUNDS = 3
SECONDS = 4.0
_decode = msgspec.json.Decoder(Told).decode


def run() -> list[Row]:
    """Measure; takes about a minute and a half."""
    rows: list[Row] = []
    for streams, limit_ms in ((64, 1.0), (256, 2.0)):
        found = [_calibrated(Load("closed", level=streams), 100) for _ in range(ROUNDS)]
        name = f"{streams} streams of 50 tokens/s"
        rows += _rows(f"{name}: TTFT error p99", [each.ttft_p99_ms for each in found], "ms", limit_ms)
        rows += _rows(f"{name}: E2E error, mean", [100 * each.e2e_mean for each in found], "%", 0.1)
        rows += _rows(f"{name}: E2E error, p99", [100 * each.e2e_p99 for each in found], "%", None)
        rows += _rows(f"{name}: request seen late by the simulator, p99", [e.request_p99_ms for e in found], "ms", None)
        rows += _rows(f"{name}: CPU of the generator", [100 * each.cpu_mean for each in found], "% of a core", None)
    found = [_calibrated(Load("constant", level=500), 4) for _ in range(ROUNDS)]
    rows += _rows("500 requests/s, open loop: dispatch lag p99", [each.dispatch_p99_ms for each in found], "ms", 1.0)
    rows += _rows("500 requests/s, open loop: TTFT error p99", [each.ttft_p99_ms for each in found], "ms", None)
    return rows


def _rows(name: str, values: list[float], unit: str, limit: float | None) -> list[Row]:
    best = min(values)
    target = "" if limit is None else f"at most {limit:g}"
    return [
        Row(name, best, unit, target, None if limit is None else best <= limit),
        Row("  median of the rounds", statistics.median(values), unit),
    ]


def _calibrated(load: Load, tokens: int) -> Calibration:
    """The load process's own calibration at a load, as it precedes every run."""
    prompt = Prompt("calibration", max_tokens=tokens)
    plan = Plan(kind="stress", prompts=(prompt,), load=load, warmup=0, limits=Limits(seconds=0.1))
    nowhere = Wire("groq", "groq", base_url="http://127.0.0.1:9", key="calibration-key")
    order = Order(plan, (Aim("groq/none", "none", nowhere),), calibration_s=SECONDS)
    process = subprocess.Popen(
        [sys.executable, "-m", "aiconsole.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        messages = (_decode(line) for line in process.stdout)
        return next(message.calibration for message in messages if isinstance(message, Calibrated))
    finally:
        process.kill()
        process.communicate()
