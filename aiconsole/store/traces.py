"""A decision trace and the answer's headers as few bytes: JSON, deflated with a dictionary of what it mostly consists of.

The first byte names the dictionary, so that a better one can be added; a released one is never changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

import msgspec

from aiconsole.domain.trace import DecisionTrace
from aiconsole.store.packing import Redact, to_json

_FIRST: Final = (
    b'"strict-transport-security":"max-age=31536000; includeSubDomains","x-content-type-options":"nosniff","via":"1.1 google"'
    b'"cf-cache-status":"DYNAMIC","alt-svc":"h3=\\":443\\"; ma=86400","vary":"Accept-Encoding","content-encoding":"gzip"'
    b'"anthropic-ratelimit-input-tokens-limit":"anthropic-ratelimit-output-tokens-reset":"-tokens-remaining":"retry-after":"'
    b'"x-ratelimit-limit-requests":"x-ratelimit-limit-tokens":"x-ratelimit-remaining-requests":"x-ratelimit-remaining-tokens":"'
    b'"x-ratelimit-reset-requests":"x-ratelimit-reset-tokens":"x-request-id":"req_","server":"cloudflare","cf-ray":"'
    b'{"date":" GMT","content-type":"text/event-stream; charset=utf-8","application/json","transfer-encoding":"chunked",'
    b'"connection":"keep-alive","cache-control":"no-cache","content-length":"'
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


class Aside(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What is kept of a request for some weeks only: why it went where it went, and the headers of the last answer."""

    trace: DecisionTrace
    headers: Mapping[str, str] | None = None


_decoder = msgspec.json.Decoder(Aside)


def pack_aside(trace: DecisionTrace, headers: Mapping[str, str] | None, redact: Redact) -> bytes:
    """Both as bytes; ``redact`` removes secrets."""
    pack = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW, 5, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[_NEWEST])
    return bytes((_NEWEST,)) + pack.compress(redact(to_json(Aside(trace, headers))).encode()) + pack.flush()


def unpack_aside(data: bytes) -> Aside | None:
    """Both again; None where another version of the console wrote it in a way not known here."""
    words = _DICTIONARIES.get(data[0])
    if words is None:
        return None
    unpack = zlib.decompressobj(-_WINDOW, zdict=words)
    try:
        return _decoder.decode(unpack.decompress(data[1:]) + unpack.flush())
    except msgspec.MsgspecError:
        return None
