"""A decision trace as few bytes: its JSON, deflated with a dictionary of what such traces mostly consist of.

The first byte names the dictionary, so that a better one can be added; a released one is never changed.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from aiconsole.domain.trace import DecisionTrace
from aiconsole.store.packing import Redact, to_json

_FIRST: Final = (
    b'"quota exhausted","server fault","timeout","connection failed","connection cut","malformed answer","held back"'
    b'"rate limit","overloaded","cancelled","lost the race","cut","failed"weightedlowest latencylowest costmost headroommost '
    b'reliableblend"after":"next candidate"retry"rules":[["notes":[["skipped":[["the breaker is openno keyrate limit known"'
    b'openrouter/openai/gpt-oss-120b","anthropic/claude-gemini/gemini-2.5-flashcohere/command-mistral/mistral-cerebras/'
    b'{"request_id":"","route":"","strategy":"priority","started_at":1.7,"duration_ms":,"answered_by":"groq/openai/gpt-oss-'
    b'120b","ranked":[["groq/openai/gpt-oss-120b",1.0,"first in the route"],["cerebras/gpt-oss-120b",0.5,"second in the route'
    b'"]],"attempts":[["groq/openai/gpt-oss-120b",1,0.0,"answered",null,"",null,0.000,""]]}'
)
_DICTIONARIES: Final = {1: _FIRST}
_NEWEST: Final = 1
_WINDOW: Final = 12
_decoder = msgspec.json.Decoder(DecisionTrace)


def pack_trace(trace: DecisionTrace, redact: Redact) -> bytes:
    """The trace as bytes; ``redact`` removes secrets."""
    pack = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW, 5, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[_NEWEST])
    return bytes((_NEWEST,)) + pack.compress(redact(to_json(trace)).encode()) + pack.flush()


def unpack_trace(data: bytes) -> DecisionTrace | None:
    """The trace again; None where another version of the console wrote it in a way not known here."""
    words = _DICTIONARIES.get(data[0])
    if words is None:
        return None
    unpack = zlib.decompressobj(-_WINDOW, zdict=words)
    try:
        return _decoder.decode(unpack.decompress(data[1:]) + unpack.flush())
    except msgspec.MsgspecError:
        return None
