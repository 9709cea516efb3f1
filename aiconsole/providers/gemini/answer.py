"""Pieces of an answer as our own: media, sources, token counts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import Usage
from aiconsole.domain.errors import MalformedAnswer
from aiconsole.domain.messages import DocumentPart, Extra, ImagePart, Part, TextPart

SOURCES: Final = "gemini.sources"
"""Key in a text's ``extra`` for grounding, citation and URL metadata of the answer."""


class UsageMetadata(msgspec.Struct, gc=False):
    promptTokenCount: int | None = None  # noqa: N815
    candidatesTokenCount: int | None = None  # noqa: N815
    thoughtsTokenCount: int | None = None  # noqa: N815
    toolUsePromptTokenCount: int | None = None  # noqa: N815
    cachedContentTokenCount: int | None = None  # noqa: N815
    totalTokenCount: int | None = None  # noqa: N815


def decoded(body: bytes) -> Any:
    """JSON out of an answer's body.

    Raises:
        MalformedAnswer: it is none.
    """
    try:
        return msgspec.json.decode(body.strip())
    except (ValueError, RecursionError) as fault:
        raise MalformedAnswer(f"Gemini's answer is not readable JSON: {fault}") from fault


def objects(value: object, what: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedAnswer(f"The {what} in Gemini's answer are not a list of JSON objects.")
    return value


def kept(extra: dict[str, Any]) -> Extra | None:
    return {"gemini": extra} if extra else None


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def usage(counts: UsageMetadata) -> Usage:
    """``promptTokenCount`` includes cached tokens; what server-side tools put into the prompt and what was thought are counted
    apart, and the four make up ``totalTokenCount``. A count that is zero is left out on the wire, as always in protocol buffers
    as JSON."""
    if counts.promptTokenCount is None and counts.totalTokenCount is None:
        return Usage()
    return Usage(
        prompt=(counts.promptTokenCount or 0) + (counts.toolUsePromptTokenCount or 0),
        completion=(counts.candidatesTokenCount or 0) + (counts.thoughtsTokenCount or 0),
        cached=counts.cachedContentTokenCount,
        reasoning=counts.thoughtsTokenCount,
    )


def media(part: Mapping[str, Any]) -> Part | None:
    """A part with a picture, a sound or a file as our own; None where it is anything else, a draft among thoughts included."""
    inline, file = part.get("inlineData"), part.get("fileData")
    held = inline if isinstance(inline, dict) else file
    if not isinstance(held, dict) or part.get("thought") is True:
        return None
    kind = held.get("mimeType") or ""
    if not isinstance(kind, str):
        return None
    rest = {key: value for key, value in part.items() if key not in ("inlineData", "fileData")}
    extra = kept(rest)
    data: bytes | None = None
    url: str | None = None
    text = held.get("data" if held is inline else "fileUri")
    if not isinstance(text, str):
        return None
    if held is inline:
        try:
            digits = text.replace("-", "+").replace("_", "/").rstrip("=")
            data = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
    else:
        url = text
    if kind.startswith("image/"):
        return ImagePart(data, url, kind, extra=extra)
    return DocumentPart(data, url, kind, extra=extra)


def united(old: Any, new: Any) -> Any:
    """Metadata that came in pieces: objects united by key, lists without what they hold already, else the newer."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: united(old.get(key), value) for key, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return old + [item for item in new if item not in old]
    return new


def with_sources(parts: Sequence[Part], sources: Mapping[str, Any]) -> tuple[Part, ...]:
    if sources:
        for place in range(len(parts) - 1, -1, -1):
            part = parts[place]
            if isinstance(part, TextPart):
                noted = msgspec.structs.replace(part, extra={**(part.extra or {}), SOURCES: sources})
                return (*parts[:place], noted, *parts[place + 1 :])
    return tuple(parts)
