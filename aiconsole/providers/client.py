"""A provider over HTTP: a dialect, a channel, and what all providers have in common.

One call goes: hold the request against what the provider takes, let the dialect write it, send it, and let the dialect read
the answer. Around that stand the deadlines, one error for whatever goes wrong, times, and the price.

Of the limits of an attempt, ``connect`` is the channel's; ``first_token`` and ``between`` apply to streams only, since a
whole answer is silent until it is there; ``total`` applies to all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, TypeVar

import httpx
import msgspec

from aiconsole.domain.chat import (
    ChatRequest,
    ChatResult,
    Cost,
    Finished,
    Started,
    StreamEvent,
    Timeouts,
    Timing,
    Warned,
)
from aiconsole.domain.clock import Clock
from aiconsole.domain.embedding import EmbeddingResult
from aiconsole.domain.errors import ConnectionFailed, MalformedAnswer, MissingKey, Phase, ProviderError
from aiconsole.domain.messages import Extra
from aiconsole.domain.models import Feature, ModelInfo, ProbeResult
from aiconsole.domain.pools import PoolFigures
from aiconsole.providers.base import HIDDEN, Answer, Dialect, Embedded, ErrorReply, WireCall, Written
from aiconsole.providers.channel import HttpChannel, HttpResponse
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.deadlines import Deadlines, timed_out
from aiconsole.providers.failures import to_provider_error
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.reading import EventReading, Reading, WholeReading, unreadable
from aiconsole.providers.resolver import PolicyResolver
from aiconsole.providers.support import Refusals, fit
from aiconsole.providers.transport import MAX_CONNECTIONS, Transport
from aiconsole.secrets import REDACTOR

_TURN_S: Final = 0.002
"""How long a stream goes on before it lets the loop do something else."""
_DRAIN_S: Final = 0.25
_MAX_PAGES: Final = 50
_BRIEF: Final = Timeouts(connect=10.0, first_token=None, between=None, total=30.0)
"""The limits of calls that list, count or probe."""
_Read = TypeVar("_Read")
_encode: Final = msgspec.json.Encoder().encode


class HttpProvider:
    """One configured provider. `Provider` says what each method promises."""

    def __init__(self, config: ProviderConfig, dialect: Dialect, prices: PriceBook, clock: Clock) -> None:
        self.name = config.name
        self.simulated = config.simulated
        self.features: frozenset[Feature] = dialect.features
        self.timeouts = config.timeouts
        self._config = config
        self._dialect = dialect
        self._label = config.label or dialect.label
        self._prices = prices
        self._clock = clock
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._base_url = config.base_url or dialect.base_url
        headers = {**dialect.headers(), **config.headers}
        if config.key is not None:
            headers.update(dialect.auth(config.key.reveal()))
        policy = config.address_policy
        self._channel = HttpChannel(
            base_url=policy.check(self._base_url),
            headers=headers,
            transport=Transport(
                proxy=config.proxy,
                ca_file=config.ca_file,
                resolver=PolicyResolver(policy),
                max_connections=config.max_connections or MAX_CONNECTIONS,
                keepalive_s=config.keepalive_s,
                keep_stacks=config.keep_stacks,
            ),
        )

    async def complete(self, request: ChatRequest) -> ChatResult:
        refusals = self._refusals(request)
        started_at, began = self._clock.now(), self._clock.monotonic()
        with _Call(self, request.model):
            call = self._write(request, refusals, stream=False)
            reply, body = await self._exchange(call, request.timeouts or self._config.timeouts)
            timing = Timing(started_at, None, (self._clock.monotonic() - began) * 1000)
            answer = self._read_answer(body)
            await self._prices.load()
            return self._result(request, answer, reply, timing, (*refusals.warnings, *answer.warnings), body)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        refusals = self._refusals(request)
        timeouts = request.timeouts or self._config.timeouts
        started_at, monotonic = self._clock.now(), self._clock.monotonic
        began, ttft_ms = monotonic(), None
        with _Call(self, request.model):
            call = self._write(request, refusals, stream=True)
            reply = await self._open(call, timeouts)
            reading = self._reading(reply, request)
            deadlines = Deadlines(timeouts, reply.expire, elapsed_s=monotonic() - began)
            try:
                yield Started(self.name, request.model, simulated=self.simulated)
                for words in (*refusals.warnings, *self._dialect.warnings(reply.headers)):
                    yield Warned(words)
                try:
                    turn_began = monotonic()
                    async for chunk in reply:
                        deadlines.read()
                        for events in reading.batches(chunk):
                            if ttft_ms is None and reading.begun:
                                deadlines.first_token()
                                ttft_ms = (monotonic() - began) * 1000
                            for event in events:
                                yield event
                            if monotonic() - turn_began > _TURN_S:
                                await asyncio.sleep(0)
                                turn_began = monotonic()
                        if reading.over:
                            break
                    for event in reading.close():
                        yield event
                    answer = reading.finish()
                except (ProviderError, httpx.TransportError) as error:
                    answer = _answer_despite(error, reading, deadlines)
                deadlines.stop()
                timing = Timing(started_at, ttft_ms, (monotonic() - began) * 1000)
                await self._prices.load()
                warnings = (*refusals.warnings, *reading.warnings, *answer.warnings)
                yield Finished(self._result(request, answer, reply, timing, warnings, reading.raw))
                await _drain(reply)
            finally:
                deadlines.stop()
                await reply.aclose()

    async def models(self) -> tuple[ModelInfo, ...]:
        found: dict[str, ModelInfo] = {}
        cursor: str | None = None
        with _Call(self, ""):
            self._need_key()
            for _ in range(_MAX_PAGES):
                _, body = await self._exchange(self._dialect.models_call(cursor), _BRIEF)
                page = self._readable(self._dialect.models, body)
                found |= {info.id: info for info in page.models}
                if not page.next_cursor or page.next_cursor == cursor:
                    break
                cursor = page.next_cursor
        if self._dialect.name == self.name:
            return tuple(found.values())
        return tuple(msgspec.structs.replace(info, provider=self.name) for info in found.values())

    async def probe(self) -> ProbeResult:
        began = self._clock.monotonic()
        try:
            with _Call(self, ""):
                self._need_key()
                await self._exchange(self._dialect.probe_call(), _BRIEF)
        except ProviderError as error:
            latency_ms = (self._clock.monotonic() - began) * 1000
            return ProbeResult(self.name, False, latency_ms, f"{error.message} {error.advice}".strip(), error.kind)
        return ProbeResult(self.name, True, (self._clock.monotonic() - began) * 1000, "Key and service work.")

    async def count_tokens(self, request: ChatRequest) -> int:
        refusals = self._refusals(request)
        with _Call(self, request.model):
            self._need_key()
            fitting = fit(request, self._label, self.features, refusals)
            _, body = await self._exchange(self._dialect.count_call(fitting, refuse=refusals), _BRIEF)
            return self._readable(self._dialect.count, body)

    async def embed(
        self, texts: Sequence[str], model: str, *, extra: Extra | None = None, timeouts: Timeouts | None = None
    ) -> EmbeddingResult:
        """A vector of each text. Of ``timeouts`` (by default the provider's own) ``connect`` and ``total`` count.

        Raises:
            Unsupported: this provider makes no embeddings.
            ProviderError: any other trouble, as `complete`.
        """
        started_at, began = self._clock.now(), self._clock.monotonic()
        with _Call(self, model):
            call = self._dialect.embed_call(texts, model, extra=extra)
            self._need_key()
            self._prices.start_loading()
            reply, body = await self._exchange(call, timeouts or self._config.timeouts)
            timing = Timing(started_at, None, (self._clock.monotonic() - began) * 1000)
            found = self._readable(self._dialect.embedded, body)
            if len(found.vectors) != len(texts) or len({len(vector) for vector in found.vectors}) > 1:
                raise MalformedAnswer(f"{self._label} sent other vectors than one of each text, all of one length.")
            await self._prices.load()
            return EmbeddingResult(
                self.name,
                found.model or model,
                found.vectors,
                found.usage,
                self._cost((found.model or model, model), found),
                timing,
                self._dialect.warnings(reply.headers),
                self.simulated,
            )

    async def warm(self) -> None:
        """Have a connection ready, its name resolved and TLS done; nothing is asked of the provider.

        Raises:
            ProviderError: there is no way to it.
        """
        with _Call(self, ""):
            self._prices.start_loading()
            try:
                await self._channel.warm(self.timeouts.connect)
            except httpx.TransportError as error:
                raise to_provider_error(error) from error

    def pool(self) -> PoolFigures:
        """Its connections in figures."""
        return self._channel.transport.figures(self.name)

    def take_connect_times(self) -> tuple[float, ...]:
        """How long its newest connections took to be made, in ms; those told before are left out."""
        return self._channel.transport.take_connect_times()

    async def aclose(self) -> None:
        """Close all connections at once."""
        await self._channel.aclose()

    async def retire(self) -> None:
        """Close once no call is in flight."""
        await self._idle.wait()
        await self.aclose()

    @property
    def idle(self) -> bool:
        """Whether no call is in flight."""
        return self._idle.is_set()

    def entered(self) -> None:
        """Count a call as in flight."""
        self._in_flight += 1
        self._idle.clear()

    def left(self) -> None:
        """Count a call as over."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    def _refusals(self, request: ChatRequest) -> Refusals:
        return Refusals(request.on_unsupported or self._config.on_unsupported)

    def _write(self, request: ChatRequest, refusals: Refusals, *, stream: bool) -> WireCall:
        self._need_key()
        self._prices.start_loading()
        fitting = fit(request, self._label, self.features, refusals)
        return self._dialect.chat(fitting, stream=stream, refuse=refusals)

    def sent_headers(self) -> dict[str, str]:
        """The headers of every call by lower-case name; values that are or may be secret are hidden."""
        own = dict.fromkeys(self._config.headers, HIDDEN)
        auth = {} if self._config.key is None else self._dialect.auth(HIDDEN)
        return self._channel.sent_headers({**self._dialect.headers(), **own, **auth})

    def written(self, request: ChatRequest, *, stream: bool) -> Written:
        """What ``request`` would be sent as, without the key.

        Raises:
            ProviderError: it cannot be sent to this provider.
        """
        call = self._write(request, self._refusals(request), stream=stream)
        headers = {**self.sent_headers(), **{name.lower(): value for name, value in call.headers.items()}}
        body = None if call.body is None else _encode(call.body)
        return Written(call.method, f"{self._base_url.rstrip('/')}{call.path}", headers, body)

    def _need_key(self) -> None:
        if self._config.key is None and self._config.key_needed:
            raise MissingKey(f"No key is set for {self._label}; nothing was sent.")

    async def _open(self, call: WireCall, timeouts: Timeouts) -> HttpResponse:
        """Send a call that asks for a stream and wait for the head of a good answer, within the first token's limit and the
        total one."""
        phase: Phase = "total"
        limit_s = timeouts.total
        if timeouts.first_token is not None and (limit_s is None or timeouts.first_token < limit_s):
            phase, limit_s = "first token", timeouts.first_token
        try:
            async with asyncio.timeout(limit_s):
                return await self._accepted(call, timeouts)
        except TimeoutError:
            raise timed_out(phase, limit_s) from None
        except httpx.TransportError as error:
            raise to_provider_error(error) from error

    async def _exchange(self, call: WireCall, timeouts: Timeouts) -> tuple[HttpResponse, bytes]:
        """Send a call and read the whole of its good answer, within the total limit."""
        try:
            async with asyncio.timeout(timeouts.total):
                reply = await self._accepted(call, timeouts)
                return reply, await reply.body()
        except TimeoutError:
            raise timed_out("total", timeouts.total) from None
        except httpx.TransportError as error:
            raise to_provider_error(error) from error

    async def _accepted(self, call: WireCall, timeouts: Timeouts) -> HttpResponse:
        """The head of an answer with a status of 2xx; anything else is raised as the error it tells."""
        content = None if call.body is None else _encode(call.body)
        reply = await self._channel.request(
            call.method, call.path, headers=call.headers, content=content, connect_s=timeouts.connect
        )
        if 200 <= reply.status < 300:
            return reply
        raise await self._refusal(reply)

    async def _refusal(self, reply: HttpResponse) -> ProviderError:
        """The error for an answer whose status is not 2xx."""
        body = await reply.body()
        if 300 <= reply.status < 400:
            where = reply.headers.get("location", "nowhere")
            return ConnectionFailed(
                f"{self._base_url} redirects to {where}; redirects are not followed, since they would carry the key along.",
                status=reply.status,
                advice="Set the base URL to where the provider really is.",
            )
        try:
            error = self._dialect.error(ErrorReply(reply.status, reply.headers, body, self._clock.now()))
        except Exception as fault:
            error = unreadable(fault)
        error.status = error.status or reply.status
        error.raw = body
        error.headers = _without_cookies(reply.headers)
        error.request_id = error.request_id or self._dialect.request_id(reply.headers)
        return error

    def _read_answer(self, body: bytes) -> Answer:
        try:
            return self._readable(self._dialect.answer, body)
        except ProviderError as error:
            error.raw = body
            raise

    @staticmethod
    def _readable(read: Callable[[bytes], _Read], body: bytes) -> _Read:
        """What a dialect reads from a body; whatever it stumbles over is a malformed answer."""
        try:
            return read(body)
        except ProviderError:
            raise
        except Exception as fault:
            raise unreadable(fault) from fault

    def _reading(self, reply: HttpResponse, request: ChatRequest) -> Reading:
        """How to read a reply: some servers answer with one JSON object although they were asked to stream."""
        if "json" in reply.headers.get("content-type", ""):
            return WholeReading(self._read_answer, keep_raw=request.keep_raw)
        return EventReading(self._dialect.reader(), keep_raw=request.keep_raw)

    def _result(
        self,
        request: ChatRequest,
        answer: Answer,
        reply: HttpResponse,
        timing: Timing,
        warnings: tuple[str, ...],
        raw: bytes | None,
    ) -> ChatResult:
        model = answer.model or request.model
        warnings += self._dialect.warnings(reply.headers)
        return ChatResult(
            provider=self.name,
            model=model,
            content=answer.content,
            finish_reason=answer.finish_reason,
            raw_finish_reason=answer.raw_finish_reason,
            usage=answer.usage,
            cost=self._cost((model, request.model), answer),
            request_id=answer.request_id or self._dialect.request_id(reply.headers),
            response_id=answer.response_id,
            rate_limits=self._dialect.rate_limits(reply.headers, timing.started_at + timing.duration_ms / 1000),
            timing=timing,
            warnings=warnings,
            simulated=self.simulated,
            headers=_without_cookies(reply.headers),
            raw=raw if request.keep_raw else None,
        )

    def _cost(self, models: tuple[str, str], answer: Answer | Embedded) -> Cost | None:
        """By the provider's own figure, else by the price list; ``models`` as reported and as asked for."""
        if answer.cost_usd is not None:
            return Cost(answer.cost_usd, "provider")
        return self._prices.cost(self._config.dialect, models, answer.usage, base_url=self._base_url)


class _Call:
    """Around one call: counts it as in flight, and tells its errors whose they are."""

    __slots__ = ("_model", "_provider")

    def __init__(self, provider: HttpProvider, model: str) -> None:
        self._provider = provider
        self._model = model

    def __enter__(self) -> None:
        self._provider.entered()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._provider.left()
        if isinstance(error, ProviderError):
            error.provider = error.provider or self._provider.name
            error.model = error.model or self._model
            _without_keys(error)


def _without_cookies(headers: Mapping[str, str]) -> Mapping[str, str]:
    if "set-cookie" not in headers:
        return headers
    return {name: value for name, value in headers.items() if name != "set-cookie"}


def _without_keys(error: ProviderError) -> None:
    """Take out of an error what its provider said of a key: some give back the one they do not know."""
    clean = REDACTOR.redact(error.message)
    if clean is not error.message:
        error.message = clean
        error.args = (clean, *error.args[1:])
    if error.raw is not None:
        error.raw = REDACTOR.redact(error.raw)
    if error.headers is not None:
        error.headers = {name: REDACTOR.redact(value) for name, value in error.headers.items()}


def _answer_despite(error: ProviderError | httpx.TransportError, reading: Reading, deadlines: Deadlines) -> Answer:
    """The answer, where it was already complete when the connection failed; otherwise raises the right error."""
    if isinstance(error, ProviderError):
        told = error
    else:
        with contextlib.suppress(ProviderError):
            return reading.finish()
        told = to_provider_error(error) if deadlines.passed is None else deadlines.error()
    told.partial = reading.begun
    raise told from error.__cause__


async def _drain(reply: HttpResponse) -> None:
    """Read what follows the end of an answer, nearly always nothing, so that the connection can be used again."""
    with contextlib.suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in reply:
                pass
