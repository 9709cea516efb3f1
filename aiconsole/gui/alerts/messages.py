"""Messages to channels: what waits, what was delivered and how late, what was given up."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from ...alerts.service import Alerts
from ...domain.alerts import OutboxRow
from ..hint import Hint
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, set_role
from .words import message_state

_SHOWN: Final = 200


class _MessagesModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Raised", "Channel", "State", "Tries", "Next try", "Message", "Last trouble")
    NUMBERS: ClassVar[tuple[int, ...]] = (3,)


class MessagesView(QWidget):
    """The outbox, newest first, and the chosen message in full."""

    def __init__(self, session: Session, shell: Shell, alerts: Alerts) -> None:
        super().__init__()
        self._session, self._alerts = session, alerts
        self._rows: dict[int, OutboxRow] = {}
        self.told = QLabel()
        set_role(self.told, "caption")
        self.table = LinesTable(_MessagesModel(), "Messages to channels", shell.theme, row_px=28)
        self.table.stretch(5, {0: 100, 1: 110, 2: 170, 3: 56, 4: 110, 6: 240})
        self.body = QPlainTextEdit()
        self.body.setReadOnly(True)
        self.body.setTabChangesFocus(True)
        self.body.setMaximumHeight(140)
        self.body.setAccessibleName("The message")
        set_role(self.body, "code")
        self.empty = Hint(
            "No message yet",
            "What is told to channels stands here: what waits while one cannot be reached is delivered later, once.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_M, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self.told)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.body)
        layout.addWidget(self.empty, 1)
        self.setFocusProxy(self.table)
        self.table.chosen.connect(lambda _: self._show())

    async def read(self) -> None:
        """Get them anew. Raises StoreError."""
        rows, now = await self._alerts.messages(_SHOWN), self._session.clock.now()
        self._rows = {row.number: row for row in rows}
        self.table.show_lines([Line(row.number, _cells(row, now)) for row in rows])
        states = [message_state(row, now)[1] for row in rows]
        waiting = sum(state.startswith("waiting") for state in states)
        late = sum("late" in state for state in states)
        given_up = states.count("given up")
        delivered = len(rows) - waiting - given_up
        self.told.setText(f"{waiting} waiting · {delivered} delivered · {late} late · {given_up} given up")
        for widget in (self.told, self.table, self.body):
            widget.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self._show()

    def _show(self) -> None:
        row = self._rows.get(self.table.key) if isinstance(self.table.key, int) else None
        self.body.setPlainText("" if row is None else f"{row.title}\n{row.body}")


def _cells(row: OutboxRow, now: float) -> tuple[Cell, ...]:
    state, words = message_state(row, now)
    waits = row.sent_at is None and not row.given_up
    return (
        Cell(moment(row.created_at, now), tip=full(row.created_at)),
        Cell(row.channel),
        Cell(words, state, row.trouble),
        Cell(str(row.tries)),
        Cell(moment(row.due_at, now) if waits else "–", tip=full(row.due_at)),
        Cell(row.title, tip=row.title),
        Cell(row.trouble or "–", tip=row.trouble),
    )
