"""Simulated Cerebras: OpenAI's dialect without ``[DONE]``, usage and ``time_info`` on the finish chunk without being asked.

Shapes are those of the recorded exchanges.
"""

from __future__ import annotations

from aiconsole.simulator import openai_errors as errors
from aiconsole.simulator.catalogue import SimModel
from aiconsole.simulator.dice import Dice, fingerprint
from aiconsole.simulator.form import Exchange, Fault, Headers, Reply, event
from aiconsole.simulator.limits import Headroom
from aiconsole.simulator.openai_form import Json, OpenAIForm, times
from aiconsole.simulator.talk import Ask, Counts


class CerebrasForm(OpenAIForm):
    name = "cerebras"
    max_temperature = 1.5
    done = b""

    def stream_headers(self) -> Headers:
        return {"Content-Type": "text/event-stream; charset=utf-8"}

    def request_id(self, dice: Dice) -> str:
        return dice.text(16, "hex") + "-ARN"

    def call_id(self, dice: Dice) -> str:
        return dice.text(9, "hex")

    def choice(self, content: Json, kind: str, finish: str | None) -> Json:
        choice: Json = {kind: content, "index": 0}
        return choice if finish is None else {kind: content, "finish_reason": finish, "index": 0}

    def _id(self, exchange: Exchange) -> str:
        return "chatcmpl-" + Dice(exchange.request_id, "frame").uuid()

    def chunk(self, model: SimModel, exchange: Exchange, delta: Json, finish: str | None = None) -> Json:
        return {
            "id": self._id(exchange),
            "choices": [self.choice(delta, "delta", finish)],
            "created": int(exchange.created),
            "model": model.reported,
            "system_fingerprint": fingerprint(model.id, 20),
            "object": "chat.completion.chunk",
        }

    def opening(self, model: SimModel, exchange: Exchange) -> bytes:
        return event(self.chunk(model, exchange, {"role": "assistant"}))

    def _usage(self, counts: Counts) -> Json:
        usage: Json = {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.completion,
            "total_tokens": counts.prompt + counts.completion,
            "prompt_tokens_details": {"cached_tokens": counts.cached},
        }
        if counts.reasoning:
            details = {
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
                "reasoning_tokens": counts.reasoning,
            }
            usage["completion_tokens_details"] = details
        return usage

    def closing(self, ask: Ask, model: SimModel, counts: Counts, exchange: Exchange, finish: str) -> list[Json]:
        last = self.chunk(model, exchange, {}, finish)
        return [{**last, "usage": self._usage(counts), "time_info": self._time_info(counts, exchange)}]

    def _time_info(self, counts: Counts, exchange: Exchange) -> Json:
        return {**times(counts), "created": exchange.created}

    def envelope(self, model: SimModel, counts: Counts, exchange: Exchange, choice: Json) -> Json:
        return {
            "id": self._id(exchange),
            "choices": [choice],
            "created": int(exchange.created),
            "model": model.reported,
            "system_fingerprint": fingerprint(model.id, 20),
            "object": "chat.completion",
            "usage": self._usage(counts),
            "time_info": self._time_info(counts, exchange),
        }

    def headers(self, exchange: Exchange, headroom: Headroom, counts: Counts | None) -> Headers:
        requests = headroom.get("requests", "day", 1_440_000_000)
        tokens = headroom.get("tokens", "minute", 100_000_000)
        return {
            "inference-id": self._id(exchange),
            "x-request-id": exchange.request_id,
            "x-ratelimit-limit-requests-day": str(requests.limit),
            "x-ratelimit-limit-tokens-minute": str(tokens.limit),
            "x-ratelimit-remaining-requests-day": str(requests.remaining),
            "x-ratelimit-remaining-tokens-minute": str(tokens.remaining),
            "x-ratelimit-reset-requests-day": f"{requests.reset:.12f}",
            "x-ratelimit-reset-tokens-minute": f"{tokens.reset:.12f}",
        }

    def error(self, fault: Fault, exchange: Exchange) -> Reply:
        return errors.cerebras(fault)

    def refusal_is_answer(self) -> bool:
        return True

    def stream_error(self, model: SimModel, counts: Counts, exchange: Exchange) -> bytes:
        return event({"error": errors.cerebras_body(Fault("server_fault", model.id)), "status_code": 500})

    def model_entry(self, model: SimModel) -> Json:
        return {"id": model.id, "object": "model", "created": 0, "owned_by": model.owner}
