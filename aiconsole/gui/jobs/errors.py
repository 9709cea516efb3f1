"""The tracked errors: groups with how often they came, an example of each, and calling one done."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from ...domain.error_groups import ErrorGroup
from ...jobs_setup import Jobs
from ..commands import Command
from ..figures import count
from ..hint import Hint
from ..keys import with_keys
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, Theme, set_role
from .findings import Findings

HOURS: Final = 48


class _ErrorsModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Last seen", "State", "Times", "From", "Kind", "Words")
    NUMBERS: ClassVar[tuple[int, ...]] = (2,)


class Bars(QWidget):
    """How often something came in each of the last hours, the newest at the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._counts: list[int] = [0] * HOURS
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_counts(self, counts: list[int]) -> None:
        """Show these counts, the oldest first."""
        self._counts = counts
        words = f"Last {len(counts)} hours: {sum(counts):,} in all, at most {max(counts):,} an hour"
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 32)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        most, step = max(1, *self._counts), self.width() / len(self._counts)
        for at, number in enumerate(self._counts):
            height = max(1.0, number / most * (self.height() - 2))
            painter.setBrush(self._theme.color("crit" if number else "line"))
            painter.drawRect(QRectF(at * step, self.height() - height, max(1.0, step - 1), height))


class Errors(Findings):
    """Errors by what they have in common."""

    title = "Errors"

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__(session, shell, jobs)
        self._groups: dict[str, ErrorGroup] = {}
        self.table = LinesTable(_ErrorsModel(), "Errors by kind", shell.theme, row_px=28)
        self.table.stretch(5, {0: 96, 1: 92, 2: 62, 3: 130, 4: 110})
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.seen = QLabel()
        set_role(self.seen, "caption")
        self.bars = Bars(shell.theme)
        self.sample = QPlainTextEdit()
        self.sample.setReadOnly(True)
        self.sample.setTabChangesFocus(True)
        self.sample.setAccessibleName("An example of the error")
        set_role(self.sample, "code")
        self.open, self.resolve = QPushButton("Open the request"), QPushButton("Call it done")
        self.open.setToolTip("The last request that failed so")
        self.resolve.setToolTip(with_keys("If it comes again, that is told as a regression (Del)"))
        self.empty = Hint("No errors", "Failed requests and faults of the console are grouped here by what they share.")
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._build()
        self.table.chosen.connect(lambda _: self._show_group())
        self.table.opened.connect(lambda _: self.open_request())
        self.open.clicked.connect(self.open_request)
        self.resolve.clicked.connect(self.call_done)
        shell.commands.add(
            Command(
                key="jobs.errors.done",
                title="Call the chosen error done",
                group="Jobs",
                shortcut="Del",
                run=self.call_done,
                scope=self.table,
            )
        )

    async def read(self) -> None:
        groups = await self.jobs.errors.groups()
        now = self.session.clock.now()
        self._groups = {group.fingerprint: group for group in groups}
        self.table.show_lines([Line(group.fingerprint, _group(group, now)) for group in groups])
        self._split.setVisible(bool(groups))
        self.empty.setVisible(not groups)
        self._show_group()

    def open_request(self) -> None:
        """Open the request that is the group's example."""
        group = self._groups.get(str(self.table.key))
        if group is not None and group.source == "provider" and group.sample:
            self.shell.open("requests", group.sample)

    def call_done(self) -> None:
        """Call the chosen group done."""
        group = self._groups.get(str(self.table.key))
        if group is not None and group.resolved_at is None:
            self.shell.start(self._resolve(group), failed="The error was not called done")

    # Inside

    def _build(self) -> None:
        side = QWidget()
        down = QVBoxLayout(side)
        down.setContentsMargins(SPACE_S, 0, 0, 0)
        down.setSpacing(SPACE_S)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(self.open)
        row.addWidget(self.resolve)
        row.addStretch(1)
        self.sample.setMinimumHeight(40)
        self.words.setMaximumHeight(self.words.fontMetrics().lineSpacing() * 3)
        for widget in (self.words, self.seen, self.bars):
            down.addWidget(widget)
        down.addWidget(self.sample, 1)
        down.addStretch(0)
        down.addLayout(row)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(side)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self.column.addWidget(self._split, 1)
        self.column.addWidget(self.empty, 1)

    def _show_group(self) -> None:
        group, now = self._groups.get(str(self.table.key)), self.session.clock.now()
        if group is None:
            return
        provider = group.source == "provider"
        self.words.setText(group.words)
        self.seen.setText(f"First {moment(group.first_seen, now)}, last {moment(group.last_seen, now)}")
        self.sample.setPlainText("" if provider else group.sample)
        self.sample.setVisible(not provider and bool(group.sample))
        self.open.setVisible(provider and bool(group.sample))
        self.resolve.setEnabled(group.resolved_at is None)
        self.shell.start(self._show_hours(group.fingerprint, now), failed="The error's hours cannot be read")

    async def _show_hours(self, fingerprint: str, now: float) -> None:
        first = now // 3600 * 3600 - (HOURS - 1) * 3600
        found = await self.jobs.errors.hours(fingerprint, first)
        if fingerprint != self.table.key:
            return
        counts = [0] * HOURS
        for start, number in found:
            at = round((start - first) / 3600)
            if 0 <= at < HOURS:
                counts[at] += number
        self.bars.show_counts(counts)

    async def _resolve(self, group: ErrorGroup) -> None:
        await self.jobs.errors.resolve(group.fingerprint, self.session.clock.now())
        self.session.acted("error called done", group.kind)
        await self.read()


def _group(group: ErrorGroup, now: float) -> tuple[Cell, ...]:
    whom = "/".join(filter(None, (group.provider, group.model))) or "the console"
    done = group.resolved_at is not None
    return (
        Cell(moment(group.last_seen, now), tip=full(group.last_seen)),
        Cell("done" if done else "open", "idle" if done else "crit"),
        Cell(count(group.count)),
        Cell(whom, tip=whom),
        Cell(group.kind + (f" {group.status}" if group.status else "")),
        Cell(group.words, tip=group.words),
    )
