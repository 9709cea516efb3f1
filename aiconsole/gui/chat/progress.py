"""What is known of an answer only from having seen it come."""

from __future__ import annotations

import time

from ...domain.chat import Continued, Failed, ReasoningDelta, Started, StreamEvent, TextDelta, ToolCallDelta


class Progress:
    """Who answers, who failed before, and how long it thought."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []
        self.started: Started | None = None
        self.thinking_since: float | None = None
        self.thought_s: float | None = None

    def take(self, event: StreamEvent) -> None:
        if isinstance(event, ReasoningDelta):
            if self.thinking_since is None:
                self.thinking_since = time.monotonic()
        elif isinstance(event, TextDelta | ToolCallDelta):
            if self.thinking_since is not None and self.thought_s is None:
                self.thought_s = time.monotonic() - self.thinking_since
        elif isinstance(event, Started):
            self.started = event
        elif isinstance(event, Failed):
            self.failed.append((event.provider, event.error.kind))
        elif isinstance(event, Continued):
            broken = (event.after.partition("/")[0], event.error_kind or "broke off")
            if broken not in self.failed:
                self.failed.append(broken)
