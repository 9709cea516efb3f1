"""What a request uses beyond plain text, held against what a provider and a model take, before anything is sent."""

from __future__ import annotations

from typing import Final

import msgspec

from aiconsole.domain.chat import ChatRequest, OnUnsupported
from aiconsole.domain.errors import Unsupported
from aiconsole.domain.messages import DocumentPart, ImagePart, Message, Part, ToolResultPart
from aiconsole.domain.models import FEATURE_WORDS, PARAMETERS, Feature


class Refusals:
    """Collects what a request asks and the provider cannot do: raises at once, or keeps a warning for each thing dropped.

    An instance is the `Refuse` callable that a dialect is given.
    """

    __slots__ = ("policy", "warnings")

    def __init__(self, policy: OnUnsupported) -> None:
        self.policy = policy
        self.warnings: list[str] = []

    def __call__(self, words: str) -> None:
        if self.policy == "refuse":
            raise Unsupported(words)
        self.warnings.append(f"Dropped: {words}")


def fit(request: ChatRequest, label: str, takes: frozenset[Feature], refusals: Refusals) -> ChatRequest:
    """The request without what the provider does not take, or the same request where it takes all.

    Args:
        label: the provider or model in words, for the message.
        takes: features that may stay.

    Raises:
        Unsupported: something is not taken and the policy is to refuse.
    """
    if takes >= _ALL_FEATURES:
        return request
    changes: dict[str, object] = {}
    for feature in PARAMETERS:
        if feature not in takes and getattr(request, feature) is not None:
            refusals(f"{label} does not take {FEATURE_WORDS[feature]}.")
            changes[feature] = None
    if request.stop and "stop" not in takes:
        refusals(f"{label} does not take {FEATURE_WORDS['stop']}.")
        changes["stop"] = ()
    if request.tools and "tools" not in takes:
        refusals(f"{label} does not take {FEATURE_WORDS['tools']}.")
        changes |= {"tools": (), "tool_choice": None, "parallel_tool_calls": None}
    if request.response_format is not None:
        needed: Feature = "json" if request.response_format.schema is None else "json_schema"
        if needed not in takes:
            refusals(f"{label} does not take {FEATURE_WORDS[needed]}.")
            changes["response_format"] = None
    if "images" not in takes or "documents" not in takes:
        messages = _fit_messages(request.messages, label, takes, refusals)
        if messages is not request.messages:
            changes["messages"] = messages
    return msgspec.structs.replace(request, **changes) if changes else request


_ALL_FEATURES: Final[frozenset[Feature]] = frozenset(FEATURE_WORDS)


def _fit_messages(
    messages: tuple[Message, ...], label: str, takes: frozenset[Feature], refusals: Refusals
) -> tuple[Message, ...]:
    unwanted: dict[type, Feature] = {}
    if "images" not in takes:
        unwanted[ImagePart] = "images"
    if "documents" not in takes:
        unwanted[DocumentPart] = "documents"
    found = {unwanted[kind] for message in messages for kind in _kinds(message) if kind in unwanted}
    if not found:
        return messages
    for feature in sorted(found):
        refusals(f"{label} does not take {FEATURE_WORDS[feature]}.")
    return tuple(_without(message, tuple(unwanted)) for message in messages)


def _kinds(message: Message) -> set[type]:
    if isinstance(message.content, str):
        return set()
    kinds: set[type] = set()
    for part in message.content:
        kinds.add(type(part))
        if isinstance(part, ToolResultPart) and not isinstance(part.content, str):
            kinds.update(type(inner) for inner in part.content)
    return kinds


def _without(message: Message, unwanted: tuple[type, ...]) -> Message:
    if isinstance(message.content, str):
        return message
    kept: list[Part] = []
    for part in message.content:
        if isinstance(part, unwanted):
            continue
        if isinstance(part, ToolResultPart) and not isinstance(part.content, str):
            inner = tuple(item for item in part.content if not isinstance(item, unwanted))
            kept.append(msgspec.structs.replace(part, content=inner))
        else:
            kept.append(part)
    return msgspec.structs.replace(message, content=tuple(kept))
