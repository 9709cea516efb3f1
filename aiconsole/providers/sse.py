"""Server-sent events out of bytes, without I/O.

The rules are those of the HTML standard ("Server-sent events", sections "Parsing an event stream" and "Interpreting an
event stream"). Field values stay bytes, because each dialect hands them to a JSON decoder that takes bytes: decoding the
whole stream as UTF-8 first, as the standard says, splits at the same places, since line ends and colons are ASCII.

How it is fast: a read is cut at blank lines by ``bytes.split``; a read that holds nothing but ``data: ...`` events, which
is most of them, becomes a list of events without a Python-level loop. Only an event of an unusual form is read line by line.
"""

from __future__ import annotations

from itertools import repeat
from typing import Final

from aiconsole.domain.errors import MalformedAnswer

ServerSentEvent = tuple[str, bytes]
"""The event's name (``message`` where the stream gives none) and its data, lines joined with LF."""

MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
_MAX_NAMES: Final = 256
_MAX_RETRY_DIGITS: Final = 18
_BOM: Final = b"\xef\xbb\xbf"


class Decoder:
    """Turns a byte stream, cut anywhere, into events.

    Attributes:
        last_event_id: the stream's last ``id``, empty where there was none.
        retry_ms: the reconnection time the stream asked for in ms, None where it asked for none.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_ends_with_lf",
        "_max_event",
        "_names",
        "_parts",
        "_pending",
        "last_event_id",
        "retry_ms",
    )

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self._max_event = max_event_bytes
        self._parts: list[bytes] = []
        self._pending = 0
        self._ends_with_lf = False
        self._after_cr = False
        self._at_start = True
        self._names: dict[bytes, str] = {}

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that ``chunk`` completes, in order; often none.

        Raises:
            MalformedAnswer: one event grew beyond ``max_event_bytes``.
        """
        if self._at_start:
            chunk = self._without_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not chunk:
            return []
        if self._parts:
            if b"\n\n" not in chunk and not (self._ends_with_lf and chunk.startswith(b"\n")):
                return self._keep(chunk)
            self._parts.append(chunk)
            chunk = b"".join(self._parts)
            self._parts.clear()
            self._pending = 0
        end = chunk.rfind(b"\n\n")
        if end < 0:
            return self._keep(chunk)
        if end + 2 < len(chunk):
            self._keep(chunk[end + 2 :])
        return self._events(chunk[:end])

    def end(self) -> bytes:
        """What the stream left unfinished when it ended: empty where it ended between events.

        By the standard an unfinished event is dropped. A caller that knows better (a last ``data: [DONE]`` without its
        blank line) can look at these bytes, in which every line end has become LF. Comments alone leave nothing.
        """
        rest = b"".join(self._parts)
        self._parts.clear()
        self._pending = 0
        if all(not line or line.startswith(b":") for line in rest.split(b"\n")):
            return b""
        return rest

    def _keep(self, chunk: bytes) -> list[ServerSentEvent]:
        self._parts.append(chunk)
        self._ends_with_lf = chunk.endswith(b"\n")
        self._pending += len(chunk)
        if self._pending > self._max_event:
            raise MalformedAnswer(f"One event of the stream is larger than {self._max_event:,} bytes.")
        return []

    def _without_bom(self, chunk: bytes) -> bytes:
        """Drop a byte order mark at the very start, which may come a byte at a time."""
        start = b"".join(self._parts) + chunk
        self._parts.clear()
        self._pending = 0
        if len(start) < len(_BOM) and _BOM.startswith(start):
            if start:
                self._keep(start)
            return b""
        self._at_start = False
        return start.removeprefix(_BOM)

    def _events(self, text: bytes) -> list[ServerSentEvent]:
        """The events of ``text``, which ends where its last blank line begins."""
        if text.startswith(b"data: "):
            datas = text[6:].split(b"\n\ndata: ")
            if text.count(b"\n") == 2 * (len(datas) - 1):
                return list(zip(repeat("message"), datas))
        events: list[ServerSentEvent] = []
        names = self._names
        for block in text.split(b"\n\n"):
            first, found, data = block.partition(b"\ndata: ")
            plain = found and b"\n" not in data
            if plain and (name := names.get(first)):
                events.append((name, data))
            elif not found and b"\n" not in block and block.startswith(b"data: "):
                events.append(("message", block[6:]))
            elif (event := self._event_line_by_line(block)) is not None:
                events.append(event)
                if plain and first.startswith(b"event: ") and b"\n" not in first and len(names) < _MAX_NAMES:
                    names[first] = event[0]
        return events

    def _event_line_by_line(self, block: bytes) -> ServerSentEvent | None:
        """One event by the letter of the standard; None where it carries no data."""
        name = ""
        data: list[bytes] = []
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value.decode("utf-8", "replace")
            elif field == b"id":
                if b"\0" not in value:
                    self.last_event_id = value.decode("utf-8", "replace")
            elif field == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
                self.retry_ms = int(value)
        if not data:
            return None
        return name or "message", b"\n".join(data)
