"""What a request uses is held against what a provider takes, before anything is sent."""

from __future__ import annotations

from typing import get_args

import pytest

from aiconsole.domain.chat import ChatRequest, JsonFormat, Reasoning
from aiconsole.domain.errors import Unsupported
from aiconsole.domain.messages import DocumentPart, ImagePart, Message, TextPart, Tool, ToolResultPart
from aiconsole.domain.models import Feature
from aiconsole.providers.support import Refusals, fit

IMAGE = ImagePart(b"x", media_type="image/png")
RICH = ChatRequest(
    "m",
    (
        Message.user("Look", IMAGE, DocumentPart(b"y")),
        Message.tool(ToolResultPart("1", (TextPart("seen"), IMAGE))),
    ),
    tools=(Tool("t"),),
    tool_choice="auto",
    parallel_tool_calls=False,
    response_format=JsonFormat({"type": "object"}),
    reasoning=Reasoning(effort="low"),
    temperature=0.5,
    top_p=0.5,
    max_tokens=5,
    stop=("END",),
    seed=1,
)
ALL: frozenset[Feature] = frozenset(get_args(Feature))


def test_what_is_taken_is_left_as_it_is() -> None:
    refusals = Refusals("refuse")
    assert fit(RICH, "Acme", ALL, refusals) is RICH
    assert refusals.warnings == []


@pytest.mark.parametrize("feature", sorted(ALL - {"json"}))
def test_each_thing_not_taken_is_refused_or_dropped_with_a_warning(feature: str) -> None:
    takes = ALL - {feature}
    with pytest.raises(Unsupported, match="Acme does not take"):
        fit(RICH, "Acme", takes, Refusals("refuse"))
    refusals = Refusals("drop")
    fitting = fit(RICH, "Acme", takes, refusals)
    assert len(refusals.warnings) == 1
    assert fit(fitting, "Acme", takes, Refusals("refuse")) == fitting


def test_parts_are_dropped_inside_tool_results_too() -> None:
    fitting = fit(RICH, "Acme", ALL - {"images"}, Refusals("drop"))
    assert fitting.messages[0].content == (TextPart("Look"), DocumentPart(b"y"))
    assert fitting.messages[1].content == (ToolResultPart("1", (TextPart("seen"),)),)


def test_plain_json_is_told_apart_from_a_schema() -> None:
    request = ChatRequest("m", (Message.user("Hi"),), response_format=JsonFormat())
    assert fit(request, "Acme", frozenset({"json"}), Refusals("refuse")) is request
    with pytest.raises(Unsupported, match="JSON output"):
        fit(request, "Acme", frozenset({"json_schema"}), Refusals("refuse"))
