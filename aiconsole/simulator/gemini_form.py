"""Simulated Gemini: generateContent and streamGenerateContent, with CRLF events and Google's error details.

Shapes are those of the recorded exchanges. From the Gemini API reference: ``promptFeedback.blockReason``, 500 and 503 with
their status names. An error inside a stream is a bare JSON object without ``data:``, as users quote it in public issues.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from msgspec.json import decode

from aiconsole.simulator import words
from aiconsole.simulator.catalogue import CATALOGUE, SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.embedding import Texts, Vectors, texts_of
from aiconsole.simulator.form import HOLE, Exchange, Fault, Headers, Reply, Script, Target, encode
from aiconsole.simulator.gemini_errors import GEMINI_JSON, error_body, error_reply
from aiconsole.simulator.limits import Headroom
from aiconsole.simulator.talk import (
    Answer,
    Ask,
    BadBody,
    Counts,
    Gathered,
    OfferedTool,
    field,
    number,
    signature,
    stops,
)

Json = dict[str, Any]
_FINISH = {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "refused": "SAFETY"}
_GROUP = 12  # tokens in one streamed chunk
_MODES = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none", "MODE_UNSPECIFIED": "auto"}


class GeminiForm:
    name = "gemini"
    base_path = "/v1beta"
    json_type = GEMINI_JSON
    public_models = False

    def target(self, method: str, path: str, query: str) -> Target | None:
        if method == "GET" and path == "/v1beta/models":
            return Target("models")
        if not path.startswith("/v1beta/models/"):
            return None
        model, _, verb = unquote(path[len("/v1beta/models/") :]).partition(":")
        if method == "GET" and not verb:
            return Target("model", model)
        if method == "POST" and verb in ("generateContent", "streamGenerateContent"):
            return Target("chat", model, verb == "streamGenerateContent", parse_qs(query).get("alt") == ["sse"])
        if method == "POST" and verb == "countTokens":
            return Target("count", model)
        if method == "POST" and verb == "batchEmbedContents":
            return Target("embed", model)
        return None

    def key(self, headers: Mapping[str, str], query: str) -> str | None:
        given = headers.get("x-goog-api-key")
        return given if given is not None else next(iter(parse_qs(query).get("key", ())), None)

    def exchange(self, seed: int, serial: int, now: float) -> Exchange:
        dice = Dice(seed, self.name, serial)
        return Exchange(serial, dice, now, dice.text(23))

    def read(self, target: Target, body: Json, headers: Mapping[str, str]) -> Ask:
        gathered = Gathered()
        system = field(body, "systemInstruction", dict) or field(body, "system_instruction", dict)
        if system:
            gathered.begin("system")
            for part in field(system, "parts", list, []):
                gathered.say("system", field(part, "text", str, ""))
        contents = field(body, "contents", list)
        if not contents:
            raise BadBody("* GenerateContentRequest.contents: contents is not specified\n")
        for content in contents:
            _read_content(gathered, content)
        config = {_camel(name): value for name, value in field(body, "generationConfig", dict, {}).items()}
        number(config, "temperature", 0, 2)
        calling = field(field(body, "toolConfig", dict, {}), "functionCallingConfig", dict, {})
        names = field(calling, "allowedFunctionNames", list, [])
        mode = _MODES.get(field(calling, "mode", str, "AUTO").upper())
        if mode is None:
            raise BadBody("Invalid value at 'tool_config.function_calling_config.mode'")
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        return gathered.ask(
            target.model or "",
            _tools(field(body, "tools", list, [])),
            tool_choice=mode,
            named_tool=names[0] if len(names) == 1 and mode == "required" else None,
            json=config.get("responseMimeType") == "application/json",
            schema=schema,
            max_tokens=field(config, "maxOutputTokens", int),
            stop=stops(config.get("stopSequences")),
            stream=bool(target.stream),
            **_thinking({_camel(name): value for name, value in field(config, "thinkingConfig", dict, {}).items()}),
        )

    def stream_headers(self) -> Headers:
        return {"Content-Type": "text/event-stream", "Content-Disposition": "attachment"}

    def whole(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        if answer.finish == "refused":
            return _pretty(_blocked(model, counts, exchange))
        parts: list[Json] = []
        if answer.reasoning and ask.show_reasoning:
            parts.append({"text": "".join(answer.reasoning), "thought": True})
        if answer.text or not answer.calls:
            parts.append({"text": "".join(answer.text)})
        parts += _call_parts(answer)
        if answer.reasoning:
            parts[-1]["thoughtSignature"] = _signed(exchange)
        thoughts = counts.reasoning
        return _pretty(
            _chunk(
                parts, _FINISH[answer.finish], model, _usage(counts, counts.completion - thoughts, thoughts), exchange
            )
        )

    def script(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> Script:
        if answer.finish == "refused":
            return Script(b"", [], _event(_blocked(model, counts, exchange)), end=b"\r\n\r\n")
        parts: list[tuple[Json, int, int]] = []  # part, answer tokens, thought tokens
        if ask.show_reasoning:
            parts += [({"text": "".join(group), "thought": True}, 0, len(group)) for group in _groups(answer.reasoning)]
        parts += [({"text": "".join(group)}, len(group), 0) for group in _groups(answer.text)]
        parts += [(part, len(words.pieces(str(part))), 0) for part in _call_parts(answer)]
        if answer.reasoning and parts:
            first = next((part for part, said, _ in parts if said), parts[-1][0])
            first["thoughtSignature"] = _signed(exchange)
        if not parts:
            parts.append(({"text": ""}, 0, 0))
        thoughts = 0 if ask.show_reasoning else counts.reasoning
        events: list[bytes] = []
        weights: list[int] = []
        plain = _plain_text(counts, model, exchange)
        said = 0
        for part, tokens, thinking in parts:
            said, thoughts = said + tokens, thoughts + thinking
            weights.append(tokens + thinking)
            if len(events) == len(parts) - 1:
                usage = _usage(counts, counts.completion - counts.reasoning, counts.reasoning)
                events.append(_event(_chunk([part], _FINISH[answer.finish], model, usage, exchange)))
            elif len(part) == 1 and "text" in part:
                numbers = said, counts.prompt + said + counts.reasoning, counts.reasoning
                events.append(plain % (encode(part["text"]), *numbers[: 3 if counts.reasoning else 2]))
            else:
                usage = _usage(counts, said, thoughts)
                events.append(_event(_chunk([part], None, model, usage, exchange)))
        return Script(b"", events, b"", weights, end=b"\r\n\r\n")

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        return {"x-gemini-service-tier": "standard"}

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        return error_reply(fault)

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        return _pretty(error_body(Fault("overloaded", model.id)))

    def refusal_is_answer(self) -> bool:
        return True

    def models(self) -> bytes:
        return _pretty({"models": [_entry(model) for model in CATALOGUE[self.name]]})

    def model(self, model: SimModel) -> bytes | None:
        return _pretty(_entry(model))

    def count(self, ask: Ask) -> bytes:
        tokens = words.count(ask.characters)
        return _pretty({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})

    def about_key(self) -> bytes:
        raise NotImplementedError

    def texts(self, target: Target, body: Json) -> Texts:
        model = target.model or ""
        texts: list[str] = []
        for request in field(body, "requests", list, []):
            if request["model"] != f"models/{model}":
                raise BadBody("* BatchEmbedContentsRequest.requests: model does not match the path\n")
            texts.append("".join(part["text"] for part in request["content"]["parts"]))
        return Texts(model, texts_of({"requests": texts}, "requests"))

    def vectors(self, made: Vectors, exchange: Exchange) -> bytes:
        return encode({"embeddings": [{"values": vector} for vector in made.vectors]})


def json_array(script: Script) -> Script:
    """The same stream without ``alt=sse``: one JSON array, sent in pieces."""
    chunks = [text.removeprefix(b"data: ").rstrip() for text in script.events or [script.closing]]
    events = [(b"[" if position == 0 else b",\r\n") + chunk for position, chunk in enumerate(chunks)]
    return Script(b"", events, b"]", script.weights if script.events else [0], end=b"\r\n")


def _read_content(gathered: Gathered, content: Any) -> None:
    if not isinstance(content, dict):
        raise BadBody("Invalid value at 'contents'")
    parts = field(content, "parts", list, [])
    if not parts:
        raise BadBody("* GenerateContentRequest.contents: parts must not be empty\n")
    role = "assistant" if content.get("role") == "model" else "user"
    parts = [{_camel(name): value for name, value in part.items()} for part in parts]
    gathered.begin("tool" if any("functionResponse" in part for part in parts) else role)
    for part in parts:
        if isinstance(part.get("text"), str):
            gathered.say(role, part["text"])
        for key in ("inlineData", "fileData"):
            blob = {_camel(name): value for name, value in field(part, key, dict, {}).items()}
            if blob:
                media = field(blob, "mimeType", str, "application/octet-stream")
                gathered.attach("image" if media.startswith("image/") else "document", media, blob.get("data"))
        if "functionResponse" in part:
            gathered.result(encode(field(part, "functionResponse", dict, {}).get("response")).decode())
        if "functionCall" in part:
            gathered.say(role, encode(part["functionCall"]).decode())


def _tools(tools: list[Any]) -> list[OfferedTool]:
    offered = []
    for tool in tools:
        declared = tool.get("functionDeclarations") or tool.get("function_declarations") or []
        for one in declared:
            schema = one.get("parametersJsonSchema") or one.get("parameters") or {"type": "object"}
            offered.append(OfferedTool(field(one, "name", str, ""), schema))
    return offered


def _thinking(config: Json) -> Json:
    budget, shown = field(config, "thinkingBudget", int), bool(config.get("includeThoughts"))
    level = config.get("thinkingLevel")
    if not config:
        return {"reasoning": None, "show_reasoning": False}
    return {"reasoning": budget != 0 and (shown or budget is not None or level is not None), "show_reasoning": shown}


def _camel(name: str) -> str:
    """Google's JSON takes both ``snake_case`` and ``camelCase``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _groups(tokens: list[str]) -> list[list[str]]:
    return [tokens[at : at + _GROUP] for at in range(0, len(tokens), _GROUP)]


def _call_parts(answer: Answer) -> list[Json]:
    return [{"functionCall": {"name": call.name, "args": decode(call.arguments)}} for call in answer.calls]


def _usage(counts: Counts, said: int, thoughts: int) -> Json:
    usage: Json = {"promptTokenCount": counts.prompt}
    if said:
        usage["candidatesTokenCount"] = said
    usage["totalTokenCount"] = counts.prompt + said + thoughts
    if counts.cached:
        usage["cachedContentTokenCount"] = counts.cached
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": counts.prompt}]
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    return usage


def _chunk(parts: list[Json], finish: str | None, model: SimModel, usage: Json, exchange: Exchange) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = finish
    candidate["index"] = 0
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model.reported,
        "responseId": exchange.request_id,
    }


def _plain_text(counts: Counts, model: SimModel, exchange: Exchange) -> bytes:
    """The event of a piece of plain text as a format: its JSON text, its tokens, all tokens, and the thoughts' if any."""
    usage = _usage(counts, 1, counts.reasoning)
    usage |= {"candidatesTokenCount": HOLE, "totalTokenCount": HOLE}
    if counts.reasoning:
        usage["thoughtsTokenCount"] = HOLE
    data = _event(_chunk([{"text": HOLE}], None, model, usage, exchange)).replace(b"%", b"%%")
    quoted = json.dumps(HOLE).encode()
    return data.replace(quoted, b"%b", 1).replace(quoted, b"%d")


def _blocked(model: SimModel, counts: Counts, exchange: Exchange) -> Json:
    usage = _usage(counts, 0, 0)
    blocked = {"blockReason": "PROHIBITED_CONTENT"}
    return {
        "promptFeedback": blocked,
        "usageMetadata": usage,
        "modelVersion": model.reported,
        "responseId": exchange.request_id,
    }


def _event(value: Json) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ": ")).encode() + b"\r\n\r\n"


def _pretty(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _signed(exchange: Exchange) -> str:
    return signature(Dice(exchange.request_id, "signature").take(120))


def _entry(model: SimModel) -> Json:
    entry: Json = {
        "name": f"models/{model.id}",
        "version": "001",
        "displayName": model.name,
        "description": f"Simulated {model.name}.",
        "inputTokenLimit": model.context,
        "outputTokenLimit": model.max_output,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    }
    return {**entry, "thinking": True} if model.can_reason else entry
