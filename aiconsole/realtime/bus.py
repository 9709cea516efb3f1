"""The event bus: what happened leaves the path of a request sideways, and no listener can slow or break it.

Publishing calls each listener at once, in the loop's thread, in the order of subscription. A listener must be quick (put it
away, draw later); one that raises is logged once and goes on being called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiconsole.domain.events import Event

_log = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class Bus:
    """Hands each published event to all who subscribed."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._faulty: set[Listener] = set()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with each event from now on; the callable returned ends that."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(kept for kept in self._listeners if kept is not listener)
            self._faulty.discard(listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand ``event`` to every listener. Never raises."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                if listener not in self._faulty:
                    self._faulty.add(listener)
                    _log.exception("A listener of the event bus failed; further faults of it are not logged.")
