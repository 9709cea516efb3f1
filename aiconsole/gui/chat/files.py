"""Files on their way into a message: chosen, dropped or pasted, read in a thread, refused with the reason."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from ...chat.attachments import attachment, read_attachment
from ...domain.errors import ConfigError
from ...domain.messages import Part

if TYPE_CHECKING:
    from ..shell import Shell


class Files(QObject):
    """``ready(parts)``: files that were read."""

    ready = Signal(list)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell

    def ask(self, parent: QWidget) -> None:
        """Let the person choose files."""
        dialog = QFileDialog(parent, "Attach files")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.urlsSelected.connect(self.read)
        dialog.open()

    def read(self, urls: list[QUrl]) -> None:
        """Read local files."""
        paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
        self._shell.start(self._read(paths), failed="The file was not attached")

    def take_picture(self, data: bytes) -> None:
        """Take an image from the clipboard, as PNG."""
        self._shell.start(self._picture(data), failed="The image was not attached")

    async def _picture(self, data: bytes) -> None:
        self.ready.emit([attachment(data, "pasted.png")])

    async def _read(self, paths: list[Path]) -> None:
        parts: list[Part] = []
        try:
            for path in paths:
                if path.is_dir():
                    raise ConfigError(f"{path.name} is a folder.", advice="Attach the files in it.")
                parts.append(await asyncio.to_thread(read_attachment, path))
        finally:
            if parts:
                self.ready.emit(parts)
