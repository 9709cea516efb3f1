"""An answer that breaks off is gone on with by another candidate.

`Continuation` accompanies one answer over all candidates that take part in it. The router shows it what it passes on (`saw`),
tells it that a part broke off (`broke`), and gets from `resume` the request for the next candidate and a filter for its events:

    way = continuation.first_way(provider, model)
    while way is not None:
        part = continuation.resume(provider, model, way)
        try:
            async for event in stream(part.request):
                for shown in part.take(event): ...
            break
        except ProviderError as error:
            way = continuation.next_way(way, error) if not part.begun else None

A way that is refused before its first token is followed by the next at the same candidate, so a rejected prefill is never what
the person sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from aiconsole.domain.chat import (
    ChatRequest,
    ChatResult,
    Continued,
    Cost,
    Finished,
    ReasoningDelta,
    Seam,
    StreamEvent,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
    Warned,
)
from aiconsole.domain.errors import BadRequest, ContextTooLong, ProviderError, Unsupported
from aiconsole.domain.messages import Message, Part, ReasoningPart, TextPart
from aiconsole.routing.prefill import Prefill, prefill_of
from aiconsole.routing.seam import SeamText

Mode = Literal["off", "restart", "continue"]
"""What follows an answer that breaks off after part of it was shown: its error, another answer from the start, or the rest."""

_INSTRUCTION: Final = (
    "Your answer above was cut off while it was being sent. Go on with it from exactly where it stops, as if nothing had "
    "happened. Begin with its last words, “{anchor}”, just as they stand there, and continue from them. Repeat nothing "
    "before these words, and do not mention the interruption."
)
_ANCHOR_WORDS: Final = 6
_ANCHOR_CHARS: Final = 60
_CHARS_A_TOKEN: Final = 4
_LEAST_TOKENS: Final = 16
_LEAST_OVERLAP: Final = 12
_LEAST_ECHO: Final = 24
Prefills = Callable[[str, str], Prefill | None]


class BrokenPart(msgspec.Struct, frozen=True):
    """A part of an answer whose stream broke off. ``usage`` is an estimate where ``estimated``; ``cost`` None is unknown."""

    provider: str
    model: str
    error_kind: str
    chars: int
    usage: Usage
    cost: Cost | None = None
    estimated: bool = True

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


class Continuation:
    """What one answer consists of so far.

    Args:
        request: as it was asked first.
        mode: see `Mode`.
        prefills: tells how a model (provider, model) takes a prefill.
        prompt_tokens: of the request, for the estimate of a part without usage; None estimates from its text.
    """

    __slots__ = (
        "_called",
        "_parts",
        "_prefills",
        "_prompt",
        "_request",
        "_settled",
        "_texts",
        "_thoughts",
        "_timing",
        "_warned",
        "mode",
    )

    def __init__(
        self,
        request: ChatRequest,
        mode: Mode = "continue",
        *,
        prefills: Prefills = prefill_of,
        prompt_tokens: int | None = None,
    ) -> None:
        self.mode: Mode = mode
        self._request = request
        self._prefills = prefills
        self._prompt = prompt_tokens
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._called = False
        self._warned: list[str] = []
        self._settled = 0  # characters that belong to parts already noted
        self._parts: list[BrokenPart] = []
        self._timing: Timing | None = None

    @property
    def text(self) -> str:
        """The visible text that was shown and still counts."""
        return "".join(self._texts)

    @property
    def begun(self) -> bool:
        """Whether anything of the answer was shown."""
        return bool(self._texts or self._thoughts or self._called)

    @property
    def parts(self) -> tuple[BrokenPart, ...]:
        """The parts that broke off, in order."""
        return tuple(self._parts)

    def saw(self, event: StreamEvent) -> None:
        """Note an event that is passed on."""
        kind = type(event)
        if kind is TextDelta:
            self._texts.append(event.text)  # type: ignore[union-attr]
        elif kind is ReasoningDelta:
            self._thoughts.append(event.text)  # type: ignore[union-attr]
        elif kind is ToolCallDelta:
            self._called = True
        elif kind is Warned and event.text not in self._warned:  # type: ignore[union-attr]
            self._warned.append(event.text)  # type: ignore[union-attr]

    def broke(
        self,
        error: ProviderError,
        provider: str,
        model: str,
        *,
        usage: Usage | None = None,
        cost: Callable[[Usage], Cost | None] | None = None,
        timing: Timing | None = None,
    ) -> BrokenPart:
        """Note that the stream of a candidate ended early after some of it was shown.

        Args:
            usage: as the provider told it; None estimates it from what was sent and shown, four characters a token.
            cost: prices a usage at this candidate.
            timing: of this attempt; that of the first one gives the whole answer its start and TTFT.
        """
        chars = self._unsettled()
        self._settled += chars
        spent = usage or Usage(self._prompt_tokens(), tokens_of(chars))
        part = BrokenPart(
            provider, model, error.kind, chars, spent, None if cost is None else cost(spent), usage is None
        )
        self._parts.append(part)
        self._timing = self._timing or timing
        return part

    def usage(self) -> Usage:
        """An estimate of what the present part has used so far, four characters a token."""
        return Usage(self._prompt_tokens(), tokens_of(self._unsettled()))

    def first_way(self, provider: str, model: str) -> Seam | None:
        """The best way for this candidate to take over; None where nothing may follow."""
        if self.mode == "off":
            return None
        if self.mode == "restart" or not self._can_go_on():
            return "restart"
        return "prefill" if self._prefill(provider, model) is not None else "instruct"

    def next_way(self, way: Seam, error: ProviderError) -> Seam | None:
        """The way to try next at the same candidate, after it refused this one before any token; None: it cannot."""
        if way == "restart":
            return None
        if isinstance(error, ContextTooLong):
            return "restart"
        if isinstance(error, BadRequest | Unsupported):
            return "instruct" if way == "prefill" else "restart"
        return None

    def resume(self, provider: str, model: str, way: Seam) -> ResumedPart:
        """The part that this candidate is to give, by this way."""
        shown = self.text
        if way == "restart":
            return ResumedPart(self, provider, model, way, self._with(model, self._request.messages, ""), None)
        if way == "prefill":
            prefill = self._prefill(provider, model) or Prefill()
            turn = self._turn(shown.rstrip(), prefill)
            seam = SeamText(self._own() + shown, echoes=prefill.echoes, whole_only=True, least=_LEAST_ECHO)
            return ResumedPart(self, provider, model, way, self._with(model, (*self._asked(), turn), shown), seam)
        anchor = anchor_of(shown)
        told = Message.user(_INSTRUCTION.format(anchor=anchor))
        messages = (*self._asked(), self._turn(shown, Prefill()), told)
        seam = SeamText(shown, anchor=anchor, least=_LEAST_OVERLAP, space=True)
        return ResumedPart(self, provider, model, way, self._with(model, messages, shown), seam)

    def void(self) -> None:
        """Forget what was shown: the answer begins anew."""
        self._texts.clear()
        self._thoughts.clear()
        self._called = False
        self._warned.clear()
        self._settled = 0

    def whole(self, result: ChatResult, way: Seam) -> ChatResult:
        """The result of the last part as that of the whole answer: text, usage, cost and time of all parts."""
        usage, cost = result.usage, result.cost
        for part in self._parts:
            usage = part.usage.plus(usage)
            if cost is not None and part.cost is not None:
                same = cost.source == part.cost.source and not part.estimated
                cost = Cost(cost.usd + part.cost.usd, cost.source if same else "price list")
        return msgspec.structs.replace(
            result,
            content=result.content if way == "restart" else self._content(result),
            usage=usage,
            cost=cost,
            timing=self._whole_timing(result.timing),
            warnings=(*self._notes(result, way), *self._noted(result), *result.warnings),
        )

    def _unsettled(self) -> int:
        """Characters shown that belong to no part that broke off."""
        return sum(map(len, self._texts)) + sum(map(len, self._thoughts)) - self._settled

    def _can_go_on(self) -> bool:
        """Whether what was shown can be gone on with: text, no tool call begun, and no JSON that has to be of one piece."""
        last = self._request.messages[-1] if self._request.messages else None
        own = last is not None and last.role == "assistant"
        plain = last is None or all(isinstance(part, TextPart) for part in last.parts)
        return (
            not self._called
            and self._request.response_format is None
            and (not own or plain)
            and any(not text.isspace() for text in self._texts)
        )

    def _prefill(self, provider: str, model: str) -> Prefill | None:
        reasoning = self._request.reasoning
        if reasoning is not None and reasoning.effort != "none":
            return None
        return self._prefills(provider, model)

    def _asked(self) -> tuple[Message, ...]:
        """The request's turns but for one the caller had begun for the assistant."""
        messages = self._request.messages
        return messages[:-1] if messages and messages[-1].role == "assistant" else messages

    def _turn(self, shown: str, prefill: Prefill) -> Message:
        return Message("assistant", self._own() + shown, prefill.extra)

    def _own(self) -> str:
        """What the caller had begun for the assistant."""
        messages = self._request.messages
        return messages[-1].text if messages and messages[-1].role == "assistant" else ""

    def _with(self, model: str, messages: tuple[Message, ...], shown: str) -> ChatRequest:
        limit = self._request.max_tokens
        if limit is not None and shown:
            limit = max(_LEAST_TOKENS, limit - tokens_of(len(shown)))
        return msgspec.structs.replace(self._request, model=model, messages=messages, max_tokens=limit)

    def _prompt_tokens(self) -> int:
        if self._prompt is None:
            self._prompt = tokens_of(sum(len(message.text) for message in self._request.messages))
        return self._prompt

    def _content(self, result: ChatResult) -> tuple[Part, ...]:
        """All parts' text as one, the first thoughts before it, the last part's calls and native blocks after it.

        What a model thought about going on is left out: it belongs to a request that is no part of the conversation.
        """
        thoughts = "".join(self._thoughts)
        before: tuple[Part, ...] = (ReasoningPart(thoughts),) if thoughts else ()
        after = tuple(part for part in result.content if not isinstance(part, TextPart | ReasoningPart))
        return (*before, TextPart(self.text), *after)

    def _whole_timing(self, last: Timing) -> Timing:
        first = self._timing
        if first is None:
            return last
        took = last.started_at - first.started_at + last.duration_ms / 1000
        return Timing(first.started_at, first.ttft_ms, max(last.duration_ms, took * 1000))

    def _noted(self, result: ChatResult) -> tuple[str, ...]:
        """What was told while the earlier parts came."""
        return tuple(text for text in self._warned if text not in result.warnings)

    def _notes(self, result: ChatResult, way: Seam) -> tuple[str, ...]:
        went = "began anew" if way == "restart" else "went on"
        return tuple(
            f"{part.name} broke off after {part.chars} characters ({part.error_kind}); {result.provider} {went}."
            + (" Its tokens are an estimate" if part.estimated else " Its tokens are its own count")
            + (", its cost is not known." if part.cost is None else ".")
            for part in self._parts
        )


class ResumedPart:
    """One candidate's part of an answer that broke off. ``request`` is what to send it.

    Attributes:
        begun: whether any of its tokens came (shown or still held back at the seam).
        continued: the seam, once it is known.
    """

    __slots__ = ("_model", "_owner", "_provider", "_seam", "begun", "continued", "request", "way")

    def __init__(
        self, owner: Continuation, provider: str, model: str, way: Seam, request: ChatRequest, seam: SeamText | None
    ) -> None:
        self._owner = owner
        self._provider = provider
        self._model = model
        self._seam = seam
        self.way: Seam = way
        self.request = request
        self.begun = False
        self.continued: Continued | None = None

    def take(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """What is to be passed on in place of an event of the candidate's stream, the seam before its first text."""
        if isinstance(event, TextDelta):
            self.begun = True
            return self._taken_text(event)
        if isinstance(event, ReasoningDelta):
            self.begun = True
            return self._passed(event) if self.way == "restart" else ()
        if isinstance(event, ToolCallDelta):
            self.begun = True
            return (*self._rest(), *self._passed(event))
        if isinstance(event, Finished):
            rest = self._rest()
            return (*rest, Finished(self._owner.whole(event.result, self.way)))
        if isinstance(event, Warned):
            self._owner.saw(event)
            if self._seam is not None:
                self._seam.torn()
        return (event,)

    def _taken_text(self, event: TextDelta) -> Sequence[StreamEvent]:
        seam = self._seam
        if seam is None:
            return self._passed(event)
        text = seam.feed(event.text)
        if not seam.decided:
            return ()
        return self._passed(TextDelta(text)) if text else ()

    def _rest(self) -> Sequence[StreamEvent]:
        """What the seam still held back; the seam itself, where nothing came after it."""
        text = self._seam.close() if self._seam is not None and not self._seam.decided else ""
        return self._passed(TextDelta(text)) if text else self._announced()

    def _passed(self, event: TextDelta | ReasoningDelta | ToolCallDelta) -> Sequence[StreamEvent]:
        announced = self._announced()
        self._owner.saw(event)
        return (*announced, event)

    def _announced(self) -> Sequence[StreamEvent]:
        if self.continued is not None:
            return ()
        if self._seam is not None and self._seam.began_anew:
            self.way = "restart"
        last = self._owner.parts[-1] if self._owner.parts else None
        self.continued = Continued(
            self._provider,
            self._model,
            self.way,
            at_chars=len(self._owner.text),
            overlap_chars=0 if self._seam is None else self._seam.overlap_chars,
            after=last.name if last is not None else "",
            error_kind=last.error_kind if last is not None else "",
        )
        if self.way == "restart":
            self._owner.void()
        return (self.continued,)


def anchor_of(shown: str) -> str:
    """The last words of a text, on one line, for a model to begin with."""
    tail = " ".join(shown[-4 * _ANCHOR_CHARS :].split())
    words = tail.split(" ")[-_ANCHOR_WORDS:]
    while len(words) > 1 and sum(map(len, words)) + len(words) > _ANCHOR_CHARS:
        words.pop(0)
    return " ".join(words)[-_ANCHOR_CHARS:]


def tokens_of(characters: int) -> int:
    """About four characters a token, rounded up; for estimates only."""
    return -(-characters // _CHARS_A_TOKEN)
