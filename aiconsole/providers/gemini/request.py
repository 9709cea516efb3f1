"""A chat request in Gemini's terms: contents, system instruction, tools and generation settings.

Facts are from the Gemini API reference (generateContent, Content, FunctionDeclaration, ThinkingConfig), its guides on
thinking, thought signatures and function calling, and the recorded traffic. Names are sent in lowerCamelCase; the API, being
protocol buffers in JSON, takes snake_case as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aiconsole.domain.chat import ChatRequest, Effort, Reasoning
from aiconsole.domain.errors import BadRequest
from aiconsole.domain.messages import NamedTool, Tool
from aiconsole.providers.base import Dialect, Refuse
from aiconsole.providers.gemini.parts import PartsWriter

_LEVELS: Final[dict[Effort, str]] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
# Budgets for Gemini 2.5 as Google's own OpenAI-compatible endpoint translates reasoning_effort; "max" is the model's most.
_BUDGETS: Final[dict[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
_MAX_BUDGET_PRO: Final = 32768


def model_path(model: str) -> str:
    """``models/NAME``; a name that says its collection already (``tunedModels/x``) stays as it is."""
    return model if "/" in model else f"models/{model}"


def generation(model: str) -> float | None:
    """The generation a model's name tells, 2.5 for ``gemini-2.5-flash``; None where it tells none (``gemini-flash-latest``)."""
    found = re.match(r"(?:models/)?gemini-(\d+(?:\.\d+)?)", model)
    return float(found[1]) if found else None


def merge(target: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Merge wire keys into a wire object, objects within objects too, so that one more setting leaves the others alone."""
    for key, value in extra.items():
        inner = target.get(key)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            merged = dict(inner)
            merge(merged, value)
            target[key] = merged
        else:
            target[key] = value


class RequestWriter:
    """Writes one request's body; ``body`` is the outcome of a single use."""

    def __init__(self, dialect: Dialect, request: ChatRequest, refuse: Refuse) -> None:
        self._dialect = dialect
        self._request = request
        self._refuse = refuse
        self._generation = generation(request.model)
        self._modern = self._generation is None or self._generation >= 3

    def body(self) -> dict[str, Any]:
        """The body of generateContent.

        Raises:
            BadRequest: tool-call arguments that are no JSON object, a tool result that belongs to no known tool, media
                without bytes and address.
            Unsupported: by way of ``refuse``.
        """
        parts = PartsWriter(self._dialect, self._request.messages, self._refuse, modern=self._modern)
        body: dict[str, Any] = {"contents": parts.contents()}
        system = parts.system()
        if system is not None:
            body["systemInstruction"] = system
        tools = self._tools()
        if tools:
            body["tools"] = tools
        mode = self._calling_mode()
        if mode:
            body["toolConfig"] = {"functionCallingConfig": mode}
        config = self._generation_config()
        if config:
            body["generationConfig"] = config
        return self._dialect.merge_extra(body, self._request.extra)

    def _tools(self) -> list[dict[str, Any]]:
        """All functions in one ``functionDeclarations``, native tools as they are, in the order first met."""
        tools: list[dict[str, Any]] = []
        functions: list[dict[str, Any]] = []
        for tool in self._request.tools:
            if isinstance(tool, Tool):
                if not functions:
                    tools.append({"functionDeclarations": functions})
                functions.append(self._function(tool))
            elif not self._dialect.takes_native(tool.dialect):
                self._refuse(f"A tool that only {tool.dialect} offers cannot go to {self._dialect.label}.")
            elif isinstance(tool.data, Mapping):
                tools.append(dict(tool.data))
            else:
                raise BadRequest(f"A native tool for {self._dialect.label} has to be a JSON object.")
        return tools

    def _function(self, tool: Tool) -> dict[str, Any]:
        function: dict[str, Any] = {"name": tool.name, "description": tool.description}
        if tool.parameters is not None:
            function["parametersJsonSchema"] = tool.parameters
        return self._dialect.merge_extra(function, tool.extra)

    def _calling_mode(self) -> dict[str, Any] | None:
        """``functionCallingConfig``. Gemini knows strictness for all tools at once: mode VALIDATED (ANY implies it)."""
        choice = self._request.tool_choice
        if isinstance(choice, NamedTool):
            return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        if choice == "required":
            return {"mode": "ANY"}
        if choice == "none":
            return {"mode": "NONE"}
        if any(isinstance(tool, Tool) and tool.strict for tool in self._request.tools):
            return {"mode": "VALIDATED"}
        return {"mode": "AUTO"} if choice == "auto" else None

    def _generation_config(self) -> dict[str, Any]:
        request = self._request
        given = {
            "temperature": request.temperature,
            "topP": request.top_p,
            "maxOutputTokens": request.max_tokens,
            "seed": request.seed,
            "stopSequences": list(request.stop) or None,
        }
        config: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        wanted = request.response_format
        if wanted is not None:
            config["responseMimeType"] = "application/json"
            if wanted.schema is not None:
                schema = dict(wanted.schema)
                if wanted.description:
                    schema.setdefault("description", wanted.description)
                config["responseJsonSchema"] = schema
        thinking = self._thinking(request.reasoning) if request.reasoning is not None else None
        if thinking:
            config["thinkingConfig"] = thinking
        return config

    def _thinking(self, reasoning: Reasoning) -> dict[str, Any]:
        """``thinkingConfig``: level and budget exclude each other, and which one a model takes goes by its generation."""
        thinking: dict[str, Any] = {}
        if self._generation is not None and self._generation < 2.5:
            if reasoning.effort not in (None, "none") or reasoning.budget_tokens or reasoning.show:
                self._refuse(f"{self._request.model} does not think, so it takes no reasoning setting.")
            return thinking
        if reasoning.show is not None:
            thinking["includeThoughts"] = reasoning.show
        effort = reasoning.effort
        pro = "-pro" in self._request.model
        if reasoning.budget_tokens is not None:
            thinking["thinkingBudget"] = reasoning.budget_tokens
        elif effort == "none" and (self._modern or pro):
            self._refuse(f"{self._request.model} cannot turn thinking off.")
        elif effort is not None and not self._modern:
            thinking["thinkingBudget"] = _MAX_BUDGET_PRO if pro and effort == "max" else _BUDGETS[effort]
        elif effort is not None:
            thinking["thinkingLevel"] = "low" if pro and effort == "minimal" else _LEVELS[effort]
        return thinking
