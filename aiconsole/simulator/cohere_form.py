"""Simulated Cohere: the v2 chat API with named events and ``[DONE]``, v2 embed, and the v1 model list.

Shapes are those of the recorded exchanges; 402, 429, 498 (a deny-listed token) and 503 are named by Cohere's error
reference, the 429's wording by it too. ``retry-after`` is not documented there; it is the plain HTTP header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiconsole.simulator import words
from aiconsole.simulator.catalogue import CATALOGUE, SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.embedding import Texts, Vectors, texts_of
from aiconsole.simulator.form import (
    HOLE,
    Exchange,
    Fault,
    Headers,
    Reply,
    Script,
    Target,
    Template,
    bearer,
    encode,
    event,
    gateway_page,
    retry_header,
)
from aiconsole.simulator.limits import Headroom
from aiconsole.simulator.openai_form import read_messages, read_tools
from aiconsole.simulator.talk import Answer, Ask, BadBody, Counts, Gathered, field, number, stops

Json = dict[str, Any]
_FINISH = {
    "stop": "COMPLETE",
    "stop_sequence": "STOP_SEQUENCE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "refused": "ERROR",
}
_TEMPLATE_TOKENS = 490  # what the prompt template counts for, beyond what is billed
_PLAN = ["I", " will", " use", " the", " tools", " to", " answer", "."]
_NO_CACHE = "no-cache, no-store, no-transform, must-revalidate, private, max-age=0"


class CohereForm:
    name = "cohere"
    base_path = ""
    json_type = "application/json"
    public_models = False

    def target(self, method: str, path: str, query: str) -> Target | None:
        if (method, path) == ("POST", "/v2/chat"):
            return Target("chat")
        if (method, path) == ("POST", "/v2/embed"):
            return Target("embed")
        if (method, path) == ("GET", "/v1/models"):
            return Target("models")
        if method == "GET" and path.startswith("/v1/models/"):
            return Target("model", path[len("/v1/models/") :])
        return None

    def key(self, headers: Mapping[str, str], query: str) -> str | None:
        return bearer(headers)

    def exchange(self, seed: int, serial: int, now: float) -> Exchange:
        dice = Dice(seed, self.name, serial)
        return Exchange(serial, dice, now, dice.uuid())

    def read(self, target: Target, body: Json, headers: Mapping[str, str]) -> Ask:
        gathered = Gathered()
        read_messages(gathered, body)
        for document in field(body, "documents", list, []):
            gathered.attach("document", "text/plain", None)
            gathered.say("tool", encode(document).decode())
        model = field(body, "model", str)
        if not model:
            raise BadBody("invalid request: model is required")
        number(body, "temperature", 0, 1)
        number(body, "p", 0, 1)
        choice = field(body, "tool_choice", str, "AUTO")
        if choice not in ("AUTO", "REQUIRED", "NONE"):
            raise BadBody("invalid request: tool_choice must be REQUIRED or NONE")
        wanted = field(body, "response_format", dict, {})
        thinking = field(body, "thinking", dict)
        return gathered.ask(
            model,
            read_tools(body),
            tool_choice="auto" if choice == "AUTO" else choice.lower(),
            json=wanted.get("type") == "json_object",
            schema=wanted.get("json_schema") or wanted.get("schema"),
            max_tokens=field(body, "max_tokens", int),
            stop=stops(body.get("stop_sequences")),
            stream=field(body, "stream", bool, False),
            reasoning=None if thinking is None else thinking.get("type") != "disabled",
        )

    def stream_headers(self) -> Headers:
        return {"Content-Type": "text/event-stream", "Cache-Control": _NO_CACHE}

    def whole(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        content: list[Json] = []
        if answer.reasoning:
            content.append({"type": "thinking", "thinking": "".join(answer.reasoning)})
        if answer.text:
            content.append({"type": "text", "text": "".join(answer.text)})
        message: Json = {"role": "assistant"}
        if answer.calls:
            if not answer.reasoning:
                message["tool_plan"] = "".join(_PLAN)
            message["tool_calls"] = self._calls(answer, exchange)
        if content:
            message["content"] = content
        finish = _FINISH[answer.finish]
        return encode({"id": exchange.request_id, "message": message, "finish_reason": finish, "usage": _usage(counts)})

    def script(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> Script:
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        opening = event(
            {"id": exchange.request_id, "type": "message-start", "delta": {"message": empty}}, "message-start"
        )
        events: list[bytes] = []
        weights: list[int] = []
        index = 0
        for kind, texts in (("thinking", answer.reasoning), ("text", answer.text)):
            if texts:
                events.append(_content("content-start", index, {"type": kind, kind: ""}))
                delta = {"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: HOLE}}}}
                events += Template(event(delta, "content-delta")).fill_all(texts)
                events.append(event({"type": "content-end", "index": index}, "content-end"))
                weights += [0, *([1] * len(texts)), 0]
                index += 1
        if answer.calls and not answer.reasoning:
            plan = {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": HOLE}}}
            events += Template(event(plan, "tool-plan-delta")).fill_all(_PLAN)
            weights += [1] * len(_PLAN)
        for position, call in enumerate(self._calls(answer, exchange)):
            sent = _call_events(position, call)
            events += sent
            weights += [1] * len(sent)
        ended = {"finish_reason": _FINISH[answer.finish], "usage": _usage(counts)}
        closing = event({"type": "message-end", "delta": ended}, "message-end") + b"data: [DONE]\n\n"
        return Script(opening, events, closing, weights)

    def _calls(self, answer: Answer, exchange: Exchange) -> list[Json]:
        dice = Dice(exchange.request_id, "calls")
        return [
            {
                "id": f"{call.name}_{dice.text(12, 'base32')}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.calls
        ]

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        shown = {"Cache-Control": _NO_CACHE, "x-envoy-upstream-service-time": "12"}
        if counts is not None:
            requests = headroom.get("requests", "minute", 400_000)
            shown["num_tokens"] = str(counts.prompt + counts.completion)
            shown["x-trial-endpoint-call-limit"] = str(requests.limit)
            shown["x-trial-endpoint-call-remaining"] = str(requests.remaining)
        return shown

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        if fault.kind == "server_fault" and fault.status in (502, 504):
            return gateway_page(fault.status)
        status, message = _error(fault)
        body: Json = {"id": exchange.request_id, "message": message}
        if fault.kind == "context_too_long":
            body = {"error_type": "TOO_MANY_TOKENS", **body}
        waits = fault.kind in ("rate_limit", "overloaded")
        headers = {"Content-Type": "application/json"}
        return Reply(status, {**headers, **(retry_header(fault.retry_after) if waits else {})}, encode(body))

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        error = "your request could not be completed because the model is overloaded"
        ended = {"finish_reason": "ERROR", "usage": {}, "error": error}
        return event({"type": "message-end", "delta": ended}, "message-end") + b"data: [DONE]\n\n"

    def refusal_is_answer(self) -> bool:
        return False

    def models(self) -> bytes:
        return encode({"models": [_entry(model) for model in CATALOGUE[self.name]]})

    def model(self, model: SimModel) -> bytes | None:
        return encode(_entry(model))

    def count(self, ask: Ask) -> bytes:
        raise NotImplementedError

    def about_key(self) -> bytes:
        raise NotImplementedError

    def texts(self, target: Target, body: Json) -> Texts:
        for name in ("model", "input_type"):
            if not field(body, name, str):
                raise BadBody(f"invalid request: {name} is required")
        return Texts(body["model"], texts_of(body, "texts"))

    def vectors(self, made: Vectors, exchange: Exchange) -> bytes:
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": made.tokens}}
        vectors = {"id": exchange.request_id, "embeddings": {"float": made.vectors}}
        return encode({**vectors, "meta": meta, "response_type": "embeddings_by_type"})


def _content(kind: str, index: int, content: Json) -> bytes:
    return event({"type": kind, "index": index, "delta": {"message": {"content": content}}}, kind)


def _call_events(position: int, call: Json) -> list[bytes]:
    begun = {**call, "function": {**call["function"], "arguments": ""}}
    start = {"type": "tool-call-start", "index": position, "delta": {"message": {"tool_calls": begun}}}
    delta = {
        "type": "tool-call-delta",
        "index": position,
        "delta": {"message": {"tool_calls": {"function": {"arguments": HOLE}}}},
    }
    parts = Template(event(delta, "tool-call-delta")).fill_all(words.pieces(call["function"]["arguments"]))
    return [
        event(start, "tool-call-start"),
        *parts,
        event({"type": "tool-call-end", "index": position}, "tool-call-end"),
    ]


def _usage(counts: Counts) -> Json:
    tokens: Json = {"input_tokens": counts.prompt + _TEMPLATE_TOKENS, "output_tokens": counts.completion + 2}
    if counts.reasoning:
        tokens["reasoning_tokens"] = counts.reasoning
    billed = {"input_tokens": counts.prompt, "output_tokens": counts.completion}
    return {"billed_units": billed, "tokens": tokens, "cached_tokens": counts.cached}


def _error(fault: Fault) -> tuple[int, str]:
    refusal = fault.refusal
    calls = f"You are using a Trial key, which is limited to {refusal.limit} API calls / {refusal.period}."
    tokens = f"trial token rate limit exceeded, limit is {refusal.limit} tokens per {refusal.period}"
    over = max(1, fault.tokens - fault.limit)
    known = {
        "bad_request": (400, fault.message or "invalid request"),
        "bad_key": (401, "invalid api token" if fault.key_given else "no api key supplied"),
        "no_permission": (403, "your API key does not have access to this resource"),
        "unknown_model": (
            404,
            f"model '{fault.model}' not found, make sure the correct model ID was used and that you have access to the model.",
        ),
        "rate_limit": (429, calls if refusal.what == "requests" else tokens),
        "quota": (
            402,
            "Please add or update your payment method to continue: your account's billing limit was reached.",
        ),
        "overloaded": (503, "the model is overloaded, please try again later"),
        "server_fault": (fault.status, "internal server error"),
        "context_too_long": (
            400,
            f"too many tokens: size limit exceeded by {over} tokens. Try using shorter or fewer inputs. "
            f"The limit for this model is {fault.limit} tokens.",
        ),
        "refused": (498, "the request contains a deny-listed token"),
    }
    return known[fault.kind]


def _entry(model: SimModel) -> Json:
    features = ["json_mode", "json_schema", "safety_modes", "strict_tools", "tools"]
    return {
        "name": model.id,
        "endpoints": ["chat"],
        "finetuned": False,
        "context_length": model.context,
        "tokenizer_url": "",
        "default_endpoints": [],
        "features": features + (["reasoning"] if model.reasons else []) + (["vision"] if model.vision else []),
    }
