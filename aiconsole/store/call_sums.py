"""Calls counted bucket by bucket, without percentiles: what alert rules are judged by over a long past.

Reads only the columns it needs, so that a month in five-minute buckets takes a fraction of a second where full figures would
take seconds. Each function takes the database first and runs in the graphs' thread.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Final

from aiconsole.domain.history import CallSums, Of
from aiconsole.store.chosen import By, choose
from aiconsole.store.graphs import tier_for
from aiconsole.store.retention import Retention
from aiconsole.store.rollups import PICO
from aiconsole.store.writer import give_way

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_AT_ONCE: Final = 500


def call_sums(
    database: Database,
    start: float,
    end: float,
    step: float,
    now: float,
    retention: Retention,
    *,
    of: Of = "attempts",
    by: By = "provider",
    simulated: bool = False,
) -> tuple[float, tuple[CallSums, ...]]:
    """See `History.call_sums`."""
    chosen = choose(database, of, by, simulated=simulated)
    tier = tier_for(step, start, now, retention)
    found: list[CallSums] = []
    for number, (provider, _) in chosen.items():
        rows = database.execute_sql(
            "SELECT start, count, count - failures - refusals - cancelled, failures, cost_pico, prompt + completion "
            "FROM usage_rollup WHERE tier = ? AND series = ? AND start >= ? AND start < ? ORDER BY start",
            (tier, number, floor(start / tier) * tier, end),
        )
        while some := rows.fetchmany(_AT_ONCE):
            found += [
                CallSums(provider, at, count, answered, failures, cost / PICO, tokens)
                for at, count, answered, failures, cost, tokens in some
            ]
            give_way()
    return float(tier), tuple(found)
