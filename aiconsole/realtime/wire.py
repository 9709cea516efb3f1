"""Events as bytes, for files and other consoles: JSON with the event's tag as "type", read so that newer writers do no harm.

What a newer console adds is left out: fields nobody here knows, and events of a kind or with a word nobody here knows, for
which `decode` returns None.
"""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from aiconsole.domain.events import EVENT_VERSION, OwnEvent

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[OwnEvent]] = msgspec.json.Decoder(OwnEvent)


class _Head(msgspec.Struct):
    type: str


_head: Final = msgspec.json.Decoder(_Head)
KINDS: Final = frozenset(kind.__struct_config__.tag for kind in get_args(OwnEvent))
"""The tags of all events there are."""


def encode(event: OwnEvent) -> bytes:
    """An event of this console as a JSON object in UTF-8; lone surrogates, which that cannot hold, become question marks."""
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(_cleaned(msgspec.to_builtins(event)))


def decode(data: bytes | msgspec.Raw, version: int = EVENT_VERSION) -> OwnEvent | None:
    """The event in ``data``, which a console with ``version`` of the events wrote; None where it tells of something that is
    not known here.

    Raises:
        msgspec.DecodeError: it is no event, or one of our own version with fields that do not fit.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        if version > EVENT_VERSION or _head.decode(data).type not in KINDS:
            return None
        raise


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value
