"""The alert rules as the person edits them."""

from __future__ import annotations

from ...alerts.declare import AlertRule, Threshold
from ...alerts.reading import check, default_rules
from ...alerts.service import Alerts
from ...rule_text import RuleProblem
from ..rule_draft import InUse, RuleDraft

_NEW = AlertRule(name="new-rule", threshold=Threshold(metric="error rate", above=0.3, clear=0.1), for_s=60.0)


class AlertDraft(RuleDraft[AlertRule]):
    """What is to be watched."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        super().__init__(_NEW)

    def problems(self) -> tuple[RuleProblem, ...]:
        return check(self.rules)

    def _in_use(self) -> InUse[AlertRule]:
        found = self._alerts.rules
        return InUse(found.rules, found.problems, found.own)

    def _defaults(self) -> tuple[AlertRule, ...]:
        return default_rules()

    async def _keep(self, rules: tuple[AlertRule, ...]) -> None:
        await self._alerts.set_rules(rules)

    async def _reset(self) -> None:
        await self._alerts.reset_rules()
