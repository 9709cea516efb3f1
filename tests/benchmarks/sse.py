"""How fast the SSE decoder is, beside bare ``json.loads`` over the same payloads in the same run.

Synthetic streams of 200-byte events, and the recorded ones where they are at hand; read one event, 16 events or 64 kB at a
time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from aiconsole.providers.sse import Decoder
from tests.benchmarks.rows import Row

_ROUNDS: Final = 5
_MIN_S: Final = 0.05
_FORMS: Final = {
    "data, LF": b"data: %b\n\n",
    "data, CRLF": b"data: %b\r\n\r\n",
    "event and data, LF": b"event: content_block_delta\ndata: %b\n\n",
    "event and data, CRLF": b"event: content_block_delta\r\ndata: %b\r\n\r\n",
}
_DELTA: Final = (
    b'{"id":"chatcmpl-5e1f","object":"chat.completion.chunk","created":1760000000,"model":"gpt-oss-120b",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"padding":"0123456789"}'
)


def run() -> list[Row]:
    """Each row is the decoder's events/s divided by the payloads/s of ``json.loads``."""
    rows = list(_synthetic())
    folder = Path(__file__).resolve().parents[3] / "shared" / "wire"
    if folder.is_dir():
        rows.extend(_recorded(folder))
    return rows


def _synthetic() -> Iterator[Row]:
    for form, template in _FORMS.items():
        event = template % _DELTA
        yield _measure(f"{form}, 1 event a read", [event] * 2048)
        yield _measure(f"{form}, 16 events a read", [event * 16] * 128)
        yield _measure(f"{form}, 64 kB reads", _cut(event * 4096, 65536))


def _recorded(folder: Path) -> Iterator[Row]:
    for provider in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        bodies = []
        for file in sorted((folder / provider).glob("*.json")):
            body = json.loads(file.read_bytes())["response"]["body"]
            if isinstance(body, str) and body.lstrip().startswith(("data:", "event:", ":")):
                bodies.append(body.encode())
        if not bodies:
            continue
        stream = b"\n\n".join(bodies) + b"\n\n"
        separator = b"\r\n\r\n" if b"\r\n\r\n" in stream else b"\n\n"
        yield _measure(f"recorded {provider}, 1 event a read", [part + separator for part in stream.split(separator)])
        yield _measure(f"recorded {provider}, 64 kB reads", _cut(stream, 65536))


def _measure(name: str, reads: list[bytes]) -> Row:
    payloads = [data for _, data in Decoder().feed(b"".join(reads)) if data != b"[DONE]"]
    decoding = _decode(reads) / _seconds(lambda: _decode(reads))
    parsing = len(payloads) / _seconds(lambda: _loads(payloads))
    ratio = decoding / parsing
    return Row(f"{name}: {decoding:,.0f} events/s", ratio, "x json.loads", "at least 0.5", ratio >= 0.5)


def _decode(reads: list[bytes]) -> int:
    decoder = Decoder()
    return sum([len(decoder.feed(read)) for read in reads])


def _loads(payloads: list[bytes]) -> None:
    loads = json.loads
    for payload in payloads:
        loads(payload)


def _cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def _seconds(call: Callable[[], object]) -> float:
    """The best time of one call, in seconds, over a few rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        calls, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < _MIN_S:
            call()
            calls += 1
        best = min(best, spent / calls)
    return best
