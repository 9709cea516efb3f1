"""Recorded Cohere exchanges (v2 chat and embed) in our own terms.

A field that our types know is expressed by them; any other travels in ``extra`` of the object it belongs to, and a content
block that our types cannot say exactly is a `NativePart`, sent as it is. Differences between what was recorded and what is
sent: none.

What cannot be expressed at all (`CannotExpress`), by the path of the URL: everything but ``/v2/chat``, ``/v2/embed`` and the
model list ``/v1/models``. So the v1 chat (another shape, one JSON object a line when streamed), and a single model by its
name. Beside that, only requests the API refuses by their form: without model or messages, or with a role it does not know.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiconsole.domain.chat import ChatRequest, JsonFormat, Reasoning
from aiconsole.domain.messages import (
    ImagePart,
    Message,
    NativePart,
    NativeTool,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.cohere import CohereDialect
from tests.providers.wire import CannotExpress, Expected, Expressed, Recording, Texts

PROVIDERS = ("cohere",)
EXCEPTIONS: dict[str, str] = {}
"""Single recordings that cannot be expressed: none but those of other paths."""

_NAME = "cohere"
_DATA_URL = re.compile(r"data:(image/[a-z.+-]+);base64,(.*)", re.DOTALL)
_PLAN = {_NAME: {"type": "tool_plan"}}


def takes(recording: Recording) -> bool:
    return recording.provider in PROVIDERS


def dialect_of(recording: Recording) -> CohereDialect:
    return CohereDialect()


# --- requests


def express(recording: Recording) -> Expressed:
    path = urlsplit(recording.url).path
    if recording.method == "GET" and path == "/v1/models":
        return Expressed("models")
    body = recording.request_body
    if path == "/v2/embed":
        rest = {name: value for name, value in body.items() if name not in ("model", "texts")}
        return Expressed("embed", texts=Texts(body["model"], tuple(body["texts"]), _extra(rest)))
    if path != "/v2/chat":
        raise CannotExpress(f"neither v2 chat, nor embed, nor the model list: {path}")
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("model"), str)
        or not isinstance(body.get("messages"), list)
    ):
        raise CannotExpress("a request without model or messages")
    return Expressed("stream" if body.get("stream") is True else "chat", _request(dict(body)))


def _request(rest: dict[str, Any]) -> ChatRequest:
    model = rest.pop("model")
    messages = tuple(message for wire in rest.pop("messages") for message in _message(wire))
    fields: dict[str, Any] = {}
    if rest.get("stream") is True:
        del rest["stream"]
    for wire_name, name in (("temperature", "temperature"), ("p", "top_p")):
        if _is_number(rest.get(wire_name), float):
            fields[name] = rest.pop(wire_name)
    for name in ("max_tokens", "seed"):
        if _is_number(rest.get(name), int):
            fields[name] = rest.pop(name)
    stop = rest.get("stop_sequences")
    if isinstance(stop, list) and stop and all(isinstance(one, str) for one in stop):
        fields["stop"] = tuple(rest.pop("stop_sequences"))
    _tools(rest, fields)
    _shape(rest, fields)
    return ChatRequest(model, messages, extra=_extra(rest), **fields)


def _extra(rest: Mapping[Any, Any]) -> Any:
    return {_NAME: dict(rest)} if rest else None


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, (kind, int)) and not isinstance(value, bool)


def _message(wire: Any) -> Iterator[Message]:
    if not isinstance(wire, dict) or wire.get("role") not in ("system", "user", "assistant", "tool"):
        raise CannotExpress("a message without a role the API knows")
    rest = dict(wire)
    role = rest.pop("role")
    if role == "assistant":
        yield _assistant(rest)
        return
    content: Any = rest.pop("content", None)
    if not isinstance(content, str | list):
        raise CannotExpress("a message without content")
    given = content if isinstance(content, str) else tuple(map(_part, content))
    if role == "tool":
        call_id = rest.pop("tool_call_id", "")
        yield Message("tool", (ToolResultPart(call_id, given, extra=_extra(rest)),))
    else:
        yield Message(role, given, extra=_extra(rest))


def _assistant(rest: dict[str, Any]) -> Message:
    """A turn of nothing but text is its content; of others, each field is a part, if our parts give it again."""
    if isinstance(rest.get("content"), str) and not (rest.get("tool_calls") or rest.get("tool_plan")):
        return Message("assistant", rest.pop("content"), extra=_extra(rest))
    parts: list[Part] = []
    if isinstance(rest.get("tool_plan"), str) and rest["tool_plan"]:
        parts.append(ReasoningPart(rest.pop("tool_plan"), dialect=_NAME, extra=_PLAN))
    calls: list[Part] = []
    if isinstance(rest.get("tool_calls"), list) and rest["tool_calls"]:
        found = [_call(call) for call in rest["tool_calls"]]
        calls = [call for call in found if call is not None]
        if len(calls) == len(found):
            del rest["tool_calls"]
        else:
            calls = []
    content = rest.get("content")
    if isinstance(content, list) and (content or not calls):
        parts += map(_part, rest.pop("content"))
    elif "content" not in rest and not calls:
        raise CannotExpress("an assistant's turn without anything in it")
    return Message("assistant", (*parts, *calls), extra=_extra(rest))


def _call(wire: Any) -> ToolCallPart | None:
    """A tool call; what is unusual about it, be it empty arguments, goes through ``extra``."""
    match wire:
        case {"id": str(call_id), "type": "function", "function": {"name": str(name), **inner} as function, **more}:
            arguments: Any = inner.pop("arguments", None)
            if inner or not isinstance(arguments, str) or not arguments:
                more["function"] = function
            return ToolCallPart(call_id, name, arguments if isinstance(arguments, str) else "{}", extra=_extra(more))
    return None


def _part(block: Any) -> Any:
    match block:
        case {"type": "text", "text": str(text), **more}:
            return TextPart(text, extra=_extra(more))
        case {"type": "thinking", "thinking": str(text), **more}:
            return ReasoningPart(text, dialect=_NAME, extra=_extra(more))
        case {"type": "image_url", "image_url": {"url": str(url), **inner}, **more} if set(inner) <= {"detail"}:
            detail: Any = inner.get("detail")
            if "detail" not in inner or isinstance(detail, str):
                return _image(url, detail, _extra(more))
    return NativePart(_NAME, block)


def _image(url: str, detail: str | None, extra: Any) -> ImagePart:
    found = _DATA_URL.fullmatch(url)
    if found is not None:
        try:
            data = base64.b64decode(found[2], validate=True)
        except binascii.Error:
            data = b""
        if base64.b64encode(data).decode() == found[2]:
            return ImagePart(data=data, media_type=found[1], detail=detail, extra=extra)
    return ImagePart(url=url, detail=detail, extra=extra)


def _tools(rest: dict[str, Any], fields: dict[str, Any]) -> None:
    strict = rest.get("strict_tools") if isinstance(rest.get("strict_tools"), bool) else None
    if isinstance(rest.get("tools"), list) and rest["tools"]:
        tools = [_tool(tool, strict) for tool in rest.pop("tools")]
        fields["tools"] = tuple(tools)
        if strict is not None and any(isinstance(tool, Tool) for tool in tools):
            del rest["strict_tools"]
        if rest.get("tool_choice") == "NONE":
            fields["tool_choice"] = rest.pop("tool_choice").lower()
    if rest.get("tool_choice") == "REQUIRED":
        fields["tool_choice"] = rest.pop("tool_choice").lower()


def _tool(wire: Any, strict: bool | None) -> Tool | NativeTool:
    match wire:
        case {
            "type": "function",
            "function": {"name": str(name), "parameters": dict(parameters), **inner},
            **more,
        } if set(inner) <= {"description"} and inner.get("description", "-"):
            description: Any = inner.get("description", "")
            return Tool(name, description, parameters, strict, extra=_extra(more))
    return NativeTool(_NAME, wire)


def _shape(rest: dict[str, Any], fields: dict[str, Any]) -> None:
    """The answer's form and its thoughts."""
    match rest.get("response_format"):
        case {"type": "json_object", **more} if not more:
            fields["response_format"] = JsonFormat()
        case {"type": "json_object", "json_schema": dict(schema), **more} if not more:
            fields["response_format"] = JsonFormat(schema)
    if "response_format" in fields:
        del rest["response_format"]
    match rest.get("thinking"):
        case {"type": "disabled", **more} if not more:
            fields["reasoning"] = Reasoning("none")
        case {"type": "enabled", "token_budget": int(budget), **more} if not more:
            fields["reasoning"] = Reasoning(budget_tokens=budget)
        case {"type": "enabled", **more} if not more:
            fields["reasoning"] = Reasoning("high")
    if "reasoning" in fields:
        del rest["thinking"]


# --- answers

_FINISH = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}


def expected(recording: Recording) -> Expected:
    """What the adapter has to report, read from the recorded answer alone."""
    if recording.status >= 400:
        return _refused(recording)
    body = _from_stream(recording.body) if recording.streamed else json.loads(recording.body)
    if "models" in body:
        return Expected(model_ids=[model["name"] for model in body["models"]])
    reason = body.get("finish_reason")
    if reason == "ERROR":
        kind: Any = "malformed answer" if body.get("error_type") == "INVALID_TOOL_GENERATION" else ...
        return Expected(error_kind=kind, error_message=body.get("error", ...))
    if reason == "TIMEOUT":
        return Expected(error_kind="timeout")
    if recording.streamed and reason is None and b"[DONE]" not in recording.body:
        return Expected(error_kind="connection cut")
    return _expected_message(body, recording)


def _refused(recording: Recording) -> Expected:
    wait = recording.headers.get("retry-after")
    told: dict[str, Any] = {
        "error_status": recording.status,
        "retry_after": float(wait) if wait and wait.isdigit() else ... if recording.status == 429 else None,
    }
    try:
        body = json.loads(recording.body)
        message = body["message"]
    except (ValueError, KeyError, TypeError):  # a page of a proxy in between
        told["error_kind"] = ...
        return Expected(**told)
    kind = _error_kind(recording.status, body)
    return Expected(error_kind=kind, error_message=message, request_id=body.get("id"), **told)


def _error_kind(status: int, body: dict[str, Any]) -> Any:
    """The kind that a status stands for, where it stands for one alone."""
    message = body["message"]
    if status in (400, 422):
        if body.get("error_type") == "TOO_MANY_TOKENS":
            return "context too long"
        return ... if re.search("token|model|key", message) else "bad request"
    if status == 404:
        return "unknown model" if "model" in message else "bad request"
    if status == 429:
        return "quota exhausted" if "month" in message else "rate limit"
    return {401: "bad key", 402: "quota exhausted", 498: "content refused", 500: "server fault", 503: "overloaded"}.get(
        status, ...
    )


def _from_stream(body: bytes) -> dict[str, Any]:
    """The answer that a stream's events add up to."""
    answer: dict[str, Any] = {"id": None, "message": {"tool_plan": "", "content": {}, "tool_calls": {}}}
    message = answer["message"]
    for line in body.decode().replace("\r", "").split("\n"):
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        delta = event.get("delta") or {}
        inner, index = delta.get("message", {}), event.get("index")
        match event["type"]:
            case "message-start":
                answer["id"] = event["id"]
            case "content-start":
                message["content"][index] = inner["content"]
            case "content-delta":
                for key, text in inner["content"].items():
                    message["content"][index][key] += text
            case "tool-plan-delta":
                message["tool_plan"] += inner["tool_plan"]
            case "tool-call-start":
                message["tool_calls"][index] = inner["tool_calls"]
            case "tool-call-delta":
                message["tool_calls"][index]["function"]["arguments"] += inner["tool_calls"]["function"]["arguments"]
            case "message-end":
                answer |= delta
    for key in ("content", "tool_calls"):
        message[key] = [message[key][index] for index in sorted(message[key])]
    return answer


def _parsed(text: str) -> Any:
    """Arguments as JSON; as they are where the answer was cut inside of them."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _expected_message(answer: dict[str, Any], recording: Recording) -> Expected:
    message, usage = answer["message"], answer.get("usage") or {}
    counted, billed = usage.get("tokens") or usage.get("billed_units") or {}, usage.get("billed_units") or {}
    content = message.get("content") or []
    raw = answer.get("finish_reason")
    reason = _FINISH.get(raw or "", "other")
    functions = [call["function"] for call in message.get("tool_calls") or []]
    thoughts = [message.get("tool_plan") or "", *(block.get("thinking", "") for block in content)]
    return Expected(
        text="".join(block.get("text", "") for block in content),
        reasoning="".join(thoughts),
        tool_calls=[(function["name"], _parsed(function["arguments"] or "{}")) for function in functions],
        finish_reason="tool_calls" if functions and reason in ("stop", "other") else reason,
        raw_finish_reason=raw,
        usage={
            "prompt": counted.get("input_tokens"),
            "completion": counted.get("output_tokens"),
            "cached": usage.get("cached_tokens"),
            "reasoning": counted.get("reasoning_tokens"),
            "billed_prompt": billed.get("input_tokens"),
            "billed_completion": billed.get("output_tokens"),
        },
        response_id=answer["id"],
        rate_limits=_rate_limits(recording.headers),
    )


def _rate_limits(headers: Mapping[str, str]) -> list[tuple[str, str, int, int | None]]:
    found: list[tuple[str, str, int, int | None]] = []
    if "x-trial-endpoint-call-limit" in headers:
        limit, remaining = headers["x-trial-endpoint-call-limit"], headers["x-trial-endpoint-call-remaining"]
        found.append(("requests", "minute", int(limit), int(remaining)))
    if "x-endpoint-monthly-call-limit" in headers:
        found.append(("requests", "month", int(headers["x-endpoint-monthly-call-limit"]), None))
    return found
