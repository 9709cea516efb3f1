"""Where a link leads, shown before it is opened."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ..markdown.safe import Target, target
from ..theme import SPACE_S, set_role
from .kit import label
from .popover import Popover, point_rect

_WIDTH = 460
_SHOWN = 2_000


class LinkCard(Popover):
    """Shows one link's target in full, and what about it may deceive. Opens it only on a press of its button."""

    def __init__(self) -> None:
        super().__init__("Where the link leads", _WIDTH)
        self._target: Target | None = None
        self._host = label("", "strong")
        self._url = label("", "mono")
        self._url.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._caution = label("", "caption", "warn")
        for line in (self._host, self._url, self._caution):
            line.setWordWrap(True)
            self.box.addWidget(line)
        self.open = QPushButton("Open in the browser")
        set_role(self.open, "primary")
        self.open.clicked.connect(self._open)
        self.copy = QPushButton("Copy")
        self.copy.clicked.connect(self._copy)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addStretch(1)
        row.addWidget(self.copy)
        row.addWidget(self.open)
        self.box.addLayout(row)

    def ask(self, owner: QWidget, href: str, text: str, place: QPoint) -> None:
        """Show where ``href`` leads, beside ``place`` on the screen."""
        found = self._target = target(href, text)
        if found is None:
            return
        self._host.setText(found.host if found.scheme != "mailto" else f"Mail to {found.url[len('mailto:') :]}")
        self._url.setText(_breakable(found.url[:_SHOWN] + ("…" if len(found.url) > _SHOWN else "")))
        self._caution.setText("\n".join(found.cautions))
        self._caution.setVisible(bool(found.cautions))
        self.open.setText("Write a mail" if found.scheme == "mailto" else "Open in the browser")
        self.setAccessibleDescription(" ".join((found.url, *found.cautions)))
        self.open_at(owner, point_rect(owner, place), self.copy if found.cautions else self.open)

    def _open(self) -> None:
        if self._target is not None:
            QDesktopServices.openUrl(QUrl(self._target.url, QUrl.ParsingMode.StrictMode))
        self.dismiss()

    def _copy(self) -> None:
        if self._target is not None:
            QGuiApplication.clipboard().setText(self._target.url)
        self.dismiss()


def _breakable(url: str) -> str:
    """With places where a label may break a long address."""
    return url.replace("/", "/\u200b").replace("&", "&\u200b").replace("=", "=\u200b").replace("%", "\u200b%")
