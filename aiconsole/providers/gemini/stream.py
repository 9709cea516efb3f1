"""What Gemini answered, whole or streamed, as our own parts and events.

A stream is a row of GenerateContentResponse objects, each with a piece of the answer, the usage so far and, on the last, the
finish reason; it has no end mark. A whole answer is one such object, so both are read by the same `Reader`. Facts are from the
recorded traffic, the Gemini API reference (GenerateContentResponse, Candidate, Part, UsageMetadata) and the enums of the
google-genai SDK.

What is kept where: the thought signature of thoughts and of function calls in ``signature``, of a text or an image in the
part's ``extra["gemini"]``; code execution, server-side tool calls and any unknown part as `NativePart`; grounding and
citations in ``extra["gemini.sources"]`` of the last text, which is not sent back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import FinishReason, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from aiconsole.domain.errors import BadRequest, ConnectionCut, ContentRefused, MalformedAnswer
from aiconsole.domain.messages import NativePart, Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.base import Answer
from aiconsole.providers.gemini.answer import (
    UsageMetadata,
    decoded,
    is_count,
    kept,
    media,
    objects,
    united,
    usage,
    with_sources,
)
from aiconsole.providers.gemini.errors import error_in_answer
from aiconsole.providers.gemini.parts import MADE_ID

_SOURCE_KEYS: Final = ("groundingMetadata", "citationMetadata", "urlContextMetadata", "groundingAttributions")

_REFUSED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_BROKEN: Final = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"}
)
_UNSIGNED: Final = "MISSING_THOUGHT_SIGNATURE"
_ABSENT: Final = msgspec.Raw()


class _FastPart(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str
    thought: bool = False


class _FastContent(msgspec.Struct, gc=False):
    parts: tuple[_FastPart]


class _FastCandidate(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: _FastContent
    finishReason: str | None = None  # noqa: N815
    index: int = 0
    safetyRatings: msgspec.Raw = _ABSENT  # noqa: N815
    avgLogprobs: msgspec.Raw = _ABSENT  # noqa: N815
    tokenCount: msgspec.Raw = _ABSENT  # noqa: N815


class _FastChunk(msgspec.Struct, gc=False):
    """A chunk that is one piece of text; anything else makes decoding fail or one of the last two fields set."""

    candidates: tuple[_FastCandidate]
    usageMetadata: UsageMetadata | None = None  # noqa: N815
    modelVersion: str | None = None  # noqa: N815
    responseId: str | None = None  # noqa: N815
    error: msgspec.Raw = _ABSENT
    promptFeedback: msgspec.Raw = _ABSENT  # noqa: N815


_NO_USAGE: Final = UsageMetadata()
_decode_fast = msgspec.json.Decoder(_FastChunk).decode


class Reader:
    """Reads one answer; see `StreamReader`. ``join`` False keeps each part of a whole answer a part of its own."""

    __slots__ = (
        "_calls",
        "_finish",
        "_finish_message",
        "_join",
        "_model",
        "_others",
        "_parts",
        "_response_id",
        "_run",
        "_seen",
        "_sources",
        "_thinking",
        "_usage",
    )

    def __init__(self, *, join: bool = True) -> None:
        self._join = join
        self._parts: list[Part] = []
        self._run: list[str] = []
        self._thinking = False
        self._calls = 0
        self._finish: str | None = None
        self._finish_message = ""
        self._usage = _NO_USAGE
        self._model = ""
        self._response_id: str | None = None
        self._sources: dict[str, Any] = {}
        self._others = False
        self._seen = False

    @property
    def done(self) -> bool:
        """Always False: Gemini's streams have no end mark, and chunks may follow the finish reason."""
        return False

    def feed(self, event: str, data: bytes) -> Sequence[StreamEvent]:
        try:
            chunk = _decode_fast(data)
        except (ValueError, RecursionError):
            return self.take(decoded(data))
        candidate = chunk.candidates[0]
        if candidate.index or chunk.error is not _ABSENT or chunk.promptFeedback is not _ABSENT:
            return self.take(decoded(data))
        self._seen = True
        if candidate.finishReason is not None:
            self._finish = candidate.finishReason
        if chunk.usageMetadata is not None:
            self._usage = chunk.usageMetadata
        if chunk.modelVersion is not None:
            self._model = chunk.modelVersion
        if chunk.responseId is not None:
            self._response_id = chunk.responseId
        part = candidate.content.parts[0]
        text = part.text
        if not text:
            return ()
        thought = part.thought
        if thought is not self._thinking:
            self._flush()
            self._thinking = thought
        self._run.append(text)
        return (ReasoningDelta(text),) if thought else (TextDelta(text),)

    def take(self, chunk: object) -> list[StreamEvent]:
        """Read one GenerateContentResponse that may hold anything.

        Raises:
            MalformedAnswer: it is not such an object.
            ContentRefused: the prompt was blocked.
            ProviderError: it reports an error.
        """
        if not isinstance(chunk, dict):
            raise MalformedAnswer("Gemini's answer is not a JSON object.")
        if chunk.get("error"):
            raise error_in_answer(chunk["error"])
        self._take_frame(chunk)
        events: list[StreamEvent] = []
        for candidate in objects(chunk.get("candidates"), "candidates"):
            if candidate.get("index") in (None, 0):
                self._take_candidate(candidate, events)
            else:
                self._others = True
        return events

    def _take_frame(self, chunk: Mapping[str, Any]) -> None:
        feedback = chunk.get("promptFeedback")
        feedback = feedback if isinstance(feedback, dict) else {}
        reason = feedback.get("blockReason")
        if isinstance(reason, str) and reason:
            words = feedback.get("blockReasonMessage")
            raise ContentRefused(
                f"Gemini blocked the prompt ({reason})" + (f": {words}" if isinstance(words, str) and words else "."),
                code=reason,
            )
        metadata = chunk.get("usageMetadata")
        if isinstance(metadata, dict):
            counts = {name: metadata.get(name) for name in UsageMetadata.__struct_fields__}
            self._usage = UsageMetadata(**{name: value for name, value in counts.items() if is_count(value)})
        model, response_id = chunk.get("modelVersion"), chunk.get("responseId")
        if isinstance(model, str):
            self._model = model
        if isinstance(response_id, str):
            self._response_id = response_id

    def _take_candidate(self, candidate: Mapping[str, Any], events: list[StreamEvent]) -> None:
        self._seen = True
        reason, words = candidate.get("finishReason"), candidate.get("finishMessage")
        if isinstance(reason, str) and reason:
            self._finish = reason
        if isinstance(words, str):
            self._finish_message = words
        for key in _SOURCE_KEYS:
            if candidate.get(key):
                self._sources[key] = united(self._sources.get(key), candidate[key])
        content = candidate.get("content")
        if content is None:
            return
        if not isinstance(content, dict):
            raise MalformedAnswer("A candidate's content in Gemini's answer is not a JSON object.")
        for part in objects(content.get("parts"), "parts"):
            self._take_part({key: value for key, value in part.items() if value is not None}, events)

    def _take_part(self, part: dict[str, Any], events: list[StreamEvent]) -> None:
        if isinstance(part.get("functionCall"), dict):
            self._take_call(part, part["functionCall"], events)
        elif isinstance(part.get("text"), str):
            self._take_text(part, events)
        elif part:
            self._flush()
            self._parts.append(media(part) or NativePart("gemini", part))

    def _take_text(self, part: Mapping[str, Any], events: list[StreamEvent]) -> None:
        text: str = part["text"]
        thought = part.get("thought") is True
        extra = {key: value for key, value in part.items() if key not in ("text", "thought")}
        if text:
            events.append(ReasoningDelta(text) if thought else TextDelta(text))
        if thought is not self._thinking or extra:
            self._flush()
            self._thinking = thought
        if extra and thought:
            signature = _signature(extra)
            self._parts.append(ReasoningPart(text, signature, dialect="gemini", extra=kept(extra)))
        elif extra:
            self._parts.append(TextPart(text, kept(extra)))
        elif text:
            self._run.append(text)
            if not self._join:
                self._flush()

    def _take_call(self, part: Mapping[str, Any], call: Mapping[str, Any], events: list[StreamEvent]) -> None:
        name, arguments, call_id = call.get("name"), call.get("args"), call.get("id")
        if not isinstance(name, str) or not isinstance(arguments, dict | None):
            raise MalformedAnswer("A function call in Gemini's answer has no name, or arguments that are no object.")
        if not isinstance(call_id, str) or not call_id:
            call_id = f"{MADE_ID}{(self._response_id or 'x')[:24]}-{self._calls}"
        text = msgspec.json.encode(arguments or {}).decode()
        extra = {key: value for key, value in part.items() if key != "functionCall"}
        signature = _signature(extra)
        if rest := {key: value for key, value in call.items() if key not in ("name", "args", "id")}:
            extra["functionCall"] = rest
        self._flush()
        self._parts.append(ToolCallPart(call_id, name, text, signature, kept(extra)))
        events.append(ToolCallDelta(self._calls, call_id, name, text))
        self._calls += 1

    def _flush(self) -> None:
        if self._run:
            text = "".join(self._run)
            self._parts.append(ReasoningPart(text, dialect="gemini") if self._thinking else TextPart(text))
            self._run.clear()

    def finish(self) -> Answer:
        if self._finish is None:
            raise ConnectionCut("Gemini's stream ended before the answer did.", partial=self._seen)
        return self.whole()

    def whole(self) -> Answer:
        """The answer, ended.

        Raises:
            MalformedAnswer: there is none, or nothing but output of no use (a malformed function call).
            ContentRefused: it was withheld as a whole.
            BadRequest: Gemini missed a thought signature in the request.
        """
        if not self._seen:
            raise MalformedAnswer("Gemini's answer holds no candidate.")
        answer = self.partial()
        reason, words = self._finish or "", f" {self._finish_message}" if self._finish_message else ""
        if reason == _UNSIGNED:
            raise BadRequest(f"Gemini missed a thought signature in the conversation.{words}", code=reason)
        if not any(not isinstance(part, ReasoningPart) for part in answer.content):
            if reason in _REFUSED:
                raise ContentRefused(f"Gemini withheld its answer ({reason}).{words}", code=reason)
            if reason in _BROKEN:
                raise MalformedAnswer(f"Gemini's model produced no usable output ({reason}).{words}", code=reason)
        return msgspec.structs.replace(answer, finish_reason=self._finish_reason())

    def partial(self) -> Answer:
        self._flush()
        content = with_sources(self._parts, self._sources)
        return Answer(
            model=self._model,
            content=content,
            raw_finish_reason=self._finish,
            usage=usage(self._usage),
            response_id=self._response_id,
            warnings=("Gemini gave several candidates; the first is shown.",) if self._others else (),
        )

    def _finish_reason(self) -> FinishReason:
        reason = self._finish
        if reason == "MAX_TOKENS":
            return "length"
        if reason in _REFUSED:
            return "refused"
        if reason in _BROKEN:
            return "error"
        if self._calls:
            return "tool_calls"
        return "stop" if reason == "STOP" else "other"


def _signature(extra: dict[str, Any]) -> str | None:
    """The thought signature, taken out of what else a part holds; left in where it is no text."""
    return extra.pop("thoughtSignature") if isinstance(extra.get("thoughtSignature"), str) else None
