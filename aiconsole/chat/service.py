"""Conversations: asked, streamed, kept.

An answer belongs to whoever consumes its generator. The service only listens in: it puts what passes on disk twice a second
and sees to it that every answer ends in the store, however its consumer leaves. So a conversation goes on being answered
while another one is looked at, and `open` shows it with all text that came until that moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from aiconsole.chat.answer import Answer, turn_error
from aiconsole.chat.request import chat_request, message_of, title_of
from aiconsole.domain.chat import CacheUse, ChatRequest, StreamEvent
from aiconsole.domain.clock import Clock
from aiconsole.domain.conversations import (
    ChatEvent,
    ChatParams,
    Conversation,
    SearchHit,
    Transcript,
    Turn,
    TurnAdded,
    TurnEnded,
    TurnError,
)
from aiconsole.domain.errors import ConfigError, ConsoleError, MalformedAnswer, ProviderError, StoreError
from aiconsole.domain.messages import Message, Part
from aiconsole.domain.trace import Traced
from aiconsole.store import Store
from aiconsole.store.conversations import NewTurn

FLUSH_S = 0.4
"""Text is handed to the writer at most this long after it came, in s, so that it is on the disk after half a second."""

_SETTLE_S = 2.0
_NO_PARAMS = ChatParams()
_log = logging.getLogger(__name__)


class Streams(Protocol):
    """What answers requests: the engine, or a router."""

    def stream(self, request: ChatRequest, *, traced: Traced) -> AsyncGenerator[StreamEvent, None]: ...


class ChatService:
    """All methods may raise StoreError, and ConfigError where a conversation or turn is not there (any more).

    `send`, `resend` and `regenerate` give the events of one answer: `TurnAdded` for each turn, last the answer's own in state
    ``streaming``; what the router streams, as it comes; `TurnEnded`. Until the first `TurnAdded` they may raise; from then on
    a failure is a `TurnEnded` in state ``failed``. Closing or cancelling the generator keeps the text so far as ``stopped``.
    """

    def __init__(
        self,
        router: Streams,
        store: Store,
        clock: Clock,
        *,
        default_model: Callable[[], str] = lambda: "",
        flush_s: float = FLUSH_S,
    ) -> None:
        self._router = router
        self._store = store.conversations
        self._clock = clock
        self._default_model = default_model
        self._flush_s = flush_s
        self._answers: dict[str, Answer] = {}
        self._closed = False

    async def list(self, search: str = "", *, limit: int | None = None) -> tuple[SearchHit, ...]:
        """Conversations last spoken in first, by default at most 2,000; with ``search`` those in which all its words occur
        (full text and title), by default at most 200."""
        return await self._store.list(search, limit=limit)

    async def create(self, *, model: str = "", system: str = "", params: ChatParams = _NO_PARAMS) -> Conversation:
        now = self._clock.now()
        return await self._store.create(
            Conversation(uuid4().hex, created_at=now, updated_at=now, model=model, system=system, params=params)
        )

    async def open(self, conversation_id: str) -> Transcript:
        """The active path; a running answer with all text that came until now."""
        return self._live(await self._store.transcript(conversation_id))

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        return await self._store.update(conversation_id, title=title.strip())

    async def update(
        self,
        conversation_id: str,
        *,
        model: str | None = None,
        system: str | None = None,
        params: ChatParams | None = None,
    ) -> Conversation:
        """Change what is not None, for the answers to come."""
        return await self._store.update(conversation_id, model=model, system=system, params=params)

    async def delete(self, conversation_id: str) -> None:
        """Stop what is being answered in it and hide it. It can be restored until the next start."""
        self.stop(conversation_id)
        await self._store.delete(conversation_id, self._clock.now())

    async def restore(self, conversation_id: str) -> None:
        """Undo `delete`."""
        await self._store.restore(conversation_id)

    async def switch(self, conversation_id: str, turn_id: str) -> Transcript:
        """Make the branch through this turn the active one, down to its newest descendants."""
        return self._live(await self._store.switch(conversation_id, turn_id))

    def running(self, conversation_id: str) -> bool:
        """Whether an answer is being given in this conversation."""
        return any(not answer.over for answer in self._of(conversation_id))

    def stop(self, conversation_id: str) -> None:
        """End its running answers as ``stopped``; whoever consumes them gets their `TurnEnded`."""
        for answer in self._of(conversation_id):
            answer.stop("stopped")

    async def close(self) -> None:
        """End all running answers as ``interrupted`` and wait, at most 2 s, until they are on the disk."""
        self._closed = True
        answers = list(self._answers.values())
        for answer in answers:
            answer.stop("interrupted")
        until = asyncio.get_running_loop().time() + _SETTLE_S
        await _settle([answer.left.wait() for answer in answers], until)
        for answer in answers:
            answer.end("interrupted")
        await _settle([answer.written(_SETTLE_S) for answer in answers], until)

    def send(self, conversation_id: str, content: str | tuple[Part, ...]) -> AsyncGenerator[ChatEvent, None]:
        """Say something at the end of the active path and stream the answer."""

        async def place() -> tuple[Transcript, Message | None]:
            message = _checked(content)
            return await self.open(conversation_id), message

        return self._answer(place)

    def resend(
        self, conversation_id: str, turn_id: str, content: str | tuple[Part, ...]
    ) -> AsyncGenerator[ChatEvent, None]:
        """Say something else in place of a turn, as a new branch beside it, and stream the answer."""

        async def place() -> tuple[Transcript, Message | None]:
            message = _checked(content)
            return _above(await self._path(conversation_id, turn_id)), message

        return self._answer(place)

    def regenerate(self, conversation_id: str, turn_id: str) -> AsyncGenerator[ChatEvent, None]:
        """Stream another answer beside this one, or one to this question if the turn is a question; never a kept one."""

        async def place() -> tuple[Transcript, Message | None]:
            path = await self._path(conversation_id, turn_id)
            return _above(path) if path.turns[-1].message.role == "assistant" else path, None

        return self._answer(place, cache="fresh")

    async def _path(self, conversation_id: str, turn_id: str) -> Transcript:
        return self._live(await self._store.transcript(conversation_id, turn_id))

    async def _answer(
        self, place: Callable[[], Awaitable[tuple[Transcript, Message | None]]], *, cache: CacheUse = "default"
    ) -> AsyncGenerator[ChatEvent, None]:
        """Add what was said, if anything, at the end of the path that ``place`` gives, and below it the answer."""
        before, said = await place()
        answer, turns, conversation = await self._begin(before, said)
        try:
            for turn in turns:
                yield TurnAdded(turn)
            request = chat_request(conversation, (*before.turns, *turns[:-1]), self._default_model(), cache=cache)
            async with aclosing(self._router.stream(request, traced=answer.follow)) as events:
                try:
                    while (event := await answer.next_event(events)) is not None:
                        answer.take(event)
                        yield event
                except (asyncio.CancelledError, GeneratorExit):
                    answer.end("stopped")
                    raise
            answer.end("failed", _CUT_SHORT)
        except ConsoleError as error:
            answer.end("failed", turn_error(error), error.trace if isinstance(error, ProviderError) else None)
        except Exception as error:
            _log.exception("an answer failed inside the console")
            answer.end(
                "failed", TurnError("internal", f"The console made a mistake: {error!r}.", "Please report this.")
            )
        finally:
            answer.end("stopped")
            answer.left.set()
        await answer.written(_SETTLE_S)
        yield TurnEnded(answer.turn)

    async def _begin(self, before: Transcript, said: Message | None) -> tuple[Answer, tuple[Turn, ...], Conversation]:
        """Put the turns on disk before anything is asked. Cancelled meanwhile, they are taken back or the answer is stopped."""
        if self._closed:
            raise ConsoleError("The console is closing.")
        parent = before.turns[-1] if before.turns else None
        if parent is not None and parent.state == "streaming":
            raise ConsoleError(
                "This is still being answered.", advice="Wait for the answer or stop it, then send again."
            )
        fresh = [NewTurn(uuid4().hex, Message("assistant", ()), "streaming")]
        title = ""
        if said is not None:
            fresh.insert(0, NewTurn(uuid4().hex, said, "complete"))
            title = title_of(said)
        elif parent is None:
            raise ConfigError("There is no question to answer.")
        parent_id = parent.id if parent else None
        now = self._clock.now()
        adding = self._store.append(before.conversation.id, parent_id, fresh, now=now, title=title)
        try:
            conversation, turns = await asyncio.shield(asyncio.wrap_future(adding))
        except asyncio.CancelledError:
            if not adding.cancel():
                nobodys = Turn(fresh[-1].id, before.conversation.id, None, fresh[-1].message, now, "stopped")
                with suppress(StoreError):  # closed meanwhile: the next start ends it
                    self._store.finish(nobodys, now)
            raise
        self._forget_kept()
        answer = self._answers[turns[-1].id] = Answer(turns[-1], self._store, self._clock, self._flush_s)
        return answer, turns, conversation

    def _of(self, conversation_id: str) -> Sequence[Answer]:
        return [answer for answer in self._answers.values() if answer.conversation_id == conversation_id]

    def _forget_kept(self) -> None:
        """Drop answers the store knows as well as we do."""
        self._answers = {
            key: answer for key, answer in self._answers.items() if not (answer.left.is_set() and answer.kept)
        }

    def _live(self, transcript: Transcript) -> Transcript:
        """With what the store does not know yet: the text of running answers, and how others ended.

        What is nobody's and streams was left by a killed process, on a disk too full to say so.
        """

        def live(turn: Turn) -> Turn:
            if turn.id in self._answers:
                return msgspec.structs.replace(self._answers[turn.id].turn, siblings=turn.siblings)
            if turn.state == "streaming":
                return msgspec.structs.replace(turn, state="interrupted")
            return turn

        return msgspec.structs.replace(transcript, turns=tuple(live(turn) for turn in transcript.turns))


_CUT_SHORT = turn_error(MalformedAnswer("The stream ended before the answer did."))


def _checked(content: str | tuple[Part, ...]) -> Message:
    message = message_of(content)
    if not message.parts:
        raise ConfigError("There is nothing to send.", advice="Write something or add a file.")
    return message


def _above(path: Transcript) -> Transcript:
    """The path without its last turn."""
    return msgspec.structs.replace(path, turns=path.turns[:-1])


async def _settle(waits: Sequence[Coroutine[Any, Any, object]], until: float) -> None:
    """Wait for all of them, until that time of the loop's clock."""
    if not waits:
        return
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, late = await asyncio.wait(tasks, timeout=max(0.0, until - asyncio.get_running_loop().time()))
    for task in late:
        task.cancel()
