"""The fallback rules in use and ``rules.toml``, where the person's own are kept beside the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.home import Home
from aiconsole.kept_rules import KeptRules
from aiconsole.routing.rules import Rule, RuleProblem, check, default_rules, read_rules, rewrite_rules, write_rules


class RuleSet(msgspec.Struct, frozen=True):
    """The rules in use, first to last, what is wrong with them or with the file, and whether they are the person's ``own``."""

    rules: tuple[Rule, ...]
    problems: tuple[RuleProblem, ...]
    path: Path
    own: bool


class RulesFile(KeptRules[Rule]):
    """The fallback rules as they are kept."""

    def __init__(self, home: Home) -> None:
        super().__init__(home.settings.with_name("rules.toml"))

    def save(self, rules: Sequence[Rule], routes: Mapping[str, Sequence[str]]) -> None:
        """Keep these rules and use them from now on.

        Raises:
            ConfigError: one cannot be used or contradicts another, or the file was changed by somebody else, is not TOML, or
                cannot be written. Nothing was changed.
        """
        wrong = [problem for problem in check(rules, routes) if problem.severity == "error"]
        if wrong:
            told = " ".join(str(problem) for problem in wrong)
            raise ConfigError(
                f"The rules cannot be used as they are. {told}", advice="Mend or switch off what is named."
            )
        self._keep(rules)

    def _read(self, text: str) -> tuple[tuple[Rule, ...], tuple[RuleProblem, ...]]:
        return read_rules(text)

    def _shipped(self) -> tuple[Rule, ...]:
        return default_rules()

    def _text(self, before: str, rules: Sequence[Rule]) -> str:
        text = rewrite_rules(before, rules)
        if text is None and self.problems:
            raise ConfigError(
                f"{self.path.name} holds tables that cannot be read, and would lose them.",
                advice="Mend them in an editor and reload; nothing was written.",
            )
        return write_rules(rules) if text is None else text
