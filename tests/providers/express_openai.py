"""Recorded OpenAI-shaped exchanges (Groq, Mistral, Cerebras, OpenRouter, Gemini's OpenAI path) in our own terms.

A field that our types know is expressed by them; any other travels in ``extra`` of the object it belongs to, where the dialect
merges it. What cannot be expressed at all:

- calls other than chat completions, embeddings and model lists (Mistral's FIM, moderation);
- requests the API refuses by their form: without model or messages, with a role our types do not know, a turn without content,
  a tool's turn that names no call.

Differences between what was recorded and what is sent (`comparable`):

- Mistral takes no ids of tool calls but such of 9 letters or digits, so others are replaced; those in some recordings were
  redacted to ``call_REDACTED_1``. Which call an id belongs to is compared, not the id.

A tool without ``type`` (an older Mistral SDK) or one that is no
function is expressed as a `NativeTool`, which is sent as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

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
from aiconsole.providers.base import Dialect
from aiconsole.providers.cerebras import CerebrasDialect
from aiconsole.providers.custom import CustomOpenAIDialect
from aiconsole.providers.groq import GroqDialect
from aiconsole.providers.mistral import MistralDialect
from aiconsole.providers.openrouter import OpenRouterDialect
from tests.providers.wire import CannotExpress, Expected, Expressed, Recording, Texts

PROVIDERS = ("groq", "mistral", "cerebras", "openrouter")
EXCEPTIONS: dict[str, str] = {}

_MISTRALS = re.compile(r"(open-)?(mi(ni)?stral|mixtral|magistral|codestral|devstral|pixtral|voxtral)[^/]*$")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_NUMBERS = {"temperature": (int, float), "top_p": (int, float), "max_tokens": (int,)}


def takes(recording: Recording) -> bool:
    """Whether a recording is of this family."""
    return recording.provider in PROVIDERS or "/openai/" in recording.path


def dialect_of(recording: Recording) -> Dialect:
    """The dialect that speaks to the recorded provider."""
    known = {
        "groq": GroqDialect,
        "mistral": MistralDialect,
        "cerebras": CerebrasDialect,
        "openrouter": OpenRouterDialect,
    }
    if recording.provider in known:
        return known[recording.provider]()
    body = recording.request_body
    asks = not isinstance(body, dict) or not body.get("stream") or "stream_options" in body
    base = "https://generativelanguage.googleapis.com/v1beta/openai"
    return CustomOpenAIDialect("compatible", "Compatible", base, asks_for_usage=asks)


def comparable(body: Any) -> Any:
    """A body with the ids of tool calls numbered as they come, where it goes to one of Mistral's own models."""
    if _MISTRALS.match(str(body.get("model"))) is None:
        return body
    numbers: dict[str, str] = {}

    def numbered(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            call = "function" in value
            return {
                name: numbered(entry, name if call or name == "tool_call_id" else "") for name, entry in value.items()
            }
        if isinstance(value, list):
            return [numbered(entry) for entry in value]
        return numbers.setdefault(value, f"call {len(numbers)}") if key in ("id", "tool_call_id") else value

    return numbered(body)


# --- requests


def express(recording: Recording) -> Expressed:
    """The recorded request in our types.

    Raises:
        CannotExpress: it is neither chat, nor texts to embed, nor a model list.
    """
    if recording.method == "GET" and recording.path.split("?")[0].endswith("/models"):
        return Expressed("models")
    if recording.path.split("?")[0].endswith("/embeddings"):
        rest = dict(recording.request_body)
        model, texts = rest.pop("model"), tuple(rest.pop("input"))
        return Expressed("embed", texts=Texts(model, texts, {dialect_of(recording).name: rest}))
    if not recording.path.split("?")[0].endswith("/chat/completions"):
        raise CannotExpress("a call that is no chat completion")
    body = recording.request_body
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("model"), str)
        or not isinstance(body.get("messages"), list)
    ):
        raise CannotExpress("a request without model or messages")
    request = _Expresser(dialect_of(recording).name).request(body)
    return Expressed("stream" if body.get("stream") else "chat", request)


class _Expresser:
    def __init__(self, name: str) -> None:
        self.name = name

    def extra(self, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        return {self.name: dict(rest)} if rest else None

    def request(self, body: dict[str, Any]) -> ChatRequest:
        rest = dict(body)
        fields: dict[str, Any] = {"model": rest.pop("model")}
        fields["messages"] = tuple(self.message(message, fields["model"]) for message in rest.pop("messages"))
        if rest.get("stream") is True:
            del rest["stream"]
            if self.name == "compatible" and rest.get("stream_options") == {"include_usage": True}:
                del rest["stream_options"]
        for key, kinds in _NUMBERS.items():
            if type(rest.get(key)) in kinds:
                fields[key] = rest.pop(key)
        seed = "random_seed" if self.name == "mistral" else "seed"
        if type(rest.get(seed)) is int:
            fields["seed"] = rest.pop(seed)
        if isinstance(rest.get("stop"), list) and rest["stop"]:
            fields["stop"] = tuple(rest.pop("stop"))
        if isinstance(rest.get("parallel_tool_calls"), bool):
            fields["parallel_tool_calls"] = rest.pop("parallel_tool_calls")
        self.tools(rest, fields)
        self.format(rest, fields)
        self.reasoning(rest, fields)
        return ChatRequest(**fields, extra=self.extra(rest))

    def tools(self, rest: dict[str, Any], fields: dict[str, Any]) -> None:
        if isinstance(rest.get("tools"), list) and rest["tools"]:
            fields["tools"] = tuple(self.tool(tool) for tool in rest.pop("tools"))
        choice = rest.get("tool_choice")
        required = "any" if self.name == "mistral" else "required"
        if choice in ("auto", "none", required):
            fields["tool_choice"] = "required" if choice == required else choice
            del rest["tool_choice"]
        elif isinstance(choice, dict) and choice == {"type": "function", "function": {"name": _name(choice)}}:
            fields["tool_choice"] = NamedTool(_name(choice))
            del rest["tool_choice"]

    def tool(self, tool: dict[str, Any]) -> Tool | NativeTool:
        function = tool.get("function") if isinstance(tool, dict) else None
        if (
            not isinstance(tool, dict)
            or tool.get("type") != "function"
            or not isinstance(function, dict)
            or not isinstance(function.get("name"), str)
            or not isinstance(function.get("parameters"), dict)
        ):
            return NativeTool(self.name, tool)
        inner = dict(function)
        outer: dict[str, Any] = {key: value for key, value in tool.items() if key not in ("type", "function")}
        name, parameters = inner.pop("name"), inner.pop("parameters")
        strict = inner.pop("strict") if isinstance(inner.get("strict"), bool) else None
        description = inner.pop("description") if inner.get("description") else ""
        if inner:
            outer["function"] = inner
        return Tool(name, description, parameters, strict, self.extra(outer))

    def format(self, rest: dict[str, Any], fields: dict[str, Any]) -> None:
        wanted = rest.get("response_format")
        if wanted == {"type": "json_object"}:
            fields["response_format"] = JsonFormat()
            del rest["response_format"]
        elif (
            isinstance(wanted, dict) and wanted.get("type") == "json_schema" and set(wanted) == {"type", "json_schema"}
        ):
            inner = wanted["json_schema"]
            known = {"name", "schema", "strict", "description"}
            if isinstance(inner.get("schema"), dict) and "name" in inner and None not in inner.values():
                fields["response_format"] = JsonFormat(**{key: inner[key] for key in known & set(inner)})
                others = {key: value for key, value in inner.items() if key not in known}
                if others:
                    rest["response_format"] = {"json_schema": others}
                else:
                    del rest["response_format"]

    def reasoning(self, rest: dict[str, Any], fields: dict[str, Any]) -> None:
        found: dict[str, Any] = {}
        if self.name == "openrouter":
            wanted = rest.get("reasoning")
            if isinstance(wanted, dict):
                others = dict(wanted)
                if others.get("effort") in _EFFORTS:
                    found["effort"] = others.pop("effort")
                if type(others.get("max_tokens")) is int:
                    found["budget_tokens"] = others.pop("max_tokens")
                if isinstance(others.get("exclude"), bool):
                    found["show"] = not others.pop("exclude")
                if others:
                    rest["reasoning"] = others
                else:
                    del rest["reasoning"]
        else:
            narrow = self.name in ("groq", "cerebras")
            if rest.get("reasoning_effort") in (("none", "low", "medium", "high") if narrow else _EFFORTS):
                found["effort"] = rest.pop("reasoning_effort")
            if narrow and rest.get("reasoning_format") in ("parsed", "hidden"):
                found["show"] = rest.pop("reasoning_format") == "parsed"
        if found:
            fields["reasoning"] = Reasoning(**found)

    def message(self, message: Any, model: str) -> Message:
        if not isinstance(message, dict):
            raise CannotExpress("a turn that is no object")
        rest = dict(message)
        role = rest.pop("role", None)
        if role == "developer":
            role, rest["role"] = "system", "developer"
        if role == "assistant":
            return self.assistant(rest, model)
        content = rest.pop("content", ...)
        if role not in ("system", "user", "tool") or content is ...:
            raise CannotExpress(f"a turn of “{role}” with nothing in it, or of an unknown role")
        if role == "tool":
            if not isinstance(rest.get("tool_call_id"), str):
                raise CannotExpress("a tool's turn that names no call")
            result = ToolResultPart(rest.pop("tool_call_id"), self.content(content, rest), extra=self.extra(rest))
            return Message.tool(result)
        return Message(role, self.content(content, rest), self.extra(rest))

    def content(self, content: Any, rest: dict[str, Any]) -> Any:
        if isinstance(content, str):
            return content
        if isinstance(content, list):
            return tuple(self.part(part) for part in content)
        rest["content"] = content
        return ""

    def assistant(self, rest: dict[str, Any], model: str) -> Message:
        content = rest.pop("content", ...)
        parts: list[Part] = []
        if self.name == "openrouter" and _all_objects(rest.get("reasoning_details"), "type"):
            parts += [self.detail(detail) for detail in rest.pop("reasoning_details")]
        elif isinstance(rest.get("reasoning"), str) and rest["reasoning"] and self.takes_thoughts(model):
            parts.append(ReasoningPart(rest.pop("reasoning"), dialect=self.name))
        calls = rest.pop("tool_calls") if _plain_calls(rest.get("tool_calls")) else []
        if isinstance(content, str) and not parts and not calls:
            return Message("assistant", content, self.extra(rest))
        if isinstance(content, str):
            parts.append(TextPart(content))
        elif isinstance(content, list) and content:
            parts += [self.marked(self.part(part)) for part in content]
        elif content is not ...:
            rest["content"] = content
        elif not calls:
            raise CannotExpress("an assistant's turn without content and without complete calls")
        parts += [self.call(call) for call in calls]
        return Message("assistant", tuple(parts), self.extra(rest))

    def takes_thoughts(self, model: str) -> bool:
        if self.name == "groq":
            return re.search("gpt-oss|qwen3", model) is not None
        return self.name in ("cerebras", "openrouter")

    def marked(self, part: Part) -> Part:
        """A text that is to be sent as a part."""
        return TextPart(part.text, {self.name: {}}) if isinstance(part, TextPart) and part.extra is None else part

    def detail(self, detail: dict[str, Any]) -> ReasoningPart:
        rest = dict(detail)
        key = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(rest["type"])
        text = rest.pop(key) if key and rest.get(key) else ""
        signature = rest.pop("signature") if isinstance(rest.get("signature"), str) else None
        redacted = rest.pop("data") if rest["type"] == "reasoning.encrypted" else None
        return ReasoningPart(text, signature, redacted, self.name, {self.name: rest})

    def call(self, call: dict[str, Any]) -> ToolCallPart:
        rest = {key: value for key, value in call.items() if key not in ("id", "type", "function")}
        function = dict(call["function"])
        name, arguments = function.pop("name"), function.pop("arguments", "")
        if function:
            rest["function"] = function
        return ToolCallPart(call["id"], name, arguments, extra=self.extra(rest))

    def part(self, part: Any) -> Any:
        if not isinstance(part, dict):
            return NativePart(self.name, part)
        rest = dict(part)
        kind = rest.pop("type", None)
        if kind == "text" and isinstance(rest.get("text"), str):
            return TextPart(rest.pop("text"), self.extra(rest))
        if kind == "image_url" and isinstance(_url(rest.get("image_url")), str):
            return self.image(rest)
        if kind == "document_url" and self.name == "mistral" and isinstance(rest.get("document_url"), str):
            given = _given(rest.pop("document_url"))
            name = rest.pop("document_name") if isinstance(rest.get("document_name"), str) else None
            return DocumentPart(**given, name=name, extra=self.extra(rest))
        if kind == "file" and isinstance(rest.get("file"), dict) and isinstance(rest["file"].get("file_data"), str):
            file = dict(rest.pop("file"))
            given = _given(file.pop("file_data"))
            name = file.pop("filename") if isinstance(file.get("filename"), str) else None
            if file:
                rest["file"] = file
            return DocumentPart(**given, name=name, extra=self.extra(rest))
        if (
            kind == "thinking"
            and rest["thinking"]
            and all(set(inner) == {"type", "text"} for inner in rest["thinking"])
        ):
            text = "".join(inner["text"] for inner in rest.pop("thinking"))
            return ReasoningPart(text, rest.pop("signature", None), None, self.name, self.extra(rest))
        return NativePart(self.name, part)

    def image(self, rest: dict[str, Any]) -> ImagePart:
        inner = rest.pop("image_url")
        if isinstance(inner, str):
            return ImagePart(**_given(inner), extra=self.extra({**rest, "image_url": inner}))
        inner = dict(inner)
        given = _given(inner.pop("url"))
        detail = inner.pop("detail") if isinstance(inner.get("detail"), str) else None
        if inner:
            rest["image_url"] = inner
        return ImagePart(**given, detail=detail, extra=self.extra(rest))


def _all_objects(found: Any, key: str) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(item, dict) and key in item for item in found)


def _plain_calls(found: Any) -> bool:
    """Whether these are calls of functions in full, with their arguments as text."""
    return _all_objects(found, "id") and all(
        call.get("type") == "function"
        and isinstance(call.get("function"), dict)
        and isinstance(call["function"].get("name"), str)
        and isinstance(call["function"].get("arguments"), str)
        for call in found
    )


def _url(found: Any) -> Any:
    return found.get("url") if isinstance(found, dict) else found


def _name(choice: dict[str, Any]) -> str:
    function = choice.get("function")
    return function.get("name", "") if isinstance(function, dict) else ""


def _given(url: str) -> dict[str, Any]:
    """The bytes of a data URL, or the URL itself where encoding the bytes again would not give the same text."""
    match = re.fullmatch(r"data:([^;,]+);base64,(.*)", url, re.DOTALL)
    if match:
        try:
            data = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            return {"url": url}
        if base64.b64encode(data).decode() == match[2]:
            return {"data": data, "media_type": match[1]}
    return {"url": url}


# --- answers, read by plain walking

_FINISH = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "refused",
}


def expected(recording: Recording) -> Expected:
    """What has to be reported for the recorded answer."""
    if recording.status != 200:
        return _refusal(recording)
    if express(recording).kind == "models":
        data = json.loads(recording.body)["data"]
        return Expected(model_ids=list(dict.fromkeys(entry["id"] for entry in data)))
    chunks = list(_chunks(recording))
    for chunk in chunks:
        if chunk.get("error"):
            return _failed_inside(chunk["error"])
    return _answer(recording, chunks)


def _chunks(recording: Recording) -> Iterator[dict[str, Any]]:
    if not recording.streamed:
        yield json.loads(recording.body)
        return
    for line in recording.body.decode().splitlines():
        if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
            yield json.loads(line[5:])


def _answer(recording: Recording, chunks: list[dict[str, Any]]) -> Expected:
    text, refusal, reasoning, finish, native = "", "", "", None, None
    calls: list[list[Any]] = []
    told = (chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") for chunk in reversed(chunks))
    usage = next(filter(None, told), {})
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            said = choice.get("delta") or choice.get("message") or {}
            words, thoughts = _content(said.get("content"))
            text += words
            refusal += said.get("refusal") or ""
            reasoning += thoughts + (said.get("reasoning") or said.get("reasoning_content") or "")
            for position, call in enumerate(said.get("tool_calls") or ()):
                if call["function"].get("name"):
                    calls.append([call.get("index", position), call["function"]["name"], ""])
                entry = next(entry for entry in reversed(calls) if entry[0] == call.get("index", position))
                entry[2] += call["function"].get("arguments") or ""
            if choice.get("finish_reason"):
                finish, native = choice["finish_reason"], choice.get("native_finish_reason")
    if finish is None and recording.streamed and b"[DONE]" not in recording.body:
        return Expected(error_kind="connection cut")
    tool_calls: Any = [(name, _parsed(arguments)) for _, name, arguments in calls]
    ours = _FINISH.get(finish or "", "other")
    if tool_calls and ours in ("stop", "other"):
        ours = "tool_calls"
    elif refusal and ours == "stop":
        ours = "refused"
    return Expected(
        text=text + refusal,
        reasoning=reasoning,
        tool_calls=tool_calls,
        finish_reason=ours,
        raw_finish_reason=native or finish,
        usage=_usage(usage),
        cost_usd=_cost(usage) if recording.provider == "openrouter" else None,
        model=next((chunk["model"] for chunk in chunks if chunk.get("model")), None),
        response_id=next((chunk["id"] for chunk in chunks if chunk.get("id")), None),
        request_id=_request_id(recording, chunks),
        rate_limits=_limits(recording),
    )


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def _content(content: Any) -> tuple[str, str]:
    if isinstance(content, str):
        return content, ""
    text, thoughts = "", ""
    for part in content or ():
        if part["type"] == "text":
            text += part["text"]
        elif part["type"] == "thinking":
            thoughts += "".join(inner.get("text", "") for inner in part["thinking"])
    return text, thoughts


def _usage(usage: dict[str, Any]) -> dict[str, int | None]:
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    details = usage.get("prompt_tokens_details") or {}
    if usage.get("total_tokens", 0) > (prompt or 0) + (completion or 0):  # Gemini's OpenAI path leaves thinking out
        reasoning = usage["total_tokens"] - prompt - completion
        completion = usage["total_tokens"] - prompt
    return {
        "prompt": prompt,
        "completion": completion,
        "reasoning": reasoning,
        "cached": details.get("cached_tokens", usage.get("num_cached_tokens")),
        "cache_written": details.get("cache_write_tokens"),
    }


def _cost(usage: dict[str, Any]) -> float | None:
    """OpenRouter's charge, and with a key of one's own also that of the provider behind it."""
    if not usage.get("is_byok"):
        return usage.get("cost")
    return usage["cost"] + (usage["cost_details"]["upstream_inference_cost"] or 0)


def _request_id(recording: Recording, chunks: list[dict[str, Any]]) -> str | None:
    if recording.provider == "groq":
        return next((chunk["x_groq"]["id"] for chunk in chunks if (chunk.get("x_groq") or {}).get("id")), None)
    names = {
        "mistral": ("mistral-correlation-id", "x-kong-request-id"),
        "cerebras": ("x-request-id", "inference-id"),
        "openrouter": ("x-request-id", "x-generation-id"),
    }.get(recording.provider, ("x-request-id",))
    return next((recording.headers[name] for name in names if name in recording.headers), None)


_LIMITS = {
    "groq": {
        "x-ratelimit-{}-requests": ("requests", "day"),
        "x-ratelimit-{}-tokens": ("tokens", "minute"),
    },
    "cerebras": {
        "x-ratelimit-{}-requests-minute": ("requests", "minute"),
        "x-ratelimit-{}-requests-day": ("requests", "day"),
        "x-ratelimit-{}-tokens-minute": ("tokens", "minute"),
        "x-ratelimit-{}-tokens-day": ("tokens", "day"),
    },
    "openrouter": {"x-ratelimit-{}": ("requests", None)},
    "mistral": {
        "x-ratelimit-{}-req-10-second": ("requests", "10 seconds"),
        "x-ratelimit-{}-req-minute": ("requests", "minute"),
        "x-ratelimit-{}-tokens-minute": ("tokens", "minute"),
        "x-ratelimit-{}-tokens-month": ("tokens", "month"),
        "ratelimitbysize-{}": ("tokens", "minute"),
        "x-ratelimitbysize-{}-month": ("tokens", "month"),
    },
}


def _limits(recording: Recording) -> list[tuple[str, str, int | None, int | None]]:
    found = []
    for pattern, (kind, window) in _LIMITS.get(recording.provider, {}).items():
        limit, remaining = (recording.headers.get(pattern.format(word)) for word in ("limit", "remaining"))
        if limit or remaining:
            found.append((kind, window, int(limit) if limit else None, int(remaining) if remaining else None))
    return found


def _refusal(recording: Recording) -> Expected:
    try:
        body = json.loads(recording.body)
    except ValueError:
        return Expected(error_kind=_kind(recording.status, ""), error_status=recording.status)
    body = body[0] if isinstance(body, list) else body
    error = body["error"] if isinstance(body.get("error"), dict) else body
    message = error.get("message") or error.get("detail") or ""
    raw = (error.get("metadata") or {}).get("raw")
    words = f"{error.get('code')} {error.get('type')} {message} {raw or ''}"
    waits = recording.headers.get("retry-after")
    told = waits or "try again in" in words
    return Expected(
        error_kind=_kind(recording.status, words),
        error_message=raw or message if isinstance(raw or message, str) else ...,
        error_status=recording.status,
        retry_after=float(waits) if waits and waits.isdigit() else ... if told else None,
    )


def _failed_inside(error: Any) -> Expected:
    error = error if isinstance(error, dict) else {"message": error}
    status = next((error[key] for key in ("status_code", "code") if isinstance(error.get(key), int)), None)
    return Expected(
        error_kind=_kind(status or 500, f"{error.get('code')} {error['message']}"),
        error_message=error["message"],
        error_status=status,
    )


_KINDS = {
    401: "bad key",
    402: "quota exhausted",
    403: "no permission",
    404: "unknown model",
    408: "timeout",
    422: "bad request",
    429: "rate limit",
    498: "overloaded",
    503: "overloaded",
    529: "overloaded",
    504: "timeout",
}


def _kind(status: int, words: str) -> str:
    if "tool_use_failed" in words or "json_validate_failed" in words:
        return "malformed answer"
    if status in (400, 413):
        if "context length" in words or "context_length" in words or status == 413:
            return "context too long"
        return "unknown model" if "invalid_model" in words or "not a valid model" in words else "bad request"
    if status == 429 and "insufficient_quota" in words:
        return "quota exhausted"
    if status == 403 and ("moderation" in words or "flagged" in words):
        return "content refused"
    return _KINDS.get(status, "server fault")
