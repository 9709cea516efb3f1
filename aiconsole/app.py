"""Puts engine and window together on the window's loop: ``python main.py``.

The window is shown before the engine is imported, and answers the keyboard while that goes on in a thread. A fault of
settings or database is said inside the window. Exit codes: 0 closed, 1 the engine did not open (with
``--exit-after-start``), 2 wrong usage, 3 there is no display, 129, 130 and 143 ended by SIGHUP, by Ctrl-C and by SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from aiconsole import __version__
from aiconsole.domain.errors import ConfigError
from aiconsole.home import Home, find_home

if TYPE_CHECKING:
    from types import TracebackType

    from PySide6.QtWidgets import QApplication

    from aiconsole.engine import Engine
    from aiconsole.gui.loop import WindowLoop
    from aiconsole.gui.shell import Shell
    from aiconsole.gui.window import Window
    from aiconsole.logs import LogFile

CLOSED: Final = 0
NOT_OPENED: Final = 1
USAGE: Final = 2
NO_DISPLAY: Final = 3

CLOSING_S: Final = 3.0
"""Seconds that open requests and the engine have to end after the window was closed."""
_FIRST_PAINT_S: Final = 1.0
_SETTLED_S: Final = 3.0
"""Background jobs begin so long after the engine, so that a person's first steps do not wait for them."""

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, *, shown: Callable[[Shell], object] | None = None) -> int:
    """Open the window and return the exit code once it is closed.

    Args:
        arguments: those of the command line; by default the process's own.
        shown: called with the shell right after it was shown.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if getattr(sys, "frozen", False) and (code := _as_child(arguments)) is not None:
        return code
    options = _parser().parse_args(arguments)
    try:
        home = find_home(options.home, os.environ)
    except ConfigError as error:
        _tell(f"{error.message} {error.advice}")
        return USAGE
    from aiconsole.gui.display import missing_display

    if words := missing_display(os.environ):
        _tell(words)
        return NO_DISPLAY
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication(["aiconsole"])
    assert isinstance(application, QApplication)
    application.setApplicationName("AI Console")
    application.setDesktopFileName("aiconsole")
    # A Mac's own setting is to pass over buttons, and then not all could be done by keyboard.
    application.styleHints().setTabFocusBehavior(Qt.TabFocusBehavior.TabFocusAllControls)

    from aiconsole.gui.loop import WindowLoop

    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        return runner.run(_Run(application, options, home).run(shown))


def _as_child(arguments: list[str]) -> int | None:
    """In a bundle the program itself is started for the drill's and the test bench's processes: the exit code of such a one."""
    from multiprocessing import freeze_support

    from aiconsole.bench.child import run_child

    freeze_support()
    return run_child(arguments)


def _tell(words: str) -> None:
    """To standard error, which a program without a console (pythonw) does not have."""
    if sys.stderr is not None:
        sys.stderr.write(f"{words}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="main.py", description="The console's window.")
    parser.add_argument("--home", metavar="DIR", help="the folder for settings, conversations and logs")
    parser.add_argument("--demo", action="store_true", help="talk to simulated providers; no key is needed")
    parser.add_argument("--version", action="version", version=f"aiconsole {__version__}")
    parser.add_argument("--exit-after-start", action="store_true", help=argparse.SUPPRESS)
    return parser


class _Run:
    """One run of the window, from its first paint to its end."""

    def __init__(self, application: QApplication, options: argparse.Namespace, home: Home) -> None:
        self._application = application
        self._options = options
        self._home = home
        self._leave = asyncio.Event()
        self._again = asyncio.Event()
        self._opened = False

    async def run(self, shown: Callable[[Shell], object] | None) -> int:
        from aiconsole.gui.shell import Shell
        from aiconsole.gui.theme import Theme
        from aiconsole.gui.window import Window
        from aiconsole.gui.window_state import load_state, save_state, state_path

        loop = cast("WindowLoop", asyncio.get_running_loop())
        path = state_path(self._home)
        state = load_state(path)
        theme = Theme(self._application, state.theme)
        theme.apply()
        geometry = [state.geometry]
        shell = Shell(theme, geometry_text=state.geometry, keep_geometry=partial(geometry.__setitem__, 0))
        window = Window(shell, state=state, keep_demo=not self._options.demo, retry=self._again.set)
        with loop.ended_by_signals() as signals:
            shell.show()
            if shown is not None:
                shown(shell)
            await _painted(shell)
            log = self._install_log(window)
            serving = asyncio.create_task(self._serve(window))
            await loop.closed()
            shell.hide()
            save_state(path, window.state(geometry[0]))
            await self._end(window, serving)
            log.close()
        if signals:
            return 128 + signals[0]
        return CLOSED if self._opened or not self._options.exit_after_start else NOT_OPENED

    async def _serve(self, window: Window) -> None:
        """Keep an engine open for the window; where it cannot be opened, say why and try again when asked."""
        while not self._leave.is_set():
            try:
                engines = await asyncio.to_thread(_import_engine)
                async with engines.open(
                    home=self._options.home, demo=self._options.demo or None, record=True
                ) as engine:
                    self._opened = True
                    window.connect_engine(engine)
                    optimizer = await engine.open_optimizer(warm=True)
                    window.watch_frames(optimizer)
                    if self._options.exit_after_start:
                        window.shell.close()
                    elif not await _within(self._leave, _SETTLED_S):
                        await _begin_jobs(engine)
                        window.follow_alerts()
                        optimizer.settle()
                    await self._leave.wait()
                    window.disconnect_engine()
            except Exception as error:
                _log.exception("The engine failed")
                if self._leave.is_set():
                    return
                window.show_trouble(error)
                if self._options.exit_after_start:
                    window.shell.close()
                self._again.clear()
                await self._again.wait()

    def _install_log(self, window: Window) -> LogFile:
        """Log from now on; what no one caught is said in the window as well."""
        from aiconsole.logs import install

        log = install(self._home.logs)
        logged = sys.excepthook

        def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            logged(kind, error, trace)
            if isinstance(error, Exception):
                window.tell_fault(error)

        sys.excepthook = tell
        window.log_level.connect(log.set_level)
        return log

    async def _end(self, window: Window, serving: asyncio.Task[None]) -> None:
        """Let go of everything, in at most ``CLOSING_S``."""
        self._leave.set()
        if window.session is None:
            serving.cancel()
        try:
            async with asyncio.timeout(CLOSING_S):
                await window.shell.finish()
                await asyncio.gather(serving, return_exceptions=True)
        except TimeoutError:
            _log.warning("The engine did not close within %s s", CLOSING_S)


def _import_engine() -> type[Engine]:
    """The engine with what it imports sooner or later itself: in a thread, so that the window is answered meanwhile."""
    from aiconsole.engine import Engine
    from aiconsole.providers.registry import BUILT_IN

    for name in (*(f"providers.{name}" for name in BUILT_IN), "simulator", "store", "chat.service", "optimizer_setup"):
        import_module(f"aiconsole.{name}")
    return Engine


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether ``event`` is set by then."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _begin_jobs(engine: Engine) -> None:
    """Let alerts be watched for and the background jobs run, or say why they cannot."""
    from aiconsole.domain.errors import ConsoleError
    from aiconsole.domain.events import Notice

    try:
        await engine.open_alerts()
        await engine.open_jobs()
    except ConsoleError as error:
        engine.bus.publish(Notice(f"Alerts and background jobs do not run. {error.message}", error.advice))


async def _painted(shell: Shell) -> None:
    """Return once the window was painted; where nothing paints it (minimised), after a second."""
    from PySide6.QtCore import QEvent, QObject

    painted = asyncio.Event()

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                painted.set()
            return False

    watch = Watch()
    shell.rail.installEventFilter(watch)
    try:
        async with asyncio.timeout(_FIRST_PAINT_S):
            await painted.wait()
    except TimeoutError:
        pass
    finally:
        shell.rail.removeEventFilter(watch)
