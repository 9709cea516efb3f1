"""One HTTP exchange on one connection: send, wait for the head, read the body, and leave at any moment.

Works on aiohttp's `Connection` and the parser behind it. An exchange ends in exactly one of two ways: `finish`, after the
answer was read whole, puts the connection back into the pool; `abort` closes its socket at once, without a farewell to the
peer, so that a cancelled answer stops costing money. Neither waits, so both are safe in a task that is being cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage, StreamWriter
from aiohttp.streams import StreamReader

from aiconsole.providers.failures import Silence, answer_failure

Limits = Mapping[str, float | None]

_MAX_FIELD_BYTES: Final = 65_536
_WHOLE_WRITE_BYTES: Final = 262_144
_PIECE_BYTES: Final = 65_536


class Exchange:
    """A request and its answer.

    Args:
        host: for messages.
        connection: to be used for this exchange alone.
        reused: whether it has carried another before.
        request: method and target, for who asks what a connection is held for.
        give_back: takes the connection at the end, and whether it may serve another exchange.
        watch: ends the exchange when nothing comes.
        limits: ``head`` and ``read`` in seconds, see transport.py.

    Attributes:
        limit_s: how long the silence may last at this stage, None for ever.
        waiting_since: when the present wait for bytes began, in the loop's time; None while nobody waits.
        taken_by, taken_at: the coroutine whose task took the connection, and when, in the loop's time.
        where: the stack at that moment, "" where stacks are not kept.
    """

    __slots__ = (
        "_answering",
        "_closes",
        "_connection",
        "_give_back",
        "_host",
        "_payload",
        "_protocol",
        "_read_limit_s",
        "_reused",
        "_sent",
        "_upload",
        "_watch",
        "limit_s",
        "request",
        "taken_at",
        "taken_by",
        "waiting_since",
        "where",
    )

    def __init__(
        self,
        host: str,
        connection: Connection,
        reused: bool,
        give_back: Callable[[Connection, bool], None],
        watch: Watch,
        limits: Limits,
        request: tuple[str, bytes] = ("", b""),
    ) -> None:
        assert connection.protocol is not None
        task = asyncio.current_task()
        self.request = request
        self.taken_by = "" if task is None else getattr(task.get_coro(), "__qualname__", "")
        self.taken_at = watch.now()
        self.where = ""
        self._host = host
        self._connection = connection
        self._protocol: ResponseHandler = connection.protocol
        self._reused = reused
        self._give_back = give_back
        self._watch = watch
        self._payload: StreamReader | None = None
        self._upload: asyncio.Task[None] | None = None
        self._sent = False
        self._answering = False
        self._closes = False
        self._read_limit_s = limits.get("read")
        self.limit_s = limits.get("head", self._read_limit_s)
        self.waiting_since: float | None = None

    async def ask(self, head: bytes, body: bytes, *, no_body: bool) -> RawResponseMessage:
        """Send the request and wait for the head of the answer.

        Args:
            no_body: the answer has none, whatever its headers say.

        Raises:
            httpx.TransportError: see `answer_failure`.
        """
        protocol = self._protocol
        try:
            protocol.set_response_params(
                skip_payload=no_body,
                read_until_eof=True,
                max_line_size=_MAX_FIELD_BYTES,
                max_field_size=_MAX_FIELD_BYTES,
            )
            if protocol.transport is None:
                raise aiohttp.ServerDisconnectedError
            if len(body) <= _WHOLE_WRITE_BYTES:
                protocol.transport.write(head + body)
                self._sent = True
            else:
                protocol.transport.write(head)
                self._upload = asyncio.create_task(self._write_in_pieces(body))
            self._watch.add(self)
            message, payload = await protocol.read()
            while message.code < 200:
                if message.code == 101:
                    raise HttpProcessingError(message="it switches to a protocol that nobody asked for")
                message, payload = await protocol.read()
        except Exception as exc:
            raise self._failed(exc) from exc
        except BaseException:
            self.abort()
            raise
        self.waiting_since = None
        self.limit_s = self._read_limit_s
        self._answering = True
        self._payload = payload
        self._closes = not message.chunked and "content-length" not in message.headers
        return message

    async def read(self) -> bytes:
        """All bytes of the body that are there, waiting for the first; empty at the end, and the exchange is finished.

        Raises:
            httpx.TransportError: see `answer_failure`.
        """
        payload = self._payload
        assert payload is not None
        self._watch.expect(self)
        try:
            chunk = await payload.readany()
            if chunk:
                return chunk
            # A body without length ends with the connection; a reset is not such an end.
            if self._closes and isinstance(error := self._protocol.exception(), OSError):
                raise error
        except Exception as exc:
            raise self._failed(exc) from exc
        except BaseException:
            self.abort()
            raise
        finally:
            self.waiting_since = None
        self.finish()
        return b""

    @property
    def complete(self) -> bool:
        """Whether the answer has arrived whole, read or not."""
        return self._payload is not None and self._payload.is_eof()

    def finish(self) -> None:
        """The answer is complete: the connection may serve another exchange."""
        self._watch.remove(self)
        if self._upload is not None:
            self._upload.cancel()
        self._give_back(self._connection, self._sent)

    def abort(self) -> None:
        """Close the connection at once, whatever is under way on it; whoever waits for it gets an error."""
        self._watch.remove(self)
        if self._upload is not None:
            self._upload.cancel()
        if not self.complete:
            self.expire(aiohttp.ClientConnectionError("closed on this side"))
        self._give_back(self._connection, False)

    def expire(self, cause: BaseException | None = None) -> None:
        """Wake whoever waits, or next asks, for bytes of this exchange with an error (default: `Silence`)."""
        cause = cause or Silence()
        if self._payload is None:
            self._protocol.set_exception(cause)
        elif self._payload.exception() is None:
            self._payload.set_exception(cause)

    def lost(self) -> None:
        """The connection ended. Usually the parser has told the reader of the body; not so after a broken chunk."""
        if self._payload is not None and not self._payload.is_eof():
            self.expire(self._protocol.exception() or aiohttp.ServerDisconnectedError())

    def _failed(self, exc: Exception) -> httpx.TransportError:
        self.abort()
        return answer_failure(exc, self._host, reused=self._reused, sent=self._sent, answering=self._answering)

    async def _write_in_pieces(self, body: bytes) -> None:
        """Send a large body bit by bit, so that neither copying nor encrypting it holds the event loop."""
        protocol = self._protocol
        loop = asyncio.get_running_loop()
        writer = StreamWriter(protocol, loop)
        view = memoryview(body)
        try:
            for start in range(0, len(view), _PIECE_BYTES):
                if protocol.transport is None:
                    return
                protocol.transport.write(view[start : start + _PIECE_BYTES])
                await writer.drain()
                await asyncio.sleep(0)
                if self.waiting_since is not None:
                    self.waiting_since = loop.time()
        except (OSError, aiohttp.ClientError):
            return  # whoever waits for the answer is told why
        self._sent = True


class Body(httpx.AsyncByteStream):
    """The body of an answer, decompressed; each item is all that has arrived since the last.

    Closing it before its end closes the connection, unless the answer had arrived whole.
    """

    __slots__ = ("_ended", "_exchange")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._ended = False

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        if not self._ended:
            warn("An answer was neither read nor closed.", ResourceWarning, stacklevel=2, source=self)
            with contextlib.suppress(RuntimeError):  # the event loop may be gone
                self._exchange.abort()

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = await self._exchange.read()
        except BaseException:
            self._ended = True
            raise
        if not chunk:
            self._ended = True
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Never waits."""
        if self._ended:
            return
        self._ended = True
        if self._exchange.complete:
            self._exchange.finish()
        else:
            self._exchange.abort()

    def expire(self) -> None:
        """Make the present or next read fail with `httpx.ReadTimeout`; for deadlines that the caller keeps."""
        self._exchange.expire()


class Watch:
    """Ends exchanges on which nothing came within their limit, with one timer for all of them.

    A timer a read would cost more than the read. Here a read only notes when it began to wait; the timer looks at the
    notes when the earliest of them could be due, and is set again for the next.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._exchanges: set[Exchange] = set()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The loop's time in s."""
        return self._loop.time()

    def add(self, exchange: Exchange) -> None:
        """``exchange`` begins, and waits."""
        self._exchanges.add(exchange)
        self.expect(exchange)

    def remove(self, exchange: Exchange) -> None:
        """``exchange`` is over."""
        self._exchanges.discard(exchange)

    def expect(self, exchange: Exchange) -> None:
        """``exchange`` waits for bytes from now on."""
        exchange.waiting_since = now = self._loop.time()
        if exchange.limit_s is not None and (self._timer is None or self._timer.when() > now + exchange.limit_s):
            self._set(now + exchange.limit_s)

    def close(self) -> None:
        """Abort all exchanges."""
        if self._timer is not None:
            self._timer.cancel()
        for exchange in tuple(self._exchanges):
            exchange.abort()

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        earliest = None
        for exchange in tuple(self._exchanges):
            if exchange.limit_s is None:
                continue
            due = (now if exchange.waiting_since is None else exchange.waiting_since) + exchange.limit_s
            if due <= now:
                exchange.expire()
            elif earliest is None or due < earliest:
                earliest = due
        if earliest is not None:
            self._set(earliest)
