"""Panels imported from many threads at once all arrive, in a fresh process where none was imported before."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import asyncio, sys
from aiconsole.imports import import_apart
sys.setswitchinterval(1e-5)
names = [f"aiconsole.gui.{name}.panel" for name in ("requests", "providers", "routing", "jobs", "alerts", "settings")]
async def main():
    found = await asyncio.gather(*map(import_apart, names))
    print([module.__name__ for module in found] == names)
asyncio.run(main())
"""


def test_panels_that_are_imported_at_once_all_arrive() -> None:
    environ = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, env=environ)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr
