"""The SSE decoder against a slow reading of the HTML standard, and against the recorded streams."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aiconsole.domain.errors import MalformedAnswer
from aiconsole.providers.sse import Decoder, ServerSentEvent


class Reference:
    """The standard's text step by step over the whole stream: decode, cut into lines, interpret each line."""

    def __init__(self, stream: bytes) -> None:
        text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
        self.events: list[tuple[str, str]] = []
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self.name, self.data, self.identifier = "", "", ""
        line = ""
        position = 0
        while position < len(text):
            character = text[position]
            position += 1
            if character == "\r" and text[position : position + 1] == "\n":
                position += 1
            if character in "\r\n":
                self.line(line)
                line = ""
            else:
                line += character

    def line(self, line: str) -> None:
        if line == "":
            self.dispatch()
        elif line.startswith(":"):
            pass
        elif ":" in line:
            field, _, value = line.partition(":")
            self.field(field, value[1:] if value.startswith(" ") else value)
        else:
            self.field(line, "")

    def field(self, field: str, value: str) -> None:
        if field == "event":
            self.name = value
        elif field == "data":
            self.data += value + "\n"
        elif field == "id" and "\0" not in value:
            self.identifier = value
        elif field == "retry" and value and all(digit in "0123456789" for digit in value):
            self.retry_ms = int(value)

    def dispatch(self) -> None:
        self.last_event_id = self.identifier
        if self.data:
            self.events.append((self.name or "message", self.data.removesuffix("\n")))
        self.name = self.data = ""


def decode(stream: bytes, sizes: list[int] | None = None) -> tuple[Decoder, list[ServerSentEvent]]:
    """Feed ``stream`` in reads of ``sizes`` (then over again), or whole."""
    decoder = Decoder()
    events = []
    position, turn = 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)] if sizes else len(stream)
        events += decoder.feed(stream[position : position + size])
        position += size
        turn += 1
    return decoder, events


LINES = b"data: |data:|data|event: |event:|id: |id:|retry: |retry:|:|: ping|other: |data: {}\n\n|event: a\ndata: {}\n\n".split(
    b"|"
)
ENDS = [b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"\r\r"]
VALUES = [
    b" ",
    b"\0",
    b"x",
    b"12",
    b'{"a":1}',
    b"message",
    "é€😀".encode(),
    b"\xef\xbb\xbf",
    b"\xef",
    b"\xbb",
    b"\xbf",
    b"\xe2\x82",
    b"\xff",
]
PIECES = st.sampled_from([*LINES, *ENDS, *VALUES])
STREAMS = st.one_of(st.lists(PIECES, max_size=40).map(b"".join), st.binary(max_size=60))


@settings(max_examples=600, deadline=None)
@given(stream=STREAMS, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6))
@example(stream=b"\xef\xbb\xbfdata: a\r\n\r\ndata: b\r\r", sizes=[1])
@example(stream=b"event: a\ndata: x\nevent: b\n\nevent: a\ndata: y\n\n", sizes=[100])
@example(stream=b"id: 1\ndata: x\n\nid: 2\n\nid: 3\ndata: y\n", sizes=[3])
def test_any_cut_of_any_stream_gives_the_events_of_the_standard(stream: bytes, sizes: list[int]) -> None:
    expected = Reference(stream)
    decoder, events = decode(stream, sizes)
    # Only a line feed that follows the last byte could still change a carriage return at the end; nothing follows.
    assert [(name, data.decode("utf-8", "replace")) for name, data in events] == expected.events
    assert decoder.last_event_id == expected.last_event_id
    assert decoder.retry_ms == expected.retry_ms


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", b"YHOO\n+2\n10")]),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
         [("message", b"first event"), ("message", b"second event"), ("message", b" third event")]),
        (b"data\n\ndata\ndata\n\ndata:", [("message", b""), ("message", b"\n")]),
        (b"data:test\n\ndata: test\n\n", [("message", b"test"), ("message", b"test")]),
        (b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n", [("add", b"73857293"), ("remove", b"2153")]),
        (b"event: ping\n\ndata: x\n\n", [("message", b"x")]),
    ],
)  # fmt: skip
def test_the_examples_of_the_standard(stream: bytes, events: list[ServerSentEvent]) -> None:
    assert decode(stream)[1] == events
    assert decode(stream, [1])[1] == events


@pytest.mark.parametrize(
    ("stream", "rest"),
    [
        (b"data: a\n\n", b""),
        (b"data: a\n\n: ping\n", b""),
        (b"data: a\r\n\r\n\r\n", b""),
        (b'data: a\n\ndata: {"text": "bro', b'data: {"text": "bro'),
        (b"data: a\n\ndata: [DONE]\r\n", b"data: [DONE]\n"),
    ],
)
def test_the_end_tells_whether_an_event_was_cut(stream: bytes, rest: bytes) -> None:
    for sizes in ([1], [4], None):
        decoder, events = decode(stream, sizes)
        assert events == [("message", b"a")]
        assert decoder.end() == rest


def test_an_event_is_given_as_soon_as_its_blank_line_begins() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r\n\r") == [("message", b"a")]
    assert decoder.feed(b"\ndata: b\n\n") == [("message", b"b")]


def test_an_event_beyond_the_limit_is_refused() -> None:
    decoder = Decoder(max_event_bytes=1000)
    decoder.feed(b"data: " + b"x" * 900)
    with pytest.raises(MalformedAnswer, match="larger than 1,000 bytes"):
        decoder.feed(b"x" * 200)


def test_a_huge_event_in_small_reads_costs_linear_time() -> None:
    def seconds(size: int) -> float:
        stream = b"data: " + b"x" * size + b"\n\n"
        started = time.process_time()
        _, events = decode(stream, [100])
        assert len(events[0][1]) == size
        return time.process_time() - started

    small, large = min(seconds(400_000) for _ in range(3)), min(seconds(3_200_000) for _ in range(3))
    assert large < 8 * small * 3


def test_recorded_streams_decode_alike_however_they_are_cut(wire_folder: Path) -> None:
    streams = 0
    for file in sorted(wire_folder.glob("*/*stream*.json")):
        response = json.loads(file.read_bytes())["response"]
        body = response["body"]
        if not isinstance(body, str) or not body.lstrip().startswith(("data:", "event:", ":")):
            continue
        streams += 1
        raw = body.encode()
        _, whole = decode(raw)
        assert whole
        for _, data in whole:
            if data != b"[DONE]":
                json.loads(data)
        cuts = response.get("chunks") or [7, 1, 64]
        assert decode(raw, cuts)[1] == whole, file.name
    assert streams > 50
