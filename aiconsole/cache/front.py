"""The cache as the engine sees it: it stands before the router and asks it only for what it does not have.

An answer from the cache is told as `RequestFinished` with ``cached`` set, no cost and what it saved; the router tells of the
calls that are made. Where an old answer stands in for an error, both are told: the call that failed and the answer given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from random import Random
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from aiconsole.cache.accounts import NO_COST
from aiconsole.cache.entry import Meta, entry_of, events_of, paced
from aiconsole.cache.flight import SharedCall, SharedStream
from aiconsole.cache.giving import Found, answer, meta_of
from aiconsole.cache.keeping import CacheLimits, Keeping, OpenFile
from aiconsole.cache.key import Keys
from aiconsole.cache.meaning import Meaning, Question
from aiconsole.cache.policy import CachePolicy, mended_by_stale
from aiconsole.domain.chat import (
    Cached,
    ChatRequest,
    ChatResult,
    Continued,
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    Timeouts,
    Timing,
    ToolCallDelta,
)
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError, ProviderError
from aiconsole.domain.events import Event
from aiconsole.domain.trace import Traced

Stream = AsyncGenerator[StreamEvent, None]
_TOKENS: Final = frozenset({TextDelta, ReasoningDelta, ToolCallDelta})
_NAMES: Final = 1000
Shared = TypeVar("Shared")
_Flight = tuple[bytes, Timeouts | None]
"""What requests share a call by: their key, and how long they are ready to wait."""


class Asked(Protocol):
    """Answers what the cache does not have."""

    async def complete(self, request: ChatRequest) -> ChatResult: ...

    def stream(self, request: ChatRequest, *, traced: Traced | None = None) -> Stream: ...


class Ask(NamedTuple):
    """A request that the cache has to do with; ``began`` in monotonic s. ``question`` None where meaning is not asked."""

    key: bytes
    policy: CachePolicy
    request: ChatRequest
    began: float
    question: Question | None = None


class ResponseCache(Keeping):
    """See the module. For one event loop.

    Args:
        router: asked for what is not in the cache.
        policy: how requests to a model or route are cached; None where the name stands for nothing.
        clock, publish, random, open_file, meaning, limits, writable: see `Keeping`.
    """

    def __init__(
        self,
        router: Asked,
        policy: Callable[[str], CachePolicy | None],
        clock: Clock,
        *,
        publish: Callable[[Event], None],
        random: Random,
        open_file: OpenFile,
        meaning: Meaning,
        limits: CacheLimits,
        writable: Callable[[bytes], bool] = lambda body: True,
    ) -> None:
        super().__init__(
            clock,
            publish=publish,
            random=random,
            open_file=open_file,
            meaning=meaning,
            limits=limits,
            writable=writable,
        )
        self._router = router
        self._policy_of = policy
        self._policies: dict[str, CachePolicy | None] = {}
        self._keys = Keys()
        self._calls: dict[_Flight, SharedCall] = {}
        self._streams: dict[_Flight, SharedStream] = {}
        self._renewing: dict[bytes, asyncio.Task[None]] = {}

    def configure(self, limits: CacheLimits) -> None:
        """Take up changed settings, routes or providers."""
        self._policies.clear()
        self.set_limits(limits)

    async def aclose(self) -> None:
        """Give up what is under way and close the file."""
        tasks: list[asyncio.Future[Any]] = [call.task for call in self._calls.values()]
        tasks += [stream.task for stream in self._streams.values()]
        tasks += self._renewing.values()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.close_file()

    # Asking

    async def complete(self, request: ChatRequest) -> ChatResult:
        """One whole answer, kept or new. Raises as the router does."""
        policy = self._policies.get(request.model) or self._policy(request.model)
        if policy is None or not policy.takes(request):
            return await self._router.complete(request)
        began = self._clock.monotonic()
        key = self._keys.of(request, policy.standing)
        if key is None:
            return await self._router.complete(request)
        if not self._ready:
            await self.open()
        found, ask = await self._look(Ask(key, policy, request, began))
        if found is not None:
            return self._given(ask, found)
        if request.cache == "fresh":
            return await self._call(ask)
        shared = (key, request.timeouts)
        flight = self._calls.get(shared)
        stream = self._streams.get(shared)
        if flight is None and stream is not None:
            return await self._end_of(ask, stream)
        if flight is None:
            self._accounts.missed(key)
            flight = self._calls[shared] = SharedCall(
                self._call_or_stale(ask), lambda gone: _drop(self._calls, shared, gone)
            )
        result, first = await flight.result(lambda kind: self._ended(ask, kind, stream=False))
        return self._passed_on(ask, result, first=first, stream=False)

    async def _end_of(self, ask: Ask, stream: SharedStream) -> ChatResult:
        """The whole answer from a stream under way."""
        async with aclosing(stream.read(lambda kind: self._ended(ask, kind, stream=False))) as events:
            async for event in events:
                if type(event) is Finished:
                    return self._passed_on(ask, event.result, first=stream.take(), stream=False)
        raise AssertionError("a stream that ends well ends with Finished")

    def stream(self, request: ChatRequest, *, traced: Traced | None = None) -> Stream:
        """One answer as it comes, or as it came; ``traced`` is given what tells its way. Raises as the router does."""
        policy = self._policies.get(request.model) or self._policy(request.model)
        if policy is None or not policy.takes(request):
            return self._router.stream(request, traced=traced)
        key = self._keys.of(request, policy.standing, stream=True)
        if key is None:
            return self._router.stream(request, traced=traced)
        return self._stream(Ask(key, policy, request, self._clock.monotonic()), traced)

    async def _stream(self, ask: Ask, traced: Traced | None) -> Stream:
        if not self._ready:
            await self.open()
        found, ask = await self._look(ask)
        if found is not None:
            events = self._replay(ask, found, traced)
        elif ask.request.cache == "fresh":
            events = self._recorded(ask, traced)
        else:
            events = self._shared(ask, traced)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _shared(self, ask: Ask, traced: Traced | None) -> Stream:
        shared = (ask.key, ask.request.timeouts)
        flight = self._streams.get(shared)
        if flight is None:
            self._accounts.missed(ask.key)
            flight = self._streams[shared] = SharedStream(
                lambda way: self._recorded_or_stale(ask, way), lambda gone: _drop(self._streams, shared, gone)
            )
        flight.follow(traced)
        async with aclosing(flight.read(lambda kind: self._ended(ask, kind, stream=True))) as events:
            async for event in events:
                if type(event) is Finished:
                    yield Finished(self._passed_on(ask, event.result, first=flight.take(), stream=True))
                else:
                    yield event

    async def _replay(self, ask: Ask, found: Found, traced: Traced | None) -> Stream:
        if traced is not None:
            way = self._accounts.given_way(ask.request.model, found.meta, self._timing(ask))
            traced(lambda: way)
        if not (ask.policy.paced and found.entry.pieces):
            for event in events_of(found.entry, self._given(ask, found, stream=True)):
                yield event
            return
        try:
            async with aclosing(paced(found.entry, self._clock)) as events:
                async for event in events:
                    yield event
        except BaseException:
            self._given(ask, found, stream=True, left=True)
            raise
        yield Finished(self._given(ask, found, stream=True))

    # Finding

    def _policy(self, name: str) -> CachePolicy | None:
        if name in self._policies:
            return self._policies[name]
        if len(self._policies) >= _NAMES:
            self._policies.clear()
        policy = self._policies[name] = self._policy_of(name)
        return policy

    async def _look(self, ask: Ask) -> tuple[Found | None, Ask]:
        """What answers a request, the same one's answer or a like one's; and the request with its question, if need be."""
        fresh = ask.request.cache == "fresh"
        found = None if fresh else await self._find(ask)
        if found is not None or ask.policy.similarity is None:
            return found, ask
        request, policy = ask.request, ask.policy
        question = await self._meaning.place(request, lambda: self._keys.surroundings(request, policy.standing))
        ask = ask._replace(question=question)
        return None if fresh or question is None else await self._alike(ask, question), ask

    async def _find(self, ask: Ask, *, on_error: bool = False) -> Found | None:
        """The entry of a key that is still good: within its time, or so little past it as the policy allows."""
        key, policy = ask.key, ask.policy
        meta = self._shelf.metas.get(key)
        if meta is None:
            return None
        age_s = self._age_s(meta)
        stale = age_s > policy.ttl_s and not meta.pinned
        if stale:
            if age_s > policy.kept_s:
                self._shelf.remove((key,), "expire", "past its time")
                return None
            if age_s > policy.ttl_s + (policy.on_error_s if on_error else policy.revalidate_s):
                return None
        entry = self._shelf.recent(key)
        if entry is None:
            entry = await self._shelf.fetch(meta)
            if entry is None:
                return None
        if stale and not on_error:
            self._renew(ask)
        return Found(meta, entry, stale)

    def _age_s(self, meta: Meta) -> float:
        """How old an entry is. One from the future was stored while the clock was wrong by that much, and is as doubtful."""
        return abs(self._clock.now() - meta.stored_at)

    async def _alike(self, ask: Ask, question: Question) -> Found | None:
        """The entry of the likest question, where that is like enough and within its time."""
        nearest = self._meaning.nearest(question, ask.policy.similarity or 1.0)
        meta = None if nearest is None else self._shelf.metas.get(nearest[0])
        if nearest is None or meta is None:
            return None
        if self._age_s(meta) > ask.policy.ttl_s and not meta.pinned:
            return None
        entry = self._shelf.recent(meta.key) or await self._shelf.fetch(meta)
        return None if entry is None else Found(meta, entry, similarity=nearest[1])

    # Fetching

    async def _call(self, ask: Ask) -> ChatResult:
        result = await self._router.complete(ask.request)
        self._keep(ask, result)
        return result

    async def _call_or_stale(self, ask: Ask) -> ChatResult:
        try:
            return await self._call(ask)
        except ProviderError as error:
            found = await self._stand_in(ask, error)
            if found is None:
                raise
            return self._answer(ask, found, error)

    async def _recorded(self, ask: Ask, traced: Traced | None) -> Stream:
        """The router's stream, kept once it has come to its end without a seam."""
        monotonic = self._clock.monotonic
        began = monotonic()
        seen: list[tuple[float, StreamEvent]] = []
        whole = True
        async with aclosing(self._router.stream(ask.request, traced=traced)) as events:
            async for event in events:
                kind = type(event)
                if kind in _TOKENS:
                    seen.append(((monotonic() - began) * 1000, event))
                elif kind is Continued:
                    whole = False
                elif isinstance(event, Finished) and whole:
                    self._keep(ask, event.result, seen)
                yield event

    async def _recorded_or_stale(self, ask: Ask, traced: Traced) -> Stream:
        shown = False
        try:
            async with aclosing(self._recorded(ask, traced)) as events:
                async for event in events:
                    shown = shown or type(event) in _TOKENS
                    yield event
        except ProviderError as error:
            found = None if shown else await self._stand_in(ask, error)
            if found is None:
                raise
            for event in events_of(found.entry, self._answer(ask, found, error)):
                yield event

    async def _stand_in(self, ask: Ask, error: ProviderError) -> Found | None:
        """The old answer to give instead of an error, where the policy wants that."""
        if not ask.policy.on_error_s or not mended_by_stale(error):
            return None
        return await self._find(ask, on_error=True)

    def _renew(self, ask: Ask) -> None:
        """Fetch a new answer behind one that was given past its time."""
        if ask.key in self._renewing:
            return

        async def renew() -> None:
            with suppress(ConsoleError):
                await self._call(ask)

        task = self._renewing[ask.key] = asyncio.ensure_future(renew())
        task.add_done_callback(lambda _: self._renewing.pop(ask.key, None))

    def _keep(self, ask: Ask, result: ChatResult, seen: list[tuple[float, StreamEvent]] | None = None) -> None:
        if not self._ready or not ask.policy.keeps(result):
            return
        meta = meta_of(ask.key, ask.policy, ask.request, result, self._clock.now())
        vector = None if ask.question is None else self._meaning.vector(ask.question)
        if self._shelf.put(meta, entry_of(result, seen or ()), vector):
            self._accounts.stored(meta)
            if ask.question is not None:
                self._meaning.add(ask.key, ask.question)

    # Giving

    def _answer(self, ask: Ask, found: Found, error: ProviderError | None = None) -> ChatResult:
        return answer(found, ask.request, self._accounts, self._clock, ask.began, error)

    def _given(self, ask: Ask, found: Found, *, stream: bool = False, left: bool = False) -> ChatResult:
        result = self._answer(ask, found)
        self._shelf.used(found.meta, result.timing.started_at)
        self._accounts.gave(ask.request, result, found.meta, stream=stream, left=left)
        return result

    def _passed_on(self, ask: Ask, result: ChatResult, *, first: bool, stream: bool) -> ChatResult:
        """The answer of a shared call as this request gets it: the first one has paid for it."""
        if result.cached is not None:
            meta = self._shelf.metas.get(ask.key)
            if meta is not None:
                self._accounts.gave(ask.request, result, meta, stream=stream)
            return result
        if first:
            return result
        timing = self._timing(ask)
        by = "" if result.trace is None else result.trace.answered_by or ""
        shared = msgspec.structs.replace(
            result,
            cost=NO_COST,
            timing=timing,
            trace=self._accounts.trace(ask.request.model, by, timing, "took part in the call of an equal request"),
            rate_limits=(),
            cached=Cached(ask.key.hex(), saved_usd=None if result.cost is None else result.cost.usd, shared=True),
        )
        self._accounts.shared(ask.request, shared, stream=stream)
        return shared

    def _ended(self, ask: Ask, error_kind: str, *, stream: bool) -> None:
        self._accounts.ended(ask.request, error_kind, self._timing(ask, answered=False), stream=stream)

    def _timing(self, ask: Ask, *, answered: bool = True) -> Timing:
        took_ms = (self._clock.monotonic() - ask.began) * 1000
        return Timing(self._clock.now() - took_ms / 1000, took_ms if answered else None, took_ms)


def _drop(flights: dict[_Flight, Shared], flight: _Flight, gone: Shared) -> None:
    """Let nobody join what is over; another may have taken its place by then."""
    if flights.get(flight) is gone:
        del flights[flight]
