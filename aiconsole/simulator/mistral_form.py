"""Simulated Mistral: OpenAI's dialect with padding ``p`` on chunks and thinking as parts of the content.

Shapes are those of the recorded exchanges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from aiconsole.simulator import openai_errors as errors
from aiconsole.simulator.catalogue import SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.embedding import Texts, Vectors
from aiconsole.simulator.form import Exchange, Fault, Headers, Reply, Script, Target, Template, event
from aiconsole.simulator.limits import Headroom
from aiconsole.simulator.openai_form import Json, OpenAIForm
from aiconsole.simulator.talk import Answer, Ask, BadBody, Counts

_BATCH = 256
"""So many texts a call were refused with one more, in a recorded exchange."""


class MistralForm(OpenAIForm):
    name = "mistral"
    max_temperature = 1.5
    makes_vectors = True

    def stream_headers(self) -> Headers:
        return {"Content-Type": "text/event-stream; charset=utf-8"}

    def request_id(self, dice: Dice) -> str:
        return dice.uuid()

    def call_id(self, dice: Dice) -> str:
        return dice.text(9)

    def choice(self, content: Json, kind: str, finish: str | None) -> Json:
        return {"index": 0, kind: content, "finish_reason": finish}

    def _id(self, exchange: Exchange) -> str:
        return Dice(exchange.request_id, "frame").text(32, "hex")

    def chunk(self, model: SimModel, exchange: Exchange, delta: Json, finish: str | None = None) -> Json:
        return {
            "id": self._id(exchange),
            "object": "chat.completion.chunk",
            "created": int(exchange.created),
            "model": model.reported,
            "choices": [self.choice(delta, "delta", finish)],
        }

    def thought(self, text: str) -> Json:
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}

    def read(self, target: Target, body: Json, headers: Mapping[str, str]) -> Ask:
        """A turn of the assistant may end the conversation only with ``prefix``; the answer then starts with its text."""
        ask = super().read(target, body, headers)
        if ask.begun is None or not ask.begun.last:
            return ask
        if body["messages"][-1].get("prefix") is not True:
            raise BadBody(
                "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
            )
        return msgspec.structs.replace(ask, echoes=True)

    def fill(self, delta: Json, texts: list[str], model: SimModel, exchange: Exchange) -> list[bytes]:
        if not texts:
            return []
        chunk = self.chunk(model, exchange, delta)
        padded = [
            Template(event({**chunk, "p": "abcdefghijklmnopqrstuvwxyz0123456789"[:length]}))
            for length in range(1, 37, 5)
        ]
        return [padded[position * 5 % len(padded)].fill(text) for position, text in enumerate(texts)]

    def script(self, ask: Ask, answer: Answer, model: SimModel, counts: Counts, exchange: Exchange) -> Script:
        script = super().script(ask, answer, model, counts, exchange)
        if not (answer.reasoning and answer.text and ask.show_reasoning):
            return script
        # The last thought closes its part, and the first of the text comes in the same list, as recorded.
        turn = len(answer.reasoning) - 1
        closed = {**self.thought(answer.reasoning[-1])["content"][0], "closed": True}
        both = [closed, {"type": "text", "text": answer.text[0]}]
        script.events[turn : turn + 2] = [event({**self.chunk(model, exchange, {"content": both}), "p": "abcdefgh"})]
        assert script.weights is not None
        script.weights[turn : turn + 2] = [2]
        return script

    def call_deltas(self, call: Json, position: int) -> list[Json]:
        return [{"content": None, "tool_calls": [{"id": call["id"], "function": call["function"], "index": position}]}]

    def message(self, ask: Ask, answer: Answer, exchange: Exchange) -> Json:
        text = "".join(answer.text)
        content: Any = text
        if answer.reasoning and ask.show_reasoning:
            thinking = [{"type": "text", "text": "".join(answer.reasoning)}]
            content = [{"type": "thinking", "thinking": thinking, "closed": True}]
            content += [{"type": "text", "text": text}] if text else []
        calls = [{**call, "index": position} for position, call in enumerate(self.calls(answer, exchange))]
        return {"role": "assistant", "tool_calls": calls or None, "content": content}

    def _usage(self, counts: Counts) -> Json:
        return {
            "prompt_tokens": counts.prompt,
            "total_tokens": counts.prompt + counts.completion,
            "completion_tokens": counts.completion,
            "prompt_tokens_details": {"cached_tokens": counts.cached},
        }

    def closing(self, ask: Ask, model: SimModel, counts: Counts, exchange: Exchange, finish: str) -> list[Json]:
        return [
            {**self.chunk(model, exchange, {"content": ""}, finish), "usage": self._usage(counts), "p": "abcdefghijkl"}
        ]

    def envelope(self, model: SimModel, counts: Counts, exchange: Exchange, choice: Json) -> Json:
        return {
            "id": self._id(exchange),
            "created": int(exchange.created),
            "model": model.reported,
            "usage": self._usage(counts),
            "object": "chat.completion",
            "choices": [{"index": 0, "finish_reason": choice["finish_reason"], "message": choice["message"]}],
        }

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        requests = headroom.get("requests", "minute", 600_000)
        tokens = headroom.get("tokens", "minute", 75_000_000)
        cost = 0 if counts is None else counts.prompt + counts.completion
        return {
            "mistral-correlation-id": exchange.request_id,
            "x-ratelimit-limit-req-minute": str(requests.limit),
            "x-ratelimit-remaining-req-minute": str(requests.remaining),
            "x-ratelimit-limit-tokens-minute": str(tokens.limit),
            "x-ratelimit-remaining-tokens-minute": str(tokens.remaining),
            "x-ratelimit-tokens-query-cost": str(cost),
        }

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        return errors.mistral(fault)

    def vector_usage(self, made: Vectors) -> Json:
        return {**super().vector_usage(made), "completion_tokens": 0}

    def texts(self, target: Target, body: Json) -> Texts:
        wanted = super().texts(target, body)
        if len(wanted.texts) > _BATCH:
            raise BadBody("Too many inputs in request, split into more batches.")
        return wanted

    def refusal_is_answer(self) -> bool:
        return True

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        return event(errors.mistral_body(Fault("overloaded", model.id)), None)

    def model_entry(self, model: SimModel) -> Json:
        able = {"completion_chat": True, "function_calling": True, "completion_fim": False, "fine_tuning": False}
        return {
            "id": model.id,
            "object": "model",
            "created": model.created,
            "owned_by": "mistralai",
            "capabilities": {**able, "vision": model.vision, "classification": False},
            "name": model.name,
            "description": f"Simulated {model.name}.",
            "max_context_length": model.context,
            "aliases": [model.name],
            "deprecation": None,
            "default_model_temperature": 0.3,
            "type": "base",
        }
