"""Recorded exchanges with Gemini's own API in our own terms.

A field that our types know is expressed by them; any other travels in ``extra`` of the object it belongs to, or as a
`NativePart`/`NativeTool`. Neither chat nor texts to embed, and so not expressed at all, going by the URL's path:
cachedContents. The OpenAI-compatible path is express_openai.py's.

Differences between what was recorded and what is sent, which `comparable` takes out of both; to the API, which reads protocol
buffers in JSON, each pair is the same request:

- names in snake_case, which some clients send: we send lowerCamelCase;
- fields that are null, and a function's empty description: left out by us, or sent as ``""``;
- base64 in the URL-safe alphabet or with too much padding: we send the standard form;
- ``thinkingLevel`` in capitals: we send small letters;
- a repeated field with a single object in place of a list (``tools``, ``parts``), a content without ``role``, a call without
  ``args``: we send the list, the role "user" and ``{}``;
- a stream asked for without ``alt=sse``: we always ask for server-sent events; the recorded answer is understood.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

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
from aiconsole.providers.gemini import GeminiDialect
from tests.providers.wire import CannotExpress, Expected, Expressed, Recording, Texts

EXCEPTIONS: dict[str, str] = {
    "gemini/error403-other--edge-double-delete-2": "deletes a cached content, which is no chat",
}

_LEVELS = ("minimal", "low", "medium", "high")
_OPAQUE = ("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema")
_REPEATED = ("contents", "parts", "tools")


def takes(recording: Recording) -> bool:
    """Whether a recording is of this dialect."""
    return recording.provider == "gemini" and "/openai/" not in recording.path


def dialect_of(recording: Recording) -> GeminiDialect:
    """The dialect that speaks to the recorded provider."""
    return GeminiDialect()


def comparable(body: Any) -> Any:
    """A request's body without the differences that the module's text lists."""
    if isinstance(body, list):
        return [comparable(item) for item in body]
    if not isinstance(body, dict):
        return body
    plain: dict[str, Any] = {}
    for key, value in body.items():
        name = re.sub(r"_([a-z])", lambda found: found[1].upper(), key)
        if value is None:
            continue
        listed = [value] if name in _REPEATED and isinstance(value, dict) else value
        plain[name] = value if name in _OPAQUE else comparable(listed)
    for name in ("data", "thoughtSignature"):
        if isinstance(plain.get(name), str):
            digits = plain[name].replace("-", "+").replace("_", "/").rstrip("=")
            plain[name] = digits + "=" * (-len(digits) % 4)
    if isinstance(plain.get("thinkingLevel"), str):
        plain["thinkingLevel"] = plain["thinkingLevel"].lower()
    if plain.get("description") == "":
        del plain["description"]
    for content in plain.get("contents", []):
        content.setdefault("role", "user")
    if isinstance(plain.get("functionCall"), dict):
        plain["functionCall"].setdefault("args", {})
    return plain


# --- requests


def express(recording: Recording) -> Expressed:
    """The recorded request in our types.

    Raises:
        CannotExpress: it is neither chat, nor token counting, nor texts to embed, nor a model list.
    """
    path = recording.path.split("?")[0]
    if recording.method == "GET" and path.endswith("/models"):
        return Expressed("models")
    named = re.search(r"/(?:models/)?([^/:]+|tunedModels/[^/:]+):(\w+)$", path)
    kinds = {"generateContent": "chat", "streamGenerateContent": "stream", "countTokens": "count"}
    if named is not None and named[2] == "batchEmbedContents":
        return Expressed("embed", texts=_texts(named[1], recording.request_body["requests"]))
    if named is None or named[2] not in kinds:
        raise CannotExpress("a call that is no chat")
    body = comparable(recording.request_body)
    if named[2] == "countTokens":
        body = body.get("generateContentRequest", body)
        body.pop("model", None)
    return Expressed(kinds[named[2]], _request(unquote(named[1]), body))  # type: ignore[arg-type]


def _texts(model: str, requests: list[dict[str, Any]]) -> Texts:
    """The texts of a batch whose requests are alike in all else."""
    (rest,) = {json.dumps(_without(_without(request, "content"), "model")) for request in requests}
    texts = tuple(part["text"] for request in requests for part in request["content"]["parts"])
    assert len(texts) == len(requests)
    return Texts(unquote(model), texts, _extra(json.loads(rest)))


def _extra(rest: Mapping[str, Any]) -> dict[str, Any] | None:
    return {"gemini": dict(rest)} if rest else None


def _request(model: str, body: dict[str, Any]) -> ChatRequest:
    rest = dict(body)
    fields: dict[str, Any] = {"model": model}
    messages: list[Message] = []
    system = rest.get("systemInstruction")
    if isinstance(system, dict) and all(isinstance(part.get("text"), str) for part in system.get("parts") or [{}]):
        del rest["systemInstruction"]
        parts = tuple(TextPart(part["text"], _extra(_without(part, "text"))) for part in system["parts"])
        messages.append(_message("system", parts, _without(system, "parts")))
    _tools(rest, fields)
    if isinstance(rest.get("generationConfig"), dict):
        rest["generationConfig"] = _settings(rest["generationConfig"], fields)
        if not rest["generationConfig"] and body["generationConfig"]:
            del rest["generationConfig"]
    messages += _turns(rest.pop("contents"), model)
    return ChatRequest(messages=tuple(messages), extra=_extra(rest), **fields)


def _turns(contents: list[dict[str, Any]], model: str) -> list[Message]:
    turns: list[Message] = []
    for content in contents:
        role = "assistant" if content["role"] == "model" else "user"
        rest = _without(content, "parts", *(["role"] if content["role"] in ("model", "user") else []))
        parts = tuple(_part(part, number, model) for number, part in enumerate(content.get("parts", [])))
        results = bool(parts) and all(isinstance(part, ToolResultPart) for part in parts)
        if results and role == "user" and not (turns and turns[-1].role == "tool"):
            role = "tool"
        turns.append(_message(role, parts, rest))
    return turns


def _message(role: Any, parts: tuple[Part, ...], rest: dict[str, Any]) -> Message:
    """One text without more is a plain string with us, so that both forms of content are tried."""
    match parts:
        case (TextPart(text, None),):
            return Message(role, text, _extra(rest))
    return Message(role, parts, _extra(rest))


def _without(wire: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in wire.items() if key not in names}


def _part(part: dict[str, Any], number: int, model: str) -> Part:
    signature = part.get("thoughtSignature")
    if isinstance(call := part.get("functionCall"), dict) and isinstance(call.get("name"), str):
        rest = _without(part, "functionCall", "thoughtSignature")
        if inner := _without(call, "id", "name", "args"):
            rest["functionCall"] = inner
        call_id = call.get("id", f"gemini-call-{number}")
        return ToolCallPart(call_id, call["name"], json.dumps(call["args"]), signature, _extra(rest))
    if isinstance(part.get("functionResponse"), dict):
        return _result(part, number, model)
    if isinstance(text := part.get("text"), str):
        if part.get("thought") is True:
            rest = _without(part, "text", "thought", "thoughtSignature")
            return ReasoningPart(text, signature, dialect="gemini", extra=_extra(rest))
        return TextPart(text, _extra(_without(part, "text")))
    return _media(part) or NativePart("gemini", part)


def _result(part: dict[str, Any], number: int, model: str) -> ToolResultPart:
    result = part["functionResponse"]
    rest, response = _without(part, "functionResponse"), result.get("response")
    inner = _without(result, "id", "name", "response", "parts")
    text, is_error = json.dumps(response), False
    match response:
        case {"error": str(words), **more} if not more and not words.lstrip().startswith("{"):
            text, is_error = words, True
        case {"output": str(words), **more} if not more and not words.lstrip().startswith("{"):
            text = words
    content: Any = text
    if media := result.get("parts"):
        if re.match(r"gemini-[12]", model):
            inner["parts"] = media
        else:
            content = (TextPart(text), *(_media(item) or NativePart("gemini", item) for item in media))
    if inner:
        rest["functionResponse"] = inner
    call_id = result.get("id", f"gemini-call-{number}")
    return ToolResultPart(call_id, content, result["name"], is_error, _extra(rest))


def _media(part: dict[str, Any]) -> ImagePart | DocumentPart | None:
    key = "inlineData" if "inlineData" in part else "fileData"
    held = part.get(key)
    if not isinstance(held, dict):
        return None
    data, url = None, held.get("fileUri")
    if key == "inlineData":
        try:
            data = base64.b64decode(held["data"], validate=True)
        except (KeyError, binascii.Error):
            return None
    elif not url:
        return None
    kind = held.get("mimeType", "")
    rest = _without(part, key)
    if inner := _without(held, "data", "fileUri", "mimeType"):
        rest[key] = inner
    made = ImagePart if kind.startswith("image/") else DocumentPart
    return made(data=data, url=url, media_type=kind, extra=_extra(rest))


def _tools(rest: dict[str, Any], fields: dict[str, Any]) -> None:
    config = rest.get("toolConfig")
    calling = config.get("functionCallingConfig") if isinstance(config, dict) else None
    strict: bool | None = None
    choice: Any = None
    match calling:
        case {"mode": "ANY", "allowedFunctionNames": [name], **more} if not more:
            choice = NamedTool(name)
        case {"mode": ("AUTO" | "NONE" | "ANY") as mode, **more} if not more:
            choice = {"AUTO": "auto", "NONE": "none", "ANY": "required"}[mode]
        case {"mode": "VALIDATED", **more} if not more and any(map(_functions, rest.get("tools", []))):
            strict = True
    if strict or choice is not None:
        rest["toolConfig"] = _without(config, "functionCallingConfig")  # type: ignore[arg-type]
        if not rest["toolConfig"]:
            del rest["toolConfig"]
    if choice is not None:
        fields["tool_choice"] = choice
    if not rest.get("tools"):
        return
    tools: list[Tool | NativeTool] = []
    for wire in rest.pop("tools"):
        functions = _functions(wire)
        if not functions or any(isinstance(tool, Tool) for tool in tools):
            tools.append(NativeTool("gemini", wire))
            continue
        tools += [
            Tool(
                function["name"],
                function.get("description", ""),
                function.get("parametersJsonSchema"),
                strict,
                _extra(_without(function, "name", "description", "parametersJsonSchema")),
            )
            for function in functions
        ]
    fields["tools"] = tuple(tools)


def _functions(wire: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions of a tool that is nothing else."""
    return wire["functionDeclarations"] if wire.keys() == {"functionDeclarations"} else []


def _settings(config: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    rest = dict(config)
    numbers = {"temperature": "temperature", "topP": "top_p", "maxOutputTokens": "max_tokens", "seed": "seed"}
    for name, ours in numbers.items():
        if isinstance(rest.get(name), int | float):
            fields[ours] = rest.pop(name)
    if isinstance(rest.get("stopSequences"), list) and rest["stopSequences"]:
        fields["stop"] = tuple(rest.pop("stopSequences"))
    if rest.get("responseMimeType") == "application/json":
        del rest["responseMimeType"]
        fields["response_format"] = JsonFormat(rest.pop("responseJsonSchema", None))
    thinking = rest.get("thinkingConfig")
    if isinstance(thinking, dict) and not re.match(r"gemini-(1|2\.0)", fields["model"]):
        left, known, pro = dict(thinking), {}, "-pro" in fields["model"]
        if isinstance(left.get("includeThoughts"), bool):
            known["show"] = left.pop("includeThoughts")
        if isinstance(left.get("thinkingBudget"), int):
            known["budget_tokens"] = left.pop("thinkingBudget")
        elif left.get("thinkingLevel") in _LEVELS[pro:] and not re.match(r"gemini-2", fields["model"]):
            known["effort"] = left.pop("thinkingLevel")
        if known:
            fields["reasoning"] = Reasoning(**known)
            rest["thinkingConfig"] = left
            if not left:
                del rest["thinkingConfig"]
    return rest


# --- answers

_REFUSED = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY")
_BROKEN = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE")
_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_REFUSED, "refused"),
    **dict.fromkeys(_BROKEN, "error"),
}
_KINDS = {
    400: "bad request",
    403: "no permission",
    404: "unknown model",
    500: "server fault",
    503: "overloaded",
    504: "timeout",
}


def expected(recording: Recording) -> Expected:
    """What the adapter has to report, read off the recorded answer."""
    if recording.status != 200:
        return _refusal(recording)
    if recording.streamed:
        lines = recording.body.decode().replace("\r\n", "\n").split("\n")
        chunks = [json.loads(line[len("data:") :]) for line in lines if line.startswith("data:")]
    else:
        data = json.loads(recording.body)
        if "models" in data:
            return Expected(model_ids=[model["name"].removeprefix("models/") for model in data["models"]])
        if "totalTokens" in data:
            return Expected(tokens=data["totalTokens"])
        chunks = data if isinstance(data, list) else [data]
    return _answer(chunks)


def _answer(chunks: list[dict[str, Any]]) -> Expected:
    text, reasoning, calls, raw, others = "", "", [], None, False
    for chunk in chunks:
        for candidate in chunk.get("candidates", []):
            raw = candidate.get("finishReason", raw)
            for part in candidate.get("content", {}).get("parts", []):
                if "functionCall" in part:
                    calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
                elif part.get("thought"):
                    reasoning += part.get("text", "")
                else:
                    text += part.get("text", "")
                    others = others or "thoughtSignature" in part or "text" not in part
    if any(chunk.get("promptFeedback", {}).get("blockReason") for chunk in chunks):
        return Expected(error_kind="content refused")
    if raw in (*_REFUSED, *_BROKEN) and not (text or calls or others):
        return Expected(error_kind="content refused" if raw in _REFUSED else "malformed answer")
    usage = next((chunk["usageMetadata"] for chunk in reversed(chunks) if "usageMetadata" in chunk), None)
    return Expected(
        text=text,
        reasoning=reasoning,
        tool_calls=calls,
        finish_reason="tool_calls" if calls and raw == "STOP" else _FINISH.get(raw or "", ...),
        raw_finish_reason=raw,
        usage=_usage(usage) if usage else ...,
        cost_usd=None,
        model=chunks[-1].get("modelVersion", ...),
        response_id=chunks[-1].get("responseId"),
        rate_limits=[],
    )


def _usage(usage: dict[str, Any]) -> dict[str, int | None]:
    thoughts = usage.get("thoughtsTokenCount")
    return {
        "prompt": usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0),
        "completion": usage.get("candidatesTokenCount", 0) + (thoughts or 0),
        "cached": usage.get("cachedContentTokenCount"),
        "reasoning": thoughts,
    }


def _refusal(recording: Recording) -> Expected:
    data = json.loads(recording.body)
    error = data[0]["error"] if isinstance(data, list) else data["error"]
    details = error.get("details", [])
    reasons = [detail["reason"] for detail in details if "reason" in detail]
    quotas = [violation["quotaId"] for detail in details for violation in detail.get("violations", [])]
    delays = [float(detail["retryDelay"].removesuffix("s")) for detail in details if "retryDelay" in detail]
    if "API_KEY_INVALID" in reasons:
        kind = "bad key"
    elif error["code"] == 429:
        kind = "quota exhausted" if any("PerDay" in quota for quota in quotas) else "rate limit"
    elif "token count" in error["message"]:
        kind = "context too long"
    else:
        kind = _KINDS.get(error["code"], "error")
    return Expected(
        error_kind=kind,
        error_message=error["message"],
        error_status=recording.status,
        retry_after=delays[0] if delays and kind == "rate limit" else None,
    )
