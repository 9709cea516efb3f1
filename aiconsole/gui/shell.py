"""The window's frame: rail, status strip, the panels, the palette, messages, and what runs in the background.

A panel is a widget made on its first visit. Its focus proxy, or else its first control, gets the keyboard; what had the
focus when it was left has it again on return. A panel that can be opened at something has ``open_item(argument)``.
Palette and sheet are imported when first asked for: they are not needed for the first paint.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, runtime_checkable

import msgspec
from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from ..domain.errors import ConsoleError
from .commands import Command, Commands
from .icons import Icons
from .keys import present_keys
from .notices import Notice, Notices
from .rail import Rail
from .strip import Strip
from .theme import Mode, State, Theme

if TYPE_CHECKING:
    from .palette import Palette
    from .sheet import ShortcutSheet

_log = logging.getLogger(__name__)
_Kept = TypeVar("_Kept", bound=msgspec.Struct)
_WHILE_TYPING: Final = {"?": ("F1",)}
"""Further keys of a symbol that a text field takes for itself."""


class Panel(msgspec.Struct, frozen=True):
    """A panel of the rail: ``icon`` is a name of ``icons.ICONS``, ``factory`` makes the widget on the first visit,
    ``shortcut`` is by default Ctrl+1, Ctrl+2 and so on in the order of adding."""

    key: str
    title: str
    icon: str
    factory: Callable[[], QWidget]
    shortcut: str = ""


@runtime_checkable
class OpensItems(Protocol):
    """A panel that can be opened at something: a conversation's id, a provider's name."""

    def open_item(self, argument: Any) -> None: ...


class Shell(QMainWindow):
    """The window. ``geometry_text`` is what ``keep_geometry`` was given when the window was last closed.

    ``memory`` is what panels keep of themselves from one run to the next, JSON by panel; see `remember` and `recall`.
    ``panel_opened(key)``, ``mode_chosen(mode)`` when the person picked a theme.
    """

    panel_opened = Signal(str)
    mode_chosen = Signal(str)

    def __init__(
        self,
        theme: Theme,
        *,
        geometry_text: str = "",
        keep_geometry: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("AI Console")
        self.theme = theme
        self.memory: dict[str, str] = {}
        self.icons = Icons(theme)
        self.commands = Commands()
        self.rail = Rail(self.icons)
        self.strip = Strip(theme, self.icons)
        self._keep_geometry = keep_geometry
        self._panels: dict[str, Panel] = {}
        self._views: dict[str, QWidget] = {}
        self._focus: dict[str, QWidget] = {}
        self._shortcuts: dict[str, QShortcut] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open_key = ""
        self._central = QWidget()
        self._stack = QStackedWidget()
        self._notices = Notices(theme, self.icons)
        self._build()
        self._palette: Palette | None = None
        self._sheet: ShortcutSheet | None = None
        self.commands.listen(self._bind)
        self._add_own_commands()
        self.resize(1280, 800)
        self.setMinimumSize(880, 560)
        if geometry_text:
            self.restoreGeometry(QByteArray.fromBase64(QByteArray(geometry_text.encode("ascii", "ignore"))))

    # Panels

    @property
    def open_key(self) -> str:
        """The key of the open panel, "" before the first."""
        return self._open_key

    @property
    def cover(self) -> QWidget:
        """What an `Overlay` covers: everything inside the window."""
        return self._central

    def add_panel(self, panel: Panel) -> None:
        """Show a panel in the rail, after those before. Raises ValueError for a key that is taken."""
        if panel.key in self._panels:
            raise ValueError(f"panel {panel.key} is added twice")
        position = len(self._panels) + 1
        shortcut = panel.shortcut or (f"Ctrl+{position}" if position <= 9 else "")
        self._panels[panel.key] = panel
        self.rail.add(panel.key, panel.title, panel.icon, shortcut)
        self.commands.add(
            Command(
                key=f"panel.{panel.key}",
                title=f"Go to {panel.title}",
                group="Panels",
                shortcut=shortcut,
                run=partial(self.open, panel.key),
            )
        )

    def open(self, key: str, argument: Any = None) -> QWidget:
        """Show a panel, at ``argument`` where it is given, and put the keyboard there. Raises KeyError for an unknown
        one."""
        panel = self._panels[key]
        self._dismiss_overlays()
        self._remember_focus()
        view = self._view(panel)
        self._open_key = key
        self._stack.setCurrentWidget(view)
        self.rail.mark(key)
        self._restore_focus(key, view)
        if argument is not None and isinstance(view, OpensItems):
            view.open_item(argument)
        self.panel_opened.emit(key)
        return view

    def remember(self, key: str, value: msgspec.Struct) -> None:
        """Keep ``value`` for panel ``key`` over the end of the window."""
        self.memory[key] = msgspec.json.encode(value).decode()

    def recall(self, key: str, kind: type[_Kept]) -> _Kept | None:
        """What was kept for panel ``key``; None where there is nothing, or nothing that can be read."""
        try:
            return msgspec.json.decode(self.memory[key], type=kind) if key in self.memory else None
        except msgspec.MsgspecError:
            return None

    # Messages and background work

    def notify(
        self,
        text: str,
        *,
        state: State = "idle",
        action: str = "",
        run: Callable[[], object] | None = None,
        seconds: float | None = None,
    ) -> Notice:
        """Say something below the panel without asking; F8 takes the keyboard there. ``run`` is what the button
        ``action`` does. It leaves after ``seconds`` (8; an error stays; 0 stays)."""
        return self._notices.tell(text, state=state, action=action, run=run, seconds=seconds)

    def start(self, work: Coroutine[Any, Any, Any], *, failed: str = "") -> asyncio.Task[Any]:
        """Run ``work`` in the background until it ends or the window closes. A failure is shown as a message that
        begins with ``failed``, such as "The key was not saved", and says what the person can do."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, failed))
        return task

    async def finish(self) -> None:
        """Cancel what still runs and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def choose_mode(self, mode: Mode) -> None:
        """Switch the theme as the person's choice."""
        self.theme.set_mode(mode)
        self.mode_chosen.emit(mode)

    def show_palette(self) -> None:
        """Open the command palette, or close it."""
        if self._palette is None:
            from .palette import Palette

            self._palette = Palette(self._central, self.theme, self.commands)
        self._palette.ask()

    def show_shortcuts(self) -> None:
        """Open the sheet of shortcuts, or close it. Panels bring their keys with them, so all of them are made."""
        if self._sheet is None:
            from .sheet import ShortcutSheet

            groups = ("Window", "Panels", *(panel.title for panel in self._panels.values()))
            self._sheet = ShortcutSheet(self._central, self.theme, self.commands, groups)
        self._sheet.ask()
        for panel in self._panels.values():
            self._view(panel)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._keep_geometry is not None:
            self._keep_geometry(bytes(self.saveGeometry().toBase64().data()).decode("ascii"))
        super().closeEvent(event)

    # Inside

    def _view(self, panel: Panel) -> QWidget:
        view = self._views.get(panel.key)
        if view is None:
            view = self._views[panel.key] = panel.factory()
            if not view.accessibleName():
                view.setAccessibleName(panel.title)
            self._stack.addWidget(view)
        return view

    def _build(self) -> None:
        across = QHBoxLayout(self._central)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.rail)
        down = QVBoxLayout()
        down.setSpacing(0)
        down.addWidget(self.strip)
        down.addWidget(self._stack, 1)
        down.addWidget(self._notices)
        across.addLayout(down, 1)
        self.setCentralWidget(self._central)
        self.rail.chosen.connect(self.open)
        self.rail.commands_wanted.connect(self.show_palette)
        self._notices.left.connect(self._leave_notice)

    def _add_own_commands(self) -> None:
        self.commands.add(
            Command(key="commands", title="Show commands", group="Window", shortcut="Ctrl+K", run=self.show_palette),
            Command(key="shortcuts", title="Show shortcuts", group="Window", shortcut="?", run=self.show_shortcuts),
            Command(
                key="notice",
                title="Go to the message",
                group="Window",
                shortcut="F8",
                run=self._go_to_notice,
                enabled=lambda: bool(self._notices.shown()),
            ),
            Command(key="close", title="Close the window", group="Window", shortcut="Ctrl+Q", run=self.close),
        )
        modes: tuple[tuple[Mode, str], ...] = (
            ("system", "Follow the system's theme"),
            ("dark", "Use the dark theme"),
            ("light", "Use the light theme"),
        )
        for mode, title in modes:
            self.commands.add(
                Command(
                    key=f"theme.{mode}",
                    title=title,
                    group="Appearance",
                    run=partial(self.choose_mode, mode),
                    enabled=partial(self._is_other_mode, mode),
                )
            )

    def _is_other_mode(self, mode: Mode) -> bool:
        return self.theme.mode != mode

    def _bind(self, command: Command, came: bool) -> None:
        if not came:
            shortcut = self._shortcuts.pop(command.key, None)
            if shortcut is not None and isValid(shortcut):
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        elif command.shortcut:
            shortcut = QShortcut(command.scope or self)
            shortcut.setKeys([QKeySequence(keys) for keys in _ways(command.shortcut)])
            if command.scope is not None:
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            for signal in (shortcut.activated, shortcut.activatedAmbiguously):
                signal.connect(partial(self.commands.run, command.key))
            self._shortcuts[command.key] = shortcut

    def _dismiss_overlays(self) -> None:
        for overlay in (self._palette, self._sheet):
            if overlay is not None:
                overlay.dismiss()

    def _remember_focus(self) -> None:
        view, focused = self._views.get(self._open_key), QApplication.focusWidget()
        if view is not None and focused is not None and view.isAncestorOf(focused):
            self._focus[self._open_key] = focused

    def _restore_focus(self, key: str, view: QWidget) -> None:
        target = self._focus.get(key)
        if target is None or not isValid(target) or not target.isVisibleTo(view):
            target = view if view.focusProxy() is not None else _first_control(view)
        if target is not None:
            target.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _go_to_notice(self) -> None:
        self._remember_focus()
        self._notices.focus()

    def _leave_notice(self) -> None:
        if self._open_key:
            self._restore_focus(self._open_key, self._views[self._open_key])

    def _ended(self, failed: str, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, ConsoleError):
            words = [error.message, error.advice]
        else:
            _log.error("Background work failed", exc_info=error)
            words = [f"{type(error).__name__}: {error}", "The log has the details."]
        said = " ".join(word if word.endswith((".", "?", "!")) else f"{word}." for word in (failed, *words) if word)
        self.notify(said, state="crit")


def _ways(shortcut: str) -> list[str]:
    """The key sequences of a shortcut: a symbol such as ? comes with Shift on some keyboards and systems, without on others
    (where both fit, Qt calls the one shortcut ambiguous with itself), and a Mac lacks some keys."""
    symbol = len(shortcut) == 1 and not shortcut.isalnum()
    if symbol:
        return [shortcut, f"Shift+{shortcut}", *_WHILE_TYPING.get(shortcut, ())]
    return list(dict.fromkeys((shortcut, present_keys(shortcut))))


def _first_control(view: QWidget) -> QWidget | None:
    widget = view.nextInFocusChain()
    while widget is not None and widget is not view:
        inside = view.isAncestorOf(widget) and widget.isVisibleTo(view) and widget.isEnabled()
        if inside and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            return widget
        widget = widget.nextInFocusChain()
    return None
