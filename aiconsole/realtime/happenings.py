"""What the routing did lately: switches, answers that went on elsewhere, rules that fired, hedges. The newest 200 are kept."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import msgspec

from aiconsole.domain.chat import Continued
from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event, Hedged, RuleFired, Switched

MOST: Final = 200

What = Literal["switch", "continued", "rule", "hedge"]


class Happening(msgspec.Struct, frozen=True):
    """``at`` in epoch seconds; ``route`` "" where the event does not name one; ``subject`` says between whom or to whom."""

    at: float
    what: What
    route: str
    subject: str
    reason: str


class Happenings:
    """Give ``add`` to the bus. ``revision`` grows with each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Happening] = deque(maxlen=MOST)
        self.revision = 0

    def add(self, event: Event) -> None:
        """Take what concerns the routing; anything else is let go."""
        happening = self._of(event)
        if happening is not None:
            self._kept.appendleft(happening)
            self.revision += 1

    def newest_first(self) -> tuple[Happening, ...]:
        """All that is kept."""
        return tuple(self._kept)

    def _of(self, event: Event) -> Happening | None:
        if isinstance(event, Switched):
            when = "in the middle of the answer, " if event.mid_stream else ""
            when += f"{event.error_kind}: " if event.error_kind else ""
            return Happening(
                event.at, "switch", event.route, f"{event.before} → {event.after}", f"{when}{event.reason}"
            )
        if isinstance(event, Continued):
            how = "began anew" if event.mode == "restart" else f"went on after {event.at_chars:,} characters"
            reason = f"{how} ({event.error_kind})" if event.error_kind else how
            subject = f"{event.after} → {event.provider}/{event.model}"
            return Happening(self._clock.now(), "continued", "", subject, reason)
        if isinstance(event, RuleFired):
            action = event.action if event.holds else "ceased to hold"
            return Happening(event.at, "rule", event.route, event.subject, f"“{event.rule}”: {action}, {event.reason}")
        if isinstance(event, Hedged):
            return Happening(event.at, "hedge", event.route, f"{event.first} + {event.second}", _hedge_words(event))
        return None


def _hedge_words(event: Hedged) -> str:
    won = f"{event.winner} was first" if event.winner else "neither answered"
    cost = f", about ${event.extra_usd:.2g} more" if event.extra_usd else ""
    return f"asked as well after {event.after_ms:.0f} ms, {won}{cost}"
