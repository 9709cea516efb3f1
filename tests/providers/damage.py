"""Recorded answers, damaged: no damage may raise anything but a `ProviderError`."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec

from aiconsole.domain.errors import ProviderError
from aiconsole.providers.base import Dialect, ErrorReply
from aiconsole.providers.sse import Decoder
from tests.providers.wire import Recording

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**70,
    1e300,
    "",
    "x",
    [],
    [None],
    [[]],
    {},
    {"a": 1},
    [{}],
    {"error": "x"},
)
NO_OBJECTS = (b"", b"null", b"[]", b"7", b'"x"', b"true", b"{", b"\xff", b'"\xff"', b"[" * 100_000, b"<html></html>")


def damaged(found: Any, rng: random.Random) -> Any:
    """A copy with one value, anywhere, replaced by something odd or taken away."""
    found = json.loads(json.dumps(found))
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            places.append((value, key))
            walk(value[key])

    walk(found)
    if places:
        container, key = rng.choice(places)
        if rng.random() < 0.2:
            del container[key]
        else:
            container[key] = json.loads(json.dumps(rng.choice(ODD)))
    return found


def read_damaged(dialect: Dialect, recording: Recording, rng: random.Random) -> int:
    """Read a damaged version of a recorded answer whichever way it has to be read; how many errors that raised.

    What is read must be able to be kept and sent again, so it is written as JSON too.
    """
    if recording.streamed:
        return _read_stream(dialect, recording, rng)
    body = json.dumps(damaged(json.loads(recording.body), rng)).encode()
    if rng.random() < 0.1:
        body = body[: rng.randrange(len(body))]
    if recording.status >= 400:
        error = dialect.error(ErrorReply(recording.status, recording.headers, body, 0.0))
        assert isinstance(error, ProviderError)
        assert error.message
        return 1
    read = (
        dialect.models if recording.method == "GET" else dialect.count if "count" in recording.path else dialect.answer
    )
    try:
        msgspec.json.encode(read(body))
    except ProviderError as error:
        assert error.message
        return 1
    return 0


def _read_stream(dialect: Dialect, recording: Recording, rng: random.Random) -> int:
    reader = dialect.reader()
    errors = 0
    for name, sent in Decoder().feed(recording.body + b"\n\n"):
        data = sent
        if rng.random() < 0.2 and data.startswith(b"{"):
            data = json.dumps(damaged(json.loads(data), rng)).encode()
        if rng.random() < 0.1:
            continue
        try:
            reader.feed("message" if rng.random() < 0.1 else name, data)
        except ProviderError as error:
            assert error.message
            errors += 1
    msgspec.json.encode(reader.partial())
    try:
        reader.finish()
    except ProviderError:
        errors += 1
    return errors
