"""``python -m tests.benchmarks [NAME ...]``: measures, and prints each figure as a ratio to a baseline of the same run.

Without names everything runs but the soak, the history and the kills, which take minutes. ``--litellm PYTHON`` names the
interpreter of an environment that has LiteLLM installed, which then stands beside ours; without it those rows are left out
and said so.
``--json FILE`` keeps the rows.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

from tests.benchmarks.rows import Row, print_rows

BENCHMARKS = (
    "engine",
    "routing",
    "sse",
    "loop",
    "window",
    "overview",
    "idle",
    "markdown",
    "startup",
    "store",
    "bus",
    "cache",
    "jobs",
    "alerts",
    "calibration",
    "collection",
)
LONG = ("soak", "soak2h", "history", "kills", "requests")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*BENCHMARKS, *LONG, []], metavar="NAME", help=", ".join((*BENCHMARKS, *LONG))
    )
    parser.add_argument("--litellm", metavar="PYTHON", help="interpreter of an environment with LiteLLM")
    parser.add_argument("--requests", metavar="N", help="how many requests a soak makes, 100,000 or 36,000 by default")
    parser.add_argument("--rows", metavar="N", help="how many requests the history has, 10,000,000 by default")
    parser.add_argument("--kills", metavar="N", help="how often a loaded store is killed, 200 by default")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if options.litellm:
        os.environ["AICONSOLE_BENCH_LITELLM"] = options.litellm
    if options.requests:
        os.environ["AICONSOLE_SOAK_REQUESTS"] = options.requests
    if options.rows:
        os.environ["AICONSOLE_HISTORY_ROWS"] = options.rows
    if options.kills:
        os.environ["AICONSOLE_STORE_KILLS"] = options.kills
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores\n", flush=True)
    kept: list[dict[str, object]] = []
    for name in options.names or BENCHMARKS:
        rows: list[Row] = importlib.import_module(f"tests.benchmarks.{name}").run()
        print_rows(name, rows)
        kept += [{"benchmark": name, **row._asdict()} for row in rows]
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
