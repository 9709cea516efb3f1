"""Circuit breakers as the window says them: state, word, time left, and holding or resetting one with a way back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ..domain.events import BreakerState
from .session import Session, Standing
from .shell import Shell
from .theme import State

if TYPE_CHECKING:
    from ..engine import Engine
    from ..routing.breaker import Breaker

Hold = Literal["open", "closed", "reset"]

GLYPHS: Final[dict[BreakerState, State]] = {
    "closed": "ok",
    "half-open": "warn",
    "open": "crit",
    "forced open": "crit",
    "forced closed": "ok",
}
"""The glyph of each state."""

_GRAVITY: Final[tuple[BreakerState, ...]] = ("closed", "forced closed", "half-open", "open", "forced open")
ACTED: Final[dict[Hold, str]] = {"open": "breaker held open", "closed": "breaker held closed", "reset": "breaker reset"}
"""What the person did, as `UserActed` names it. The breaker tells of the change by itself."""

_DONE: Final[dict[Hold, str]] = {"open": "is held open", "closed": "is held closed", "reset": "was reset"}


class Line(msgspec.Struct, frozen=True):
    """One breaker as it stands; ``key`` is ``provider/model`` or the provider's name, ``left_s`` seconds it stays open."""

    key: str
    state: BreakerState
    reason: str = ""
    left_s: float = 0.0

    @property
    def word(self) -> str:
        """The state, and how long it stays so."""
        return f"{self.state}, {wait(self.left_s)} left" if self.left_s > 0 else self.state

    @property
    def glyph(self) -> State:
        return GLYPHS[self.state]


def wait(seconds: float) -> str:
    """A time to wait, such as 12 s or 3 min 5 s."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def line(engine: Engine, key: str) -> Line:
    """The breaker ``key`` as it stands; closed where there is none yet."""
    found = next((breaker for breaker in engine.gate.breakers if breaker.key == key), None)
    return Line(key, "closed") if found is None else _line(found)


def lines(engine: Engine, provider: str) -> tuple[Line, ...]:
    """A provider's breakers: the one for the whole of it, then its models that were asked, by name."""
    models = [breaker for breaker in engine.gate.breakers if breaker.key.startswith(f"{provider}/")]
    return (line(engine, provider), *map(_line, sorted(models, key=lambda breaker: breaker.key)))


def whole(found: Iterable[Line]) -> Standing:
    """How a provider's breakers stand together: the provider's own where it is not closed, else the gravest of its models;
    where only some of these are concerned it says how many."""
    own, *models = found
    if own.state != "closed" or not models:
        return Standing(own.glyph, own.state, _sentence(own))
    gravest = max(models, key=lambda model: _GRAVITY.index(model.state))
    same = [model for model in models if model.state == gravest.state]
    reason = "\n".join(_sentence(model) for model in models if model.state != "closed")
    if len(same) == len(models) or gravest.glyph == "ok":
        return Standing(gravest.glyph, gravest.state, reason)
    return Standing("warn", f"{len(same)} of {len(models)} {gravest.state}", reason)


def standing(session: Session, provider: str) -> Standing:
    """How a provider stands for the strip: what keeps it from being asked at all, else its breakers."""
    state = session.provider(provider)
    general = Standing("idle", "unknown") if state is None else session.standing(state)
    together = whole(lines(session.engine, provider))
    return together if general.state == "ok" or (together.state != "ok" and general.word == "failing") else general


def turn(session: Session, shell: Shell, key: str, how: Hold) -> None:
    """Hold a breaker open or closed, or reset it, and offer the way back."""
    breaker = session.engine.gate.breakers.get(key)
    before = breaker.snapshot()
    {"open": breaker.force_open, "closed": breaker.force_closed, "reset": breaker.reset}[how]()
    session.acted(ACTED[how], key)
    session.changed.emit()

    def undo() -> None:
        breaker.restore(before)
        session.changed.emit()

    shell.notify(f"The breaker of {key} {_DONE[how]}.", action="Undo", run=undo)


def _line(breaker: Breaker) -> Line:
    return Line(breaker.key, breaker.state, breaker.reason, breaker.left_s)


def _sentence(one: Line) -> str:
    return f"{one.key}: {one.word}" + (f" ({one.reason})" if one.reason else "")
