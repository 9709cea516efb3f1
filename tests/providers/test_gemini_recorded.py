"""Gemini's dialect, sans I/O, on the recorded exchanges: requests written again, streams cut anywhere, answers sent back, and
answers spoilt in any way."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable

import msgspec
import pytest

from aiconsole.domain.errors import MalformedAnswer, ProviderError
from aiconsole.domain.messages import Message
from aiconsole.providers.base import Answer
from aiconsole.providers.sse import Decoder
from aiconsole.providers.support import Refusals
from tests.providers import express_gemini
from tests.providers.damage import NO_OBJECTS, damaged, read_damaged
from tests.providers.gemini_wire import GEMINI, body, error
from tests.providers.wire import CannotExpress, Recording, recordings

_NEEDED = pytest.mark.skipif(not recordings("gemini"), reason="the recorded exchanges are not beside the project")


def _chat() -> list[Recording]:
    return [recording for recording in recordings("gemini") if express_gemini.takes(recording)]


def _read_recorded(recording: Recording, cut: Callable[[bytes], list[bytes]] = lambda data: [data]) -> Answer:
    if not recording.streamed:
        return GEMINI.answer(recording.body)
    reader, decoder = GEMINI.reader(), Decoder()
    for piece in cut(recording.body):
        for name, data in decoder.feed(piece):
            reader.feed(name, data)
    return reader.finish()


@pytest.mark.parametrize("recording", _chat(), ids=lambda recording: recording.name)
def test_a_recorded_request_is_written_again(recording: Recording) -> None:
    try:
        expressed = express_gemini.express(recording)
    except CannotExpress:
        assert recording.name in express_gemini.EXCEPTIONS
        return
    if expressed.request is None:
        return
    refuse = Refusals("refuse")
    if expressed.kind == "count":
        call = GEMINI.count_call(expressed.request, refuse=refuse)
    else:
        call = GEMINI.chat(expressed.request, stream=expressed.kind == "stream", refuse=refuse)
    sent = json.loads(msgspec.json.encode(call.body))
    assert express_gemini.comparable(sent) == express_gemini.comparable(recording.request_body)
    assert f"/v1beta{call.path}".split("?")[0] == recording.path.split("?")[0]


@_NEEDED
def test_a_recorded_stream_cut_anywhere_reads_the_same() -> None:
    dice = random.Random(1)

    def anywhere(data: bytes) -> list[bytes]:
        places = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(40))})
        return [data[start:end] for start, end in itertools.pairwise(places)]

    streams = [recording for recording in _chat() if recording.streamed and recording.status == 200]
    for recording in streams:
        assert _read_recorded(recording, anywhere) == _read_recorded(recording)


@_NEEDED
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plain--multi-turn-conversation-0", "multiturn--multi-turn-conversation-1"),
        (
            "schema-system-thinking-tools--google-model-thinking-part-0",
            "multiturn-schema-system-thinking-tools--google-model-thinking-part-1",
        ),
        ("system-tools--google-adk-instrumentor-0", "multiturn-system-tools--google-adk-instrumentor-1"),
        ("schema-tools--google-text-output-function-0", "multiturn-schema-tools--google-text-output-function-1"),
        (
            "stream-system-tools--google-model-iter-stream-0",
            "multiturn-stream-system-tools--google-model-iter-stream-1",
        ),
        (
            "schema-stream-tools--google-streaming-tool-call-thought-signature-0",
            "multiturn-schema-stream-tools--google-streaming-tool-call-thought-signature-1",
        ),
    ],
)
def test_a_recorded_answer_goes_back_as_the_recorded_next_turn_says(before: str, after: str) -> None:
    """The recorded clients gave calls ids of their own, which are left out of the comparison."""
    found = {recording.name.removeprefix("gemini/"): recording for recording in _chat()}
    told = _read_recorded(found[before])
    model = express_gemini.express(found[after]).request.model  # type: ignore[union-attr]
    sent = body(Message("assistant", told.content), model=model)["contents"][0]
    wanted = express_gemini.comparable(found[after].request_body)["contents"]
    wanted = next(content for content in wanted if content["role"] == "model")
    for part in wanted["parts"]:
        part.get("functionCall", {}).pop("id", None)
    assert express_gemini.comparable(sent) == wanted


@_NEEDED
def test_damaged_answers_raise_provider_errors_and_nothing_else() -> None:
    rng = random.Random(7)
    errors = sum(read_damaged(GEMINI, recording, rng) for recording in _chat() for _ in range(40))
    assert errors > 1000


@_NEEDED
def test_a_damaged_answer_that_can_be_read_can_be_sent_back() -> None:
    rng = random.Random(8)
    sent = 0
    for recording in _chat():
        if recording.streamed or recording.status != 200:
            continue
        for _ in range(40):
            try:
                told = GEMINI.answer(json.dumps(damaged(json.loads(recording.body), rng)).encode())
            except ProviderError:
                continue
            body(Message.user("x"), Message("assistant", told.content))
            sent += 1
    assert sent > 1000


@pytest.mark.parametrize("data", NO_OBJECTS)
def test_no_object_at_all(data: bytes) -> None:
    for read in (GEMINI.answer, GEMINI.models, GEMINI.count, lambda data: GEMINI.reader().feed("message", data)):
        with pytest.raises(MalformedAnswer):
            read(data)
    assert error(500, data).message
