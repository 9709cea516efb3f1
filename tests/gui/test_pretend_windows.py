"""The window's loop over a proactor, as on Windows; see ``pretend_windows``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.gui.pretend_windows", *arguments],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_connections_that_are_reset_end_in_peace_and_hold_up_no_server() -> None:
    done = program("talk")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_the_window_opens_its_engine_and_leaves_with_0(tmp_path: Path) -> None:
    done = program("window", "--demo", "--home", str(tmp_path), "--exit-after-start")
    errors = [line for line in done.stderr.splitlines() if "propagateSizeHints" not in line]
    assert (done.returncode, errors) == (0, [])
