"""Which profile of settings is in use, and a switch to another: what it changes is shown first, and it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ...optimizer.profiles import OWN, Profiles, Switch
from ...settings import describe
from ..settings.editors import Choice
from ..settings.model import title_of
from ..theme import SPACE_M, SPACE_S, SPACE_XS, set_role

if TYPE_CHECKING:
    from ...optimizer.service import Optimizer
    from ..session import Session
    from ..shell import Shell

_MOST = 12


class ProfileBar(QWidget):
    """The choice; `preview` is the card that belongs below it. ``switched()``."""

    switched = Signal()

    def __init__(self, session: Session, shell: Shell, optimizer: Optimizer) -> None:
        super().__init__()
        self._session, self._shell, self._optimizer = session, shell, optimizer
        self._profiles: Profiles | None = None
        self.choice = Choice()
        self.choice.setAccessibleName("Profile of settings")
        self.choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)
        self.choice.activated.connect(self._chosen)
        self._edited = QLabel()
        set_role(self._edited, "caption")
        self.undo = QPushButton("Undo the switch")
        set_role(self.undo, "quiet")
        self.undo.clicked.connect(self.undo_switch)
        self.save = QPushButton("Save as a profile…")
        set_role(self.save, "quiet")
        self.save.clicked.connect(self._ask_name)
        self.preview = Preview()
        self.preview.confirmed.connect(self._use)
        self.preview.cancelled.connect(self._show)
        label = QLabel("Profile")
        label.setBuddy(self.choice)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_S)
        for widget in (label, self.choice, self._edited, self.undo, self.save):
            row.addWidget(widget)
        self.undo.hide()
        self.setFocusProxy(self.choice)

    async def load(self) -> None:
        """Read the profiles and show which one is in use. Raises ConfigError."""
        self._profiles = await self._optimizer.profiles()
        self._show()

    def undo_switch(self) -> None:
        """Go back to before the last switch."""
        self._shell.start(self._undo(), failed="The switch was not undone")

    # Inside

    def _show(self) -> None:
        profiles = self._profiles
        self.preview.hide()
        if profiles is None:
            return
        self.choice.clear()
        for name in (OWN, *profiles.names()):
            self.choice.addItem(name[:1].upper() + name[1:], name)
            if name != OWN:
                tip = profiles.profile(name).about
                self.choice.setItemData(self.choice.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.choice.setCurrentIndex(self.choice.findData(profiles.active))
        edited = profiles.edited()
        self._edited.setText("" if not edited else f"{len(edited)} of its settings changed by hand")
        self._edited.setVisible(bool(edited))
        self.undo.setVisible(profiles.kept.can_undo)

    def _chosen(self) -> None:
        name = str(self.choice.currentData())
        if self._profiles is None or (name == self._profiles.active and not self._profiles.edited()):
            self.preview.hide()
            return
        self._shell.start(self._tell(name), failed="The profile cannot be read")

    async def _tell(self, name: str) -> None:
        profiles = self._profiles = await self._optimizer.profiles()
        if self.choice.currentData() != name:
            return  # another was chosen meanwhile
        about = "" if name == OWN else profiles.profile(name).about
        self.preview.tell(profiles.switch(name), about)

    def _use(self, name: str) -> None:
        self._shell.start(self._switch(name), failed="The profile was not switched")

    async def _switch(self, name: str) -> None:
        switch = await self._optimizer.use_profile(name)
        await self._done(switch, f"In use: {name}.", undo=True)

    async def _undo(self) -> None:
        switch = await self._optimizer.undo_profile()
        await self._done(switch, f"Undone. In use: {switch.to}.", undo=False)

    async def _done(self, switch: Switch, words: str, *, undo: bool) -> None:
        self._session.acted("profile switched", switch.to)
        self._session.told_many(change.key for change in switch.changes)
        await self.load()
        self.switched.emit()
        many = len(switch.changes)
        self._shell.notify(
            f"{words} {many} {'setting' if many == 1 else 'settings'} changed.",
            state="ok",
            action="Undo" if undo and many else "",
            run=self.undo_switch if undo and many else None,
        )

    def _ask_name(self) -> None:
        self.preview.ask_name(self._save)

    def _save(self, name: str) -> None:
        self._shell.start(self._saved(name), failed="The profile was not saved")

    async def _saved(self, name: str) -> None:
        self._profiles = await self._optimizer.save_profile(name)
        self._show()
        self._shell.notify(f"Saved as the profile “{name}”.", state="ok")


class Preview(QFrame):
    """What a switch would change, or the question for a name. ``confirmed(name)``, ``cancelled()``."""

    confirmed = Signal(str)
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_role(self, "card")
        self._title, self._about, self._changes = QLabel(), QLabel(), QLabel()
        set_role(self._title, "head")
        for label in (self._about, self._changes):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        set_role(self._about, "caption")
        set_role(self._changes, "mono")
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of the profile, such as evening; one that exists is written over")
        self.name.setAccessibleName("Name of the profile")
        self.name.returnPressed.connect(self._confirm)
        self.confirm, self.cancel = QPushButton("Switch"), QPushButton("Cancel")
        set_role(self.confirm, "primary")
        self.confirm.clicked.connect(self._confirm)
        self.cancel.clicked.connect(self._leave)
        self._to = ""
        self._save: Any = None
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_S)
        buttons.addWidget(self.confirm)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        layout.setSpacing(SPACE_XS)
        for widget in (self._title, self._about, self._changes, self.name):
            layout.addWidget(widget)
        layout.addSpacing(SPACE_XS)
        layout.addLayout(buttons)
        self.hide()

    @property
    def text(self) -> str:
        """What it says of changes."""
        return self._changes.text()

    def tell(self, switch: Switch, about: str) -> None:
        """Show what a switch would change."""
        self._to, self._save = switch.to, None
        many = len(switch.changes)
        self._title.setText(
            f"A switch to “{switch.to}” changes {many or 'no'} {'setting' if many == 1 else 'settings'}"
        )
        self._about.setText(about)
        self._about.setVisible(bool(about))
        shown = switch.changes[:_MOST]
        units = {info.key: info.unit for info in describe()}
        rows = [(_where(one.key), _words(one.before, ""), _words(one.after, units.get(one.key, ""))) for one in shown]
        widths = [max((len(row[at]) for row in rows), default=0) for at in (0, 1)]
        lines = [f"{where:<{widths[0]}}   {before:>{widths[1]}}  →  {after}" for where, before, after in rows]
        if many > _MOST:
            lines.append(f"and {many - _MOST} more")
        self._changes.setText("\n".join(lines))
        self._changes.setVisible(bool(lines))
        self.name.hide()
        self.confirm.setText("Switch")
        self.setAccessibleName(self._title.text())
        self.show()

    def ask_name(self, save: Any) -> None:
        """Ask for a name, and give it to ``save``."""
        self._save = save
        self._title.setText("Save the present settings as a profile")
        self._about.setText("It gets the settings that profiles set, with the values they have now.")
        self._about.show()
        self._changes.hide()
        self.name.clear()
        self.name.show()
        self.confirm.setText("Save")
        self.setAccessibleName(self._title.text())
        self.show()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _confirm(self) -> None:
        if self._save is None:
            self.confirmed.emit(self._to)
        elif self.name.text().strip():
            self._save(self.name.text().strip())
            self.hide()

    def _leave(self) -> None:
        self.hide()
        self.cancelled.emit()


def _where(key: str) -> str:
    group = key.rpartition(".")[0].replace(".", " ").capitalize()
    return f"{group}, {title_of(key).lower()}"


def _words(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "unset"
    return f"{value:,g} {unit}".rstrip() if isinstance(value, float | int) else str(value)
