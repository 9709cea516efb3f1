"""The command line in the process of the tests: half a second less each time than a process of its own."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from aiconsole.__main__ import main


class Here:
    """``aiconsole`` where what a process adds (pipes, signals, its end) is not the point. No key is set, no input given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._capsys, self._home = capsys, home
        for name in list(os.environ):
            if name.endswith("_API_KEY") or name == "AICONSOLE_HOME":
                monkeypatch.delenv(name)
        monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(self, *arguments: str) -> CompletedProcess[str]:
        """Its exit code and what it wrote."""
        self._capsys.readouterr()
        try:
            code = main([*arguments, "--home", str(self._home)])
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
        said = self._capsys.readouterr()
        return CompletedProcess(arguments, code, said.out, said.err)
