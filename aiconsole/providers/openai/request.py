"""From our request to the body of a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiconsole.domain.chat import ChatRequest, JsonFormat
from aiconsole.domain.messages import NamedTool, NativeTool, Tool
from aiconsole.providers.base import Refuse
from aiconsole.providers.openai.messages import write_messages

if TYPE_CHECKING:
    from aiconsole.providers.openai.dialect import OpenAIDialect


def chat_body(dialect: OpenAIDialect, request: ChatRequest, stream: bool, refuse: Refuse) -> dict[str, Any]:
    """The JSON body, ``extra`` merged in last. ``stream`` is set here alone, whatever ``extra`` says."""
    body: dict[str, Any] = {"model": request.model, "messages": write_messages(dialect, request, refuse)}
    if stream and dialect.asks_for_usage:
        body["stream_options"] = {"include_usage": True}
    _sampling(dialect, request, body)
    _tools(dialect, request, body, refuse)
    if request.response_format is not None:
        body["response_format"] = _format(request.response_format)
    if request.reasoning is not None:
        dialect.write_reasoning(body, request.reasoning, refuse)
    if request.extra:
        body = dialect.merge_extra(body, request.extra)
    if stream:
        body["stream"] = True
    elif body.get("stream"):
        body["stream"] = False
    return body


def _sampling(dialect: OpenAIDialect, request: ChatRequest, body: dict[str, Any]) -> None:
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.max_tokens is not None:
        body[dialect.max_tokens_field] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None:
        body[dialect.seed_field] = request.seed


def _tools(dialect: OpenAIDialect, request: ChatRequest, body: dict[str, Any], refuse: Refuse) -> None:
    tools = [wire for tool in request.tools if (wire := _tool(dialect, tool, refuse)) is not None]
    if tools:
        body["tools"] = tools
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice is not None:
        body["tool_choice"] = dialect.required_choice if choice == "required" else choice
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _tool(dialect: OpenAIDialect, tool: Tool | NativeTool, refuse: Refuse) -> Any:
    if isinstance(tool, NativeTool):
        if dialect.takes_native(tool.dialect):
            return tool.data
        refuse(f"{dialect.label} cannot take a tool of {tool.dialect}.")
        return None
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    elif dialect.parameters_needed:
        function["parameters"] = {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return dialect.merge_extra({"type": "function", "function": function}, tool.extra)


def _format(wanted: JsonFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wanted.name, "schema": wanted.schema}
    if wanted.description is not None:
        schema["description"] = wanted.description
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``old`` with ``new`` laid over it; objects within objects are merged too, so that one inner key can be added."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, Mapping) else value
    return result
