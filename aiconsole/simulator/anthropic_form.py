"""Simulated Anthropic: the Messages API with typed events, signed thinking and rate-limit headers of four kinds.

Shapes are those of the recorded exchanges. From the API reference: errors (403, 413, 429, 529), the ``refusal`` stop reason and
``retry-after``; the overload inside a stream as public logs quote it; the credit message as users quote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.json import decode

from aiconsole.simulator import words
from aiconsole.simulator.catalogue import CATALOGUE, SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.embedding import Texts, Vectors
from aiconsole.simulator.form import (
    HOLE,
    Exchange,
    Fault,
    Headers,
    Reply,
    Script,
    Target,
    Template,
    encode,
    gateway_page,
    retry_header,
)
from aiconsole.simulator.limits import Headroom, Reading
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
_FINISH = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refused": "refusal",
}
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d)(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_GROUP = 4  # tokens in one text delta
_CHOICES = {"auto": "auto", "none": "none", "any": "required", "tool": "required"}


class AnthropicForm:
    name = "anthropic"
    base_path = "/v1"
    json_type = "application/json"
    public_models = False

    def target(self, method: str, path: str, query: str) -> Target | None:
        known = {
            ("POST", "/v1/messages"): "chat",
            ("POST", "/v1/messages/count_tokens"): "count",
            ("GET", "/v1/models"): "models",
        }
        action = known.get((method, path))
        if action == "chat":
            return Target("chat")
        if action is not None:
            return Target("count") if action == "count" else Target("models")
        if method == "GET" and path.startswith("/v1/models/"):
            return Target("model", path[len("/v1/models/") :])
        return None

    def key(self, headers: Mapping[str, str], query: str) -> str | None:
        return headers.get("x-api-key")

    def exchange(self, seed: int, serial: int, now: float) -> Exchange:
        dice = Dice(seed, self.name, serial)
        return Exchange(serial, dice, now, "req_011" + dice.text(21, "base58"))

    def read(self, target: Target, body: Json, headers: Mapping[str, str]) -> Ask:
        if "anthropic-version" not in headers:
            raise BadBody("anthropic-version: header is required")
        gathered = Gathered()
        system = body.get("system")
        if system:
            gathered.begin("system")
            for text in [system] if isinstance(system, str) else [field(part, "text", str, "") for part in system]:
                gathered.say("system", text)
        messages = field(body, "messages", list)
        if not messages:
            raise BadBody("messages: at least one message is required")
        for message in messages:
            _read_message(gathered, message)
        limit = field(body, "max_tokens", int)
        if target.action == "chat" and limit is None:
            raise BadBody("max_tokens: Field required")
        number(body, "temperature", 0, 1)
        choice = field(body, "tool_choice", dict, {"type": "auto"})
        kind = _CHOICES.get(str(choice.get("type")))
        if kind is None:
            raise BadBody("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
        wanted = field(field(body, "output_config", dict, {}), "format", dict) or field(body, "output_format", dict, {})
        thinking = field(body, "thinking", dict, {}).get("type")
        tools = [tool for tool in field(body, "tools", list, []) if isinstance(tool, dict) and "input_schema" in tool]
        model = field(body, "model", str, "")
        if messages[-1].get("role") == "assistant":
            _check_prefill(model, messages[-1].get("content"))
        return gathered.ask(
            model,
            [OfferedTool(field(tool, "name", str, ""), field(tool, "input_schema", dict, {})) for tool in tools],
            tool_choice=kind,
            named_tool=choice.get("name"),
            parallel=not choice.get("disable_parallel_tool_use"),
            json=wanted.get("type") == "json_schema",
            schema=wanted.get("schema"),
            max_tokens=limit,
            stop=stops(body.get("stop_sequences")),
            stream=field(body, "stream", bool, False),
            reasoning=thinking in ("enabled", "adaptive"),
            caching=b'"cache_control"' in encode(body),
        )

    def stream_headers(self) -> Headers:
        return {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}

    def whole(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        content: list[Json] = []
        if answer.reasoning:
            content.append({"type": "thinking", "thinking": "".join(answer.reasoning), "signature": _signed(exchange)})
        if answer.text:
            content.append({"type": "text", "text": "".join(answer.text)})
        for block, arguments in self._calls(answer, exchange):
            content.append({**block, "input": decode(arguments)})
        usage: Json = {**_input(counts), "output_tokens": counts.completion, "service_tier": "standard"}
        if counts.reasoning:
            usage["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
        return encode(
            {
                "model": model.reported,
                "id": _message_id(exchange),
                "type": "message",
                "role": "assistant",
                "content": content,
                "stop_reason": _FINISH[answer.finish],
                "stop_sequence": answer.stopped_by,
                "usage": usage,
            }
        )

    def script(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> Script:
        start: Json = {
            "model": model.reported,
            "id": _message_id(exchange),
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**_input(counts), "output_tokens": 1, "service_tier": "standard"},
        }
        blocks = self._blocks(answer, exchange)
        opening = _event("message_start", {"message": start})
        events: list[bytes] = []
        weights: list[int] = []
        for index, (block, deltas) in enumerate(blocks):
            begun = _event("content_block_start", {"index": index, "content_block": block})
            if index == 0:
                opening += begun + b'event: ping\ndata: {"type": "ping"}\n\n'
            else:
                events.append(begun)
                weights.append(0)
            for kind, name, texts, sizes in deltas:
                delta = Template(_event("content_block_delta", {"index": index, "delta": {"type": kind, name: HOLE}}))
                events += delta.fill_all(texts)
                weights += sizes
            events.append(_event("content_block_stop", {"index": index}))
            weights.append(0)
        ended = {"stop_reason": _FINISH[answer.finish], "stop_sequence": answer.stopped_by}
        usage: Json = {**_input(counts, short=True), "output_tokens": counts.completion}
        if counts.reasoning:
            usage["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
        closing = _event("message_delta", {"delta": ended, "usage": usage}) + _event("message_stop", {})
        return Script(opening, events, closing, weights)

    def _blocks(
        self, answer: Answer, exchange: Exchange
    ) -> list[tuple[Json, list[tuple[str, str, list[str], list[int]]]]]:
        """Each content block as it starts, with its deltas: kind, field, texts and their tokens."""
        blocks: list[tuple[Json, list[tuple[str, str, list[str], list[int]]]]] = []
        if answer.reasoning:
            thoughts = ("thinking_delta", "thinking", *_grouped(answer.reasoning))
            signed = ("signature_delta", "signature", [_signed(exchange)], [0])
            blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [thoughts, signed]))
        if answer.text:
            blocks.append(({"type": "text", "text": ""}, [("text_delta", "text", *_grouped(answer.text))]))
        for block, arguments in self._calls(answer, exchange):
            texts, sizes = _grouped(words.pieces(arguments))
            blocks.append(({**block, "input": {}}, [("input_json_delta", "partial_json", ["", *texts], [0, *sizes])]))
        return blocks

    def _calls(self, answer: Answer, exchange: Exchange) -> list[tuple[Json, str]]:
        dice = Dice(exchange.request_id, "calls")
        return [
            ({"type": "tool_use", "id": "toolu_01" + dice.text(22, "base58"), "name": call.name}, call.arguments)
            for call in answer.calls
        ]

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        shown = {"request-id": exchange.request_id, "anthropic-organization-id": "00000000-0000-4000-a000-000000000000"}
        if counts is None:
            return shown
        tokens = headroom.get("tokens", "minute", 48_000_000)
        readings: dict[str, Reading] = {
            "requests": headroom.get("requests", "minute", 400_000),
            "input-tokens": headroom.get("tokens", "minute", 40_000_000),
            "output-tokens": headroom.get("tokens", "minute", 8_000_000),
            "tokens": tokens,
        }
        for kind, reading in readings.items():
            reset = datetime.fromtimestamp(exchange.created + reading.reset, UTC)
            shown[f"anthropic-ratelimit-{kind}-limit"] = str(reading.limit)
            shown[f"anthropic-ratelimit-{kind}-remaining"] = str(reading.remaining)
            shown[f"anthropic-ratelimit-{kind}-reset"] = reset.strftime("%Y-%m-%dT%H:%M:%SZ")
        return shown

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        if fault.kind == "server_fault" and fault.status in (502, 504):
            return gateway_page(fault.status)
        status, kind, message = _error(fault)
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": exchange.request_id}
        waits = fault.kind in ("rate_limit", "overloaded")
        headers = {"Content-Type": "application/json", "x-should-retry": "true" if status >= 429 else "false"}
        return Reply(status, {**headers, **(retry_header(fault.retry_after) if waits else {})}, encode(body))

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        error = {"details": None, "type": "overloaded_error", "message": "Overloaded"}
        return _event("error", {"error": error, "request_id": exchange.request_id})

    def refusal_is_answer(self) -> bool:
        return True

    def models(self) -> bytes:
        entries = [_entry(model) for model in CATALOGUE[self.name]]
        return encode({"data": entries, "has_more": False, "first_id": entries[0]["id"], "last_id": entries[-1]["id"]})

    def model(self, model: SimModel) -> bytes | None:
        return encode(_entry(model))

    def count(self, ask: Ask) -> bytes:
        return encode({"input_tokens": words.count(ask.characters)})

    def about_key(self) -> bytes:
        raise NotImplementedError

    def texts(self, target: Target, body: Json) -> Texts:
        raise NotImplementedError

    def vectors(self, made: Vectors, exchange: Exchange) -> bytes:
        raise NotImplementedError


def _read_message(gathered: Gathered, message: Any) -> None:
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        raise BadBody("messages: role must be 'user' or 'assistant'")
    role = message["role"]
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise BadBody("messages: content must be text or a list of blocks")
    results = [part for part in parts if part.get("type") == "tool_result"]
    gathered.begin("tool" if results else role)
    for part in parts:
        kind = part.get("type")
        if kind == "text":
            gathered.say(role, field(part, "text", str, ""))
        elif kind in ("image", "document"):
            source = field(part, "source", dict, {})
            data = field(source, "data", str) if source.get("type") in ("base64", "text") else None
            usual = "image" if kind == "image" else "application/pdf"
            gathered.attach("image" if kind == "image" else "document", source.get("media_type") or usual, data)
        elif kind == "tool_result":
            inner = part.get("content")
            texts = (
                [inner]
                if isinstance(inner, str)
                else [piece.get("text", "") for piece in inner or () if isinstance(piece, dict)]
            )
            gathered.result("".join(texts))
        elif kind == "tool_use":
            gathered.say(role, f"{part.get('name')}{encode(part.get('input')).decode()}")
        elif kind == "thinking":
            gathered.say(role, field(part, "thinking", str, ""))


def _check_prefill(model: str, content: Any) -> None:
    """Refuse a turn of the assistant at the end as the API does: for models from 4.6 on, and where it ends in white space."""
    version = _VERSION.search(model)
    if version is not None and (int(version[1]), int(version[2] or 0)) >= (4, 6):
        raise BadBody(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if isinstance(content, str) and content != content.rstrip():
        raise BadBody("messages: final assistant content cannot end with trailing whitespace")


def _grouped(tokens: list[str]) -> tuple[list[str], list[int]]:
    """The first token alone, as recorded, then groups of a few."""
    groups = [tokens[:1], *(tokens[at : at + _GROUP] for at in range(1, len(tokens), _GROUP))]
    groups = [group for group in groups if group]
    return ["".join(group) for group in groups], [len(group) for group in groups]


def _event(kind: str, value: Json) -> bytes:
    """An event, with spaces before the last brace as the real ones have."""
    data = encode({"type": kind, **value})[:-1]
    return b"event: " + kind.encode() + b"\ndata: " + data + b" " * (1 + len(data) % 13) + b"}\n\n"


def _message_id(exchange: Exchange) -> str:
    return "msg_01" + Dice(exchange.request_id, "message").text(22, "base58")


def _signed(exchange: Exchange) -> str:
    return signature(Dice(exchange.request_id, "signature").take(120))


def _input(counts: Counts, *, short: bool = False) -> Json:
    usage: Json = {
        "input_tokens": counts.prompt - counts.cached - counts.cache_written,
        "cache_creation_input_tokens": counts.cache_written,
        "cache_read_input_tokens": counts.cached,
    }
    if short:
        return usage
    lives = {"ephemeral_5m_input_tokens": counts.cache_written, "ephemeral_1h_input_tokens": 0}
    return {**usage, "cache_creation": lives}


def _error(fault: Fault) -> tuple[int, str, str]:
    """Status, type and message of an error."""
    refusal = fault.refusal
    unit = "requests" if refusal.what == "requests" else "input tokens"
    known = {
        "bad_request": (400, "invalid_request_error", fault.message or "Invalid request."),
        "bad_key": (
            401,
            "authentication_error",
            "invalid x-api-key" if fault.key_given else "x-api-key header is required",
        ),
        "no_permission": (
            403,
            "permission_error",
            "Your API key does not have permission to use the specified resource.",
        ),
        "unknown_model": (404, "not_found_error", f"model: {fault.model}"),
        "rate_limit": (
            429,
            "rate_limit_error",
            f"This request would exceed the rate limit for your organization of {refusal.limit:,} {unit} per {refusal.period}. "
            "You can see the response headers for current usage.",
        ),
        "quota": (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. "
            "Please go to Plans & Billing to upgrade or purchase credits.",
        ),
        "overloaded": (529, "overloaded_error", "Overloaded"),
        "server_fault": (fault.status, "api_error", "Internal server error"),
        "context_too_long": (
            400,
            "invalid_request_error",
            f"prompt is too long: {fault.tokens} tokens > {fault.limit} maximum",
        ),
        "refused": (400, "invalid_request_error", "Output blocked by content filtering policy"),
    }
    return known[fault.kind]


def _entry(model: SimModel) -> Json:
    created = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    able = {
        "image_input": model.vision,
        "pdf_input": model.vision,
        "structured_outputs": True,
        "thinking": model.can_reason,
    }
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": created,
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
        "capabilities": {name: {"supported": yes} for name, yes in able.items()},
    }
