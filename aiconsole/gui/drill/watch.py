"""One drill at a time, run apart and watched, whichever panel is open."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from PySide6.QtCore import QObject, Signal

from ...drill.apart import Plan, apart
from ..shell import Shell
from .seen import Seen


class Watch(QObject):
    """``changed()`` when more was seen, ``ended()`` when the drill is over, however it ended."""

    changed = Signal()
    ended = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._stop = asyncio.Event()
        self.seen = Seen()
        self.running = False

    @property
    def title(self) -> str:
        """What is drilled."""
        began = self.seen.began
        return "" if began is None else f"{began.scenario}, {began.arm}" if began.arm else began.scenario

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self.running and self._stop.is_set()

    @property
    def progress(self) -> float:
        """How far it is, 0 to 1."""
        began = self.seen.began
        return 0.0 if began is None else min(1.0, self.seen.now_s / began.duration_s)

    def start(self, plan: Plan) -> None:
        """Run a drill; one that runs goes on instead."""
        if self.running:
            return
        self.running, self.seen, self._stop = True, Seen(), asyncio.Event()
        self.changed.emit()
        self._shell.start(self._run(plan), failed="The drill did not come to its end")

    def stop(self) -> None:
        """End the drill early; what was seen until then is summed up."""
        self._stop.set()

    async def _run(self, plan: Plan) -> None:
        try:
            async with aclosing(apart(plan, stop=self._stop)) as batches:
                async for batch in batches:
                    for step in batch:
                        self.seen.add(step)
                    self.changed.emit()
        finally:
            self.running = False
            self.ended.emit()
