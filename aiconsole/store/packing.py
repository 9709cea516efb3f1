"""A message as columns, and back without loss.

Visible text goes into one column (it is what is searched), bytes of images and documents into a table of their own by their
SHA-256 (the same picture is stored once), and the rest is JSON in which a text part has only its length and a picture only
its hash. A message that is a plain string needs no JSON at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from aiconsole.domain.messages import Extra, Message, Part, Role, TextPart

_SURROGATES = re.compile("[\ud800-\udfff]")

Redact = Callable[[str], str]


class Packed(NamedTuple):
    """``blobs`` maps SHA-256 to the bytes; ``parts`` None means that the message is its text."""

    text: str
    parts: str | None
    blobs: Mapping[bytes, bytes]


class _Rest(msgspec.Struct, omit_defaults=True):
    """A message but for its visible text and its bytes. ``plain``: the content is a string.

    ``lengths`` are those of the text parts in order, ``hashes`` (hexadecimal) those of the parts with bytes, in the order in
    which they are met.
    """

    plain: bool = False
    parts: tuple[Part, ...] = ()
    lengths: tuple[int, ...] = ()
    hashes: tuple[str, ...] = ()
    extra: Extra | None = None


_decoder = msgspec.json.Decoder(_Rest)


def clean(text: str) -> str:
    """``text`` without lone surrogates, which neither UTF-8 nor SQLite can hold."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def to_json(value: Any) -> str:
    """JSON of any of our types, lone surrogates replaced."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_cleaned(msgspec.to_builtins(value))).decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def pack(message: Message, redact: Redact) -> Packed:
    """``message`` ready for the table; ``redact`` removes secrets from all text."""
    if isinstance(message.content, str):
        text = redact(clean(message.content))
        extra = redact(to_json(_Rest(plain=True, extra=message.extra))) if message.extra else None
        return Packed(text, extra, {})
    texts: list[str] = []
    blobs: dict[bytes, bytes] = {}
    hashes: list[str] = []

    def emptied(part: Any) -> Any:
        data = getattr(part, "data", None)
        if isinstance(data, bytes):
            digest = sha256(data)
            blobs[digest.digest()] = data
            hashes.append(digest.hexdigest())
            return msgspec.structs.replace(part, data=b"")
        content = getattr(part, "content", None)
        if isinstance(content, tuple):
            return msgspec.structs.replace(part, content=tuple(emptied(inner) for inner in content))
        return part

    parts: list[Part] = []
    for part in message.content:
        if isinstance(part, TextPart):
            texts.append(redact(clean(part.text)))
            parts.append(msgspec.structs.replace(part, text=""))
        else:
            parts.append(emptied(part))
    rest = _Rest(
        parts=tuple(parts), lengths=tuple(len(text) for text in texts), hashes=tuple(hashes), extra=message.extra
    )
    return Packed("".join(texts), redact(to_json(rest)), blobs)


def unpack(role: Role, text: str, parts: str | None, blob: Callable[[bytes], bytes]) -> Message:
    """The message again. ``blob`` gives the bytes for a SHA-256."""
    if parts is None:
        return Message(role, text)
    rest = _decoder.decode(parts)
    if rest.plain:
        return Message(role, text, rest.extra)
    hashes = iter(rest.hashes)
    lengths = iter(rest.lengths)

    def filled(part: Any) -> Any:
        if isinstance(getattr(part, "data", None), bytes):
            return msgspec.structs.replace(part, data=blob(bytes.fromhex(next(hashes))))
        content = getattr(part, "content", None)
        if isinstance(content, tuple):
            return msgspec.structs.replace(part, content=tuple(filled(inner) for inner in content))
        return part

    content: list[Part] = []
    start = 0
    for part in rest.parts:
        if isinstance(part, TextPart):
            end = start + next(lengths)
            content.append(msgspec.structs.replace(part, text=text[start:end]))
            start = end
        else:
            content.append(filled(part))
    return Message(role, tuple(content), rest.extra)
