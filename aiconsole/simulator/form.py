"""What a dialect of the simulator is: it reads requests into an ``Ask`` and writes answers, streams and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from aiconsole.simulator.behaviour import FaultKind
from aiconsole.simulator.catalogue import SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.embedding import Texts, Vectors
from aiconsole.simulator.limits import Headroom, Refusal
from aiconsole.simulator.talk import Answer, Ask, Counts

Headers = dict[str, str]

_MARK = "\x00mark\x00"
_QUOTED_MARK = msgspec.json.encode(_MARK)


class Exchange(msgspec.Struct, frozen=True):
    """Facts about one exchange that answers and headers carry: ids come from ``dice``, ``created`` is epoch seconds."""

    serial: int
    dice: Dice
    created: float
    request_id: str


class Fault(msgspec.Struct, frozen=True):
    """An error to show: its kind, and what its text may name."""

    kind: FaultKind
    model: str = ""
    message: str = ""
    status: int = 500
    tokens: int = 0
    limit: int = 0
    method: str = ""
    refusal: Refusal = Refusal()
    key_given: bool = True

    @property
    def retry_after(self) -> float | None:
        return self.refusal.retry_after


class Reply(msgspec.Struct, frozen=True):
    """A whole HTTP answer."""

    status: int
    headers: Headers
    body: bytes


class Script(msgspec.Struct, frozen=True):
    """A stream before it is sent.

    ``head`` goes out at once, ``opening`` when the first token is due, then ``events`` (of ``weights`` tokens each, one where
    None), ``closing`` with the last of them. ``end`` is what ends an event (line ends included).
    """

    opening: bytes
    events: list[bytes]
    closing: bytes
    weights: list[int] | None = None
    head: bytes = b""
    end: bytes = b"\n\n"


class Target(msgspec.Struct, frozen=True):
    """What a path asks for; ``model`` where the path itself names one."""

    action: Literal["chat", "models", "model", "count", "key", "embed"]
    model: str | None = None
    stream: bool | None = None
    sse: bool = True


class Form(Protocol):
    """One provider's dialect."""

    name: str
    base_path: str
    json_type: str
    public_models: bool

    def target(self, method: str, path: str, query: str) -> Target | None:
        """What a path below the provider's prefix asks for, or None where it has no such path."""
        ...

    def key(self, headers: Mapping[str, str], query: str) -> str | None:
        """The key the request carries in the provider's own header, or None."""
        ...

    def read(self, target: Target, body: dict[str, Any], headers: Mapping[str, str]) -> Ask:
        """The request in our terms.

        Raises:
            BadBody: the provider would refuse the body.
        """
        ...

    def exchange(self, seed: int, serial: int, now: float) -> Exchange: ...

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        """Request id and rate-limit headers of an answer."""
        ...

    def stream_headers(self) -> Headers: ...

    def whole(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> bytes: ...

    def script(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> Script: ...

    def error(self, fault: Fault, exchange: Exchange) -> Reply: ...

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        """How an overload shows once a stream has begun with status 200."""
        ...

    def refusal_is_answer(self) -> bool:
        """Whether a refused content comes as an answer (status 200) rather than as an error."""
        ...

    def models(self) -> bytes: ...

    def model(self, model: SimModel) -> bytes | None: ...

    def count(self, ask: Ask) -> bytes: ...

    def about_key(self) -> bytes:
        """What the provider tells about the key, for a target ``key``."""
        ...

    def texts(self, target: Target, body: dict[str, Any]) -> Texts:
        """What a target ``embed`` asks for.

        Raises:
            BadBody: the provider would refuse the body.
        """
        ...

    def vectors(self, made: Vectors, exchange: Exchange) -> bytes:
        """The answer to a target ``embed``."""
        ...


class Template:
    """An encoded event with holes (``HOLE`` as a text of its own): made once a stream, filled once a token."""

    def __init__(self, data: bytes) -> None:
        self._parts = data.split(_QUOTED_MARK)

    def fill(self, text: str) -> bytes:
        return msgspec.json.encode(text).join(self._parts)

    def fill_all(self, texts: list[str]) -> list[bytes]:
        encode_text = msgspec.json.encode
        if len(self._parts) == 2:
            before, after = self._parts
            return [before + encode_text(text) + after for text in texts]
        parts = self._parts
        return [encode_text(text).join(parts) for text in texts]


HOLE = _MARK


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def event(value: Any, name: str | None = None) -> bytes:
    """One server-sent event with JSON data."""
    data = b"data: " + encode(value) + b"\n\n"
    return data if name is None else b"event: " + name.encode() + b"\n" + data


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of an ``Authorization: Bearer`` header, or None."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def gateway_page(status: int) -> Reply:
    """A proxy's own page, as it comes where no provider's JSON does."""
    title = {502: "502 Bad Gateway", 504: "504 Gateway Time-out"}.get(status, f"{status} Error")
    body = f"<center><h1>{title}</h1></center>"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n{body}\r\n</body>\r\n</html>\r\n"
    return Reply(status, {"Content-Type": "text/html"}, page.encode())


def retry_header(seconds: float | None) -> Headers:
    """``retry-after`` in whole seconds, rounded up, or nothing."""
    return {} if seconds is None else {"retry-after": str(max(1, int(seconds) + (seconds % 1 > 0)))}
