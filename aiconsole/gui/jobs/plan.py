"""When a job runs: its schedule as text, what that means and the next three times, told while one types."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...domain.jobs import JobView
from ...jobs_setup import Jobs
from ..moments import full
from ..session import Session
from ..settings.editors import Line
from ..shell import Shell
from ..theme import SPACE_S, SPACE_XS, set_role
from .words import dues, schedule_words

_WRITTEN = 150


class PlanEditor(QWidget):
    """Edits ``jobs.<name>.schedule`` and ``jobs.<name>.enabled``. ``kept()`` after a change was kept."""

    kept = Signal()

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__()
        self._session, self._shell, self._jobs = session, shell, jobs
        self.name = ""
        self._shown = ""
        self.text = Line()
        set_role(self.text, "mono")
        self.text.setMinimumWidth(_WRITTEN)
        self.text.setAccessibleName("Schedule")
        self.text.setToolTip("“every 5m”, “daily 02:30”, “weekly sun 02:30”, “monthly 1 02:30” or five crontab fields")
        self.save, self.default = QPushButton("Save"), QPushButton("Default")
        self.save.setAccessibleName("Save the schedule")
        self.default.setAccessibleName("Use the job's own schedule")
        self.enabled = QCheckBox("Runs by itself")
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setMinimumHeight(self.told.fontMetrics().lineSpacing() * 2)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        set_role(self.told, "caption")
        self._build()
        self.text.textEdited.connect(lambda _: self._judge())
        self.text.returnPressed.connect(self.keep)
        self.text.left.connect(self.put_back)
        self.save.clicked.connect(self.keep)
        self.default.clicked.connect(self.take_default)
        self.enabled.clicked.connect(self._switch)

    def show_job(self, view: JobView) -> None:
        """Show a job's schedule, unless the person is writing another one for it."""
        if view.name != self.name:
            self.name = view.name
            self.text.setModified(False)
        self.enabled.setChecked(view.state != "off" and self._enabled())
        if not self.text.isModified():
            self._shown = view.schedule
            if self.text.text() != view.schedule:
                self.text.setText(view.schedule)
            self._judge()

    def keep(self) -> None:
        """Keep what stands there, where it can be used."""
        if self.save.isEnabled():
            self._shell.start(self._keep(self.text.text().strip()), failed="The schedule was not kept")

    def take_default(self) -> None:
        """Use the job's own schedule again."""
        self._shell.start(self._keep(""), failed="The schedule was not kept")

    def put_back(self) -> None:
        """Show the schedule in use again."""
        self.text.setText(self._shown)
        self.text.setModified(False)
        self._judge()

    # Inside

    def _build(self) -> None:
        head = QLabel("Schedule")
        set_role(head, "strong")
        head.setBuddy(self.text)
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(head)
        top.addStretch(1)
        top.addWidget(self.enabled)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(self.text, 1)
        row.addWidget(self.save)
        row.addWidget(self.default)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_XS)
        layout.addLayout(top)
        layout.addLayout(row)
        layout.addWidget(self.told)
        layout.addStretch(1)

    def _judge(self) -> None:
        """Say what the text means, or what is wrong with it."""
        text = " ".join(self.text.text().lower().split())
        own = self._session.engine.settings.jobs.get(self.name)
        now = self._session.clock.now()
        wrong = ""
        try:
            coming = self._jobs.scheduler.coming(self.name, text)
            said = f"{schedule_words(text) if text else 'its own schedule'}: {dues(coming, now)}"
            self.told.setText(said[:1].upper() + said[1:])
            self.told.setToolTip("\n".join(full(at) for at in coming))
        except ValueError as error:
            wrong = str(error)
            self.told.setText(f"Not a schedule yet: {wrong}.")
        set_role(self.told, "caption", "crit" if wrong else None)
        set_role(self.text, "mono", "crit" if wrong else None)
        self.text.setAccessibleDescription(self.told.text())
        self.save.setEnabled(not wrong and self.text.isModified() and text != self._shown)
        self.default.setEnabled(bool(own is not None and own.schedule))

    def _enabled(self) -> bool:
        own = self._session.engine.settings.jobs.get(self.name)
        return own is None or own.enabled

    def _switch(self, on: bool) -> None:
        self._shell.start(self._keep_switch(on), failed="The change was not kept")

    async def _keep_switch(self, on: bool) -> None:
        try:
            await self._session.change(f"jobs.{self.name}.enabled", on)
        finally:
            self.kept.emit()

    async def _keep(self, text: str) -> None:
        name = self.name
        key = f"jobs.{name}.schedule"
        if text:
            await self._session.change(key, text)
        else:
            await self._session.reset(key)
        if name == self.name:
            self.text.setModified(False)
            self.save.setEnabled(False)
        self.kept.emit()
