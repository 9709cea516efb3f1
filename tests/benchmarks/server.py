"""A provider that costs next to nothing, in a process of its own: prebuilt answers in OpenAI's form on a loopback port.

A body with ``"stream":true`` gets ``chunks`` deltas, each in an HTTP chunk of its own as providers send them, as fast as the
connection takes them; any other gets one whole answer. Run as
``python -m tests.benchmarks.server CHUNKS``; the first line printed is the port. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

ANSWER = json.dumps(
    {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 100}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }
).encode()
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


def delta(text: str, finish: str | None = None) -> bytes:
    """One chunk of a stream as it goes over the wire, about 200 bytes."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "logprobs": None, "finish_reason": finish}
    chunk = {
        "id": "chatcmpl-0",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "bench",
        "system_fingerprint": "fp_0",
        "choices": [choice],
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def streamed(chunks: int) -> list[bytes]:
    """A whole streamed answer as the pieces it is written in, chunked transfer encoding included."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    texts = (delta(f"word{number} ") for number in range(chunks))
    events = (*texts, delta("", "stop"), b"data: [DONE]\n\n")
    return [head, *(b"%x\r\n%s\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]


class _Answering(asyncio.Protocol):
    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            body, self._buffer = rest[:length], rest[length:]
            streaming = b'"stream":true' in body or b'"stream": true' in body
            self._transport.write(self._stream if streaming else WHOLE)


async def _serve(chunks: int) -> None:
    loop = asyncio.get_running_loop()
    stream = b"".join(streamed(chunks))
    server = await loop.create_server(lambda: _Answering(stream), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextlib.contextmanager
def running(chunks: int = 20_000) -> Iterator[str]:
    """Run the server as long as the block does; yields its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.server", str(chunks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
