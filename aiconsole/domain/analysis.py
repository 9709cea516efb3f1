"""What the console makes of its own past: objectives and how fast their budgets burn, usage, trends, anomalies, a forecast.

Times are epoch seconds, durations ms, money USD.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Slicing = Literal["provider", "model", "route"]
Measure = Literal["requests", "cost", "failures", "p95"]


class Burn(msgspec.Struct, frozen=True):
    """An objective's error budget burns ``long_rate`` times as fast as it would last, over ``long_s`` and over ``short_s``;
    ``limit`` is from where on that is too fast."""

    objective: str
    long_s: float
    short_s: float
    long_rate: float
    short_rate: float
    limit: float


class SlowRequest(msgspec.Struct, frozen=True):
    """A request that took longer than the objective; ``id`` opens it in the history."""

    id: int
    at: float
    provider: str
    model: str
    route: str
    duration_ms: float
    ttft_ms: float | None


class Performance(msgspec.Struct, frozen=True):
    """How it goes at ``at``: budgets that burn too fast, and the slowest of the requests since the look before."""

    at: float
    burns: tuple[Burn, ...] = ()
    slow: tuple[SlowRequest, ...] = ()


class Slice(msgspec.Struct, frozen=True):
    """What one provider, model or route did in the last seven days, and how requests and cost compare with the seven before:
    0.5 is half as much more, None where there was nothing to compare with."""

    by: Slicing
    name: str
    requests: int
    failures: int
    usd: float
    tokens: int
    requests_change: float | None = None
    usd_change: float | None = None


class Anomaly(msgspec.Struct, frozen=True):
    """The hour that begins at ``at`` was unlike the same hour of that weekday in earlier weeks, whose median is ``usual``."""

    at: float
    name: str
    measure: Measure
    value: float
    usual: float


class Forecast(msgspec.Struct, frozen=True):
    """What the calendar month (UTC, as budgets are) will have cost: ``low`` to ``high`` holds 80 of 100. ``budget_usd`` 0 is
    no budget; ``reached_at`` is when it will be used up, None if not this month."""

    month: str
    spent_usd: float
    expected_usd: float
    low_usd: float
    high_usd: float
    budget_usd: float = 0.0
    reached_at: float | None = None


class Usage(msgspec.Struct, frozen=True):
    """Usage at ``at``. ``hours`` and ``weekdays`` are requests of the last five weeks by local hour (0 to 23) and by weekday
    (Monday first)."""

    at: float
    slices: tuple[Slice, ...] = ()
    hours: tuple[int, ...] = (0,) * 24
    weekdays: tuple[int, ...] = (0,) * 7
    anomalies: tuple[Anomaly, ...] = ()
    forecast: Forecast | None = None
