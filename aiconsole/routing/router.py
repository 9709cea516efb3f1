"""The path of a request: candidates in order, one after another until one gives its first token.

This is the seam for the fallback manager, which will decide here which candidate is asked when; what is above (engine,
chat) and below (providers) will not notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import msgspec

from aiconsole.domain.chat import (
    ChatRequest,
    ChatResult,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    Timing,
    ToolCallDelta,
)
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import AllFailed, ProviderError
from aiconsole.domain.events import AttemptFinished, Event
from aiconsole.routing.candidates import Candidate, Directory

_TOKENS: Final = frozenset({TextDelta, ReasoningDelta, ToolCallDelta})


class Router:
    """Answers requests from the candidates a directory names, and publishes how each attempt ended.

    Args:
        publish: takes the events; must not raise.
    """

    def __init__(self, directory: Directory, publish: Callable[[Event], None], clock: Clock) -> None:
        self._directory = directory
        self._publish = publish
        self._clock = clock

    async def complete(self, request: ChatRequest) -> ChatResult:
        """The whole answer of the first candidate that gives one; those that failed before it are named in its warnings.

        Raises:
            ProviderError: the only candidate failed, or one failed in a way no other could mend.
            AllFailed: every one of several candidates failed.
            ConfigError: the model's name says nothing.
        """
        candidates = await self._directory.candidates(request.model)
        errors: list[ProviderError] = []
        for candidate in candidates:
            attempt = self._attempt(candidate, request, len(errors) + 1, stream=False)
            try:
                result = await candidate.provider.complete(attempt.request)
            except ProviderError as error:
                attempt.failed(error)
                errors.append(error)
                _raise_if_final(errors, candidates)
            except asyncio.CancelledError:
                attempt.left()
                raise
            else:
                attempt.finished(result)
                return _with_failures(result, errors)
        raise AssertionError("a directory names at least one candidate")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """The answer as it comes. A candidate that fails before its first token is followed by the next, with a `Failed`
        between; after the first token its error is raised with ``partial`` set.

        Raises: as `complete`.
        """
        candidates = await self._directory.candidates(request.model)
        errors: list[ProviderError] = []
        for candidate in candidates:
            attempt = self._attempt(candidate, request, len(errors) + 1, stream=True)
            shown = False
            try:
                async with aclosing(candidate.provider.stream(attempt.request)) as events:
                    async for event in events:
                        kind = type(event)
                        if kind in _TOKENS:
                            shown = True
                            yield event
                        elif isinstance(event, Started):
                            yield msgspec.structs.replace(event, attempt=attempt.number)
                        elif isinstance(event, Finished):
                            attempt.finished(event.result)
                            yield Finished(_with_failures(event.result, errors)) if errors else event
                        else:
                            yield event
                return
            except ProviderError as error:
                attempt.failed(error)
                if shown:
                    error.partial = True
                    raise
                errors.append(error)
                _raise_if_final(errors, candidates)
                yield Failed(candidate.provider.name, candidate.model, error)
            except (asyncio.CancelledError, GeneratorExit):
                attempt.left()
                raise

    def _attempt(self, candidate: Candidate, request: ChatRequest, number: int, *, stream: bool) -> _Attempt:
        own = msgspec.structs.replace(request, model=candidate.model)
        return _Attempt(self._publish, self._clock, candidate, own, number, stream=stream)


class _Attempt:
    """One candidate's turn: the request in its own terms, and what is published once it is over."""

    __slots__ = ("_began", "_candidate", "_clock", "_over", "_publish", "_started_at", "_stream", "number", "request")

    def __init__(
        self,
        publish: Callable[[Event], None],
        clock: Clock,
        candidate: Candidate,
        request: ChatRequest,
        number: int,
        *,
        stream: bool,
    ) -> None:
        self.number = number
        self.request = request
        self._publish = publish
        self._clock = clock
        self._candidate = candidate
        self._stream = stream
        self._over = False
        self._started_at = clock.now()
        self._began = clock.monotonic()

    def finished(self, result: ChatResult) -> None:
        self._over = True
        self._publish(
            AttemptFinished(
                result.provider,
                self.request.model,
                result.timing,
                result.usage,
                result.cost,
                stream=self._stream,
                attempt=self.number,
                origin=self.request.origin,
                rate_limits=result.rate_limits,
                simulated=self._candidate.provider.simulated,
            )
        )

    def failed(self, error: ProviderError) -> None:
        self._ended(error.kind, error.status)

    def left(self) -> None:
        """The caller went away, unless the answer was already whole."""
        if not self._over:
            self._ended("cancelled", None)

    def _ended(self, error_kind: str, status: int | None) -> None:
        self._over = True
        self._publish(
            AttemptFinished(
                self._candidate.provider.name,
                self.request.model,
                Timing(self._started_at, None, (self._clock.monotonic() - self._began) * 1000),
                error_kind=error_kind,
                status=status,
                stream=self._stream,
                attempt=self.number,
                origin=self.request.origin,
                simulated=self._candidate.provider.simulated,
            )
        )


def _raise_if_final(errors: list[ProviderError], candidates: tuple[Candidate, ...]) -> None:
    """Raise what the person has to see, unless a further candidate may do better than the last one."""
    last = errors[-1]
    if last.failover and len(errors) < len(candidates):
        return
    if len(errors) == 1:
        raise last
    raise AllFailed.of(errors) from last


def _with_failures(result: ChatResult, errors: list[ProviderError]) -> ChatResult:
    if not errors:
        return result
    told = tuple(f"{error.provider}/{error.model} failed first ({error.kind}): {error.message}" for error in errors)
    return msgspec.structs.replace(result, warnings=(*told, *result.warnings))
