"""How fast the SSE decoder is, beside bare ``json.loads`` over the same payloads in the same run.

``python -m tests.benchmarks.sse [FOLDER]`` prints the rows; FOLDER holds recorded exchanges (default: ../shared/wire).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aiconsole.providers.sse import Decoder

_REPEATS = 5
_MIN_SECONDS = 0.1


class Row(NamedTuple):
    """One measurement: events/s of the decoder and of ``json.loads``, and the first divided by the second."""

    name: str
    events_per_s: float
    json_loads_per_s: float
    ratio: float


def _seconds(run: object, arguments: tuple[object, ...]) -> float:
    """The best time of one call, in seconds, over a few rounds."""
    best = float("inf")
    for _ in range(_REPEATS):
        rounds = 0
        started = time.perf_counter()
        while True:
            run(*arguments)  # type: ignore[operator]
            rounds += 1
            if (spent := time.perf_counter() - started) > _MIN_SECONDS:
                break
        best = min(best, spent / rounds)
    return best


def _decode(reads: list[bytes]) -> int:
    decoder = Decoder()
    return sum([len(decoder.feed(read)) for read in reads])


def _loads(payloads: list[bytes]) -> None:
    loads = json.loads
    for payload in payloads:
        loads(payload)


def _cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def _payloads(body: bytes) -> list[bytes]:
    return [data for _, data in Decoder().feed(body) if data != b"[DONE]"]


def _measure(name: str, reads: list[bytes]) -> Row:
    body = b"".join(reads)
    payloads = _payloads(body)
    events = _decode(reads)
    decoding = events / _seconds(_decode, (reads,))
    parsing = len(payloads) / _seconds(_loads, (payloads,))
    return Row(name, decoding, parsing, decoding / parsing)


def _synthetic() -> Iterator[Row]:
    delta = (
        b'{"id":"chatcmpl-5e1f","object":"chat.completion.chunk","created":1760000000,"model":"gpt-oss-120b",'
        b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"padding":"0123456789"}'
    )
    forms = {
        "data, LF": b"data: " + delta + b"\n\n",
        "data, CRLF": b"data: " + delta + b"\r\n\r\n",
        "event and data, LF": b"event: content_block_delta\ndata: " + delta + b"\n\n",
        "event and data, CRLF": b"event: content_block_delta\r\ndata: " + delta + b"\r\n\r\n",
    }
    for form, event in forms.items():
        yield _measure(f"synthetic {form}, 1 event a read", [event] * 2048)
        yield _measure(f"synthetic {form}, 16 events a read", [event * 16] * 128)
        yield _measure(f"synthetic {form}, 64 kB reads", _cut(event * 4096, 65536))
        yield _measure(f"synthetic {form}, 50 byte reads", _cut(event * 512, 50))


def _recorded(folder: Path) -> Iterator[Row]:
    for provider in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        bodies = []
        for file in sorted((folder / provider).glob("*.json")):
            response = json.loads(file.read_bytes())["response"]
            body = response["body"]
            if isinstance(body, str) and body.lstrip().startswith(("data:", "event:", ":")):
                bodies.append(body.encode())
        if not bodies:
            continue
        whole = b"\n\n".join(bodies) + b"\n\n"
        separator = b"\r\n\r\n" if b"\r\n\r\n" in whole else b"\n\n"
        events = [event + separator for event in whole.split(separator)]
        yield _measure(f"recorded {provider}, 1 event a read", events)
        yield _measure(f"recorded {provider}, 64 kB reads", _cut(whole, 65536))


def run(folder: Path | None = None) -> list[Row]:
    """All rows; the recorded ones only where ``folder`` (default ``../shared/wire``) exists."""
    rows = list(_synthetic())
    folder = folder or Path(__file__).resolve().parents[3] / "shared" / "wire"
    if folder.is_dir():
        rows.extend(_recorded(folder))
    return rows


if __name__ == "__main__":
    for row in run(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(
            f"{row.name:55} {row.events_per_s:12,.0f} events/s {row.json_loads_per_s:12,.0f} json.loads/s {row.ratio:6.1f}x"
        )
