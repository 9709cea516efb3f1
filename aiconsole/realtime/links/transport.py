"""The seam: what brings frames to a meeting place of consoles and back."""

from __future__ import annotations

from typing import Protocol


class Ends(Protocol):
    """What a transport tells the link about one connection, always in the loop's thread and never from within a call of the
    link's. After ``lost`` it tells nothing more."""

    def opened(self) -> None:
        """Frames can be sent now."""

    def received(self, data: bytes) -> None:
        """A frame came. Order and completeness are welcome but not needed."""

    def lost(self, reason: str, *, permanent: bool = False) -> None:
        """The connection is over; ``reason`` in words for the person. ``permanent`` where another try is useless until the
        person changes something, such as a password that is refused."""


class Connection(Protocol):
    """One connection, from `Transport.connect` until it is closed or lost."""

    def send(self, data: bytes) -> bool:
        """Take a frame, without waiting. False where no more fit now: the link keeps it and tries again later."""

    def close(self) -> None:
        """End it; nothing is told after that."""


class Transport(Protocol):
    """A way to a meeting place. ``name`` says which one, in a word or two, for the person."""

    @property
    def name(self) -> str: ...

    def connect(self, ends: Ends) -> Connection:
        """Begin to connect, without waiting, and tell ``ends`` what comes of it. May raise OSError."""
