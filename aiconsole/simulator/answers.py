"""What the simulated models say: drawn from the seed and the request, so the same request gets the same answer.

The text is plain Markdown that calls itself simulated and reacts to what was asked. An answer already begun is gone on with,
where the conversation ends with it or the last message says to go on from it. Two marks in the last user message ask
for something exact: ``[[tokens=500]]`` for 500 tokens of :func:`aiconsole.simulator.words.known_text`, and ``[[echo]]`` for
everything that follows the mark.
"""

from __future__ import annotations

import re

import msgspec

from aiconsole.simulator import prose, words
from aiconsole.simulator.catalogue import SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.schema import instance
from aiconsole.simulator.talk import Answer, Ask, Begun, Call, OfferedTool

_TOKENS = re.compile(r"\[\[tokens=(\d{1,7})\]\]")
_ECHO = "[[echo]]"
_GO_ON = re.compile(r"\b(?:go on|continue)\b.{0,40}\bfrom\b", re.IGNORECASE | re.DOTALL)
_FIRST_WORDS = re.compile(r"\bbegin with\b[^“]{0,40}“(.+?)”", re.IGNORECASE | re.DOTALL)
_WANTS_TOOL = re.compile(
    r"\[\[tool\]\]|\b(?:use|call|run|invoke|try)\b[^.?!]{0,40}\b(?:tools?|functions?)\b", re.IGNORECASE
)


def compose(ask: Ask, provider: str, model: SimModel, seed: int) -> Answer:
    """The answer to one request, cut where its stop sequences or its token limit say so."""
    begun = ask.begun
    if begun is not None and begun.text and (begun.last or _GO_ON.search(ask.prompt)):
        return _gone_on(ask, begun, provider, model, seed)
    exact = _exact(ask)
    dice = None if exact is not None and not ask.reasoning else Dice(seed, provider, model.id, ask.flat)
    if exact is not None:
        thoughts = words.pieces(prose.thoughts(ask.prompt, dice)) if dice else []
        return _cut(Answer(thoughts, exact), ask)
    assert dice is not None
    reasoning = model.reasons or model.can_reason if ask.reasoning is None else ask.reasoning
    if ask.reasoning is None and not model.reasons:
        reasoning = False
    thoughts = words.pieces(prose.thoughts(ask.prompt, dice)) if reasoning else []
    calls = _calls(ask, dice)
    if calls:
        return _cut(Answer(thoughts, [], calls, "tool_calls"), ask)
    if ask.json and not ask.results:
        made = instance(ask.schema or prose.PLAIN_JSON, ask.prompt, dice)
        text = msgspec.json.encode(made).decode()
    elif ask.json:
        text = msgspec.json.encode(instance(ask.schema or prose.PLAIN_JSON, " ".join(ask.results), dice)).decode()
    elif ask.results:
        text = prose.after_tools(ask, dice)
    else:
        text = prose.answer(ask, provider, model, dice)
    return _cut(Answer(thoughts, words.pieces(text)), ask)


def _gone_on(ask: Ask, begun: Begun, provider: str, model: SimModel, seed: int) -> Answer:
    """What is left of the answer that was begun; all of it where it began otherwise than this model would have."""
    unlimited = msgspec.structs.replace(
        ask, prompt=begun.prompt, flat=begun.flat, turns=begun.turns, begun=None, max_tokens=None
    )
    whole = compose(unlimited, provider, model, seed)
    text = "".join(whole.text)
    if not text.startswith(begun.text):
        return _cut(whole, ask)
    rest = text[len(begun.text) :]
    words_first = None if begun.last else _FIRST_WORDS.search(ask.prompt)
    before = begun.text if begun.last and ask.echoes else words_first[1] if words_first else ""
    return _cut(msgspec.structs.replace(whole, reasoning=[], text=words.pieces(before + rest)), ask)


def _exact(ask: Ask) -> list[str] | None:
    """The tokens a mark in the prompt asks for, or None."""
    if "[[" not in ask.prompt:
        return None
    at = ask.prompt.find(_ECHO)
    if at >= 0:
        return words.pieces(ask.prompt[at + len(_ECHO) :].lstrip(" "))
    found = _TOKENS.search(ask.prompt)
    return list(words.known_pieces(int(found[1]))) if found else None


def _calls(ask: Ask, dice: Dice) -> tuple[Call, ...]:
    if not ask.tools or ask.tool_choice == "none":
        return ()
    wanted = [tool for tool in ask.tools if tool.name == ask.named_tool]
    if not wanted and not ask.results:
        said = ask.prompt.lower()
        wanted = [tool for tool in ask.tools if _mentioned(tool, said)]
        if not wanted and (ask.tool_choice == "required" or _WANTS_TOOL.search(ask.prompt)):
            wanted = [ask.tools[0]]
    elif not wanted and ask.tool_choice == "required":
        wanted = [ask.tools[0]]
    if not ask.parallel:
        wanted = wanted[:1]
    return tuple(Call(tool.name, _arguments(tool, ask, dice)) for tool in wanted)


def _mentioned(tool: OfferedTool, said: str) -> bool:
    name = tool.name.lower()
    return name in said or name.replace("_", " ") in said


def _arguments(tool: OfferedTool, ask: Ask, dice: Dice) -> str:
    made = instance(tool.schema, ask.prompt, dice)
    return msgspec.json.encode(made if isinstance(made, dict) else {}).decode()


def _cut(answer: Answer, ask: Ask) -> Answer:
    """The answer as far as the first stop sequence and the token limit let it come."""
    if ask.stop and answer.text:
        whole = "".join(answer.text)
        found = min(((whole.find(stop), stop) for stop in ask.stop if stop in whole), default=None)
        if found is not None:
            text = words.cut(answer.text, found[0])
            answer = msgspec.structs.replace(answer, text=text, finish="stop_sequence", stopped_by=found[1])
    limit = ask.max_tokens
    if limit is None or answer.completion_tokens <= limit:
        return answer
    reasoning = answer.reasoning[:limit]
    text = answer.text[: limit - len(reasoning)]
    return Answer(reasoning, text, (), "length")
