"""OpenRouter's ``reasoning_details``: thoughts in pieces that must go back exactly as they came.

Each piece has a type (``reasoning.text``, ``reasoning.summary``, ``reasoning.encrypted``), mostly an index, a format and an id;
a stream cuts a text or summary into many pieces of the same index, the last of which may carry the signature (OpenRouter docs,
"Preserving reasoning"; recorded traffic).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aiconsole.domain.messages import ReasoningPart

_TEXT_KEY: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}


class Details:
    """Pieces put together again."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[tuple[dict[str, Any], list[str]]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def text(self) -> bool:
        """Whether any piece brought text."""
        return any(texts for _, texts in self._found)

    def add(self, pieces: list[Any]) -> str:
        """Take more pieces; returns the text they bring."""
        told = []
        for piece in pieces:
            if not isinstance(piece, dict):
                continue
            key = _TEXT_KEY.get(piece.get("type", "")) if isinstance(piece.get("type"), str) else None
            text = piece.get(key) if key else None
            if not (key and self._continues(piece)):
                self._found.append(({}, []))
            fields, texts = self._found[-1]
            for name, value in piece.items():
                if name != key and (value is not None or name not in fields):
                    fields[name] = value
            if isinstance(text, str) and text:
                texts.append(text)
                told.append(text)
        return "".join(told)

    def _continues(self, piece: dict[str, Any]) -> bool:
        if not self._found:
            return False
        last = self._found[-1][0]
        if last.get("type") != piece["type"] or last.get("index") != piece.get("index"):
            return False
        return not (last.get("id") and piece.get("id") and last["id"] != piece["id"])

    def parts(self, dialect: str) -> Iterator[ReasoningPart]:
        """As thoughts, each of which `detail_of` turns back into its piece."""
        for fields, texts in self._found:
            rest = dict(fields)
            signature, data = rest.get("signature"), rest.get("data")
            if isinstance(signature, str):
                del rest["signature"]
            if isinstance(data, str) and rest.get("type") == "reasoning.encrypted":
                del rest["data"]
            else:
                data = None
            yield ReasoningPart(
                "".join(texts),
                signature=signature if isinstance(signature, str) else None,
                redacted=data,
                dialect=dialect,
                extra={dialect: rest},
            )


def detail_of(part: ReasoningPart, own: dict[str, Any]) -> dict[str, Any]:
    """The piece that a thought came from; ``own`` is what its ``extra`` holds for the dialect."""
    detail = dict(own)
    key = _TEXT_KEY.get(detail.get("type", ""))
    if key and part.text:
        detail[key] = part.text
    if part.signature is not None:
        detail["signature"] = part.signature
    if part.redacted is not None:
        detail["data"] = part.redacted
    return detail
