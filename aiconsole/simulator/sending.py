"""How a stream goes out: paced or in big writes, and with a fault in the middle where one is due."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys

from aiohttp import web

from aiconsole.simulator.behaviour import StreamFault
from aiconsole.simulator.form import Script
from aiconsole.simulator.pace import Pace
from aiconsole.simulator.stamps import Stamping

_SLICE = 256 * 1024
_LINGER_NONE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


async def send(
    request: web.BaseRequest,
    response: web.StreamResponse,
    script: Script,
    pace: Pace,
    fault: StreamFault | None,
    failure: bytes,
    closing: asyncio.Event,
    stamping: Stamping | None,
) -> bool:
    """Send a prepared stream to its end, or to the point where ``fault`` ends it; True where that broke the connection.

    Args:
        failure: the provider's own in-stream error, for the fault ``error``.
        closing: set when the simulator closes; a stalled stream waits for it.
        stamping: takes the times at which it goes out, None where nobody asked.
    """
    if script.head:
        await response.write(script.head)
    await pace.reach()
    if not pace.paced and fault is None:
        if stamping is not None:
            stamping.end()
        await _write(response, b"".join([script.opening, *script.events, script.closing]))
        return False
    weights = script.weights or [1] * len(script.events)
    ready = [script.opening]
    sent = 0
    for position, (whole, weight) in enumerate(zip(script.events, weights, strict=True)):
        event = whole
        if fault is not None and sent >= fault.after_tokens and fault.kind == "torn":
            event, fault = _torn(whole, script.end) + whole[whole.find(script.end) :], None
        elif fault is not None and sent >= fault.after_tokens:
            await _write(response, b"".join(ready))
            return await _break(request, response, fault, script, position, failure, closing)
        if pace.wait > 0:
            if stamping is not None and position:
                stamping.first_token()
            await _write(response, b"".join(ready))
            ready = []
            await pace.reach()
        ready.append(event)
        sent += weight
        pace.add(weight)
    if stamping is not None:
        stamping.end()
    await _write(response, b"".join(ready))
    if fault is not None and fault.kind != "torn":
        return await _break(request, response, fault, script, len(script.events), failure, closing)
    await _write(response, script.closing)
    return False


async def _break(
    request: web.BaseRequest,
    response: web.StreamResponse,
    fault: StreamFault,
    script: Script,
    position: int,
    failure: bytes,
    closing: asyncio.Event,
) -> bool:
    """Show the fault in place of what is left, from the event at ``position`` on; True where the connection is broken."""
    left = [*script.events[position:], script.closing]
    if fault.kind == "malformed":
        await _write(response, b"".join(_torn(event, script.end) + script.end for event in left if event))
    elif fault.kind == "error":
        await response.write(failure)
    elif fault.kind == "stall":
        await closing.wait()
    else:
        await response.write(_torn(left[0] or script.closing, script.end))
        await _flushed(request.transport)
        if request.transport is not None:
            request.transport.abort()
        return True
    return False


def _torn(events: bytes, end: bytes) -> bytes:
    """The first of the events, up to somewhere in its JSON."""
    event = events.partition(end)[0]
    start = event.find(b"{") + 1
    return event[: start + (len(event) - start) // 2]


async def _write(response: web.StreamResponse, data: bytes) -> None:
    if len(data) <= _SLICE:
        if data:
            await response.write(data)
        return
    view = memoryview(data)
    for at in range(0, len(data), _SLICE):
        await response.write(view[at : at + _SLICE])


async def _flushed(transport: asyncio.Transport | None) -> None:
    """Wait until what was written has left, for at most a second."""
    for _ in range(500):
        if transport is None or transport.is_closing() or not transport.get_write_buffer_size():
            return
        await asyncio.sleep(0.002)


def reset(transport: asyncio.Transport | None) -> None:
    """Close a connection with a TCP reset instead of an orderly end."""
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    transport.abort()
