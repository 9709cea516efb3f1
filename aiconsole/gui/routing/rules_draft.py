"""The fallback rules as the person edits them."""

from __future__ import annotations

from ...routing.rules import Rule, RuleProblem, check, default_rules
from ...routing.rules.declare import ErrorRate
from ..rule_draft import InUse, RuleDraft
from ..session import Session

_NEW = Rule(name="new-rule", do="next candidate", error_rate=ErrorRate(above=0.3, below=0.1))


class RulesDraft(RuleDraft[Rule]):
    """What requests are to follow."""

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__(_NEW)

    def problems(self) -> tuple[RuleProblem, ...]:
        return check(self.rules, self._session.engine.routes())

    def _in_use(self) -> InUse[Rule]:
        found = self._session.engine.rules.in_use
        filed = (problem for problem in found.problems if problem.line is not None or not problem.rule)
        return InUse(found.rules, tuple(filed), found.own)

    def _defaults(self) -> tuple[Rule, ...]:
        return default_rules()

    async def _keep(self, rules: tuple[Rule, ...]) -> None:
        await self._session.set_rules(rules)

    async def _reset(self) -> None:
        await self._session.reset_rules()
