"""What the status strip says: the providers' breakers or what is amiss, the figures of the moment and the heart.

It follows the live state, ten times a second at most and not at all while nothing changes; the heart follows its beats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from ..domain.events import AlertChanged, HeartChanged, HeartState, LinkChanged, LinkState
from .breakers import standing
from .figures import latency
from .session import Session
from .shell import Shell
from .strip import ChipState
from .theme import State

if TYPE_CHECKING:
    from ..engine import Engine

HZ: Final = 10.0
_HEART: Final[dict[HeartState, State]] = {"alive": "ok", "late": "warn", "stopped": "crit"}
_LINKS: Final[dict[LinkState, State]] = {
    "off": "ok",
    "connecting": "warn",
    "connected": "ok",
    "late": "warn",
    "reconnecting": "warn",
    "failed": "crit",
}


def heart_of(engine: Engine) -> tuple[State, str, str]:
    """What the heart shows: the glyph, a word, and a sentence for its tooltip. The event loop's trouble goes first."""
    pulse, links = engine.heartbeat.pulse(), engine.links
    lag = f"The event loop is {pulse.state}, its last beat {latency(pulse.lag_ms)} late."
    if pulse.state != "alive":
        return _HEART[pulse.state], pulse.state, lag
    if links.state == "off":
        return "ok", "local", f"{lag} No other console is linked."
    reasons = [f"{link.name}: {link.state}" + (f", {link.reason}" if link.reason else "") for link in links.status()]
    return _LINKS[links.state], links.state, "\n".join([lag, *reasons])


class StripFeed(QObject):
    """Feeds the strip of ``shell`` from a session, once there is one."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._session: Session | None = None
        self._leave: tuple[Callable[[], None], ...] = ()

    def follow(self, session: Session) -> None:
        """Feed from ``session`` from now on."""
        self._session = session
        engine = session.engine
        session.changed.connect(self.refresh)
        self._leave = (
            engine.live.watch(lambda _: self.refresh(), hz=HZ),
            engine.heartbeat.on_beat(self.refresh_heart),
            engine.bus.coalesced(self.refresh_heart, HeartChanged, LinkChanged, hz=HZ),
            engine.bus.coalesced(self.refresh_alerts, AlertChanged, hz=HZ),
        )
        self.refresh()
        self.refresh_alerts()
        self.refresh_heart()

    def stop(self) -> None:
        """Leave the strip as it is."""
        for leave in self._leave:
            leave()
        self._leave = ()
        if self._session is not None:
            self._session.changed.disconnect(self.refresh)
            self._session = None

    def refresh(self) -> None:
        """Say how providers and figures stand now."""
        session = self._session
        if session is None:
            return
        strip, engine = self._shell.strip, session.engine
        strip.set_simulated(engine.demo)
        chips = []
        for state in engine.providers():
            stands = standing(session, state.name)
            chips.append(ChipState(state.name, state.label, stands.state, stands.word, tip=stands.reason))
        strip.set_providers(chips)
        live = engine.live.state()
        traffic = live.simulated if engine.demo else live.real
        strip.set_figures(traffic.requests_per_min, traffic.error_rate, traffic.spend_usd)

    def refresh_heart(self) -> None:
        """Say how the heart is now, and whether what happens can be kept."""
        if self._session is not None:
            strip, engine = self._shell.strip, self._session.engine
            strip.set_heart(*heart_of(engine))
            if (unwritten := engine.unwritten) is None:
                strip.set_unsaved("")
            else:
                error, waiting = unwritten
                strip.set_unsaved(f"{error.message} {error.advice} {waiting:,} events wait in memory.")

    def refresh_alerts(self) -> None:
        """Say how many alerts fire now."""
        alerts = None if self._session is None else self._session.engine.alerts
        firing = [alert for alert in alerts.current() if alert.state == "firing"] if alerts is not None else []
        worst: State = "crit" if any(alert.severity == "critical" for alert in firing) else "warn"
        self._shell.strip.set_alerts(len(firing), worst, "\n".join(alert.summary for alert in firing))
