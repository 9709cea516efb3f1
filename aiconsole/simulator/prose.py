"""The sentences of simulated answers, and how they are put together from what was asked."""

from __future__ import annotations

import re

from aiconsole.simulator.catalogue import SimModel
from aiconsole.simulator.dice import Dice
from aiconsole.simulator.talk import Ask, Attachment

PLAIN_JSON = {
    "type": "object",
    "properties": {
        "simulated": {"const": True},
        "answer": {"type": "string"},
        "numbers": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["simulated", "answer"],
}

_LABELS = {
    "groq": "Groq",
    "cohere": "Cohere",
    "mistral": "Mistral",
    "gemini": "Gemini",
    "cerebras": "Cerebras",
    "openrouter": "OpenRouter",
    "anthropic": "Anthropic",
}
_BRIEF = re.compile(r"\b(?:brief(?:ly)?|short(?:ly)?|one (?:word|line|sentence)|single word|concise)\b", re.IGNORECASE)
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|evening|day)|hallo|salut|ciao|hola)\b.{0,30}$", re.IGNORECASE
)
_TABLE = re.compile(r"\b(?:table|compare|comparison|versus|vs|difference)\b", re.IGNORECASE)
_CODE = re.compile(
    r"\b(?:code|python|javascript|function|script|program|snippet|sql|bash|regex|class|algorithm)\b", re.IGNORECASE
)
_STEPS = re.compile(r"\b(?:list|steps?|how (?:do|to|can)|plan|guide|ways|ideas|tips)\b", re.IGNORECASE)

_OPENINGS = (
    "This is a **simulated answer**: no model read your message, and nothing left this computer.",
    "You are reading a **simulated answer**, written by the console itself in the dialect of the real provider.",
    "**Simulated answer.** The real provider was not asked; this text only shows how one would look and stream.",
)
_MIDDLES = (
    "It arrives in pieces of about four characters, paced like the real thing, so the live graphs have something to show. "
    "The time to the first token, the tokens per second and the usage below are measured, not invented.",
    "Everything around this text is real: the request was built for this provider's API, sent over HTTP, answered as a stream "
    "and parsed again. Only the words are made up.",
    "The same question with the same seed gives the same words, which makes it easy to compare two settings: whatever "
    "changes then is the setting's doing.",
    "Nothing here was billed. The cost in the footer is what these tokens would have cost at the real provider.",
)
_STEP_LINES = (
    ("Say what you want to know", "one clear question works better than three at once"),
    ("Give the facts that matter", "names, numbers, and what you tried already"),
    ("Pick a model", "type a few letters of its name in the picker"),
    ("Watch the footer", "it shows the time to the first token, tokens/s and cost"),
    ("Change one thing and ask again", "a new branch keeps the old answer"),
    ("Add a key under *Providers*", "then the same conversation goes on with a real model"),
)
_ENDINGS = (
    "To get a real answer, add a key for this provider under *Providers* and send the message again.",
    "Ask for a *table*, a *list* or some *code* to see how each is shown.",
    "You can stop an answer at any time, edit the question, or regenerate: each makes its own branch.",
)
_SNIPPETS = (
    (
        "python",
        "def median(values: list[float]) -> float:\n"
        '    """The middle of the sorted values, the mean of the two middle ones for an even count."""\n'
        "    ordered = sorted(values)\n"
        "    middle = len(ordered) // 2\n"
        "    if len(ordered) % 2:\n"
        "        return ordered[middle]\n"
        "    return (ordered[middle - 1] + ordered[middle]) / 2\n\n\n"
        "print(median([3.0, 1.0, 4.0, 1.5]))  # 2.25\n",
    ),
    (
        "sql",
        "SELECT provider, COUNT(*) AS answers, AVG(ttft_ms) AS mean_ttft_ms\n"
        "FROM answers\nWHERE simulated = 1\nGROUP BY provider\nORDER BY mean_ttft_ms;\n",
    ),
    (
        "bash",
        'aiconsole check --demo\naiconsole chat --demo "hello" | tee answer.md\n',
    ),
)
_THOUGHTS = (
    "The message asks about {subject}. ",
    "I should look at what is really wanted before answering. ",
    "This is a simulation, so I have no facts to look up; I can still show how thinking is displayed. ",
    "A short opening, then the point, then one thing the reader can try. ",
    "Let me check the form of the answer: {form}. ",
    "That seems right, so I will write it down now.",
)


def thoughts(prompt: str, dice: Dice) -> str:
    """What a reasoning model shows before it answers."""
    forms = ("a few plain sentences", "a short list", "one paragraph")
    text = "".join(sentence for sentence in _THOUGHTS[:-1] if dice.share() < 0.85)
    return (text + _THOUGHTS[-1]).format(subject=f"“{_subject(prompt)}”", form=dice.pick(forms))


def answer(ask: Ask, provider: str, model: SimModel, dice: Dice) -> str:
    """The answer in Markdown: longer or shorter, with a heading, list, table or code as the prompt suggests."""
    label = _LABELS.get(provider, provider)
    if _GREETING.match(ask.prompt):
        return (
            f"Hello! I am a **simulated answer** standing in for `{model.id}` at {label}. "
            "Ask me anything; I will answer in form, though not in substance."
        )
    if _BRIEF.search(ask.prompt):
        return f"A simulated answer, in brief: “{_subject(ask.prompt)}” was understood as your question."
    parts = [f"{dice.pick(_OPENINGS)} You asked `{model.id}` at {label} about “{_subject(ask.prompt)}”."]
    parts += [_seen(ask.attachments)] if ask.attachments else []
    parts += [_context(ask)] if ask.turns > 1 or ask.system else []
    parts += _body(ask.prompt, label, dice)
    parts.append(dice.pick(_ENDINGS))
    return "\n\n".join(parts)


def after_tools(ask: Ask, dice: Dice) -> str:
    """The answer once tools have reported, quoting what they said."""
    quoted = "\n".join(f"> {_shortened(result, 400)}" for result in ask.results)
    count = len(ask.results)
    noun = "the tool’s result" if count == 1 else f"the {count} tool results"
    return f"This simulated answer uses {noun}:\n\n{quoted}\n\n{dice.pick(_ENDINGS)}"


def _body(prompt: str, label: str, dice: Dice) -> list[str]:
    chosen = [part for pattern, part in ((_TABLE, _table), (_CODE, _code), (_STEPS, _steps)) if pattern.search(prompt)]
    if not chosen:
        chosen = [dice.pick((_plain, _plain, _steps, _table, _code))]
    return [line for part in chosen for line in part(label, dice)]


def _plain(label: str, dice: Dice) -> list[str]:
    first = dice.below(len(_MIDDLES))
    return [_MIDDLES[first], _MIDDLES[(first + 1 + dice.below(len(_MIDDLES) - 1)) % len(_MIDDLES)]]


def _steps(label: str, dice: Dice) -> list[str]:
    start = dice.below(len(_STEP_LINES))
    chosen = [_STEP_LINES[(start + offset) % len(_STEP_LINES)] for offset in range(3 + dice.below(3))]
    lines = "\n".join(f"{number}. **{head}**: {rest}." for number, (head, rest) in enumerate(chosen, 1))
    return ["## Step by step", lines]


def _table(label: str, dice: Dice) -> list[str]:
    rows = [
        f"| {name} | {120 + dice.below(600)} ms | {60 + dice.below(400)} tokens/s |"
        for name in ("The first", "The second", "The third")
    ]
    head = "| Choice (invented figures) | First token | Speed |\n|---|---:|---:|"
    return ["### Side by side", "\n".join([head, *rows])]


def _code(label: str, dice: Dice) -> list[str]:
    language, code = dice.pick(_SNIPPETS)
    return [
        "### Some code",
        "This fragment is an example, not an answer to your question:",
        f"```{language}\n{code}```",
    ]


def _context(ask: Ask) -> str:
    said = f"This is turn {ask.turns} of our conversation" if ask.turns > 1 else "This is our first turn"
    return f"{said}, and I was given a system prompt of {len(ask.system)} characters." if ask.system else f"{said}."


def _seen(attachments: tuple[Attachment, ...]) -> str:
    listed = ", ".join(
        item.media_type + (f", {_size(item.size)}" if item.size is not None else ", by its address")
        for item in attachments
    )
    images = sum(item.kind == "image" for item in attachments)
    documents = len(attachments) - images
    counted = [
        f"{count} {noun}{'s' if count > 1 else ''}"
        for count, noun in ((images, "image"), (documents, "document"))
        if count
    ]
    return f"I see {' and '.join(counted)}: {listed}."


def _size(count: int) -> str:
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def _subject(prompt: str) -> str:
    return _shortened(" ".join(prompt.replace("`", "'").split()) or "nothing in particular", 80)


def _shortened(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
