"""Simulated Groq: OpenAI's dialect with ``x_groq``, usage and times twice on the finish chunk, and reasoning with ``channel``.

Shapes are those of the recorded exchanges.
"""

from __future__ import annotations

from aiconsole.simulator import openai_errors as errors
from aiconsole.simulator.catalogue import SimModel
from aiconsole.simulator.dice import Dice, fingerprint
from aiconsole.simulator.form import Exchange, Fault, Headers, Reply, event
from aiconsole.simulator.limits import Headroom, seconds_text
from aiconsole.simulator.openai_form import Json, OpenAIForm, times
from aiconsole.simulator.talk import Ask, Counts


class GroqForm(OpenAIForm):
    name = "groq"
    base_path = "/openai/v1"

    def request_id(self, dice: Dice) -> str:
        return "req_01" + dice.text(24, "base32")

    def reasoning(self, body: Json) -> Json:
        shown = body.get("reasoning_format") != "hidden" and body.get("include_reasoning", True) is not False
        return {**super().reasoning(body), "show_reasoning": shown}

    def thought(self, text: str) -> Json:
        return {"reasoning": text, "channel": "analysis"}

    def choice(self, content: Json, kind: str, finish: str | None) -> Json:
        return {"index": 0, kind: content, "logprobs": None, "finish_reason": finish}

    def _frame(self, model: SimModel, exchange: Exchange, kind: str, choices: list[Json]) -> Json:
        dice = Dice(exchange.request_id, "frame")
        return {
            "id": "chatcmpl-" + dice.uuid(),
            "object": kind,
            "created": int(exchange.created),
            "model": model.reported,
            "system_fingerprint": fingerprint(model.id, 10),
            "choices": choices,
        }

    def chunk(self, model: SimModel, exchange: Exchange, delta: Json, finish: str | None = None) -> Json:
        return self._frame(model, exchange, "chat.completion.chunk", [self.choice(delta, "delta", finish)])

    def opening(self, model: SimModel, exchange: Exchange) -> bytes:
        chunk = self.chunk(model, exchange, {"role": "assistant", "content": ""})
        return event({**chunk, "x_groq": {"id": exchange.request_id, "seed": Dice(exchange.request_id).below(1 << 31)}})

    def _usage(self, counts: Counts) -> Json:
        spent = times(counts)
        usage: Json = {
            "queue_time": spent["queue_time"],
            "prompt_tokens": counts.prompt,
            "prompt_time": spent["prompt_time"],
            "completion_tokens": counts.completion,
            "completion_time": spent["completion_time"],
            "total_tokens": counts.prompt + counts.completion,
            "total_time": spent["total_time"],
        }
        if counts.cached:
            usage["prompt_tokens_details"] = {"cached_tokens": counts.cached}
        if counts.reasoning:
            usage["completion_tokens_details"] = {"reasoning_tokens": counts.reasoning}
        return usage

    def closing(self, ask: Ask, model: SimModel, counts: Counts, exchange: Exchange, finish: str) -> list[Json]:
        usage = self._usage(counts)
        last = self.chunk(model, exchange, {}, finish)
        chunks = [{**last, "x_groq": {"id": exchange.request_id, "usage": usage}, "usage": usage}]
        if ask.include_usage:
            frame = self._frame(model, exchange, "chat.completion.chunk", [])
            chunks.append({**frame, "usage": usage, "service_tier": "on_demand"})
        return chunks

    def envelope(self, model: SimModel, counts: Counts, exchange: Exchange, choice: Json) -> Json:
        frame = self._frame(model, exchange, "chat.completion", [choice])
        fingerprint = frame.pop("system_fingerprint")
        return {
            **frame,
            "usage": self._usage(counts),
            "usage_breakdown": None,
            "system_fingerprint": fingerprint,
            "x_groq": {"id": exchange.request_id, "seed": Dice(exchange.request_id).below(1 << 31)},
            "service_tier": "on_demand",
        }

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        requests = headroom.get("requests", "day", 14_400_000)
        tokens = headroom.get("tokens", "minute", 30_000_000)
        return {
            "x-request-id": exchange.request_id,
            "x-ratelimit-limit-requests": str(requests.limit),
            "x-ratelimit-limit-tokens": str(tokens.limit),
            "x-ratelimit-remaining-requests": str(requests.remaining),
            "x-ratelimit-remaining-tokens": str(tokens.remaining),
            "x-ratelimit-reset-requests": seconds_text(requests.reset),
            "x-ratelimit-reset-tokens": seconds_text(tokens.reset),
        }

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        return errors.groq(fault)

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        body = errors.groq_body(Fault("overloaded", model.id))
        return event({"error": {**body["error"], "status_code": 503}}, "error")

    def model_entry(self, model: SimModel) -> Json:
        return {
            "id": model.id,
            "object": "model",
            "created": model.created,
            "owned_by": model.owner,
            "active": True,
            "context_window": model.context,
            "public_apps": None,
            "max_completion_tokens": model.max_output,
        }
