"""From our request to the body of Cohere's v2 chat.

Source: Cohere docs, "Chat" (v2), "Tool use", "Structured Outputs", "Reasoning", and the parameter types of its Python SDK.

How our terms fit: an assistant's parts become its ``content`` list, a tool plan and citations (see `answer`) its own fields,
and a turn of nothing but tool calls has no content at all. A named tool as tool choice is said as REQUIRED with that tool
alone, since Cohere cannot name one. Text documents go to the body's ``documents``, from which the model cites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiconsole.domain.chat import ChatRequest, Effort, JsonFormat, Reasoning
from aiconsole.domain.errors import BadRequest
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NamedTool,
    NativePart,
    NativeTool,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.base import Dialect, Refuse
from aiconsole.providers.openai.messages import image

_BUDGETS: Final[dict[Effort, int]] = {"minimal": 512, "low": 2_048, "medium": 8_192}
"""Thinking tokens that stand for an effort (our choice); from "high" on the model thinks as long as it wants."""
_TEXT_TYPES: Final = frozenset(("application/json", "application/xml", "application/yaml", "application/toml"))
_OF_MESSAGE: Final = ("citations",)

Wire = dict[str, Any]


def chat_body(dialect: Dialect, request: ChatRequest, *, stream: bool, refuse: Refuse) -> Wire:
    """The body of ``/v2/chat``.

    Raises:
        BadRequest: parts where they cannot be, an image or document without content, or a tool choice that is no tool.
    """
    writer = _Writer(dialect, request, refuse)
    body = writer.body()
    dialect.merge_extra(body, request.extra)
    if writer.documents:
        given = body.get("documents")
        body["documents"] = [*writer.documents, *(given if isinstance(given, list | tuple) else ())]
    if stream or "stream" in body:
        body["stream"] = stream
    return body


class _Writer:
    def __init__(self, dialect: Dialect, request: ChatRequest, refuse: Refuse) -> None:
        self.documents: list[Wire] = []
        self._dialect = dialect
        self._request = request
        self._refuse = refuse

    def body(self) -> Wire:
        request = self._request
        body: Wire = {"model": request.model, "messages": list(self._messages())}
        self._add_tools(body)
        settings = {
            "temperature": request.temperature,
            "p": request.top_p,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "stop_sequences": list(request.stop) or None,
            "response_format": _response_format(request.response_format),
            "thinking": self._thinking(request.reasoning),
        }
        body.update((key, value) for key, value in settings.items() if value is not None)
        return body

    def _messages(self) -> Iterable[Wire]:
        for message in self._request.messages:
            if isinstance(message.content, str):
                if message.role == "tool":
                    raise BadRequest("A tool's turn holds nothing but tool results.")
                yield self._dialect.merge_extra({"role": message.role, "content": message.content}, message.extra)
            elif message.role == "assistant":
                yield self._assistant(message, message.content)
            else:
                yield from self._turn(message, message.content)

    def _turn(self, message: Message, parts: tuple[Part, ...]) -> Iterable[Wire]:
        """What a person or a tool says; each tool result is a message of its own."""
        results = [part for part in parts if isinstance(part, ToolResultPart)]
        others = [part for part in parts if not isinstance(part, ToolResultPart)]
        for part in results:
            yield self._dialect.merge_extra(self._result(part), message.extra)
        if message.role == "tool" and others:
            raise BadRequest("A tool's turn holds nothing but tool results.")
        if others or not results:
            blocks = self._blocks(others)
            yield self._dialect.merge_extra({"role": message.role, "content": blocks}, message.extra)

    def _blocks(self, parts: Iterable[Part]) -> list[Wire]:
        blocks = []
        for part in parts:
            match part:
                case TextPart():
                    blocks.append(self._dialect.merge_extra({"type": "text", "text": part.text}, part.extra))
                case ImagePart():
                    blocks.append(self._dialect.merge_extra(image(part), part.extra))
                case DocumentPart():
                    self._add_document(part)
                case NativePart():
                    blocks += self._native(part)
                case ReasoningPart():
                    pass
                case _:
                    raise BadRequest("A tool call belongs to the assistant's turn.")
        return blocks

    def _assistant(self, message: Message, parts: tuple[Part, ...]) -> Wire:
        wire: Wire = {"role": "assistant"}
        content: list[Wire] = []
        calls: list[Wire] = []
        for part in parts:
            match part:
                case TextPart():
                    block = self._dialect.merge_extra({"type": "text", "text": part.text}, part.extra)
                    lifted = _lift(block, wire)
                    if part.text or not lifted:
                        content.append(block)
                case ReasoningPart():
                    self._add_thought(part, wire, content)
                case ToolCallPart():
                    calls.append(self._tool_call(part))
                case NativePart():
                    content += self._native(part)
                case ImagePart() | DocumentPart():
                    self._refuse("Cohere takes no images or documents in an assistant's turn.")
                case _:
                    raise BadRequest("A tool's result belongs to the tool's turn.")
        if content or not calls:
            wire["content"] = content
        if calls:
            wire["tool_calls"] = calls
        return self._dialect.merge_extra(wire, message.extra)

    def _add_thought(self, part: ReasoningPart, wire: Wire, content: list[Wire]) -> None:
        """Thoughts of other providers' models are left out: the conversation loses nothing, and not every model takes them."""
        if part.dialect is None or not self._dialect.takes_native(part.dialect):
            return
        block = self._dialect.merge_extra({"type": "thinking", "thinking": part.text}, part.extra)
        if block["type"] == "tool_plan":
            wire["tool_plan"] = wire.get("tool_plan", "") + part.text
        else:
            content.append(block)

    def _tool_call(self, part: ToolCallPart) -> Wire:
        function = {"name": part.name, "arguments": part.arguments or "{}"}
        return self._dialect.merge_extra({"id": part.id, "type": "function", "function": function}, part.extra)

    def _result(self, part: ToolResultPart) -> Wire:
        if part.is_error:
            self._refuse("Cohere has no mark for a failed tool call; say it in the result's text.")
        content: str | list[Wire]
        content = part.content if isinstance(part.content, str) else self._result_blocks(part.content)
        return self._dialect.merge_extra({"role": "tool", "tool_call_id": part.call_id, "content": content}, part.extra)

    def _result_blocks(self, parts: Iterable[Part]) -> list[Wire]:
        blocks: list[Wire] = []
        for part in parts:
            if isinstance(part, DocumentPart):
                if (data := self._document_data(part)) is not None:
                    block: Wire = {"type": "document", "document": {"data": data}}
                    blocks.append(self._dialect.merge_extra(block, part.extra))
            elif isinstance(part, ImagePart):
                self._refuse("Cohere takes no images as the result of a tool.")
            else:
                blocks += self._blocks((part,))
        return blocks

    def _native(self, part: NativePart) -> list[Any]:
        if not self._dialect.takes_native(part.dialect):
            self._refuse(f"The conversation holds a block that only {part.dialect} understands.")
            return []
        return [part.data]

    def _add_document(self, part: DocumentPart) -> None:
        data = self._document_data(part)
        if data is not None:
            document: Wire = {"id": f"doc:{len(self.documents)}", "data": data}
            self.documents.append(self._dialect.merge_extra(document, part.extra))

    def _document_data(self, part: DocumentPart) -> Wire | None:
        media_type = part.media_type
        if part.data is None:
            if not part.url:
                raise BadRequest("A document needs its bytes.")
            self._refuse("Cohere fetches no documents from a URL.")
            return None
        try:
            is_text = media_type.startswith("text/") or media_type in _TEXT_TYPES
            text = part.data.decode("utf-8") if is_text else None
        except UnicodeDecodeError:
            text = None
        if text is None:
            self._refuse(f"Cohere takes plain text documents, not {media_type}.")
            return None
        return {"text": text} if part.name is None else {"title": part.name, "text": text}

    def _add_tools(self, body: Wire) -> None:
        tools, choice = self._request.tools, self._request.tool_choice
        if isinstance(choice, NamedTool):
            tools = tuple(tool for tool in tools if isinstance(tool, Tool) and tool.name == choice.name)
            if not tools:
                raise BadRequest(f"The tool to be called, “{choice.name}”, is not among the tools.")
            body["tool_choice"] = "REQUIRED"
        elif choice == "required" or (choice == "none" and tools):
            body["tool_choice"] = choice.upper()
        if written := [wire for tool in tools if (wire := self._tool(tool)) is not None]:
            body["tools"] = written
        strictness = {tool.strict for tool in tools if isinstance(tool, Tool)}
        if len(strictness) == 1:
            strict = strictness.pop()
            if strict is not None:
                body["strict_tools"] = strict
        elif True in strictness:
            self._refuse("Cohere makes all tools strict or none.")

    def _tool(self, tool: Tool | NativeTool) -> Any:
        if isinstance(tool, NativeTool):
            if self._dialect.takes_native(tool.dialect):
                return tool.data
            self._refuse(f"Cohere does not know this tool of {tool.dialect}.")
            return None
        function: Wire = {"name": tool.name}
        if tool.description:
            function["description"] = tool.description
        empty: Mapping[str, Any] = {"type": "object", "properties": {}}
        function["parameters"] = dict(empty if tool.parameters is None else tool.parameters)
        return self._dialect.merge_extra({"type": "function", "function": function}, tool.extra)

    def _thinking(self, reasoning: Reasoning | None) -> Wire | None:
        """Models that think do so unless told not to; their thoughts always come with the answer."""
        if reasoning is None:
            return None
        if reasoning.show is False:
            self._refuse("Cohere cannot hide a model's thoughts.")
        if reasoning.effort == "none":
            return {"type": "disabled"}
        budget = reasoning.budget_tokens
        if budget is None and reasoning.effort is not None:
            budget = _BUDGETS.get(reasoning.effort)
        if budget is not None:
            return {"type": "enabled", "token_budget": budget}
        return {"type": "enabled"} if reasoning.effort is not None or reasoning.show else None


def _response_format(wanted: JsonFormat | None) -> Wire | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": dict(wanted.schema)}


def _lift(block: Wire, wire: Wire) -> bool:
    """Move what belongs to the message, not to its text, from a block to the message; whether there was any."""
    found = [key for key in _OF_MESSAGE if isinstance(block.get(key), list)]
    for key in found:
        wire[key] = [*wire.get(key, ()), *block.pop(key)]
    return bool(found)
