"""One streamed answer being read: bytes in, what they mean for the person watching out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from aiconsole.domain.chat import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta, Warned
from aiconsole.domain.errors import MalformedAnswer, ProviderError
from aiconsole.domain.messages import ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.base import Answer, StreamReader
from aiconsole.providers.sse import Decoder

_TOKENS: Final = frozenset({TextDelta, ReasoningDelta, ToolCallDelta})
_FIRST_BYTES: Final = 2048
_BATCH_BYTES: Final = 65_536
SKIPPED: Final = "One event of the stream was unreadable and was skipped."


class Reading(Protocol):
    """Takes an answer's bytes as they come.

    ``begun`` tells whether a token has been seen, ``over`` whether nothing more needs to be read. ``batches`` gives what a
    read means in portions, the first a small one, so that neither the first token nor anybody else waits for a long read to
    be worked off. It never raises: an error inside the stream is kept until the events before it are handed on; then
    ``over`` is True and ``finish`` raises.
    """

    begun: bool
    over: bool

    @property
    def raw(self) -> bytes | None: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def batches(self, chunk: bytes) -> Iterator[list[StreamEvent]]: ...

    def close(self) -> list[StreamEvent]: ...

    def finish(self) -> Answer: ...


class WholeReading:
    """A whole answer in one JSON object, handed on as the deltas that a stream would have brought."""

    warnings: tuple[str, ...] = ()

    def __init__(self, read: Callable[[bytes], Answer], *, keep_raw: bool) -> None:
        self.begun = False
        self.over = False
        self._read = read
        self._keep_raw = keep_raw
        self._chunks: list[bytes] = []
        self._answer: Answer | None = None

    @property
    def raw(self) -> bytes | None:
        return b"".join(self._chunks) if self._keep_raw else None

    def batches(self, chunk: bytes) -> Iterator[list[StreamEvent]]:
        self._chunks.append(chunk)
        self.begun = True
        return iter(())

    def close(self) -> list[StreamEvent]:
        return as_deltas(self.finish())

    def finish(self) -> Answer:
        if self._answer is None:
            self._answer = self._read(b"".join(self._chunks))
        return self._answer


class EventReading:
    """Feeds a dialect's reader from a stream of server-sent events.

    One unreadable event is skipped and noted, since a stream that otherwise completes is still an answer; a second one ends
    the stream, and so does an error that the provider itself reports (it has a status).
    """

    def __init__(self, reader: StreamReader, *, keep_raw: bool) -> None:
        self.begun = False
        self.over = False
        self._reader = reader
        self._decoder = Decoder()
        self._raw: list[bytes] | None = [] if keep_raw else None
        self._skipped: MalformedAnswer | None = None
        self._error: ProviderError | None = None

    @property
    def raw(self) -> bytes | None:
        """The data of all events so far, joined by newlines, where they are kept."""
        return None if self._raw is None else b"\n".join(self._raw)

    @property
    def warnings(self) -> tuple[str, ...]:
        return () if self._skipped is None else (SKIPPED,)

    def batches(self, chunk: bytes) -> Iterator[list[StreamEvent]]:
        if len(chunk) <= _FIRST_BYTES:
            yield self._take(chunk)
            return
        start = 0
        while start < len(chunk) and not self.over:
            end = start + (_BATCH_BYTES if self.begun else _FIRST_BYTES)
            yield self._take(chunk[start:end])
            start = end

    def _take(self, chunk: bytes) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        feed = self._reader.feed
        try:
            for name, data in self._decoder.feed(chunk):
                if self._raw is not None:
                    self._raw.append(data)
                try:
                    found += feed(name, data)
                except MalformedAnswer as error:
                    if self._skipped is not None or error.status is not None:
                        raise
                    self._skipped = error
                    found.append(Warned(SKIPPED))
        except ProviderError as error:
            self._error = error
        except Exception as fault:
            self._error = unreadable(fault)
        self.over = self._error is not None or self._reader.done
        if not self.begun:
            self.begun = any(type(event) in _TOKENS for event in found)
        return found

    def close(self) -> list[StreamEvent]:
        """What the unfinished rest of a stream that has ended means: servers exist that leave out the last blank line, and
        Gemini reports a failure as a bare JSON object (seen in public reports, vercel/ai issue 5217)."""
        rest = b"" if self.over else self._decoder.end()
        found: list[StreamEvent] = []
        bare = rest.lstrip().startswith(b"{")
        try:
            for name, data in [("message", rest)] if bare else Decoder().feed(rest + b"\n\n"):
                found += self._reader.feed(name, data)
        except ProviderError as error:
            if error.status is not None:
                self._error = error
        return found

    def finish(self) -> Answer:
        """The whole answer.

        Raises:
            ProviderError: the stream reported an error, or ended before its answer was complete.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._reader.finish()
        except ProviderError:
            if self._skipped is not None:
                raise self._skipped from None
            raise


def unreadable(fault: Exception) -> MalformedAnswer:
    """The error for a dialect that stumbled over what the provider sent."""
    error = MalformedAnswer(f"The answer could not be read ({type(fault).__name__}: {fault}).")
    error.__cause__ = fault
    return error


def as_deltas(answer: Answer) -> list[StreamEvent]:
    """A whole answer as deltas, one a part."""
    deltas: list[StreamEvent] = []
    calls = 0
    for part in answer.content:
        if isinstance(part, TextPart):
            deltas.append(TextDelta(part.text))
        elif isinstance(part, ReasoningPart) and part.text:
            deltas.append(ReasoningDelta(part.text))
        elif isinstance(part, ToolCallPart):
            deltas.append(ToolCallDelta(calls, part.id, part.name, part.arguments))
            calls += 1
    return deltas
