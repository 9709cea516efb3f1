"""From our request to the body of Anthropic's Messages API.

Source: Anthropic docs, "Create a Message", "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs", "Tool
use" and "Mid-conversation system messages"; which model takes what is in `models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiconsole.domain.chat import ChatRequest, Reasoning
from aiconsole.domain.messages import Message, NamedTool
from aiconsole.providers.anthropic.models import MIN_BUDGET, budget_for, claude, nearest_effort
from aiconsole.providers.anthropic.parts import BlockWriter
from aiconsole.providers.base import Dialect, Refuse

_COUNTED: Final = frozenset(
    (
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "cache_control",
        "context_management",
        "mcp_servers",
        "speed",
    )
)
"""The fields that ``count_tokens`` takes; it refuses the others."""


def chat_body(
    dialect: Dialect, request: ChatRequest, *, stream: bool, refuse: Refuse
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body of ``/messages`` and the betas it needs (``extra={"anthropic": {"betas": [...]}}``), which go into a header.

    Raises:
        BadRequest: tool-call arguments that are no JSON object, or an image or document without content.
    """
    extra = dict((request.extra or {}).get(dialect.name, {}))
    betas = extra.pop("betas", ())
    body = _RequestWriter(dialect, request, refuse, extra).body(stream=stream)
    if isinstance(extra.get("output_config"), Mapping):
        extra["output_config"] = {**body.get("output_config", {}), **extra["output_config"]}
    body.update(extra)
    if stream or "stream" in body:
        body["stream"] = stream
    return body, (betas,) if isinstance(betas, str) else tuple(betas)


def count_body(dialect: Dialect, request: ChatRequest, *, refuse: Refuse) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body of ``/messages/count_tokens``: what makes up the prompt, without what steers the answer."""
    body, betas = chat_body(dialect, request, stream=False, refuse=refuse)
    return {key: value for key, value in body.items() if key in _COUNTED}, betas


class _RequestWriter:
    def __init__(self, dialect: Dialect, request: ChatRequest, refuse: Refuse, extra: Mapping[str, Any]) -> None:
        self._dialect = dialect
        self._request = request
        self._refuse = refuse
        self._extra = extra
        self._model = claude(request.model)
        self._blocks = BlockWriter(dialect, refuse)

    def body(self, *, stream: bool) -> dict[str, Any]:
        request = self._request
        body: dict[str, Any] = {"model": request.model}
        self._add_messages(body)
        self._add_thinking(body)
        thinking = self._extra.get("thinking", body.get("thinking"))
        budget = _budget_of(thinking)
        limit = request.max_tokens
        body["max_tokens"] = self._model.default_max_tokens(stream=stream, budget=budget) if limit is None else limit
        self._add_sampling(body, thinks=_is_on(thinking))
        self._add_tools(body, budget=budget)
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        if request.response_format is not None and request.response_format.schema is not None:
            schema = dict(request.response_format.schema)
            body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}
        return body

    def _add_messages(self, body: dict[str, Any]) -> None:
        messages = self._request.messages
        start = next((i for i, message in enumerate(messages) if message.role != "system"), len(messages))
        leading = list(messages[:start])
        wire: list[dict[str, Any]] = []
        after_tool = False
        for message in messages[start:]:
            if message.role == "system" and not self._model.inline_system:
                self._refuse("This model takes system messages only at the start; a later one moves there.")
                leading.append(message)
                continue
            content = self._blocks.content(message)
            if not content and message.role == "assistant":
                continue
            is_tool = message.role == "tool"
            if is_tool and after_tool and isinstance(content, list) and isinstance(wire[-1]["content"], list):
                wire[-1]["content"] += content
                self._dialect.merge_extra(wire[-1], message.extra)
            else:
                one = {"role": "user" if is_tool else message.role, "content": content}
                wire.append(self._dialect.merge_extra(one, message.extra))
            after_tool = is_tool
        if leading:
            body["system"] = self._system(leading)
        body["messages"] = wire

    def _system(self, messages: list[Message]) -> str | list[dict[str, Any]]:
        first = messages[0]
        if len(messages) == 1 and isinstance(first.content, str) and not first.extra:
            return first.content
        return [block for message in messages for block in self._blocks.system(message)]

    def _add_thinking(self, body: dict[str, Any]) -> None:
        reasoning = self._request.reasoning
        if reasoning is None:
            return
        thinking = self._thinking(reasoning)
        if thinking is not None:
            if reasoning.show is not None and thinking["type"] != "disabled":
                thinking["display"] = "summarized" if reasoning.show else "omitted"
            body["thinking"] = thinking
        effort = reasoning.effort
        levels = self._model.efforts
        if effort in (None, "none") or not levels:
            return
        if effort not in levels:
            if effort != "minimal":
                self._refuse(f"This model knows no effort “{effort}”.")
            effort = nearest_effort(effort, levels)
        body["output_config"] = {"effort": effort}

    def _thinking(self, reasoning: Reasoning) -> dict[str, Any] | None:
        """The ``thinking`` field, None where the request is to say nothing about it.

        Without a budget, models up to 4.5 get one that stands for the effort, and later ones decide for themselves.
        """
        model = self._model
        if reasoning.effort == "none":
            if not model.can_stop_thinking:
                self._refuse("This model's thinking cannot be turned off.")
                return None
            return {"type": "disabled"} if model.budgets or model.thinks_unasked else None
        if reasoning.budget_tokens is not None:
            if model.budgets:
                return {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
            self._refuse("This model takes no thinking budget, only an effort.")
        if model.adaptive:
            asks = reasoning.effort or reasoning.budget_tokens is not None or reasoning.show is not None
            return {"type": "adaptive"} if asks else None
        return self._budget_thinking(budget_for(reasoning.effort)) if reasoning.effort else None

    def _budget_thinking(self, budget: int) -> dict[str, Any] | None:
        limit = self._request.max_tokens
        if limit is not None and limit <= budget:
            budget = max(limit // 2, MIN_BUDGET)
            if limit <= budget:
                self._refuse(f"Thinking takes at least {MIN_BUDGET} tokens, more than the limit of {limit} leaves.")
                return None
        return {"type": "enabled", "budget_tokens": budget}

    def _add_sampling(self, body: dict[str, Any], *, thinks: bool) -> None:
        """Docs: while a model thinks, temperature must be 1 and top_p at least 0.95; from 4.7 on neither is taken at all
        but at its default."""
        request, model = self._request, self._model
        temperature, top_p = request.temperature, request.top_p
        if temperature is not None and temperature != 1 and (thinks or not model.sampling):
            self._refuse("Claude takes no temperature while it thinks." if model.sampling else _NO_SAMPLING)
            temperature = None
        if top_p is not None and top_p != 1 and not model.sampling:
            self._refuse(_NO_SAMPLING)
            top_p = None
        if top_p is not None and top_p < 0.95 and thinks:
            self._refuse("Claude takes no top_p below 0.95 while it thinks.")
            top_p = None
        if temperature is not None and top_p is not None and not model.both_samplers:
            self._refuse("This model takes temperature or top_p, not both; top_p is the one to go.")
            top_p = None
        if temperature is not None:
            body["temperature"] = temperature
        if top_p is not None:
            body["top_p"] = top_p

    def _add_tools(self, body: dict[str, Any], *, budget: int) -> None:
        tools = [block for tool in self._request.tools if (block := self._blocks.tool(tool)) is not None]
        if tools:
            body["tools"] = tools
        choice = self._tool_choice(has_tools=bool(tools), budget=budget)
        parallel = self._request.parallel_tool_calls
        if parallel is not None and tools and (choice is None or choice["type"] != "none"):
            choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": not parallel}
        if choice is not None:
            body["tool_choice"] = choice

    def _tool_choice(self, *, has_tools: bool, budget: int) -> dict[str, Any] | None:
        choice = self._request.tool_choice
        if choice is None or (not has_tools and choice in ("auto", "none")):
            return None
        if isinstance(choice, str) and choice != "required":
            return {"type": choice}
        if budget or not self._model.forced_tools:
            self._refuse("Claude cannot be forced to call a tool while it thinks.")
            return {"type": "auto"} if has_tools else None
        return {"type": "tool", "name": choice.name} if isinstance(choice, NamedTool) else {"type": "any"}


_NO_SAMPLING: Final = "This model takes neither temperature nor top_p; its effort steers it."


def _is_on(thinking: Any) -> bool:
    return isinstance(thinking, Mapping) and thinking.get("type") in ("enabled", "adaptive")


def _budget_of(thinking: Any) -> int:
    if isinstance(thinking, Mapping) and thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens")
        return budget if isinstance(budget, int) else 0
    return 0
