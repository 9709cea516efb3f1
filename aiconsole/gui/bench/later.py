"""A page that is made, and filled, when it is first seen: what nobody looks at costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

W = TypeVar("W", bound=QWidget)


class Later(QWidget, Generic[W]):
    """Stands where ``make()`` will be once it is seen or asked for as ``content``."""

    def __init__(self, make: Callable[[], W]) -> None:
        super().__init__()
        self._make = make
        self._made: W | None = None
        self._fill: Callable[[W], object] | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    @property
    def content(self) -> W:
        """What it shows, made and filled now if it was not before."""
        made = self._made
        if made is None:
            made = self._made = self._make()
            self._layout.addWidget(made)
            made.show()
            self.setFocusProxy(made)
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(made)
        return made

    def show_by(self, fill: Callable[[W], object]) -> None:
        """Have ``fill(content)`` done: now where it can be seen, else when it is first seen; only the last one counts."""
        self._fill = fill
        if self.isVisible():
            _ = self.content

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        _ = self.content
