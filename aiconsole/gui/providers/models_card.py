"""One provider's models with context lengths, prices and what they did, sorted and filtered."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout

from ...domain.history import Figures
from ..outcome import Outcome
from ..session import Session
from ..shell import Shell
from ..slot import words_of
from ..table import Table
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from ..titled import Sorted
from .models_model import ModelsModel


class ModelsCard(QFrame):
    """For one provider. The list is asked for when it is first shown."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        set_role(self, "card")
        self._session, self._shell = session, shell
        self._name = ""
        self.models = ModelsModel(self)
        self._found = Sorted(self.models, self)
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.table = Table(self._found, "Models", row_px=32)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        set_role(self.table, "bare")
        self.table.setSortingEnabled(True)
        self.table.stretch(0, {1: 74, 2: 66, 3: 76, 4: 82, 5: 82, 6: 68})
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter models")
        self.filter.setAccessibleName("Filter models")
        self.filter.setClearButtonEnabled(True)
        set_role(self.filter, "search")
        self.filter.textChanged.connect(self._filter)
        self.again = QToolButton()
        self.again.setIcon(shell.icons.icon("refresh"))
        self.again.setIconSize(QSize(16, 16))
        self.again.setToolTip("Ask the provider again")
        self.again.setAccessibleName("Ask the provider for its models again")
        self.again.clicked.connect(lambda: self._load(refresh=True))
        self._count = QLabel()
        set_role(self._count, "caption")
        self._nothing = QLabel()
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        set_role(self._nothing, "caption")
        self.outcome = Outcome(shell)
        self._build()
        session.models_changed.connect(self._changed)
        session.changed.connect(self._refresh)

    def show_provider(self, name: str) -> None:
        """Be for this provider from now on."""
        self._name = name
        self.filter.clear()
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self._refresh()

    def show_figures(self, did: Mapping[str, Figures], words: str) -> None:
        """Tell what each model did in the range that ``words`` names."""
        self.models.show_figures(did, words)

    def _build(self) -> None:
        head = QLabel("Models")
        set_role(head, "head")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(head)
        top.addWidget(self._count)
        top.addStretch(1)
        top.addWidget(self.filter)
        top.addWidget(self.again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        layout.addWidget(self.outcome)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._nothing, 1)

    def _refresh(self) -> None:
        state = self._session.provider(self._name)
        if state is None:
            return
        known = self._name in self._session.models or self._name in self._session.model_faults
        if state.usable and not known:
            self._load()
        self._changed(self._name)

    def _load(self, *, refresh: bool = False) -> None:
        state = self._session.provider(self._name)
        if state is not None and state.usable:
            self._nothing.setText("Asking for the models…")
            self._shell.start(self._session.load_models(self._name, refresh=refresh))

    def _changed(self, name: str) -> None:
        if name != self._name:
            return
        models = self._session.models.get(name, ())
        error = self._session.model_faults.get(name)
        state = self._session.provider(name)
        usable = state is not None and state.usable
        self.models.show(models)
        self.table.setVisible(bool(models))
        self._nothing.setVisible(not models)
        self._count.setText(f"{len(models)}" if models else "")
        self.filter.setVisible(bool(models))
        self.again.setVisible(usable)
        if error is not None and usable:
            message, advice = words_of(error)
            self.outcome.say("crit", f"The models cannot be listed. {message} {advice}".strip())
            self._nothing.setText("")
        else:
            self.outcome.clear()
            if not usable:
                self._nothing.setText("Its models are listed once it can be used.")
            elif name in self._session.models and not models:
                self._nothing.setText("The provider lists no models.")

    def _filter(self, text: str) -> None:
        self._found.setFilterFixedString(text.strip())
        shown, whole = self._found.rowCount(), self.models.rowCount()
        self._count.setText(f"{shown} of {whole}" if text.strip() else f"{whole}")
