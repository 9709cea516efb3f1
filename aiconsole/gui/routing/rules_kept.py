"""Changes to the fallback rules that were not saved, kept over the end of the window, so that closing it loses nothing."""

from __future__ import annotations

import msgspec

from ...routing.rules import Rule
from ..shell import Shell
from ..window_state import RULES_DRAFT
from .rules_draft import RulesDraft


class LeftRules(msgspec.Struct, frozen=True):
    """The rules as they were left; ``to_defaults`` where the person had gone back to those that come with the console."""

    rules: tuple[Rule, ...]
    to_defaults: bool = False


def keep_draft(draft: RulesDraft, shell: Shell) -> None:
    """Take up what an earlier run left, and keep what is left unsaved from now on."""
    kept = shell.recall(RULES_DRAFT, LeftRules)
    if kept is not None:
        draft.take_up(kept.rules, to_defaults=kept.to_defaults)

    def keep() -> None:
        if draft.unsaved:
            shell.remember(RULES_DRAFT, LeftRules(draft.rules, draft.to_defaults))
        else:
            shell.memory.pop(RULES_DRAFT, None)

    draft.changed.connect(keep)
    keep()
