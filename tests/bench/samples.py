"""Samples and reports for tests, made up but for their shape."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from aiconsole.bench.certificate import Calibration, Gauged, certify
from aiconsole.bench.measure import Sample
from aiconsole.bench.plan import Plan
from aiconsole.bench.report import Report, target_report


def sample(serial: int = 0, target: str = "groq/m", **fields: Any) -> Sample:
    made = Sample(
        target=target,
        prompt="short",
        serial=serial,
        scheduled_s=serial * 0.1,
        sent_s=serial * 0.1 + 0.001,
        ttft_ms=200.0,
        visible_ms=210.0,
        e2e_ms=400.0,
        gaps_ms=[20.0] * 10,
        output_tokens=11,
        prompt_tokens=20,
        cost_usd=0.001,
        finish="stop",
    )
    return msgspec.structs.replace(made, **fields)


def failed(serial: int, kind: str = "server fault", **fields: Any) -> Sample:
    nothing: dict[str, Any] = dict.fromkeys(("ttft_ms", "visible_ms", "output_tokens", "cost_usd"))
    usual = {"gaps_ms": [], "error_kind": kind, "error": "It broke.", "error_fault": "provider"}
    return sample(serial, **{**usual, **nothing, **fields})


def many(count: int, *, factor: float = 1.0, seed: int = 0, target: str = "groq/m") -> list[Sample]:
    """Answers whose TTFT is lognormal around 148 ms, times ``factor``."""
    random = Random(seed)
    return [
        sample(
            number, target, ttft_ms=(ttft := factor * random.lognormvariate(5, 0.3)), visible_ms=ttft, e2e_ms=ttft + 200
        )
        for number in range(count)
    ]


def report(samples: list[Sample], *, id: str = "20260101T000000Z", **fields: Any) -> Report:
    targets = tuple(dict.fromkeys(found.target for found in samples))
    plan = fields.pop("plan", Plan(targets=targets))
    made = Report(
        id=id,
        plan=plan,
        started_at=1_767_225_600.0,
        seconds=10.0,
        certificate=certify(Gauged(dispatches=9), Calibration(requests=100), typical_ms=200, wanted=True),
        targets=tuple(target_report(name, [s for s in samples if s.target == name], plan) for name in targets),
        machine="a machine",
        console="0.1.0",
    )
    return msgspec.structs.replace(made, **fields)
