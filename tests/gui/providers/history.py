"""An hour with an outage in the database of a home, as if a console had been open."""

from __future__ import annotations

import time
from pathlib import Path

from aiconsole.domain.clock import SystemClock
from aiconsole.domain.events import HealthSeen
from aiconsole.home import find_home
from aiconsole.store import Recorder, Store
from tests.hour import hour


async def write_hour(home: Path, *, simulated: bool = True) -> None:
    """The hour ends 20 s ago; OpenRouter was down in it, and its health was looked at each five minutes."""
    path = find_home(home, {}).database
    path.parent.mkdir(parents=True, exist_ok=True)
    now = time.time() - 20
    store = await Store.open(path, SystemClock())
    recorder = Recorder(SystemClock(), simulated=lambda: simulated)
    recorder.attach(store)
    for event in hour(now, per_minute=10.0, simulated=simulated):
        recorder.listen(event)
    for back in range(11, -1, -1):
        ill = back in (5, 6)
        recorder.listen(
            HealthSeen(
                "openrouter",
                now - back * 300,
                not ill,
                None if ill else 120.0,
                "timeout" if ill else None,
                simulated=simulated,
            )
        )
    await recorder.flush()
    await recorder.close()
    await store.close()
