"""Export of what was found: whole files as CSV and JSON, nothing left of a cancelled one, nothing a spreadsheet would run."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.history import RequestRow
from aiconsole.gui.requests.export import FIELDS, export
from aiconsole.gui.requests.replay import row_of
from tests.gui.console import press, until
from tests.gui.requests.seen import happen, seen
from tests.store.happened import request


class Pages:
    """Found rows, some of them slow to come."""

    capped = False

    def __init__(self, rows: Sequence[RequestRow], wait_at: int = -1) -> None:
        self.count = len(rows)
        self._rows, self._wait_at = rows, wait_at
        self.waits = asyncio.Event()

    async def page(self, offset: int, limit: int = 100) -> tuple[RequestRow, ...]:
        if offset == self._wait_at:
            self.waits.set()
            await asyncio.Event().wait()
        return tuple(self._rows[offset : offset + limit])


async def test_what_was_found_is_written_as_csv_and_json(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with seen(qapp, tmp_path / "home") as it:
        happen(it.it.engine, "a", 2, route="=1+1", error_kind="timeout", cost=None)
        happen(it.it.engine, "b", 1)
        await it.written()
        press(Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
        dialog = it.panel.findChild(QFileDialog)
        assert dialog is not None
        dialog.close()
        assert it.panel.found is not None
        for name in ("out.csv", "out.json"):
            it.panel.exporting.begin(it.panel.found, tmp_path / name)
            assert it.panel.exporting.isVisible()
            await until(lambda name=name: f"2 requests are in {name}." in it.it.messages())  # type: ignore[misc]
            assert it.panel.exporting.isHidden()

        line = it.panel.model.line(0)
        assert line is not None
        slow = Pages([line.row] * 2500, wait_at=1000)
        it.panel.exporting.begin(slow, tmp_path / "no.csv")
        await slow.waits.wait()
        it.it.shell.open("chat")
        assert it.panel.exporting.bar.value() == 1000
        it.it.shell.open("requests")
        it.panel.exporting.stop.click()
        await until(lambda: it.panel.exporting.isHidden())
        await until(lambda: "The export was cancelled; no file was written." in it.it.messages())

    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["request_id"] for row in rows] == ["b", "a"]
    assert (rows[1]["route"], rows[1]["outcome"], rows[1]["cost_usd"]) == ("'=1+1", "timeout", "")
    assert rows[0]["started_utc"].endswith("Z")
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert tuple(found[0]) == FIELDS
    assert (found[1]["route"], found[1]["cost_usd"], found[0]["cached"]) == ("=1+1", None, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out.csv", "out.json"]


async def test_progress_is_told_and_a_cancelled_export_leaves_nothing(tmp_path: Path) -> None:
    row = row_of(request())
    told: list[tuple[int, int]] = []
    assert await export(Pages([row] * 2500), tmp_path / "a.json", "json", lambda *at: told.append(at)) == 2500
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]
    assert len(json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))) == 2500
    assert await export(Pages([]), tmp_path / "none.json", "json", lambda *_: None) == 0
    assert json.loads((tmp_path / "none.json").read_text(encoding="utf-8")) == []

    kept = tmp_path / "kept.csv"
    kept.write_text("what was there", encoding="utf-8")
    slow = Pages([row] * 2500, wait_at=2000)
    task = asyncio.ensure_future(export(slow, kept, "csv", lambda *_: None))
    await slow.waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept.read_text(encoding="utf-8") == "what was there"
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(ConfigError, match="cannot be written"):
        await export(Pages([row]), tmp_path / "no folder" / "a.csv", "csv", lambda *_: None)
