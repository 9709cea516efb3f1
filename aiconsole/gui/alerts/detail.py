"""One alert: what holds, since when, what can be done about it, where to look, and its timeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QMenu, QPushButton, QSizePolicy, QVBoxLayout

from ...alerts.service import Alerts
from ...domain.alerts import Alert
from ...domain.errors import ConsoleError
from ...domain.spans import span
from ..flow import Flow
from ..keys import with_keys
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..requests.wanted import Wanted
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, State, set_role
from .words import lasted, state_of, state_words

SILENCES: Final = ((3600.0, "1 hour"), (4 * 3600.0, "4 hours"), (86_400.0, "1 day"), (7 * 86_400.0, "7 days"))
_TRACES: Final = 3
_HAPPENED: Final[dict[str, State]] = {
    "firing": "crit",
    "worse": "crit",
    "part": "warn",
    "not delivered": "warn",
    "resolved": "ok",
    "delivered": "ok",
}


class _StepsModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("When", "What", "Words")


class AlertDetail(QFrame):
    """Shows one alert at a time."""

    def __init__(self, session: Session, shell: Shell, alerts: Alerts) -> None:
        super().__init__()
        self._session, self._shell, self._alerts = session, shell, alerts
        self.alert: Alert | None = None
        self._links_of: tuple[object, ...] = ()
        self.title, self.pill, self.told = QLabel(), QLabel(), QLabel()
        self.parts = QLabel()
        self.note = QLineEdit()
        self.acknowledge, self.silence, self.resolve = QPushButton("Acknowledge"), QPushButton(), QPushButton("Resolve")
        self.links = Flow()
        self.buttons: list[QPushButton] = []
        self.steps = LinesTable(_StepsModel(), "Timeline", shell.theme, row_px=42)
        self.steps.setWordWrap(True)
        self.steps.stretch(2, {0: 96, 1: 124})
        self._build()
        self.acknowledge.clicked.connect(self.take_note)
        self.resolve.clicked.connect(self.call_over)

    def show_alert(self, alert: Alert, now: float) -> None:
        """Show this alert as it stands."""
        if self.alert is None or alert.id != self.alert.id:
            self.note.clear()
        self.alert = alert
        whom = "" if not alert.subject or alert.subject in alert.summary else f"{alert.subject}: "
        self.title.setText(f"{whom}{alert.summary}")
        self.pill.setText(state_words(alert, now))
        set_role(self.pill, "pill", state_of(alert))
        said = [f"{alert.severity}, by the rule {alert.rule}", f"since {moment(alert.began_at, now)}"]
        said += [f"lasted {lasted(alert, now)}" if alert.state == "resolved" else f"for {lasted(alert, now)}"]
        said += [f"fired {alert.flaps} times within an hour"] if alert.flaps > 1 else []
        said += ["simulated"] if alert.simulated else []
        self.told.setText(" · ".join(said))
        self.told.setToolTip(full(alert.began_at))
        lines = [
            f"{part.words}" + (f" Over after {span(float(round(part.until - part.since)))}." if part.until else "")
            for part in alert.parts
        ]
        lines += [f"Note: {alert.note}"] if alert.note else []
        self.parts.setText("\n".join(lines if len(alert.parts) > 1 or alert.note else ()))
        self.parts.setVisible(bool(self.parts.text()))
        for widget in (self.note, self.acknowledge, self.silence, self.resolve):
            widget.setVisible(alert.open)
        self.acknowledge.setEnabled(alert.state != "acknowledged")
        self._show_links(alert)
        self.steps.show_lines(
            [
                Line(
                    at,
                    (
                        Cell(moment(step.at, now), tip=full(step.at)),
                        Cell(step.what, _HAPPENED.get(step.what, "idle")),
                        Cell(step.words, tip=step.words),
                    ),
                )
                for at, step in reversed(list(enumerate(alert.timeline)))
            ]
        )

    # What the person does

    def take_note(self) -> None:
        """Acknowledge it, with the note that stands there."""
        self._do("acknowledged", lambda alert, note: self._alerts.acknowledge(alert, note))

    def keep_silent(self, for_s: float) -> None:
        """Tell nobody of it for so long; 0 ends that."""
        self._do("silenced", lambda alert, note: self._alerts.silence(alert, for_s, note))

    def call_over(self) -> None:
        """Call it done."""
        self._do("resolved", lambda alert, note: self._alerts.resolve(alert, note))

    def open_silences(self) -> None:
        """Show for how long it can be silenced."""
        if self.silence.isVisible():
            self.silence.showMenu()

    # Inside

    def _do(self, what: str, run: Callable[[str, str], Alert]) -> None:
        alert = self.alert
        if alert is None or not alert.open:
            return
        try:
            changed = run(alert.id, self.note.text().strip())
        except ConsoleError as error:
            self._shell.notify(f"It was not {what}. {error.message}", state="warn")
            return
        self.note.clear()
        self._session.acted(f"alert {what}", alert.rule)
        self.show_alert(changed, self._session.clock.now())

    def _build(self) -> None:
        set_role(self, "card")
        set_role(self.title, "head")
        set_role(self.pill, "pill", "idle")
        set_role(self.told, "caption")
        for label in (self.title, self.told, self.parts):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.pill.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.note.setPlaceholderText("A note for the timeline, where there is one to make")
        self.note.setAccessibleName("Note")
        set_role(self.acknowledge, "primary")
        self.acknowledge.setToolTip(with_keys("Nobody is told of it again before it is over (Ctrl+Return)"))
        self.resolve.setToolTip(with_keys("Call it done; it fires again only after it has ceased (Ctrl+Shift+R)"))
        self.silence.setText("Silence   ")
        self.silence.setToolTip(with_keys("Tell nobody of it, nor of the next ones like it, for a while (Ctrl+M)"))
        menu = QMenu(self.silence)
        for seconds, words in SILENCES:
            menu.addAction(f"For {words}", partial(self.keep_silent, seconds))
        menu.addSeparator()
        menu.addAction("End the silence", partial(self.keep_silent, 0.0))
        self.silence.setMenu(menu)
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(self.title, 1)
        top.addWidget(self.pill, 0, Qt.AlignmentFlag.AlignTop)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for button in (self.acknowledge, self.silence, self.resolve):
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        for widget in (self.told, self.parts, self.note):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addWidget(self.links)
        layout.addWidget(self.steps, 1)

    def _show_links(self, alert: Alert) -> None:
        """Buttons to what is behind it."""
        links = alert.links
        if (alert.id, links) == self._links_of:
            return
        self._links_of = (alert.id, links)
        self.links.clear()
        self.buttons = []
        wanted: list[tuple[str, str, Callable[[], object]]] = []
        if not links.job and not links.fingerprint:
            wanted.append(("Graph", "The figures around that time", self._open_graph))
            wanted.append(("Requests", "The requests around that time", self._open_requests))
        wanted += [
            (f"Trace {at}", f"How the request {name} went", partial(self._shell.open, "requests", name))
            for at, name in enumerate(reversed(links.requests[-_TRACES:]), 1)
        ]
        if links.job:
            wanted.append(("Job", "The job and its runs", partial(self._shell.open, "jobs", links.job.split(":")[0])))
            if links.fingerprint:
                wanted[-1] = ("Errors", "The tracked errors", partial(self._shell.open, "jobs", "errors"))
        if links.bench:
            wanted.append(("Run", "The run of the test bench", partial(self._shell.open, "bench", links.bench)))
        if links.provider:
            name = links.provider
            wanted.append((name.capitalize(), "The provider's page", partial(self._shell.open, "providers", name)))
        wanted.append(("Rule", "The rule that found it", partial(self._shell.open, "alerts", f"#rules:{alert.rule}")))
        for words, tip, run in wanted:
            button = QPushButton(words)
            button.setToolTip(tip)
            set_role(button, "chip")
            button.clicked.connect(lambda _=False, run=run: run())
            self.links.add(button)
            button.show()
            self.buttons.append(button)

    def _open_graph(self) -> None:
        if self.alert is not None:
            self._shell.open("overview", self.alert.graph_range(self._session.clock.now()))

    def _open_requests(self) -> None:
        if self.alert is not None:
            asked = self.alert.request_filter(self._session.clock.now())
            self._shell.open(
                "requests",
                Wanted(start=asked.start, end=asked.end, asked=asked.asked, simulated=self.alert.simulated),
            )
