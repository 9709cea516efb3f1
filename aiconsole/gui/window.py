"""The console's window: puts the panels into the shell, feeds the status strip, and offers its commands.

The shell is shown first, without an engine. ``connect`` gives it one, and panels that were opened meanwhile are filled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from ..imports import import_apart
from .bench.commands import bench_commands
from .commands import Command
from .feed import StripFeed
from .jobs.commands import job_commands
from .providers.commands import provider_commands
from .routing.commands import routing_commands
from .session import Session
from .shell import Panel, Shell
from .slot import PanelSlot, words_of
from .theme import Mode
from .window_state import ALERTS_DRAFT, RULES_DRAFT, WindowState

if TYPE_CHECKING:
    from ..domain.events import Event
    from ..engine import Engine
    from ..optimizer.service import Optimizer
    from ..settings import Problem
    from .heart import HeartCard
    from .tray import Tray

_log = logging.getLogger(__name__)


class PanelPlan(msgspec.Struct, frozen=True):
    """A panel there may be: its package has ``make(session, shell) -> QWidget``, and is imported with its module ``panel``
    when it is first shown, after ``heavy``. All that goes on in a thread, so no Qt object may be made by an import."""

    key: str
    title: str
    icon: str
    module: str
    heavy: tuple[str, ...] = ()


PANELS = (
    PanelPlan("overview", "Overview", "overview", "aiconsole.gui.overview", ("numpy",)),
    PanelPlan("chat", "Chat", "chat", "aiconsole.gui.chat", ("markdown_it", "pygments.lexers")),
    PanelPlan("requests", "Requests", "requests", "aiconsole.gui.requests", ("markdown_it", "pygments.lexers")),
    PanelPlan("providers", "Providers", "providers", "aiconsole.gui.providers"),
    PanelPlan("routing", "Routing", "routing", "aiconsole.gui.routing"),
    PanelPlan(
        "bench",
        "Test bench",
        "bench",
        "aiconsole.gui.bench",
        ("pyqtgraph", "aiconsole.bench.service", "aiconsole.bench.command"),
    ),
    PanelPlan("jobs", "Jobs", "jobs", "aiconsole.gui.jobs"),
    PanelPlan("alerts", "Alerts", "alerts", "aiconsole.gui.alerts"),
    PanelPlan("settings", "Settings", "settings", "aiconsole.gui.settings"),
)
FIRST_PANEL = "chat"


def _nothing() -> None:
    pass


def _is_there(module: str) -> bool:
    found = find_spec(module)
    return found is not None and found.origin is not None


class Window(QObject):
    """One console on the screen. ``log_level(level)``: what the setting says now.

    Args:
        shell: the frame, without panels yet.
        state: what was kept of the window.
        keep_demo: whether a switch of the demo is kept as the setting; not where ``--demo`` decides.
        retry: asks for another try to open the engine.
    """

    log_level = Signal(str)

    def __init__(
        self, shell: Shell, *, state: WindowState, keep_demo: bool = True, retry: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__()
        self.shell = shell
        self.session: Session | None = None
        self._keep_demo = keep_demo
        self._retry = retry
        self._welcomed = state.welcomed
        self._custom_names: tuple[str, ...] = ()
        self._slots: dict[str, PanelSlot] = {}
        self._plans = {plan.key: plan for plan in PANELS if _is_there(plan.module)}
        self._error: BaseException | None = None
        shell.memory.update(state.memory)
        self._feed = StripFeed(shell)
        self._heart: HeartCard | None = None
        self._tray: Tray | None = None
        self._leave_alerts: Callable[[], None] = _nothing
        self._frames: QObject | None = None
        self._making = asyncio.Lock()
        for plan in self._plans.values():
            shell.add_panel(Panel(plan.key, plan.title, plan.icon, partial(self._slot, plan.key)))
        shell.commands.add_source(self._more_commands)
        shell.mode_chosen.connect(self._keep_mode)
        shell.strip.provider_clicked.connect(self._open_provider)
        shell.strip.alerts_clicked.connect(partial(shell.open, "alerts"))
        shell.strip.cost_clicked.connect(partial(shell.open, "providers", "#spend"))
        shell.strip.heart_clicked.connect(self._open_heart)
        for first in (state.panel, FIRST_PANEL, *self._plans):
            if first in self._plans:
                shell.open(first)
                break

    def state(self, geometry: str) -> WindowState:
        """What to keep of the window."""
        return WindowState(
            geometry, self.shell.open_key, self.shell.theme.mode, self._welcomed, dict(self.shell.memory)
        )

    # The engine

    def connect_engine(self, engine: Engine) -> None:
        """Use ``engine`` from now on."""
        session = self.session = Session(engine, keep_demo=self._keep_demo)
        self._error = None
        engine.bus.subscribe(self._on_event)
        session.setting_changed.connect(self._on_setting)
        session.changed.connect(self._name_custom)
        self._name_custom()
        self.log_level.emit(engine.settings.log.level)
        self.shell.theme.set_mode(engine.settings.appearance.theme)
        self._feed.follow(session)
        self.shell.start(self._settle(session))
        for key in self._slots:
            self._fill(key)

    def watch_frames(self, optimizer: Optimizer) -> None:
        """Have the optimizer told how long frames take."""
        from .performance.frames import Frames

        if self._frames is not None:
            self._frames.deleteLater()
        self._frames = Frames(self.shell, partial(optimizer.monitor.note, "frame_ms"))

    def follow_alerts(self) -> None:
        """Show on the desktop what the engine's alerts tell, once they are open."""
        session = self.session
        if session is None or session.engine.alerts is None or self._tray is not None:
            return
        from .tray import Tray

        self._tray = Tray(self.shell)
        self._leave_alerts = session.engine.alerts.on_desktop(self._tray.show)
        self._feed.refresh_alerts()

    def disconnect_engine(self) -> None:
        """Stop looking at the engine, which is about to close."""
        self._feed.stop()
        self._leave_alerts()
        self._leave_alerts = _nothing
        if self._tray is not None:
            self._tray.leave()
            self._tray = None
        if self._heart is not None:
            self._heart.dismiss()
            self._heart.deleteLater()
            self._heart = None
        if self.session is not None:
            self.session.leave()

    def show_trouble(self, error: BaseException) -> None:
        """The engine cannot be opened: say so in every panel's place."""
        self._error = error
        self.shell.strip.set_heart("crit", "stopped")
        for key in self._slots:
            self._fill(key)

    def tell_fault(self, error: BaseException) -> None:
        """A fault of the console itself came up somewhere; it stands in the log already."""
        message, advice = words_of(error)
        self.shell.notify(f"Something went wrong. {message.removesuffix('.')}. {advice}", state="crit")

    async def _settle(self, session: Session) -> None:
        """What can only be said once keys and settings have been read."""
        if session.engine.setting_problems and self.shell.open_key != "settings":
            self._tell_problems(session.engine.setting_problems)
        await session.read_keys()
        for problem in session.engine.keys.problems:
            self.shell.notify(problem, state="warn", seconds=0)
        self._tell_draft()
        self._welcome_if_new(session)

    def _tell_problems(self, problems: Sequence[Problem]) -> None:
        """Say that part of the settings file is not used, until the panel that lists it all is opened."""
        many = f"{len(problems)} lines" if len(problems) > 1 else "One line"
        notice = self.shell.notify(
            f"{many} of the settings file cannot be used. {problems[0]}",
            state="warn",
            action="Show",
            run=partial(self.shell.open, "settings"),
            seconds=0,
        )

        def leave(key: str) -> None:
            if key == "settings":
                self.shell.panel_opened.disconnect(leave)
                if isValid(notice):
                    notice.leave()

        self.shell.panel_opened.connect(leave)

    def _tell_draft(self) -> None:
        """Say that changes to the rules, which were not saved when the window was closed, are still there."""
        for place, what, panel in ((RULES_DRAFT, "fallback", "routing"), (ALERTS_DRAFT, "alert", "alerts")):
            if place in self.shell.memory:
                self.shell.notify(
                    f"Changes to the {what} rules that were not saved last time are kept. They are not followed yet.",
                    state="warn",
                    action="Show",
                    run=partial(self.shell.open, panel, "#rules"),
                    seconds=0,
                )

    def _on_event(self, event: Event) -> None:
        from ..domain.events import Notice

        if isinstance(event, Notice):
            self.shell.notify(f"{event.message} {event.advice}".strip(), state="warn", seconds=0)

    def _on_setting(self, key: str, value: Any) -> None:
        if key == "appearance.theme":
            self.shell.theme.set_mode(value)
        elif key == "log.level":
            self.log_level.emit(value)

    def _keep_mode(self, mode: Mode) -> None:
        session = self.session
        if session is not None and session.engine.settings.appearance.theme != mode:
            self.shell.start(session.change("appearance.theme", mode), failed="The theme was not kept")

    def _name_custom(self) -> None:
        if self.session is not None:
            names = tuple(self.session.engine.settings.custom)
            if names != self._custom_names:
                self._custom_names = names
                self.shell.theme.name_custom(names)

    # Panels

    def _slot(self, key: str) -> QWidget:
        slot = self._slots[key] = PanelSlot(self.shell.theme)
        if self.session is not None or self._error is not None:
            self._fill(key)
        return slot

    def _fill(self, key: str) -> None:
        slot = self._slots[key]
        if self._error is not None:
            slot.show_trouble("The console's engine cannot start.", self._error, self._try_again)
        elif self.session is not None:
            self.shell.start(
                self._fill_later(key, slot, self.session), failed=f"{self._plans[key].title} cannot be shown"
            )

    async def _fill_later(self, key: str, slot: PanelSlot, session: Session) -> None:
        plan = self._plans[key]
        try:
            async with self._making:
                for module in (*plan.heavy, f"{plan.module}.panel"):
                    await import_apart(module)
                slot.fill(import_module(plan.module).make(session, self.shell))
        except Exception as error:
            _log.exception("Panel %s cannot be made", key)
            slot.show_trouble(f"{plan.title} cannot be shown.", error, partial(self._fill, key))

    def _try_again(self) -> None:
        self._error = None
        for slot in self._slots.values():
            slot.wait()
        self._retry()

    def _open_provider(self, name: str) -> None:
        self.shell.open("providers", name)

    def _open_heart(self) -> None:
        if self.session is None:
            self.shell.notify("The console's engine is not running, so there is nothing to connect.", state="idle")
            return
        if self._heart is None:
            from .heart import HeartCard

            self._heart = HeartCard(self.session)
        heart = self.shell.strip.heart
        self._heart.open_for(heart, heart.rect())

    # Welcome

    def _welcome_if_new(self, session: Session) -> None:
        """Offer the two ways to begin, where neither was taken yet."""
        states = session.engine.providers()
        can_ask = any(state.usable and (state.key_source is not None or state.custom) for state in states)
        if self._welcomed or can_ask or session.engine.demo:
            return
        from .welcome import make

        view = make(session, self.shell, self.switch_demo)
        view.left.connect(self._leave_welcome)
        self._slots[self.shell.open_key].cover(view)

    def _leave_welcome(self) -> None:
        self._welcomed = True
        for slot in self._slots.values():
            slot.uncover()

    # Commands

    def switch_demo(self, on: bool) -> None:
        """Switch between simulated and real providers."""
        if self.session is not None:
            what = "simulated" if on else "real"
            self.shell.start(self.session.set_demo(on), failed=f"The switch to {what} providers was not kept")

    def _more_commands(self) -> Iterable[Command]:
        session = self.session
        if session is None:
            return
        from .requests.offers import request_commands

        demo = session.engine.demo
        yield Command(
            key="demo",
            title="Use the real providers" if demo else "Use simulated providers",
            group="Providers",
            run=partial(self.switch_demo, not demo),
            words="demo simulator try",
        )
        yield from request_commands(self.shell)
        yield Command(
            key="spend",
            title="Show the spend",
            group="Providers",
            run=partial(self.shell.open, "providers", "#spend"),
            words="cost money budget forecast month export",
        )
        yield from routing_commands(session, self.shell)
        yield from job_commands(session, self.shell)
        yield from bench_commands(session, self.shell)
        yield Command(
            key="performance",
            title="Performance: memory, pools, profiles",
            group="Settings",
            run=partial(self.shell.open, "settings", "#performance"),
            words="cache hit rate leak lag frame battery production staging profile switch",
        )
        yield from provider_commands(session, self.shell)
