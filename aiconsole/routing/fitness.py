"""Which candidates can serve a request at all, told before anything is sent.

What a request needs is worked out once (`Needs.of`) and held against each candidate (`unfit`). Tokens are estimated low: a
candidate wrongly left out is lost, one wrongly asked only says that the context is too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

import msgspec

from aiconsole.domain.chat import ChatRequest, OnUnsupported
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    NativePart,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.domain.models import FEATURE_WORDS, PARAMETERS, Feature, ModelInfo, Prices, ProviderState
from aiconsole.routing.candidates import Candidate

_MESSAGE_TOKENS: Final = 3
_IMAGE_TOKENS: Final = 85
_PAGE_TOKENS: Final = 1_500
_ASCII_PER_TOKEN: Final = 4.5
_BYTES_PER_TOKEN: Final = 4.0


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What a request needs of whoever answers it.

    Attributes:
        features: beyond plain text. Where parameters may be dropped, only what the answer cannot do without.
        prompt_tokens: a low estimate.
        max_tokens: what the request allows for the answer, None where it says nothing.
        room: the context must be known and larger than this, because one of this size was too small; 0 for no such demand.
    """

    features: frozenset[Feature]
    prompt_tokens: int
    max_tokens: int | None = None
    room: int = 0

    @classmethod
    def of(cls, request: ChatRequest, policy: OnUnsupported = "refuse") -> Needs:
        """The needs of a request. ``policy`` is what the request or the settings say of unsupported parameters."""
        features: set[Feature] = set()
        tokens = 0.0
        for message in request.messages:
            tokens += _MESSAGE_TOKENS
            if isinstance(message.content, str):
                tokens += text_tokens(message.content)
            else:
                for part in message.content:
                    tokens += _part_tokens(part, features)
        for tool in request.tools:
            features.add("tools")
            tokens += _tool_tokens(tool) if isinstance(tool, Tool) else _MESSAGE_TOKENS
        if request.response_format is not None:
            features.add("json" if request.response_format.schema is None else "json_schema")
        if policy == "refuse":
            features.update(name for name in PARAMETERS if getattr(request, name) is not None)
            if request.stop:
                features.add("stop")
        return cls(frozenset(features), int(tokens), request.max_tokens)

    def with_room(self, refused_by: ModelInfo | None) -> Needs:
        """The needs after a model said that the context is too long: from then on only a larger one will do."""
        known = refused_by.context_tokens if refused_by is not None else None
        return msgspec.structs.replace(self, room=max(self.room, known or 0, self.prompt_tokens, 1))


class Unfit(NamedTuple):
    """Why a candidate cannot serve a request, in words. ``droppable`` where leaving something out of the request would
    help, which only the person may decide."""

    reason: str
    droppable: bool = False


def unfit(
    candidate: Candidate, needs: Needs, info: ModelInfo | None = None, state: ProviderState | None = None
) -> Unfit | None:
    """Why ``candidate`` cannot serve a request with these needs, None where nothing speaks against it.

    Args:
        info: the model as far as it is known; what is unknown does not speak against a candidate, except for a context
            that must be larger than one that was too small.
        state: the provider as it is set up, where the caller knows it.
    """
    if state is not None and not state.usable:
        return Unfit(_unusable(state))
    takes = candidate.provider.features
    if info is not None:
        if not info.chat:
            return Unfit("the model does not chat")
        if info.lacks:
            takes = takes - info.lacks
    if not needs.features <= takes:
        missing = ", ".join(FEATURE_WORDS[feature] for feature in sorted(needs.features - takes))
        return Unfit(f"it does not take {missing}", droppable=True)
    return _too_small(needs, info)


def _unusable(state: ProviderState) -> str:
    if state.trouble:
        return state.trouble
    return "no key is set" if state.enabled else "the provider is switched off"


def _too_small(needs: Needs, info: ModelInfo | None) -> Unfit | None:
    context = info.context_tokens if info is not None else None
    if needs.room:
        if context is None:
            return Unfit(f"its context is not known to exceed {needs.room:,} tokens")
        if context <= needs.room:
            return Unfit(f"its context of {context:,} tokens is no larger than the one that was too small")
    if context is None or info is None:
        return None
    answer = needs.max_tokens or 0
    if info.max_output_tokens is not None:
        answer = min(answer, info.max_output_tokens)
    if needs.prompt_tokens + answer > context:
        return Unfit(f"its context of {context:,} tokens is too small for about {needs.prompt_tokens + answer:,}")
    return None


def fits_all(candidates: Iterable[tuple[Candidate, ModelInfo | None]], features: frozenset[Feature]) -> float:
    """So many tokens, prompt and limit of the answer together, a request with these features may have to be served by all
    candidates for sure; -1 where one of them cannot serve it at any size."""
    needs = Needs(features, 0)
    most = inf
    for candidate, info in candidates:
        if unfit(candidate, needs, info) is not None:
            return -1
        if info is not None and info.context_tokens is not None:
            most = min(most, info.context_tokens)
    return most


def expected_usd(needs: Needs, prices: Prices | None, *, answer_tokens: int = 500) -> float | None:
    """What a request will cost at list prices, in USD; None where a price is unknown, which is not the same as free.

    Args:
        answer_tokens: the usual length of an answer; a lower limit of the request goes before it.
    """
    if prices is None or prices.prompt is None or prices.completion is None:
        return None
    answer = answer_tokens if needs.max_tokens is None else min(needs.max_tokens, answer_tokens)
    return (needs.prompt_tokens * prices.prompt + answer * prices.completion) / 1e6


def text_tokens(text: str) -> float:
    """A low estimate of a text's tokens: 4.5 characters each in ASCII, else 4 bytes of UTF-8 each.

    English takes some 4 characters a token, other scripts fewer (OpenAI help, "What are tokens and how to count them").
    """
    if text.isascii():
        return len(text) / _ASCII_PER_TOKEN
    return len(text.encode(errors="surrogatepass")) / _BYTES_PER_TOKEN


def _part_tokens(part: Part, features: set[Feature]) -> float:
    if isinstance(part, TextPart):
        return text_tokens(part.text)
    if isinstance(part, ImagePart):
        features.add("images")
        return _IMAGE_TOKENS
    if isinstance(part, DocumentPart):
        features.add("documents")
        return _document_tokens(part)
    if isinstance(part, ToolCallPart):
        return text_tokens(part.name) + text_tokens(part.arguments)
    if isinstance(part, ToolResultPart):
        if isinstance(part.content, str):
            return text_tokens(part.content)
        return sum(_part_tokens(inner, features) for inner in part.content)
    assert isinstance(part, ReasoningPart | NativePart)
    return 0.0


def _document_tokens(part: DocumentPart) -> float:
    """A text's own; else those of one page, 1,500 to 3,000 (Anthropic docs, "PDF support")."""
    if part.data is not None and part.media_type.startswith("text/"):
        return len(part.data) / _ASCII_PER_TOKEN
    return _PAGE_TOKENS


def _tool_tokens(tool: Tool) -> float:
    words = text_tokens(tool.name) + text_tokens(tool.description)
    return words + (0.0 if tool.parameters is None else len(msgspec.json.encode(tool.parameters)) / 8.0)
