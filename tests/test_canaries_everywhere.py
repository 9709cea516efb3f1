"""Canary keys are planted, everything is run, one run is killed in the middle, and no file written holds a trace of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiconsole.secrets import KEY_VARIABLES
from tests.canaries import find_traces, make_canary


@pytest.mark.parametrize("how", ["end", "forever"])
def test_no_key_is_written_anywhere(how: str, tmp_path: Path) -> None:
    canaries = {variable: make_canary(f"sk-{name}-") for name, variable in KEY_VARIABLES.items() if name != "proxy"}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.canary_session", str(tmp_path), how],
        env={**os.environ, **canaries, "TMPDIR": str(temporary), "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n", process.communicate()[1]
    if how == "forever":
        process.kill()
    printed = "".join(process.communicate(timeout=30))
    assert process.returncode == (0 if how == "end" else -9), printed
    (tmp_path / "printed.txt").write_text(printed, encoding="utf-8")
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"settings.toml", "settings.toml.bak", "aiconsole.db"} <= written
    if how == "end":
        assert any(path.stat().st_size for path in (tmp_path / "logs").iterdir())
    assert find_traces(tmp_path, canaries.values()) == []
