"""What a console and a meeting place say to each other, as JSON. Fields and frames that are not known are left out."""

from __future__ import annotations

from typing import Final

import msgspec

PROTOCOL: Final = 1


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """A console comes. ``have`` is the last sequence it has of each other origin; ``joined`` whether it was here before in this
    run, so that an origin it does not know is news to it from its first event on."""

    origin: str
    have: dict[str, int]
    joined: bool = False
    protocol: int = PROTOCOL


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The answer to `Hello`. ``have`` is the last sequence known here of the console's own events; ``start`` says, for each
    origin it did not name, after which sequence its events will come."""

    have: int
    start: dict[str, int]


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """An event of an origin, or (``body`` is null) all from ``first`` to ``last``, which can no longer be had. ``version`` is
    that of the events."""

    first: int
    last: int
    version: int
    body: msgspec.Raw

    @property
    def gap(self) -> bool:
        return bytes(self.body) == b"null"


class Events(msgspec.Struct, frozen=True, tag="events"):
    """Entries of one origin, one after the other."""

    origin: str
    entries: list[Entry]


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """Everything of ``origin`` up to ``sequence`` has come. Said after each `Events`, so that one that left a hole is answered
    with the same number again."""

    origin: str
    sequence: int


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A sign of life; the meeting place answers with its own."""


class Bye(msgspec.Struct, frozen=True, tag="bye"):
    """The connection ends; ``permanent`` as in `Ends.lost`."""

    reason: str = ""
    permanent: bool = False


Frame = Hello | Welcome | Events | Ack | Beat | Bye

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Frame]] = msgspec.json.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    """A frame as JSON in UTF-8."""
    return _encoder.encode(frame)


def decode(data: bytes) -> Frame:
    """The frame in ``data``.

    Raises:
        msgspec.DecodeError: it is none, or one that is not known here.
    """
    return _decoder.decode(data)


def gap(first: int, last: int) -> Entry:
    """Tells that events can no longer be had."""
    return Entry(first, last, 0, msgspec.Raw(b"null"))
