"""One simulated provider: takes a request through outage, key, faults, limits and model to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from aiconsole.domain.clock import Clock
from aiconsole.simulator import answers, sending, words
from aiconsole.simulator.behaviour import Behaviour, FaultKind, StreamFault
from aiconsole.simulator.catalogue import SimModel, find_model
from aiconsole.simulator.embedding import EMBEDDERS, Vectors, vector
from aiconsole.simulator.form import Exchange, Fault, Form, Headers, Reply, Target
from aiconsole.simulator.gemini_form import json_array
from aiconsole.simulator.limits import Headroom, Limiter, Refusal
from aiconsole.simulator.pace import Pace, Sleep
from aiconsole.simulator.prefixes import PrefixMemory
from aiconsole.simulator.stamps import SERIAL_HEADER, STAMPS_HEADER, Stamps
from aiconsole.simulator.talk import Answer, Ask, BadBody, Counts

_EVERYWHERE: frozenset[FaultKind] = frozenset({"bad_key", "no_permission", "overloaded", "server_fault"})
# What reading a body or a schema raises when a value in it is of another type than the provider documents.
_UNEXPECTED = (TypeError, ValueError, AttributeError, KeyError, ArithmeticError, RecursionError)
_Read = TypeVar("_Read")
_SERVER: Headers = {"Server": "aiconsole-simulator"}


class Tally(msgspec.Struct, frozen=True):
    """What one provider has seen so far. ``cancelled`` counts clients that left before their answer was complete, ``broken``
    the connections the simulator itself broke (outage, cut streams)."""

    requests: int = 0
    in_flight: int = 0
    cancelled: int = 0
    broken: int = 0
    statuses: dict[int, int] = {}


class _Failed(Exception):
    """The request ends with this error; ``status`` where it differs from the kind's usual one."""

    def __init__(self, fault: Fault, status: int | None = None) -> None:
        super().__init__(fault.kind)
        self.fault = fault
        self.status = status


class SimulatedProvider:
    """State and path of one provider. ``behaviour`` may be replaced at any time; requests under way keep theirs."""

    def __init__(self, form: Form, seed: int, clock: Clock, sleep: Sleep, closing: asyncio.Event) -> None:
        self.form = form
        self._seed = seed
        self._clock = clock
        self._sleep = sleep
        self._closing = closing
        self._behaviour = Behaviour()
        self._limiter: Limiter | None = None
        self._prefixes = PrefixMemory()
        self.stamps = Stamps(clock)
        self._serial = 0
        self._in_flight = 0
        self._cancelled = 0
        self._broken = 0
        self._statuses: dict[int, int] = {}

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        limits = behaviour.rate_limit
        if limits is None:
            self._limiter = None
        elif self._limiter is None or self._limiter.limits != limits:
            self._limiter = Limiter(limits)
        self._behaviour = behaviour

    @property
    def tally(self) -> Tally:
        return Tally(self._serial, self._in_flight, self._cancelled, self._broken, dict(sorted(self._statuses.items())))

    async def handle(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        """Answer one request; ``path`` is without the provider's prefix."""
        self._serial += 1
        self._in_flight += 1
        try:
            return await self._answer(request, path, query)
        except asyncio.CancelledError:
            self._left()
            raise
        except ConnectionError:
            self._left()
            return web.Response(status=499)  # goes nowhere: the connection is gone
        finally:
            self._in_flight -= 1

    def _left(self) -> None:
        """The client went away before its answer was complete."""
        if not self._closing.is_set():
            self._cancelled += 1

    async def _answer(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        behaviour = self._behaviour
        exchange = self.form.exchange(self._seed, self._serial, self._clock.now())
        if behaviour.outage is not None:
            return await self._out(request, behaviour)
        try:
            target, refused = self._admitted(request, path, query, behaviour, exchange)
            if target.action in ("models", "model", "key"):
                await self._sleep_a_little(behaviour, exchange)
                return self._plain(self._listed(target), exchange, None)
            body = await request.read()
            if target.action == "embed":
                return await self._embed(target, body, behaviour, exchange)
            return await self._chat(request, target, body, refused, behaviour, exchange)
        except _Failed as failed:
            reply = self.form.error(failed.fault, exchange)
            return self._reply(reply, failed.status or reply.status, exchange)

    async def _out(self, request: web.BaseRequest, behaviour: Behaviour) -> web.StreamResponse:
        if behaviour.outage == "hang":
            await self._closing.wait()
        else:
            self._broken += 1
        sending.reset(request.transport)
        return web.Response(status=503)

    def _admitted(
        self, request: web.BaseRequest, path: str, query: str, behaviour: Behaviour, exchange: Exchange
    ) -> tuple[Target, bool]:
        """What the request is for, once path, key and luck allow it, and whether its content is to be refused."""
        target = self.form.target(request.method, path, query)
        if target is None:
            raise _Failed(Fault("bad_request", message=f"Unknown request URL: {request.method} {path}"), 404)
        if not (self.form.public_models and target.action == "models"):
            key = self.form.key(request.headers, query)
            if not key or key.lower().startswith("wrong"):
                raise _Failed(Fault("bad_key", key_given=bool(key)))
        kind = _drawn(behaviour, exchange.dice.share()) if behaviour.error_rates else None
        if kind is not None and kind != "refused" and (target.action in ("chat", "embed") or kind in _EVERYWHERE):
            raise _Failed(self._injected(kind, target, behaviour, exchange))
        return target, kind == "refused"

    def _injected(self, kind: FaultKind, target: Target, behaviour: Behaviour, exchange: Exchange) -> Fault:
        return Fault(
            kind,
            model=target.model or "simulated-model",
            status=exchange.dice.pick(behaviour.server_statuses),
            tokens=250_000,
            limit=131_072,
            refusal=Refusal(retry_after=behaviour.retry_after_s),
        )

    def _listed(self, target: Target) -> bytes:
        if target.action == "models":
            return self.form.models()
        if target.action == "key":
            return self.form.about_key()
        model = find_model(self.form.name, target.model or "")
        body = self.form.model(model) if model is not None else None
        if body is None:
            raise _Failed(Fault("unknown_model", model=target.model or ""))
        return body

    async def _embed(self, target: Target, body: bytes, behaviour: Behaviour, exchange: Exchange) -> web.StreamResponse:
        """Vectors of texts, at once but for the wait that lists have, too."""
        wanted = self._understood(body, lambda decoded: self.form.texts(target, decoded))
        if wanted.model not in EMBEDDERS.get(self.form.name, ()):
            raise _Failed(Fault("unknown_model", model=wanted.model, method="embedContent"))
        tokens = sum(words.count(len(text)) for text in wanted.texts)
        self._limited(wanted.model, tokens)
        await self._sleep_a_little(behaviour, exchange)
        made = Vectors(wanted.model, tuple(map(vector, wanted.texts)), tokens)
        return self._plain(self.form.vectors(made, exchange), exchange, Counts(tokens, 0))

    async def _chat(
        self,
        request: web.BaseRequest,
        target: Target,
        body: bytes,
        refused: bool,
        behaviour: Behaviour,
        exchange: Exchange,
    ) -> web.StreamResponse:
        ask, model = self._read(request, target, body)
        prompt = words.count(ask.characters)
        if target.action == "count":
            return self._plain(self.form.count(ask), exchange, None)
        if prompt > model.context:
            raise _Failed(Fault("context_too_long", model=ask.model, tokens=prompt, limit=model.context))
        if refused and not self.form.refusal_is_answer():
            raise _Failed(Fault("refused", model=ask.model))
        answer = Answer([], [], (), "refused") if refused else self._composed(ask, model)
        counts = self._counts(ask, model, answer, prompt)
        self._limited(ask.model, counts.prompt + counts.completion)
        pace = Pace(behaviour, exchange.dice, self._clock, self._sleep)
        if not ask.stream:
            pace.add(counts.completion)
            await pace.reach()
            return self._plain(self.form.whole(ask, answer, model, counts, exchange), exchange, counts)
        return await self._stream(request, target, ask, answer, model, counts, exchange, pace, behaviour.stream_fault)

    def _read(self, request: web.BaseRequest, target: Target, body: bytes) -> tuple[Ask, SimModel]:
        ask = self._understood(body, lambda decoded: self.form.read(target, decoded, request.headers))
        model = find_model(self.form.name, ask.model)
        if model is None:
            method = "countTokens" if target.action == "count" else "generateContent"
            raise _Failed(Fault("unknown_model", model=ask.model, method=method))
        return ask, model

    @staticmethod
    def _understood(body: bytes, read: Callable[[dict[str, Any]], _Read]) -> _Read:
        """What a form reads from a body."""
        try:
            decoded: Any = msgspec.json.decode(body)
            if not isinstance(decoded, dict):
                raise BadBody("the body must be a JSON object")
            return read(decoded)
        except (BadBody, msgspec.DecodeError) as problem:
            raise _Failed(Fault("bad_request", message=str(problem))) from None
        except _UNEXPECTED:
            raise _Failed(Fault("bad_request", message="a value has an unexpected type")) from None

    def _composed(self, ask: Ask, model: SimModel) -> Answer:
        try:
            return answers.compose(ask, self.form.name, model, self._seed)
        except _UNEXPECTED:
            raise _Failed(Fault("bad_request", message="a schema cannot be understood")) from None

    def _counts(self, ask: Ask, model: SimModel, answer: Answer, prompt: int) -> Counts:
        cached = written = 0
        if ask.caching:
            cached, long = self._prefixes.look(model.id, ask.flat)
            cached = min(cached, prompt - 1)
            written = max(0, min(long, prompt - 1) - cached)
        return Counts(prompt, answer.completion_tokens, len(answer.reasoning), cached, written)

    def _limited(self, model: str, tokens: int) -> None:
        if self._limiter is None:
            return
        refusal = self._limiter.admit(tokens, self._clock.monotonic())
        if refusal is not None:
            raise _Failed(Fault("rate_limit", model=model, refusal=refusal))

    async def _stream(
        self,
        request: web.BaseRequest,
        target: Target,
        ask: Ask,
        answer: Answer,
        model: SimModel,
        counts: Counts,
        exchange: Exchange,
        pace: Pace,
        fault: StreamFault | None,
    ) -> web.StreamResponse:
        stamping = self.stamps.begin(exchange.serial) if STAMPS_HEADER in request.headers else None
        script = self.form.script(ask, answer, model, counts, exchange)
        headers = {**self.form.stream_headers(), **self._headers(exchange, counts)}
        if stamping is not None:
            headers[SERIAL_HEADER] = str(stamping.serial)
        if not target.sse:
            script = json_array(script)
            headers["Content-Type"] = self.form.json_type
        if fault is not None and exchange.dice.share() >= fault.rate:
            fault = None
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        self._count(200)
        failure = self.form.stream_error(model, counts, exchange)
        if await sending.send(request, response, script, pace, fault, failure, self._closing, stamping):
            self._broken += 1
        return response

    def _headers(self, exchange: Exchange, counts: Counts | None) -> Headers:
        readings = {} if self._limiter is None else self._limiter.readings(self._clock.monotonic())
        headroom = Headroom(readings, 0 if counts is None else counts.prompt + counts.completion)
        return {**self.form.headers(exchange, headroom, counts), **_SERVER}

    def _plain(self, body: bytes, exchange: Exchange, counts: Counts | None) -> web.Response:
        self._count(200)
        headers = {"Content-Type": self.form.json_type, **self._headers(exchange, counts)}
        return web.Response(body=body, headers=headers)

    def _reply(self, reply: Reply, status: int, exchange: Exchange) -> web.Response:
        self._count(status)
        headers = {**self._headers(exchange, Counts(0, 0) if self._limiter else None), **reply.headers}
        return web.Response(status=status, body=reply.body, headers=headers)

    async def _sleep_a_little(self, behaviour: Behaviour, exchange: Exchange) -> None:
        if behaviour.ttft_ms:
            await self._sleep(behaviour.ttft_ms / 2_000 * behaviour.slow)

    def _count(self, status: int) -> None:
        self._statuses[status] = self._statuses.get(status, 0) + 1


def _drawn(behaviour: Behaviour, share: float) -> FaultKind | None:
    """The error the share falls on, if any."""
    for kind in sorted(behaviour.error_rates):
        share -= behaviour.error_rates[kind]
        if share < 0:
            return kind
    return None
