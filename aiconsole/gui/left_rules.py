"""Changes to rules that were not saved, kept over the end of the window, so that closing it loses nothing. Rules name
providers, figures and times; addresses and keys are kept elsewhere."""

from __future__ import annotations

from typing import Generic

import msgspec

from .rule_draft import R, RuleDraft
from .shell import Shell


class LeftRules(msgspec.Struct, Generic[R], frozen=True):
    """The rules as they were left; ``to_defaults`` where the person had gone back to those that come with the console."""

    rules: tuple[R, ...]
    to_defaults: bool = False


def keep_draft(draft: RuleDraft[R], shell: Shell, place: str, kind: type[LeftRules[R]]) -> None:
    """Take up what an earlier run left at ``place`` of the window's memory, and keep there what is left unsaved from now on.
    Rules that are no longer understood are let go."""
    kept = shell.recall(place, kind)
    if kept is not None:
        draft.take_up(kept.rules, to_defaults=kept.to_defaults)

    def keep() -> None:
        if draft.unsaved:
            shell.remember(place, LeftRules(draft.rules, draft.to_defaults))
        else:
            shell.memory.pop(place, None)

    draft.changed.connect(keep)
    keep()
