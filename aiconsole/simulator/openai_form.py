"""What the four simulated providers that speak OpenAI's chat completions share; ``groq_form``, ``cerebras_form``,
``mistral_form`` and ``openrouter_form`` say where each differs.

Shapes are those of the recorded exchanges; OpenAI's API reference (chat completions) names the rest.
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
)
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
    split_data_url,
    stops,
)

Json = dict[str, Any]
_FINISH = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refused": "content_filter",
}
_ROLES = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def times(counts: Counts) -> Json:
    """Seconds spent, as Groq and Cerebras report them."""
    completion = round(counts.completion / 480, 9)
    prompt = round(counts.prompt / 24_000, 9)
    return {
        "queue_time": 0.004217,
        "prompt_time": prompt,
        "completion_time": completion,
        "total_time": round(prompt + completion, 9),
    }


class OpenAIForm:
    """Chat completions as OpenAI shaped them. Subclasses fill in ids, envelopes, usage, headers and errors."""

    name = ""
    base_path = "/v1"
    json_type = "application/json"
    public_models = False
    max_temperature = 2.0
    done = b"data: [DONE]\n\n"
    makes_vectors = False

    def target(self, method: str, path: str, query: str) -> Target | None:
        if method == "POST" and path == self.base_path + "/chat/completions":
            return Target("chat")
        if self.makes_vectors and (method, path) == ("POST", self.base_path + "/embeddings"):
            return Target("embed")
        if method == "GET" and path == self.base_path + "/models":
            return Target("models")
        if method == "GET" and path.startswith(self.base_path + "/models/"):
            return Target("model", path[len(self.base_path) + len("/models/") :])
        return None

    def key(self, headers: Mapping[str, str], query: str) -> str | None:
        return bearer(headers)

    def exchange(self, seed: int, serial: int, now: float) -> Exchange:
        dice = Dice(seed, self.name, serial)
        return Exchange(serial, dice, now, self.request_id(dice))

    def read(self, target: Target, body: Json, headers: Mapping[str, str]) -> Ask:
        gathered = Gathered()
        read_messages(gathered, body)
        model = field(body, "model", str)
        if not model:
            raise BadBody("model: field required")
        number(body, "temperature", 0, self.max_temperature)
        number(body, "top_p", 0, 1)
        choice, named = _tool_choice(body.get("tool_choice"))
        json, schema = _response_format(field(body, "response_format", dict, {}))
        limit = field(body, "max_completion_tokens", int) or field(body, "max_tokens", int)
        if limit is not None and limit < 1:
            raise BadBody("max_tokens: must be at least 1")
        options = field(body, "stream_options", dict, {})
        return gathered.ask(
            model,
            read_tools(body),
            tool_choice=choice,
            named_tool=named,
            parallel=field(body, "parallel_tool_calls", bool, True),
            json=json,
            schema=schema,
            max_tokens=limit,
            stop=stops(body.get("stop")),
            stream=field(body, "stream", bool, False),
            include_usage=bool(options.get("include_usage")),
            **self.reasoning(body),
        )

    def reasoning(self, body: Json) -> Json:
        """Whether thinking was asked for (None leaves it to the model) and whether it is shown."""
        effort = field(body, "reasoning_effort", str)
        return {"reasoning": None if effort is None else effort != "none"}

    def stream_headers(self) -> Headers:
        return {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}

    def whole(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        message = self.message(ask, answer, exchange)
        choice = self.choice(message, "message", _FINISH[answer.finish])
        return self.padding(exchange) + encode(self.envelope(model, counts, exchange, choice))

    def script(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> Script:
        calls = self.calls(answer, exchange)
        thoughts = answer.reasoning if ask.show_reasoning else []
        events = self.fill(self.thought(HOLE), thoughts, model, exchange)
        signed = self.after_thoughts(answer, model, exchange) if thoughts else []
        events += [*signed, *self.fill(self.said(HOLE), answer.text, model, exchange)]
        weights = [1] * len(thoughts) + [0] * len(signed) + [1] * len(answer.text)
        for position, call in enumerate(calls):
            for delta in self.call_deltas(call, position):
                events.append(event(self.chunk(model, exchange, delta)))
                weights.append(len(words.pieces(delta["tool_calls"][0]["function"].get("arguments", ""))) or 1)
        closing = b"".join(event(chunk) for chunk in self.closing(ask, model, counts, exchange, _FINISH[answer.finish]))
        return Script(self.opening(model, exchange), events, closing + self.done, weights, self.head(exchange))

    def fill(self, delta: Json, texts: list[str], model: SimModel, exchange: Exchange) -> list[bytes]:
        """One event a text, the delta's hole filled."""
        return Template(event(self.chunk(model, exchange, delta))).fill_all(texts) if texts else []

    def opening(self, model: SimModel, exchange: Exchange) -> bytes:
        """The first chunk, which carries the role."""
        return event(self.chunk(model, exchange, {"role": "assistant", "content": ""}))

    def after_thoughts(self, answer: Answer, model: SimModel, exchange: Exchange) -> list[bytes]:
        return []

    def call_deltas(self, call: Json, position: int) -> list[Json]:
        """The pieces a tool call is streamed in."""
        return [{"tool_calls": [{**call, "index": position}]}]

    def closing(self, ask: Ask, model: SimModel, counts: Counts, exchange: Exchange, finish: str) -> list[Json]:
        """The chunks with the finish reason and the usage."""
        raise NotImplementedError

    def head(self, exchange: Exchange) -> bytes:
        return b""

    def padding(self, exchange: Exchange) -> bytes:
        return b""

    def said(self, text: str) -> Json:
        return {"content": text}

    def thought(self, text: str) -> Json:
        return {"reasoning": text}

    def message(self, ask: Ask, answer: Answer, exchange: Exchange) -> Json:
        message: Json = {"role": "assistant", "content": "".join(answer.text)}
        if answer.reasoning and ask.show_reasoning:
            message["reasoning"] = "".join(answer.reasoning)
        if answer.calls:
            del message["content"]
            message["tool_calls"] = self.calls(answer, exchange)
        return message

    def calls(self, answer: Answer, exchange: Exchange) -> list[Json]:
        dice = Dice(exchange.request_id, "calls")
        return [
            {"id": self.call_id(dice), "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]

    def request_id(self, dice: Dice) -> str:
        return dice.uuid()

    def call_id(self, dice: Dice) -> str:
        return "call_" + dice.text(24)

    def choice(self, content: Json, kind: str, finish: str | None) -> Json:
        raise NotImplementedError

    def chunk(self, model: SimModel, exchange: Exchange, delta: Json, finish: str | None = None) -> Json:
        raise NotImplementedError

    def envelope(self, model: SimModel, counts: Counts, exchange: Exchange, choice: Json) -> Json:
        raise NotImplementedError

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        raise NotImplementedError

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        raise NotImplementedError

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        raise NotImplementedError

    def refusal_is_answer(self) -> bool:
        return False

    def model_entry(self, model: SimModel) -> Json:
        raise NotImplementedError

    def models(self) -> bytes:
        return encode({"object": "list", "data": [self.model_entry(model) for model in CATALOGUE[self.name]]})

    def model(self, model: SimModel) -> bytes | None:
        return encode(self.model_entry(model))

    def count(self, ask: Ask) -> bytes:
        raise NotImplementedError

    def about_key(self) -> bytes:
        raise NotImplementedError

    def texts(self, target: Target, body: Json) -> Texts:
        model = field(body, "model", str)
        if not model:
            raise BadBody("model: field required")
        return Texts(model, texts_of(body, "input"))

    def vectors(self, made: Vectors, exchange: Exchange) -> bytes:
        data = [
            {"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(made.vectors)
        ]
        listed = {"id": exchange.request_id, "object": "list", "data": data, "model": made.model}
        return self.padding(exchange) + encode({**listed, "usage": self.vector_usage(made)})

    def vector_usage(self, made: Vectors) -> Json:
        return {"prompt_tokens": made.tokens, "total_tokens": made.tokens}


def read_messages(gathered: Gathered, body: Json) -> None:
    """The ``messages`` of a body in OpenAI's shape, which Cohere's v2 chat shares.

    Raises:
        BadBody: there are none, or one is malformed.
    """
    messages = field(body, "messages", list)
    if not messages:
        raise BadBody("messages: at least one message is required")
    for message in messages:
        _read_message(gathered, message)


def read_tools(body: Json) -> list[OfferedTool]:
    """The ``tools`` of a body in OpenAI's shape."""
    return [_offered(tool) for tool in field(body, "tools", list, [])]


def _read_message(gathered: Gathered, message: Any) -> None:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise BadBody("messages: each needs a role of system, developer, user, assistant or tool")
    role = _ROLES[message["role"]]
    gathered.begin(role)
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    elif content is None:
        if role in ("user", "system"):
            raise BadBody("messages: content is required")
        content = []
    elif not isinstance(content, list):
        raise BadBody("messages: content must be text or a list of parts")
    if role == "tool":
        gathered.result("".join(_result_text(part) for part in content if isinstance(part, dict)))
        return
    for part in content:
        _read_part(gathered, role, part)
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        gathered.say(role, f"{function.get('name')}{function.get('arguments')}")


def _result_text(part: Json) -> str:
    """The text of a tool result's part; Cohere sends documents."""
    document = part.get("document")
    return encode(document.get("data")).decode() if isinstance(document, dict) else str(part.get("text", ""))


def _read_part(gathered: Gathered, role: str, part: Any) -> None:
    if not isinstance(part, dict):
        raise BadBody("messages: a content part must be an object")
    kind = part.get("type")
    if kind in ("text", "input_text"):
        gathered.say(role, field(part, "text", str, ""))
    elif kind == "image_url":
        image = part.get("image_url")
        url = image if isinstance(image, str) else field(image or {}, "url", str, "")
        gathered.attach("image", *split_data_url(url))
    elif kind == "document_url":
        gathered.attach("document", *split_data_url(field(part, "document_url", str, "")))
    elif kind == "file":
        media, data = split_data_url(field(field(part, "file", dict, {}), "file_data", str, ""))
        gathered.attach("document", media, data)
    elif kind == "thinking":
        gathered.say("assistant", str(part.get("thinking")))
    else:
        raise BadBody(f"messages: unknown content part {kind!r}")


def _offered(tool: Any) -> OfferedTool:
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        raise BadBody("tools: each needs a function")
    function = tool["function"]
    return OfferedTool(field(function, "name", str, ""), field(function, "parameters", dict, {"type": "object"}))


def _tool_choice(choice: Any) -> tuple[str, str | None]:
    if choice is None:
        return "auto", None
    if isinstance(choice, str) and choice in ("auto", "none", "required", "any"):
        return "required" if choice == "any" else choice, None
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        return "required", field(choice["function"], "name", str, "")
    raise BadBody("tool_choice: must be auto, none, required or name a function")


def _response_format(wanted: Json) -> tuple[bool, Json | None]:
    kind = wanted.get("type")
    if kind == "json_object":
        return True, None
    if kind == "json_schema":
        return True, field(field(wanted, "json_schema", dict, {}), "schema", dict, {"type": "object"})
    return False, None
