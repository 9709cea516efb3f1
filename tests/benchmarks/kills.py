"""A loaded store killed at random moments; ``--kills`` says how often, 200 by default."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from tests.benchmarks.rows import Row
from tests.store.kills import kill_often


def run() -> list[Row]:
    """Kill, and count what is left after every kill; some two minutes with 200 of them."""
    kills = int(os.environ.get("AICONSOLE_STORE_KILLS", "200"))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        left = kill_often(Path(folder), kills, seed=int(began))
    for word in left.wrong[:20]:
        print(word[:400])
    return [
        Row("kills of a loaded store", kills, ""),
        *(Row(f"  while {moment}", times, "") for moment, times in sorted(left.moments.items())),
        Row("  acknowledged requests", left.rows, "rows"),
        Row("  acknowledged turns", left.turns, "rows"),
        Row("  lost, doubled, wrongly summed or unsound", len(left.wrong), "", "0", len(left.wrong) == 0),
        Row("  took", time.perf_counter() - began, "s"),
    ]
