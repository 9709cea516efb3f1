"""What was counted before the console was started, so that windows are full at once and not only after days."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from aiconsole.alerts.declare import By, Of
from aiconsole.alerts.measures import TIERS

if TYPE_CHECKING:
    from aiconsole.alerts.backtest import Benches, Past
    from aiconsole.alerts.world import World

SEED_S: Final = 3 * 86_400.0 + 21_600.0
RUNS_S: Final = 30 * 86_400.0
_COUNTED: Final[tuple[tuple[Of, By], ...]] = (
    ("attempts", "provider"),
    ("attempts", "all"),
    ("requests", "provider"),
    ("requests", "all"),
)


async def seed(world: World, past: Past, benches: Benches, now: float, *, simulated: bool) -> None:
    """Fill the calls of ``world`` from the history, tier by tier, and the scheduled runs of the test bench. Percentiles of
    calls begin with the run. Raises StoreError."""
    for run in await benches(now - RUNS_S):
        world.notice(run)
    for of, by in _COUNTED:
        for step, reach in TIERS:
            since = now - min(reach, SEED_S)
            length, sums = await past.call_sums(since, now, step, of=of, by=by, simulated=simulated)
            if length != step:
                continue
            for provider, rows in groupby(sums, lambda each: each.provider):
                world.of(of, provider).seed(rows, step)
