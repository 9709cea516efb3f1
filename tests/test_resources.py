"""The files beside the code are found, and a broken installation says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole import resources


def test_the_style_sheet_and_its_glyphs_are_there() -> None:
    assert resources.resource("style.qss").is_file()
    assert (resources.resource("glyphs") / "down.svg").is_file()


def test_an_incomplete_installation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_PLACES", (tmp_path / "here", tmp_path / "there"))
    with pytest.raises(FileNotFoundError, match=r"resources/style\.qss is missing"):
        resources.resource("style.qss")
