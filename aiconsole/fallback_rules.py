"""The fallback rules that requests follow: those of ``rules.toml``, or that come with the console, given to the gate.

Where the file holds what cannot be used, that is told once when the rules are taken, and stands in `FallbackRules.in_use`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event, Notice
from aiconsole.home import Home
from aiconsole.routing.gate import Gate
from aiconsole.routing.rules import Rule, RuleBook, check
from aiconsole.rules_file import RuleSet, RulesFile

_NO_RULES: Final = "The rules that come with the console are used until it is mended."


class FallbackRules:
    """The rules' file and the gate's rule book, kept alike. Made and used in the loop; the file is read when this is made.

    Args:
        routes: route name -> ``provider/model`` names in order, which rules may speak of.
        publish: takes the notice of what cannot be used, and the events of rules that fire.
    """

    def __init__(
        self,
        home: Home,
        gate: Gate,
        routes: Callable[[], Mapping[str, tuple[str, ...]]],
        publish: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self._file = RulesFile(home)
        self._gate = gate
        self._routes = routes
        self._publish = publish
        self._clock = clock

    @property
    def in_use(self) -> RuleSet:
        """The rules that are followed, and what is wrong with them or their file."""
        file = self._file
        problems = (*file.problems, *check(file.rules, self._routes()))
        return RuleSet(file.rules, problems, file.path, file.own)

    def take_up(self) -> None:
        """Have the gate follow the rules, and say what in their file cannot be used."""
        for problem in self._file.problems:
            self._publish(Notice(f"rules.toml: {problem}", "The other rules are used." if problem.rule else _NO_RULES))
        self._gate.rules = RuleBook(self._file.rules, self._clock, self._gate.measures, self._publish)

    async def save(self, rules: Sequence[Rule]) -> None:
        """Keep these rules and follow them at once; what is known of those that did not change stays.

        Raises:
            ConfigError: see `RulesFile.save`; nothing is changed.
        """
        await asyncio.to_thread(self._file.save, tuple(rules), self._routes())
        self._follow()

    async def reset(self) -> None:
        """Follow the rules that come with the console again. Raises ConfigError where the file cannot be moved."""
        await asyncio.to_thread(self._file.reset)
        self._follow()

    async def reload(self) -> RuleSet:
        """Read ``rules.toml`` again, as after a change by hand; where it is not TOML the rules in use stay."""
        await asyncio.to_thread(self._file.reload)
        self._follow()
        return self.in_use

    def _follow(self) -> None:
        if self._gate.rules is not None:
            self._gate.rules.set_rules(self._file.rules)
