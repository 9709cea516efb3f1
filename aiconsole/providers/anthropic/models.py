"""What each Claude model takes, read off its name.

Anthropic's models differ in how they think, which sampling parameters they accept and how much they may write; the API
refuses what does not fit with a plain 400. Facts from Anthropic's documentation as of autumn 2026 (models overview, extended
and adaptive thinking, effort, mid-conversation system messages, the migration guides of 4.7, 5 and 5.5) and from the
``capabilities`` in its own model list. Of a name that is not understood nothing is assumed: everything is sent as asked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from aiconsole.domain.chat import Effort

_NAME: Final = re.compile(
    r"claude-(?:(?P<family>[a-z]+)-)?(?P<major>\d)(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?(?:-(?P<late>[a-z]+)(?![a-z]))?"
)
_UNKNOWN_MAX_TOKENS: Final = 8_192
_WHOLE_MAX_TOKENS: Final = 21_333
_ROOM_AFTER_THINKING: Final = 8_192
_LOW_TO_HIGH: Final[tuple[Effort, ...]] = ("low", "medium", "high")
_BUDGETS: Final[dict[Effort, int]] = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_000,
}
MIN_BUDGET: Final = 1_024
"""The smallest thinking budget the API takes, in tokens."""


class Claude(msgspec.Struct, frozen=True):
    """One model's ways.

    Attributes:
        known: False where the name was not understood.
        adaptive: takes ``thinking: adaptive`` (4.6 and later).
        budgets: takes ``thinking: enabled`` with a budget (up to 4.6).
        can_stop_thinking: thinking can be turned off (not for Fable and Mythos, nor from Opus 5.5 on).
        thinks_unasked: thinks where the request says nothing about it (5 and later).
        efforts: the levels of ``output_config.effort`` it takes, none where it takes no effort at all.
        sampling: takes a temperature or top_p other than the default (up to 4.6).
        both_samplers: takes temperature and top_p in one request (up to 4.0).
        forced_tools: may be told to call a tool while it thinks adaptively.
        inline_system: takes system messages in the middle of a conversation (Opus 4.8, 5 and later).
        max_tokens: what is asked for where the request sets no limit, streamed.
    """

    known: bool = False
    adaptive: bool = True
    budgets: bool = True
    can_stop_thinking: bool = True
    thinks_unasked: bool = False
    efforts: tuple[Effort, ...] = (*_LOW_TO_HIGH, "xhigh", "max")
    sampling: bool = True
    both_samplers: bool = True
    forced_tools: bool = True
    inline_system: bool = True
    max_tokens: int = _UNKNOWN_MAX_TOKENS

    def default_max_tokens(self, *, stream: bool, budget: int) -> int:
        """The limit to send where the request has none, as the API demands one.

        Streamed: what the model may write at most, except that models before 4.5, which refuse a limit that does not fit
        into the context beside the prompt, get at most 32,000. Whole: no more than 21,333, from where on Anthropic's SDK
        insists on a stream because the answer may take over ten minutes. A thinking budget has always room.
        """
        limit = self.max_tokens if stream else min(self.max_tokens, _WHOLE_MAX_TOKENS)
        return max(limit, budget + _ROOM_AFTER_THINKING) if budget else limit


@lru_cache(maxsize=256)
def claude(model: str) -> Claude:
    """The ways of the model of this name."""
    found = _NAME.search(model)
    if found is None:
        return Claude()
    generation = (int(found["major"]), int(found["minor"] or 0))
    family = found["family"] or found["late"] or ""
    always = family in ("fable", "mythos")
    return Claude(
        known=True,
        adaptive=generation >= (4, 6),
        budgets=generation < (4, 7),
        can_stop_thinking=not always and generation < (5, 5),
        thinks_unasked=generation >= (5, 0),
        efforts=_efforts(family, generation),
        sampling=generation < (4, 7),
        both_samplers=generation < (4, 1),
        forced_tools=not (generation >= (5, 1) and (always or family == "opus")),
        inline_system=generation >= (4, 8),
        max_tokens=_max_tokens(generation),
    )


def budget_for(effort: Effort) -> int:
    """Thinking tokens that stand for an effort at a model that counts tokens; our own choice, as Anthropic names none."""
    return _BUDGETS.get(effort, 0)


def nearest_effort(effort: Effort, levels: tuple[Effort, ...]) -> Effort:
    """The level to use where the model lacks the one asked for: the next lower one, or the lowest."""
    scale = tuple(_BUDGETS)
    lower = [level for level in levels if scale.index(level) <= scale.index(effort)]
    return lower[-1] if lower else levels[0]


def _efforts(family: str, generation: tuple[int, int]) -> tuple[Effort, ...]:
    if generation >= (4, 7):
        return (*_LOW_TO_HIGH, "xhigh", "max")
    if generation == (4, 6):
        return (*_LOW_TO_HIGH, "max")
    return _LOW_TO_HIGH if generation == (4, 5) and family == "opus" else ()


def _max_tokens(generation: tuple[int, int]) -> int:
    if generation < (3, 5):
        return 4_096
    if generation < (3, 7):
        return 8_192
    if generation < (4, 5):
        return 32_000
    return 64_000 if generation < (4, 6) else 128_000
