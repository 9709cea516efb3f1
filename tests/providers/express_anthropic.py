"""Recorded Anthropic exchanges in our own terms.

A field that our types know is expressed by them; any other travels in ``extra`` of the object it belongs to, and a content
block that our types cannot say exactly (a file by its id, say) is a `NativePart`, sent as it is.

Differences between what was recorded and what is sent:

- the query ``?beta=true`` of Anthropic's SDKs is left out (it is no part of the body and the API does not need it);
- the model list is asked for with ``?limit=1000``, as the default page holds 20.

What cannot be expressed at all (`CannotExpress`):

- calls other than messages, token counting and the model list (batches, files, text completions);
- requests the API refuses by their form: without model, messages or ``max_tokens``, with an unknown role, an empty assistant
  message, or a system message where the model takes none.
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
    DocumentPart,
    ImagePart,
    Message,
    NamedTool,
    NativePart,
    NativeTool,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.anthropic import AnthropicDialect
from aiconsole.providers.anthropic.models import Claude, claude
from tests.providers.wire import CannotExpress, Expected, Expressed, Recording

PROVIDERS = ("anthropic",)
EXCEPTIONS: dict[str, str] = {}
"""Single recordings that cannot be expressed: none."""

_NAME = "anthropic"
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_SHOW = {"summarized": True, "omitted": False}


def takes(recording: Recording) -> bool:
    return recording.provider in PROVIDERS


def dialect_of(recording: Recording) -> AnthropicDialect:
    return AnthropicDialect()


# --- requests


def express(recording: Recording) -> Expressed:
    path = urlsplit(recording.url).path
    if recording.method == "GET" and path.endswith("/models"):
        return Expressed("models")
    body = recording.request_body
    if path.endswith("/messages/count_tokens"):
        return Expressed("count", _request(body))
    if not path.endswith("/messages"):
        raise CannotExpress(f"no chat: {path}")
    if not isinstance(body, dict) or not isinstance(body.get("max_tokens"), int):
        raise CannotExpress("a request without max_tokens, which the API demands")
    return Expressed("stream" if body.get("stream") is True else "chat", _request(body))


def _request(body: Any) -> ChatRequest:
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("model"), str)
        or not isinstance(body.get("messages"), list)
    ):
        raise CannotExpress("a request without model or messages")
    rest = dict(body)
    model = claude(rest.pop("model"))
    fields: dict[str, Any] = {}
    messages = [*_system(rest), *_messages(rest.pop("messages"), model)]
    if isinstance(rest.get("max_tokens"), int):
        fields["max_tokens"] = rest.pop("max_tokens")
    if rest.get("stream") is True:
        del rest["stream"]
    _sampling(rest, fields, model)
    _reasoning(rest, fields, model)
    _tools(rest, fields, model, body.get("thinking"))
    stop = rest.get("stop_sequences")
    if isinstance(stop, list) and stop and all(isinstance(one, str) for one in stop):
        fields["stop"] = tuple(rest.pop("stop_sequences"))
    return ChatRequest(body["model"], tuple(messages), extra=_extra(rest), **fields)


def _extra(rest: Mapping[str, Any]) -> Any:
    return {_NAME: dict(rest)} if rest else None


def _system(rest: dict[str, Any]) -> Iterator[Message]:
    system = rest.get("system")
    if isinstance(system, str):
        yield Message.system(rest.pop("system"))
    elif isinstance(system, list):
        yield Message("system", tuple(map(_part, rest.pop("system"))))


def _messages(wire: list[Any], model: Claude) -> Iterator[Message]:
    after_tool = False
    for number, item in enumerate(wire):
        if not isinstance(item, dict) or item.get("role") not in ("user", "assistant", "system"):
            raise CannotExpress("a message without a role the API knows")
        rest = dict(item)
        role, content = rest.pop("role"), rest.pop("content", None)
        if role == "system" and (number == 0 or not model.inline_system):
            raise CannotExpress("a system message where the model takes none")
        if not isinstance(content, str | list) or (role == "assistant" and not content):
            raise CannotExpress("a message without content")
        parts: Any = content if isinstance(content, str) else tuple(map(_part, content))
        is_tool = role == "user" and bool(parts) and all(isinstance(part, ToolResultPart) for part in parts)
        is_tool = is_tool and not after_tool
        yield Message("tool" if is_tool else role, parts, extra=_extra(rest))
        after_tool = is_tool


def _part(block: Any) -> Part:
    """One content block; as a `NativePart` where our types would not give exactly the same block."""
    try:
        part = _READERS[block["type"]](dict(block))
    except (AttributeError, KeyError, TypeError, ValueError):
        part = None
    return part or NativePart(_NAME, block)


def _text(block: dict[str, Any]) -> Part | None:
    del block["type"]
    text = block.pop("text")
    return TextPart(text, extra=_extra(block)) if text.strip() else None


def _image(block: dict[str, Any]) -> Part | None:
    del block["type"]
    match block.pop("source"):
        case {"type": "base64", "media_type": str(media_type), "data": str(data), **more} if not more:
            if media_type in _IMAGES:
                return ImagePart(data=_bytes(data), media_type=media_type, extra=_extra(block))
        case {"type": "url", "url": str(url), **more} if not more and not url.startswith("data:"):
            return ImagePart(url=url, extra=_extra(block))
    return None


def _document(block: dict[str, Any]) -> Part | None:
    del block["type"]
    source = block.pop("source")
    name = block.pop("title") if isinstance(block.get("title"), str) else None
    match source:
        case {"type": "base64", "media_type": "application/pdf", "data": str(data), **more} if not more:
            return DocumentPart(data=_bytes(data), name=name, extra=_extra(block))
        case {"type": "text", "media_type": "text/plain", "data": str(text), **more} if not more:
            return DocumentPart(data=text.encode(), media_type="text/plain", name=name, extra=_extra(block))
        case {"type": "url", "url": str(url), **more} if not more and not url.startswith("data:"):
            return DocumentPart(url=url, name=name, extra=_extra(block))
    return None


def _thinking(block: dict[str, Any]) -> Part | None:
    del block["type"]
    text, signature = block.pop("thinking"), block.pop("signature")
    return ReasoningPart(text, signature=signature, extra=_extra(block)) if isinstance(signature, str) else None


def _redacted(block: dict[str, Any]) -> Part | None:
    del block["type"]
    return ReasoningPart(redacted=block.pop("data"), extra=_extra(block))


def _tool_use(block: dict[str, Any]) -> Part | None:
    del block["type"]
    call_id, name, arguments = block.pop("id"), block.pop("name"), block.pop("input")
    if not _ID.fullmatch(call_id) or not isinstance(arguments, dict):
        return None
    return ToolCallPart(call_id, name, json.dumps(arguments), extra=_extra(block))


def _tool_result(block: dict[str, Any]) -> Part | None:
    del block["type"]
    call_id = block.pop("tool_use_id")
    if not _ID.fullmatch(call_id):
        return None
    content = block.get("content")
    given: Any = ""
    if content and isinstance(content, str):
        given = block.pop("content")
    elif isinstance(content, list):
        given = tuple(map(_part, block.pop("content")))
    is_error = block.get("is_error") is True and block.pop("is_error")
    return ToolResultPart(call_id, given, is_error=is_error, extra=_extra(block))


_READERS = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def _bytes(text: str) -> bytes:
    """The bytes of base64 text, if they give the very same text again."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError(text[:40]) from fault
    if base64.b64encode(data).decode() != text:
        raise ValueError(text[:40])
    return data


def _sampling(rest: dict[str, Any], fields: dict[str, Any], model: Claude) -> None:
    """What the model would refuse stays in ``rest``: it was recorded with its refusal."""
    thinking = rest.get("thinking")
    thinks = isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")
    free = model.sampling and not thinks
    if _is_number(rest.get("temperature")) and (free or rest["temperature"] == 1):
        fields["temperature"] = rest.pop("temperature")
    both = "temperature" in fields and not model.both_samplers
    if _is_number(rest.get("top_p")) and not both and (free or rest["top_p"] == 1):
        fields["top_p"] = rest.pop("top_p")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _reasoning(rest: dict[str, Any], fields: dict[str, Any], model: Claude) -> None:
    config = dict(rest["output_config"]) if isinstance(rest.get("output_config"), dict) else {}
    match config.get("format"):
        case {"type": "json_schema", "schema": dict(schema), **more} if not more:
            fields["response_format"] = JsonFormat(schema)
            del config["format"]
    effort: Any = config.get("effort") if str(config.get("effort")) in model.efforts else None
    reasoning = None
    thinking: Any = rest.get("thinking")
    show = _SHOW.get(str(thinking.get("display"))) if isinstance(thinking, dict) else None
    match thinking:
        case {"type": "enabled", "budget_tokens": int(budget), **more} if model.budgets and _is_show(more):
            reasoning = Reasoning(effort, budget, show)
        case {"type": "adaptive", **more} if model.adaptive and _is_show(more) and (effort or more):
            reasoning = Reasoning(effort, show=show)
        case {"type": "disabled", **more} if not more and not effort and _can_say_disabled(model):
            reasoning = Reasoning("none")
    if reasoning is not None:
        fields["reasoning"] = reasoning
        del rest["thinking"]
        if effort:
            del config["effort"]
    if isinstance(rest.get("output_config"), dict) and config != rest["output_config"]:
        rest["output_config"] = config
        if not config:
            del rest["output_config"]


def _is_show(more: Mapping[Any, Any]) -> bool:
    return not more or (more.keys() == {"display"} and str(more["display"]) in _SHOW)


def _can_say_disabled(model: Claude) -> bool:
    return model.can_stop_thinking and (model.budgets or model.thinks_unasked)


def _tools(rest: dict[str, Any], fields: dict[str, Any], model: Claude, thinking: Any) -> None:
    tools = rest.get("tools")
    if isinstance(tools, list) and tools:
        fields["tools"] = tuple(map(_tool, rest.pop("tools")))
    choice = dict(rest["tool_choice"]) if isinstance(rest.get("tool_choice"), dict) else {}
    kind, parallel = choice.pop("type", None), choice.pop("disable_parallel_tool_use", None)
    name = choice.pop("name", None) if kind == "tool" else None
    budget = isinstance(thinking, dict) and thinking.get("type") == "enabled"
    may_force = model.forced_tools and not budget
    known = {"auto": "auto", "none": "none", "any": "required", "tool": isinstance(name, str) and NamedTool(name)}.get(
        kind
    )
    if choice or not known or "tools" not in fields or (kind in ("any", "tool") and not may_force):
        return
    if parallel is not None and (kind == "none" or not isinstance(parallel, bool)):
        return
    del rest["tool_choice"]
    fields["tool_choice"] = known
    if parallel is not None:
        fields["parallel_tool_calls"] = not parallel


def _tool(wire: Any) -> Tool | NativeTool:
    is_function = isinstance(wire, dict) and wire.get("type", "custom") == "custom"
    if not is_function or not isinstance(wire.get("input_schema"), dict) or not isinstance(wire.get("name"), str):
        return NativeTool(_NAME, wire)
    rest = dict(wire)
    name, schema = rest.pop("name"), rest.pop("input_schema")
    description = rest.pop("description") if rest.get("description") else ""
    strict = rest.pop("strict") if isinstance(rest.get("strict"), bool) else None
    return Tool(name, description, schema, strict, extra=_extra(rest))


# --- answers

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refused",
}
_ERROR_KINDS = {
    "authentication_error": "bad key",
    "billing_error": "quota exhausted",
    "permission_error": "no permission",
    "rate_limit_error": "rate limit",
    "api_error": "server fault",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
}
_LIMITS = {
    "requests": "requests",
    "tokens": "tokens",
    "input-tokens": "input tokens",
    "output-tokens": "output tokens",
}


def expected(recording: Recording) -> Expected:
    """What the adapter has to report, read from the recorded answer alone."""
    if recording.status >= 400:
        return _refused(recording)
    body = _from_stream(recording.body) if recording.streamed else json.loads(recording.body)
    if "error" in body:
        return Expected(error_kind=_error_kind(body["error"]), error_message=body["error"]["message"])
    if "data" in body:
        return Expected(model_ids=[model["id"] for model in body["data"]])
    if "content" not in body:
        return Expected(tokens=body["input_tokens"])
    if recording.streamed and body["stop_reason"] is None:
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
        error = body["error"]
    except (ValueError, KeyError, TypeError):  # a page of a proxy in between
        told["error_kind"] = ...
        return Expected(**told)
    request_id = body.get("request_id") or recording.headers.get("request-id")
    return Expected(error_kind=_error_kind(error), error_message=error["message"], request_id=request_id, **told)


def _error_kind(error: dict[str, Any]) -> Any:
    """The kind that an error's type stands for; of a bad request's many, only the plain ones."""
    message = error["message"]
    match error["type"]:
        case "invalid_request_error":
            if "prompt is too long" in message or "exceed context limit" in message:
                return "context too long"
            return ... if re.search("credit|usage limit|polic|key", message) else "bad request"
        case "not_found_error":
            return "unknown model" if "model" in message else "bad request"
    return _ERROR_KINDS.get(error["type"], ...)


def _from_stream(body: bytes) -> dict[str, Any]:
    """The message that a stream's events add up to, or the error it ended in."""
    message: dict[str, Any] = {}
    json_texts: dict[int, str] = {}
    for line in body.decode().replace("\r", "").split("\n"):
        if not line.startswith("data:"):
            continue
        event = json.loads(line[5:])
        match event["type"]:
            case "error":
                return dict(event)
            case "message_start":
                message = event["message"] | {"content": {}}
            case "content_block_start":
                message["content"][event["index"]] = event["content_block"]
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                for key in ("text", "thinking"):
                    if key in delta:
                        block[key] += delta[key]
                if "partial_json" in delta:
                    json_texts[event["index"]] = json_texts.get(event["index"], "") + delta["partial_json"]
            case "message_delta":
                message |= {key: value for key, value in event["delta"].items() if value is not None}
                message["usage"] |= {key: value for key, value in event["usage"].items() if value is not None}
    for index, text in json_texts.items():
        if text:
            message["content"][index]["input"] = _parsed(text)
    message["content"] = [message["content"][index] for index in sorted(message["content"])]
    return message


def _parsed(text: str) -> Any:
    """Arguments as JSON; as they are where the answer was cut inside of them."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _expected_message(message: dict[str, Any], recording: Recording) -> Expected:
    content, usage = message["content"], message["usage"]
    calls = [(block["name"], block["input"]) for block in content if block["type"] == "tool_use"]
    reason = _FINISH.get(message["stop_reason"], "other")
    details = usage.get("output_tokens_details") or {}
    prompt = (usage["input_tokens"], usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens"))
    return Expected(
        text="".join(block["text"] for block in content if block["type"] == "text"),
        reasoning="".join(block["thinking"] for block in content if block["type"] == "thinking"),
        tool_calls=calls,
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        raw_finish_reason=message["stop_reason"],
        usage={
            "prompt": sum(count or 0 for count in prompt),
            "completion": usage["output_tokens"],
            "cached": usage.get("cache_read_input_tokens"),
            "cache_written": usage.get("cache_creation_input_tokens"),
            "reasoning": details.get("thinking_tokens"),
        },
        model=message["model"],
        response_id=message["id"],
        request_id=recording.headers.get("request-id"),
        rate_limits=_rate_limits(recording.headers),
    )


def _rate_limits(headers: Mapping[str, str]) -> list[tuple[str, str, int, int]]:
    return [
        (kind, "minute", int(headers[f"{start}-limit"]), int(headers[f"{start}-remaining"]))
        for name, kind in _LIMITS.items()
        if f"{(start := f'anthropic-ratelimit-{name}')}-limit" in headers
    ]
