"""Which model answers: feeds the picker from the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtWidgets import QWidget

from ...domain.models import ModelInfo
from . import words
from .picker import Picker
from .picker_model import choices

if TYPE_CHECKING:
    from ..session import Session
    from ..shell import Shell


class ModelChoice(QObject):
    """``chosen(name)``. ``recent`` are the names used last; ``routes`` says whether routes are offered too."""

    chosen = Signal(str)

    def __init__(self, session: Session, shell: Shell, *, routes: bool = True) -> None:
        super().__init__()
        self._engine, self._shell = session.engine, shell
        self._models: tuple[ModelInfo, ...] | None = None
        self._with_routes = routes
        self.recent: tuple[str, ...] = ()
        self.picker = Picker(shell.theme)
        self.picker.chosen.connect(self.chosen)
        self.picker.provider_wanted.connect(lambda name: shell.open("providers", name))

    def ask(self, owner: QWidget, anchor: QRect, current: str) -> None:
        """Open the picker with what is known, and ask the providers for the rest."""
        self.picker.ask(owner, anchor, current)
        self._offer("" if self._models is not None else "Asking the providers for their models…")
        self._shell.start(self._load(), failed="The models cannot be listed")

    def detail(self, name: str) -> str:
        """What is known of a model or route, in a line."""
        routes = self._engine.routes()
        if name in routes:
            return f"Route: {', then '.join(routes[name])}"
        info = next((info for info in self._models or () if f"{info.provider}/{info.id}" == name), None)
        return " · ".join(filter(None, (name, words.model_facts(info) if info is not None else "")))

    def forget(self) -> None:
        """Providers or keys have changed."""
        self._models = None

    async def _load(self) -> None:
        self._models = await self._engine.models()
        if self.picker.isVisible():
            self._offer("")

    def _offer(self, note: str) -> None:
        engine = self._engine
        failures = {name: error.message for name, error in engine.catalogue.failures.items()}
        routes = engine.routes() if self._with_routes else {}
        self.picker.offer(choices(self._models or (), routes, engine.providers(), self.recent, failures), note)
