"""What was reached of the objectives. Runs in the graphs' thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiconsole.domain.history import Objective, Targets
from aiconsole.store import graphs, past
from aiconsole.store.chosen import choose
from aiconsole.store.retention import Retention

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_SLOW_ALLOWED: Final = 0.05
"""What a 95th percentile leaves to be slower."""


def measure(
    database: Database,
    start: float,
    end: float,
    targets: Targets,
    simulated: bool,
    now: float,
    retention: Retention,
) -> tuple[Objective, ...]:
    """See `History.objectives`."""
    asked = choose(database, "requests", simulated=simulated)
    tried = choose(database, "attempts", simulated=simulated)
    requests = graphs.total(database, asked, start, end, now, retention)
    attempts = graphs.total(database, tried, start, end, now, retention)
    slow = graphs.slower(database, asked, start, end, now, retention, targets.p95_ms)
    repeated, hits = past.lookups(database, start, end, simulated)
    missed = (repeated - hits) / repeated if repeated else None
    return (
        Objective(
            "availability",
            targets.availability,
            requests.availability,
            _left(requests.error_rate, 1 - targets.availability),
            requests.answered + requests.failures,
        ),
        Objective("p95", targets.p95_ms, requests.p95_ms, _left(slow, _SLOW_ALLOWED), requests.answered),
        Objective(
            "error rate",
            targets.error_rate,
            attempts.error_rate,
            _left(attempts.error_rate, targets.error_rate),
            attempts.answered + attempts.failures,
        ),
        Objective(
            "cache hits",
            targets.cache_hits,
            None if missed is None else 1 - missed,
            _left(missed, 1 - targets.cache_hits),
            repeated,
        ),
    )


def _left(wrong: float | None, allowed: float) -> float | None:
    """The share of the budget that is left. A target of perfection allows nothing: any fault overspends it wholly."""
    if wrong is None:
        return None
    return 1 - wrong / allowed if allowed > 0 else (1.0 if wrong == 0 else -1.0)
