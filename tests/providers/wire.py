"""The recorded exchanges as test data, and a server that answers with one of them over a real socket.

`recordings` reads ``../shared/wire``. `ReplayServer` serves a recorded answer read by read as it was recorded (``chunks``)
or whole, and keeps what it was sent. Each dialect's ``express_*.py`` turns a recorded request into our own types and reads
from the recorded answer, by plain JSON walking, what the adapter has to report.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import Extra

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "wire"


@dataclass(frozen=True)
class Recording:
    """One recorded exchange; ``name`` is ``provider/file stem``, ``body`` the answer's bytes."""

    name: str
    provider: str
    method: str
    url: str
    request_body: Any
    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes
    chunks: tuple[int, ...]
    reserialised: bool

    @property
    def path(self) -> str:
        """Path and query of the URL, without host and fragment."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def streamed(self) -> bool:
        """Whether the answer is a stream of server-sent events, going by the body where the header was dropped."""
        return (
            "event-stream" in self.content_type
            or self.body.lstrip()[:6] in (b"data: ", b"event:")
            or self.body[:1] == b":"
        )


class CannotExpress(Exception):
    """A recorded request that our types do not cover; the reason is one of the dialect's documented exceptions."""


@dataclass(frozen=True)
class Expressed:
    """A recorded request in our terms. ``request`` is None for a model list, and for texts to embed (``texts``)."""

    kind: Literal["chat", "stream", "models", "count", "embed"]
    request: ChatRequest | None = None
    texts: Texts | None = None


@dataclass(frozen=True)
class Texts:
    """A recorded request for vectors of texts."""

    model: str
    texts: tuple[str, ...]
    extra: Extra | None = None


@dataclass(frozen=True)
class Expected:
    """What the adapter has to report for a recorded answer; a field that is `...` is not compared.

    ``usage`` holds the names of `Usage` with their numbers, None meaning that the provider gave none.
    """

    text: Any = ...
    reasoning: Any = ...
    tool_calls: Any = ...  # list of (name, arguments as parsed JSON)
    finish_reason: Any = ...
    raw_finish_reason: Any = ...
    usage: Mapping[str, int | None] | Any = ...
    cost_usd: Any = ...
    model: Any = ...
    response_id: Any = ...
    request_id: Any = ...
    rate_limits: Any = ...  # list of (kind, window, limit, remaining)
    error_kind: str | None = None
    error_message: Any = ...  # a text the message must contain
    error_status: Any = ...
    retry_after: Any = ...
    model_ids: Any = ...  # of a model list, in order
    tokens: Any = ...  # of a count


@lru_cache
def recordings(provider: str = "*") -> tuple[Recording, ...]:
    """All recordings of a provider (all of all by default), in the order of their names; none where the folder is absent."""
    return tuple(_read(path) for path in sorted(FOLDER.glob(f"{provider}/*.json")))


def _read(path: Path) -> Recording:
    data = json.loads(path.read_text(encoding="utf-8"))
    request, response = data["request"], data["response"]
    return Recording(
        name=f"{path.parent.name}/{path.stem}",
        provider=data["provider"],
        method=request["method"],
        url=request["url"],
        request_body=request.get("body"),
        status=response["status"],
        headers=response["headers"],
        content_type=response.get("content_type") or response["headers"].get("content-type", ""),
        body=response["body"].encode() if response["body"] else b"",
        chunks=tuple(response.get("chunks") or ()),
        reserialised=bool(response.get("body_reserialised")),
    )


@dataclass
class Received:
    """What a replay server was sent."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class ReplayServer:
    """Answers every request with one recording, on a loopback port."""

    def __init__(self, recording: Recording, pieces: tuple[int, ...] = ()) -> None:
        self.recording = recording
        self.received: list[Received] = []
        self._pieces = pieces or recording.chunks

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, recording: Recording, pieces: tuple[int, ...] = ()) -> AsyncIterator[tuple[ReplayServer, str]]:
        """Yield the server and its base ``http://127.0.0.1:port``. ``pieces`` are byte lengths of the single writes."""
        server = cls(recording, pieces)
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(server._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        listener = await asyncio.start_server(connected, "127.0.0.1", 0)
        try:
            yield server, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                self.received.append(request)
                await self._answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        recording = self.recording
        kept = {
            name: value
            for name, value in recording.headers.items()
            if name not in ("content-length", "transfer-encoding", "content-encoding", "connection")
            and value.isascii()
            and "\n" not in value
        }
        kept.setdefault("content-type", recording.content_type or _guess_type(recording))
        head = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
        writer.write(f"HTTP/1.1 {recording.status} Recorded\r\n{head}transfer-encoding: chunked\r\n\r\n".encode())
        for piece in _cut(recording.body, self._pieces):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _guess_type(recording: Recording) -> str:
    return "text/event-stream" if recording.streamed else "application/json"


def _cut(body: bytes, pieces: tuple[int, ...]) -> list[bytes]:
    cut, start = [], 0
    for length in pieces:
        if length > 0 and start < len(body):
            cut.append(body[start : start + length])
            start += length
    if start < len(body):
        cut.append(body[start:])
    return cut


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    first = await reader.readline()
    if not first:
        return None
    method, target, _ = first.decode("ascii").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)
