"""The alert rules in use and ``alerts.toml``, where the person's own are kept beside the settings."""

from __future__ import annotations

from collections.abc import Sequence

from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.reading import check, default_rules, read_rules, write_rules
from aiconsole.domain.errors import ConfigError
from aiconsole.kept_rules import KeptRules
from aiconsole.rule_text import RuleProblem


class AlertRulesFile(KeptRules[AlertRule]):
    """The alert rules as they are kept."""

    def save(self, rules: Sequence[AlertRule]) -> None:
        """Keep these rules and use them from now on.

        Raises:
            ConfigError: one cannot be used, or the file was changed by somebody else, is not TOML, or cannot be written.
                Nothing was changed.
        """
        wrong = check(rules)
        if wrong:
            told = " ".join(str(problem) for problem in wrong)
            raise ConfigError(f"The rules cannot be used as they are. {told}", advice="Mend what is named.")
        self._keep(rules)

    def _read(self, text: str) -> tuple[tuple[AlertRule, ...], tuple[RuleProblem, ...]]:
        return read_rules(text)

    def _shipped(self) -> tuple[AlertRule, ...]:
        return default_rules()

    def _text(self, before: str, rules: Sequence[AlertRule]) -> str:
        try:
            return write_rules(before, rules)
        except ValueError as error:
            raise ConfigError(
                f"{self.path.name} cannot be changed without losing something in it: {error}.",
                advice="Change it in an editor and reload; nothing was written.",
            ) from error
