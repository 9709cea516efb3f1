"""Backups of the configuration, and putting one in place: a question that says what would change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton

from ...domain.errors import ConsoleError
from ...jobs.backup import Backup, Change
from ...jobs_setup import Jobs
from ..hint import Hint
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..question import Question
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, set_role
from .findings import Findings


class _BackupsModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Made", "State", "Files", "Size", "Why", "Name")
    NUMBERS: ClassVar[tuple[int, ...]] = (3,)


class Backups(Findings):
    """All there are, newest first."""

    title = "Backups"

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__(session, shell, jobs)
        self._backups: dict[str, Backup] = {}
        self.question: Question | None = None
        self.table = LinesTable(_BackupsModel(), "Backups of the configuration", shell.theme, row_px=28)
        self.table.stretch(4, {0: 120, 1: 100, 2: 200, 3: 84, 5: 260})
        self.restore = QPushButton("Restore…")
        self.restore.setToolTip("See what would change, then put this backup in place")
        self.said = QLabel("Keys are never in a backup. What is in place is backed up before another one is restored.")
        set_role(self.said, "caption")
        self.empty = Hint(
            "No backup yet",
            "Settings, rules and providers of your own are kept here once there are some, without keys.",
        )
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(self.restore)
        row.addWidget(self.said, 1)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.empty, 1)
        self.column.addLayout(row)
        self.restore.clicked.connect(self.ask)
        self.table.opened.connect(lambda _: self.ask())
        self.table.chosen.connect(lambda _: self._follow())

    async def read(self) -> None:
        found = await asyncio.to_thread(self.jobs.backup.backups)
        now = self.session.clock.now()
        self._backups = {backup.name: backup for backup in found}
        self.table.show_lines([Line(backup.name, _backup(backup, now)) for backup in found])
        for widget in (self.table, self.restore, self.said):
            widget.setVisible(bool(found))
        self.empty.setVisible(not found)
        self._follow()

    def ask(self) -> None:
        """Say what the chosen backup would change, and ask."""
        if self.restore.isEnabled() and self.table.key is not None:
            self.shell.start(self._ask(str(self.table.key)), failed="The backup cannot be read")

    # Inside

    def _follow(self) -> None:
        backup = self._backups.get(str(self.table.key))
        self.restore.setEnabled(backup is not None and not backup.problem)

    async def _ask(self, name: str) -> None:
        changes = await asyncio.to_thread(self.jobs.backup.changes, name)
        if not changes:
            self.shell.notify(f"{name} is what is in place already; nothing would change.", state="ok")
            return
        if self.question is None:
            self.question = Question(self.shell.cover, self.shell.theme)
        made = moment(self._backups[name].created_at, self.session.clock.now())
        files = " and ".join(f"{change.name} is {change.how}" for change in changes)
        self.question.ask(
            f"Restore the configuration of {made}?",
            f"{files}. What is in place now is backed up first. Lines with - go, lines with + come:",
            list(_told(changes)),
            "Restore",
            lambda: self.shell.start(self._restore(name), failed="The backup was not restored"),
        )

    async def _restore(self, name: str) -> None:
        try:
            told = await self.jobs.restore(name)
        except ConsoleError:
            await self.read()
            raise
        self.session.acted("configuration restored", name)
        self.session.changed.emit()
        self.session.rules_changed.emit()
        self.shell.notify(" ".join((f"{name} is in place and followed.", *told)), state="ok", seconds=0)
        await self.read()


def _told(changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        yield f"{change.name}: {change.how}"
        yield from (f"  {line[0]} {line[1:]}" for line in change.lines)


def _backup(backup: Backup, now: float) -> tuple[Cell, ...]:
    problem = backup.problem
    return (
        Cell(moment(backup.created_at, now), tip=full(backup.created_at)),
        Cell("damaged" if problem else "proved", "crit" if problem else "ok", problem),
        Cell(", ".join(file.name for file in backup.files) or "–"),
        Cell(f"{sum(file.size for file in backup.files) / 1000:.1f} kB"),
        Cell(problem or backup.reason or "it had changed", tip=problem),
        Cell(backup.name),
    )
