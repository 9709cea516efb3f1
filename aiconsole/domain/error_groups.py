"""Errors as they are tracked: grouped by what they have in common, with when they came and what to make of that."""

from __future__ import annotations

from typing import Literal

import msgspec

ErrorSource = Literal["provider", "console"]
ErrorTurn = Literal["new", "regression", "spike"]


class ErrorSeen(msgspec.Struct, frozen=True):
    """How often one kind of error came in a stretch of time. ``fingerprint`` is the same for errors that differ only in ids,
    numbers and the like; ``sample`` is a request's id, or the last lines of a traceback. Times in epoch seconds."""

    fingerprint: str
    source: ErrorSource
    kind: str
    words: str
    first: float
    last: float
    count: int = 1
    provider: str = ""
    model: str = ""
    status: int | None = None
    sample: str = ""


class ErrorGroup(msgspec.Struct, frozen=True):
    """All errors of one fingerprint since it was first seen. ``resolved_at`` is when a person called it done."""

    fingerprint: str
    source: ErrorSource
    kind: str
    provider: str
    model: str
    status: int | None
    words: str
    sample: str
    count: int
    first_seen: float
    last_seen: float
    resolved_at: float | None = None


class ErrorFinding(msgspec.Struct, frozen=True):
    """Something about a group that a person should know: it is new, came back after it was gone, or comes far more often than
    it did (``in_hour`` against ``usual`` an hour)."""

    turn: ErrorTurn
    group: ErrorGroup
    in_hour: int
    usual: float = 0.0

    @property
    def words(self) -> str:
        whom = "/".join(part for part in (self.group.provider, self.group.model) if part) or "the console"
        what = f"“{self.group.kind}” from {whom}: {self.group.words}"
        if self.turn == "new":
            return f"A new error, {what}"
        if self.turn == "regression":
            return f"An error is back, {what}"
        return f"An error comes {self.in_hour} times an hour instead of {self.usual:.1f}, {what}"
