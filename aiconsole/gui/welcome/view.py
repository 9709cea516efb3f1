"""The welcome's two cards: add a key, or try with simulated providers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..providers.key_entry import KeyEntry
from ..session import Session
from ..settings.editors import Choice
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XL, set_role

_CARD = 420


class Welcome(QWidget):
    """``left()`` when a way was taken, or the person wants to look around first."""

    left = Signal()

    def __init__(self, session: Session, shell: Shell, switch_demo: Callable[[bool], object]) -> None:
        super().__init__()
        self.setAccessibleName("Welcome")
        self._session, self._shell, self._switch_demo = session, shell, switch_demo
        self.provider = Choice()
        self.provider.setAccessibleName("Provider of the key")
        for state in session.engine.providers():
            self.provider.addItem(state.label, state.name)
        self.key = KeyEntry(session, shell)
        self.key.saved.connect(self._saved)
        self.provider.currentIndexChanged.connect(self._choose)
        self.demo = QPushButton("Try with simulated providers")
        set_role(self.demo, "primary")
        self.demo.clicked.connect(self._try)
        self.skip = QPushButton("Look around first")
        set_role(self.skip, "link")
        self.skip.clicked.connect(self.left)
        self.setFocusProxy(self.demo)
        self._build()
        self._choose()
        session.changed.connect(self._leave_if_begun)

    def _build(self) -> None:
        title = QLabel("Welcome to AI Console")
        set_role(title, "title")
        words = QLabel("Chat with seven providers, and see what each answer took. Begin in one of two ways.")
        set_role(words, "caption")
        cards = QHBoxLayout()
        cards.setSpacing(SPACE_L)
        cards.addStretch(1)
        cards.addWidget(self._demo_card())
        cards.addWidget(self._key_card())
        cards.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_XL, SPACE_XL, SPACE_XL, SPACE_XL)
        layout.setSpacing(SPACE_M)
        layout.addStretch(2)
        for label in (title, words):
            layout.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(SPACE_S)
        layout.addLayout(cards)
        layout.addWidget(self.skip, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def _demo_card(self) -> QFrame:
        return _card(
            "No key at hand",
            "Seven simulated providers answer from this computer at the pace of real ones. Nothing leaves it and nothing "
            "is spent; every answer is labelled “simulated”. Switch back at any time.",
            self.demo,
        )

    def _key_card(self) -> QFrame:
        return _card(
            "Add a key",
            "One provider's key is enough to begin. It is never written into a file of the console.",
            self.provider,
            self.key,
        )

    def _choose(self) -> None:
        self.key.show_provider(self.provider.currentData())

    def _try(self) -> None:
        self._switch_demo(True)
        self.left.emit()

    def _saved(self, name: str) -> None:
        self._shell.start(self._tell(name), failed="The key could not be tested")
        self.left.emit()

    async def _tell(self, name: str) -> None:
        result = await self._session.test(name)
        state = self._session.provider(name)
        label = state.label if state is not None else name
        if result.ok:
            self._shell.notify(f"The key for {label} is kept and works.", state="ok")
        else:
            self._shell.notify(
                f"The key for {label} is kept, but the test failed. {result.detail}",
                state="crit",
                action="Open",
                run=lambda: self._shell.open("providers", f"{name}#key"),
            )

    def _leave_if_begun(self) -> None:
        """A key that came otherwise, or the demo, makes the welcome needless."""
        engine = self._session.engine
        if engine.demo or any(state.key_source is not None for state in engine.providers()):
            self.left.emit()


def _card(title: str, words: str, *widgets: QWidget) -> QFrame:
    frame = QFrame()
    frame.setFixedWidth(_CARD)
    set_role(frame, "card")
    head = QLabel(title)
    set_role(head, "head")
    text = QLabel(words)
    text.setWordWrap(True)
    set_role(text, "caption")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(SPACE_XL, SPACE_L, SPACE_XL, SPACE_XL)
    layout.setSpacing(SPACE_M)
    layout.addWidget(head)
    layout.addWidget(text)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return frame
