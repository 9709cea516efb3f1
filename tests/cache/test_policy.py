"""What the cache takes on, and what it keeps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aiconsole import ChatRequest, Message
from aiconsole.cache.policy import CachePolicy, mended_by_stale
from aiconsole.domain.chat import Cached, ChatResult
from aiconsole.domain.errors import AllFailed, BadRequest, Overloaded, ProviderError
from aiconsole.domain.messages import NativePart, NativeTool, TextPart, Tool, ToolCallPart

POLICY = CachePolicy(b"")
SAID = (TextPart("yes"),)


@pytest.mark.parametrize(
    ("mode", "fields", "taken"),
    [
        ("temperature 0", {"temperature": 0.0}, True),
        ("temperature 0", {"temperature": 0.1}, False),
        ("temperature 0", {}, False),
        ("temperature 0", {"cache": "on"}, True),
        ("temperature 0", {"temperature": 0.0, "cache": "off"}, False),
        ("temperature 0", {"temperature": 0.0, "cache": "fresh"}, True),
        ("temperature 0", {"temperature": 0.0, "origin": "bench"}, False),
        ("temperature 0", {"temperature": 0.0, "origin": "probe"}, False),
        ("temperature 0", {"origin": "bench", "cache": "on"}, True),
        ("any temperature", {}, True),
        ("any temperature", {"temperature": 1.0}, True),
        ("any temperature", {"origin": "probe"}, False),
        ("off", {"temperature": 0.0}, False),
        ("off", {"temperature": 0.0, "cache": "on"}, False),
        ("any temperature", {"tools": (Tool("f"),)}, True),
        ("any temperature", {"tools": (NativeTool("anthropic", {}),)}, False),
    ],
)
def test_which_requests_it_takes(mode: Any, fields: dict[str, Any], taken: bool) -> None:
    policy = msgspec.structs.replace(POLICY, mode=mode)
    assert policy.takes(ChatRequest("m", (Message.user("?"),), **fields)) is taken


@pytest.mark.parametrize(
    ("fields", "kept", "with_tools"),
    [
        ({"content": SAID, "finish_reason": "stop"}, True, True),
        ({"content": SAID, "finish_reason": "length"}, False, False),
        ({"content": SAID, "finish_reason": "refused"}, False, False),
        ({"content": SAID, "finish_reason": "error"}, False, False),
        ({"content": SAID, "finish_reason": "other"}, False, False),
        ({"content": (), "finish_reason": "stop"}, False, False),
        ({"content": (ToolCallPart("1", "f"),), "finish_reason": "tool_calls"}, False, True),
        ({"content": (ToolCallPart("1", "f"),), "finish_reason": "stop"}, False, True),
        ({"content": (NativePart("anthropic", {}), *SAID), "finish_reason": "stop"}, False, True),
        ({"content": SAID, "finish_reason": "stop", "cached": Cached("k")}, False, False),
    ],
)
def test_which_answers_it_keeps(fields: dict[str, Any], kept: bool, with_tools: bool) -> None:
    result = ChatResult("groq", "m", **fields)
    assert POLICY.keeps(result) is kept
    assert msgspec.structs.replace(POLICY, tool_calls=True).keeps(result) is with_tools


@pytest.mark.parametrize(
    ("error", "mended"), [(Overloaded("x"), True), (BadRequest("x"), False), (AllFailed.of([Overloaded("x")]), True)]
)
def test_an_old_answer_mends_what_was_not_the_requests_fault(error: ProviderError, mended: bool) -> None:
    assert mended_by_stale(error) is mended
