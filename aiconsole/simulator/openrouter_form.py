"""Simulated OpenRouter: OpenAI's dialect with comments and white space while it waits, and the cost in the usage.

Shapes are those of the recorded exchanges.
"""

from __future__ import annotations

from aiconsole.simulator import openai_errors as errors
from aiconsole.simulator.catalogue import CATALOGUE, SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.embedding import USD_A_TOKEN, Vectors
from aiconsole.simulator.form import Exchange, Fault, Headers, Reply, Target, encode, event
from aiconsole.simulator.limits import Headroom
from aiconsole.simulator.openai_form import Json, OpenAIForm
from aiconsole.simulator.talk import Answer, Ask, Counts, field, signature


class OpenRouterForm(OpenAIForm):
    name = "openrouter"
    base_path = "/api/v1"
    public_models = True
    makes_vectors = True

    def target(self, method: str, path: str, query: str) -> Target | None:
        if (method, path) == ("GET", "/api/v1/key"):
            return Target("key")
        return super().target(method, path, query)

    def request_id(self, dice: Dice) -> str:
        return dice.text(20)

    def exchange(self, seed: int, serial: int, now: float) -> Exchange:
        dice = Dice(seed, self.name, serial)
        return Exchange(serial, dice, now, f"gen-{int(now)}-{dice.text(20)}")

    def reasoning(self, body: Json) -> Json:
        wanted = field(body, "reasoning", dict)
        if wanted is None:
            return super().reasoning(body)
        asked = wanted.get("enabled") is not False and wanted.get("effort") != "none" and wanted.get("max_tokens") != 0
        return {"reasoning": asked, "show_reasoning": not wanted.get("exclude")}

    def choice(self, content: Json, kind: str, finish: str | None) -> Json:
        return {"index": 0, kind: content, "finish_reason": finish, "native_finish_reason": finish, "logprobs": None}

    def _frame(self, model: SimModel, exchange: Exchange, kind: str, choice: Json) -> Json:
        return {
            "id": exchange.request_id,
            "object": kind,
            "created": int(exchange.created),
            "model": model.reported,
            "provider": model.upstream,
            "choices": [choice],
        }

    def chunk(self, model: SimModel, exchange: Exchange, delta: Json, finish: str | None = None) -> Json:
        return self._frame(model, exchange, "chat.completion.chunk", self.choice(delta, "delta", finish))

    def opening(self, model: SimModel, exchange: Exchange) -> bytes:
        return b""

    def head(self, exchange: Exchange) -> bytes:
        return b": OPENROUTER PROCESSING\n\n" * (1 + Dice(exchange.request_id, "head").below(3))

    def padding(self, exchange: Exchange) -> bytes:
        return b"\n         \n" * (1 + Dice(exchange.request_id, "head").below(6))

    def said(self, text: str) -> Json:
        return {"role": "assistant", "content": text}

    def thought(self, text: str) -> Json:
        details = [{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}]
        return {"role": "assistant", "content": "", "reasoning": text, "reasoning_details": details}

    def after_thoughts(self, answer: Answer, model: SimModel, exchange: Exchange) -> list[bytes]:
        if not (answer.reasoning and model.id.startswith("anthropic/")):
            return []
        detail = {
            "type": "reasoning.text",
            "signature": _signature(exchange),
            "format": "anthropic-claude-v1",
            "index": 0,
        }
        delta = {"role": "assistant", "content": "", "reasoning_details": [detail]}
        return [event(self.chunk(model, exchange, delta))]

    def call_deltas(self, call: Json, position: int) -> list[Json]:
        arguments = call["function"]["arguments"]
        first = {**call, "function": {**call["function"], "arguments": ""}, "index": position}
        half = len(arguments) // 2
        rest = [{"index": position, "function": {"arguments": text}} for text in (arguments[:half], arguments[half:])]
        return [{"role": "assistant", "content": None, "tool_calls": [piece]} for piece in (first, *rest)]

    def message(self, ask: Ask, answer: Answer, exchange: Exchange) -> Json:
        shown = "".join(answer.reasoning) if ask.show_reasoning else ""
        message: Json = {
            "role": "assistant",
            "content": "".join(answer.text),
            "refusal": None,
            "reasoning": shown or None,
        }
        if shown:
            detail = {"type": "reasoning.text", "text": shown, "format": "unknown", "index": 0}
            message["reasoning_details"] = [detail]
        if answer.calls:
            calls = enumerate(self.calls(answer, exchange))
            message["tool_calls"] = [{**call, "index": position} for position, call in calls]
        return message

    def _usage(self, model: SimModel, counts: Counts) -> Json:
        prompt = (counts.prompt - counts.cached * 0.5) * model.prices[0]
        completion = counts.completion * model.prices[1]
        return {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.completion,
            "total_tokens": counts.prompt + counts.completion,
            "cost": round(prompt + completion, 12),
            "is_byok": False,
            "prompt_tokens_details": {
                "cached_tokens": counts.cached,
                "cache_write_tokens": 0,
                "audio_tokens": 0,
                "video_tokens": 0,
            },
            "cost_details": {
                "upstream_inference_cost": round(prompt + completion, 12),
                "upstream_inference_prompt_cost": round(prompt, 12),
                "upstream_inference_completions_cost": round(completion, 12),
            },
            "completion_tokens_details": {"reasoning_tokens": counts.reasoning, "image_tokens": 0, "audio_tokens": 0},
        }

    def vector_usage(self, made: Vectors) -> Json:
        return {**super().vector_usage(made), "cost": made.tokens * USD_A_TOKEN}

    def closing(self, ask: Ask, model: SimModel, counts: Counts, exchange: Exchange, finish: str) -> list[Json]:
        last = self.chunk(model, exchange, self.said(""), finish)
        return [last, {**last, "usage": self._usage(model, counts)}]

    def envelope(self, model: SimModel, counts: Counts, exchange: Exchange, choice: Json) -> Json:
        frame = self._frame(model, exchange, "chat.completion", choice)
        return {**frame, "system_fingerprint": None, "usage": self._usage(model, counts)}

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        return {"x-generation-id": exchange.request_id}

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        return errors.openrouter(fault, exchange)

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        chunk = self.chunk(model, exchange, self.said(""), "error")
        failed = {"code": 502, "message": "Provider returned error"}
        return event({**chunk, "error": failed, "usage": self._usage(model, counts)}) + self.done

    def about_key(self) -> bytes:
        """What ``GET /key`` tells of a key without limits (OpenRouter's API reference)."""
        key = {"label": "sk-or-v1-sim...ted", "limit": None, "limit_remaining": None, "usage": 0, "is_free_tier": False}
        return encode(
            {"data": {**key, "is_provisioning_key": False, "rate_limit": {"requests": -1, "interval": "10s"}}}
        )

    def models(self) -> bytes:
        entries = [self.model_entry(model) for model in CATALOGUE[self.name]]
        return encode({"data": entries, "total_count": len(entries), "links": {"next": None}})

    def model_entry(self, model: SimModel) -> Json:
        inputs = ["text", "image", "file"] if model.vision else ["text"]
        takes = [
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "tools",
            "tool_choice",
            "response_format",
            "structured_outputs",
        ]
        return {
            "id": model.id,
            "canonical_slug": model.reported,
            "name": model.name,
            "created": model.created,
            "description": f"Simulated {model.name}.",
            "context_length": model.context,
            "architecture": {
                "modality": "+".join(inputs) + "->text",
                "input_modalities": inputs,
                "output_modalities": ["text"],
                "tokenizer": "Other",
                "instruct_type": None,
            },
            "pricing": {
                "prompt": f"{model.prices[0]:.10f}".rstrip("0"),
                "completion": f"{model.prices[1]:.10f}".rstrip("0"),
            },
            "top_provider": {
                "context_length": model.context,
                "max_completion_tokens": model.max_output,
                "is_moderated": False,
            },
            "per_request_limits": None,
            "supported_parameters": takes + (["reasoning", "include_reasoning"] if model.can_reason else []),
        }


def _signature(exchange: Exchange) -> str:
    return signature(Dice(exchange.request_id, "signature").take(96))
