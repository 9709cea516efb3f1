"""Going on with a broken-off answer: what is asked, what is shown, what is kept and what it cost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aiconsole.domain.chat import (
    ChatRequest,
    ChatResult,
    Continued,
    Cost,
    Finished,
    JsonFormat,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)
from aiconsole.domain.errors import BadRequest, ConnectionCut, ContextTooLong, Overloaded, TimedOut
from aiconsole.domain.messages import Message, ReasoningPart, TextPart, ToolCallPart
from aiconsole.routing.continuation import Continuation, ResumedPart, anchor_of
from aiconsole.routing.prefill import prefill_of

REQUEST = ChatRequest("fast", (Message.user("Tell me of the river"),))
CUT = ConnectionCut("cut")


def broken(shown: str = "The river runs through", request: ChatRequest = REQUEST, **options: object) -> Continuation:
    continuation = Continuation(request, **options)  # type: ignore[arg-type]
    continuation.saw(TextDelta(shown))
    continuation.broke(CUT, "groq", "openai/gpt-oss-120b")
    return continuation


def run(part: ResumedPart, *events: StreamEvent) -> list[StreamEvent]:
    return [shown for event in events for shown in part.take(event)]


def text_of(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def result(text: str, **fields: object) -> Finished:
    return Finished(ChatResult("cerebras", "m", (TextPart(text),), "stop", **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "model", "takes"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", True),
        ("anthropic", "claude-3-5-haiku-20241022", True),
        ("anthropic", "claude-opus-4-20250514", True),
        ("anthropic", "claude-opus-4-6", False),
        ("anthropic", "claude-sonnet-5", False),
        ("anthropic", "claude-opus-5-5", False),
        ("anthropic", "something-new", False),
        ("mistral", "mistral-small-latest", True),
        ("mistral", "magistral-medium-latest", False),
        ("groq", "llama-3.3-70b-versatile", True),
        ("groq", "openai/gpt-oss-120b", False),
        ("gemini", "gemini-2.5-flash", False),
        ("cohere", "command-a-03-2025", False),
        ("cerebras", "gpt-oss-120b", False),
        ("openrouter", "anthropic/claude-haiku-4.5", False),
        ("mine", "llama", False),
    ],
)
def test_prefill_is_used_only_where_it_is_known_to_be_taken(provider: str, model: str, takes: bool) -> None:
    assert (prefill_of(provider, model) is not None) is takes
    assert broken().first_way(provider, model) == ("prefill" if takes else "instruct")


def test_a_prefill_is_the_text_as_the_assistants_own_turn_without_space_at_its_end() -> None:
    part = broken("The river runs ").resume("anthropic", "claude-haiku-4-5", "prefill")
    assert part.request.model == "claude-haiku-4-5"
    assert part.request.messages[-1] == Message("assistant", "The river runs")
    mistral = broken("The river").resume("mistral", "mistral-small-latest", "prefill").request.messages[-1]
    assert mistral.extra == {"mistral": {"prefix": True}}


def test_an_instruction_shows_the_text_and_names_its_last_words() -> None:
    part = broken().resume("cerebras", "gpt-oss-120b", "instruct")
    user, assistant, told = part.request.messages
    assert (user, assistant) == (REQUEST.messages[0], Message("assistant", "The river runs through"))
    assert told.role == "user"
    assert "“The river runs through”" in told.text


def test_the_anchor_is_the_last_words_on_one_line() -> None:
    assert anchor_of("a b c d e f g\n\nh i") == "d e f g h i"
    assert anchor_of("x" * 500) == "x" * 60
    assert len(anchor_of("lengthy " * 90)) <= 60


@pytest.mark.parametrize("thinks", [Reasoning(effort="high"), Reasoning(budget_tokens=2_000)])
def test_no_prefill_for_a_model_that_is_asked_to_think(thinks: Reasoning) -> None:
    asked = ChatRequest("fast", REQUEST.messages, reasoning=thinks)
    assert broken(request=asked).first_way("anthropic", "claude-haiku-4-5") == "instruct"


def test_a_call_begun_json_and_blank_text_are_only_begun_anew() -> None:
    called = broken()
    called.saw(ToolCallDelta(0, "1", "look", '{"a'))
    schema = broken(request=ChatRequest("fast", REQUEST.messages, response_format=JsonFormat({"type": "object"})))
    for continuation in (called, schema, broken(" \n")):
        assert continuation.first_way("anthropic", "claude-haiku-4-5") == "restart"
    thought = Continuation(REQUEST)
    thought.saw(ReasoningDelta("Hm"))
    assert thought.begun
    assert thought.first_way("groq", "llama-3.3-70b-versatile") == "restart"


def test_modes() -> None:
    assert broken(mode="off").first_way("groq", "llama-3.3-70b-versatile") is None
    assert broken(mode="restart").first_way("groq", "llama-3.3-70b-versatile") == "restart"


def test_a_way_refused_is_followed_by_the_next_at_the_same_candidate() -> None:
    continuation = broken()
    assert continuation.next_way("prefill", BadRequest("must end with a user message", status=400)) == "instruct"
    assert continuation.next_way("instruct", BadRequest("no")) == "restart"
    assert continuation.next_way("restart", BadRequest("no")) is None
    assert continuation.next_way("instruct", ContextTooLong("too long")) == "restart"
    assert continuation.next_way("prefill", Overloaded("busy")) is None
    assert continuation.next_way("prefill", TimedOut("silent")) is None


def test_the_seam_is_marked_before_the_first_new_text() -> None:
    part = broken().resume("cerebras", "gpt-oss-120b", "instruct")
    events = run(part, TextDelta("The river "), TextDelta("runs through "), TextDelta("the town."))
    after = "groq/openai/gpt-oss-120b"
    seam = Continued("cerebras", "gpt-oss-120b", "instruct", 22, 22, after=after, error_kind="connection cut")
    assert events == [seam, TextDelta(" the town.")]


def test_a_restart_voids_what_was_shown() -> None:
    continuation = broken()
    part = continuation.resume("cerebras", "m", "restart")
    assert part.request.messages == REQUEST.messages
    events = run(part, TextDelta("A new answer"), result("A new answer"))
    assert events[0] == Continued("cerebras", "m", "restart", 22, 0, "groq/openai/gpt-oss-120b", "connection cut")
    assert continuation.text == "A new answer"
    assert isinstance(events[-1], Finished)
    assert events[-1].result.text == "A new answer"


def test_an_answer_begun_anew_though_told_to_go_on_is_marked_as_a_restart() -> None:
    opening = "Rivers are long bodies of water that run from hills to seas, and they "
    continuation = broken(opening + "carve valleys over many ages of time")
    part = continuation.resume("cerebras", "m", "instruct")
    events = run(part, TextDelta(opening), TextDelta("feed the fields."), result(opening + "feed the fields."))
    assert isinstance(events[0], Continued)
    assert events[0].mode == "restart"
    assert continuation.text == opening + "feed the fields."
    assert isinstance(events[-1], Finished)
    assert events[-1].result.text == continuation.text


def test_usage_cost_and_time_of_all_parts_are_kept() -> None:
    continuation = Continuation(REQUEST, prompt_tokens=10)
    continuation.saw(TextDelta("x" * 40))
    continuation.broke(
        CUT,
        "groq",
        "a",
        cost=lambda usage: Cost((usage.completion or 0) * 0.01, "price list"),
        timing=Timing(100.0, 120.0, 1_000.0),
    )
    part = continuation.resume("cerebras", "m", "instruct")
    usage, cost, timing = Usage(30, 5, cached=4), Cost(0.5, "provider"), Timing(102.0, 80.0, 3_000.0)
    ended = run(part, TextDelta(" and on"), result(" and on", usage=usage, cost=cost, timing=timing))[-1]
    assert isinstance(ended, Finished)
    whole = ended.result
    assert whole.text == "x" * 40 + " and on"
    assert whole.usage == Usage(40, 15, cached=4)
    assert whole.cost == Cost(0.6, "price list")
    assert whole.timing == Timing(100.0, 120.0, 5_000.0)
    assert whole.provider == "cerebras"
    assert "groq/a broke off after 40 characters (connection cut); cerebras went on." in whole.warnings[0]


def test_three_parts_add_up() -> None:
    continuation = broken("one two three four")
    second = continuation.resume("cohere", "b", "instruct")
    run(second, TextDelta("two three four five six seven"))
    assert continuation.text == "one two three four five six seven"
    noted = continuation.broke(TimedOut("silent"), "cohere", "b")
    assert noted.chars == len(" five six seven")
    third = continuation.resume("cerebras", "c", "instruct")
    events = run(third, TextDelta("five six seven eight"), result("five six seven eight"))
    assert events[0] == Continued("cerebras", "c", "instruct", 33, 14, "cohere/b", "timeout")
    assert text_of(events) == " eight"
    assert isinstance(events[-1], Finished)
    assert events[-1].result.text == "one two three four five six seven eight"
    assert len(events[-1].result.warnings) == 2


def test_text_held_back_when_a_second_stream_dies_is_not_lost_twice() -> None:
    continuation = broken("one two three four")
    second = continuation.resume("cohere", "b", "instruct")
    assert run(second, TextDelta("one two thr")) == []
    continuation.broke(CUT, "cohere", "b")
    third = continuation.resume("cerebras", "c", "instruct")
    run(third, TextDelta("one two three four five"), result("one two three four five"))
    assert continuation.text == "one two three four five"


def test_thoughts_about_going_on_are_left_out_and_calls_are_kept() -> None:
    continuation = Continuation(REQUEST)
    continuation.saw(ReasoningDelta("First thoughts"))
    continuation.saw(TextDelta("I will look it"))
    continuation.broke(CUT, "groq", "a")
    part = continuation.resume("cerebras", "m", "instruct")
    call = ToolCallPart("1", "look", "{}")
    content = (ReasoningPart("I was cut off", signature="s"), TextPart(" up."), call)
    ended = Finished(ChatResult("cerebras", "m", content, "tool_calls"))
    events = run(part, ReasoningDelta("I was cut off"), TextDelta(" up."), ToolCallDelta(0, "1", "look", "{}"), ended)
    assert not any(isinstance(event, ReasoningDelta) for event in events)
    assert isinstance(events[-1], Finished)
    assert events[-1].result.content == (ReasoningPart("First thoughts"), TextPart("I will look it up."), call)


def test_an_answer_that_was_whole_but_for_its_end_is_finished_with_nothing_added() -> None:
    part = broken("All is said here.").resume("cerebras", "m", "instruct")
    events = run(part, TextDelta("All is said here."), result("All is said here."))
    assert isinstance(events[0], Continued)
    assert isinstance(events[-1], Finished)
    assert events[-1].result.text == "All is said here."
    assert len(events) == 2


def test_the_token_limit_counts_what_was_shown() -> None:
    asked = ChatRequest("fast", REQUEST.messages, max_tokens=100)
    assert broken("x" * 200, asked).resume("cerebras", "m", "instruct").request.max_tokens == 50
    assert broken("x" * 4_000, asked).resume("cerebras", "m", "instruct").request.max_tokens == 16
    assert broken("x" * 200, asked).resume("cerebras", "m", "restart").request.max_tokens == 100


def test_a_turn_the_caller_had_begun_stays_the_beginning() -> None:
    asked = ChatRequest("fast", (*REQUEST.messages, Message.assistant("Well: ")))
    prefilled = broken("the river", asked).resume("mistral", "mistral-small-latest", "prefill")
    assert [message.text for message in prefilled.request.messages[1:]] == ["Well: the river"]
    told = broken("the river", asked).resume("cohere", "b", "instruct")
    assert [message.role for message in told.request.messages] == ["user", "assistant", "user"]
    events = run(prefilled, TextDelta("Well: the river bends"))
    assert text_of(events) == " bends"
