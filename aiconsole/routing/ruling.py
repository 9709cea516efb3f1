"""What the fallback rules make of one request: who is left for last, where it goes over to, what follows an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiconsole.domain.chat import ChatResult
from aiconsole.domain.errors import ContextTooLong, HeldBack, ProviderError
from aiconsole.domain.events import Event, Notice
from aiconsole.routing.breakers import counts_as
from aiconsole.routing.candidates import Candidate
from aiconsole.routing.gate import Gate
from aiconsole.routing.record import Record
from aiconsole.routing.retry import MoveOn, Plan, Retry, Stop, told_wait

if TYPE_CHECKING:
    from aiconsole.routing.rules import Verdict

Named = Callable[[str], Sequence[Candidate]]
"""The candidates of a route or of a ``provider/model``, none where the name says nothing."""


class Ruling:
    """The rules, applied to one request of ``route``.

    Args:
        publish: takes what a rule has to tell the person.
    """

    __slots__ = ("_gate", "_publish", "_record", "_route")

    def __init__(self, gate: Gate, route: str, publish: Callable[[Event], None], record: Record) -> None:
        self._gate = gate
        self._route = route
        self._publish = publish
        self._record = record

    def order(
        self, left: list[Candidate], cost_usd: Callable[[Candidate], float | None], elsewhere: Named
    ) -> list[Candidate]:
        """The candidates left in the order in which the rules let them be asked.

        Args:
            elsewhere: those a rule may send the request over to by a name; none that were asked already.

        Raises:
            HeldBack: a rule says to give up.
        """
        rules = self._gate.rules
        if rules is None or not left:
            return left
        last: list[Candidate] = []
        for place, candidate in enumerate(left):
            verdict = rules.before_attempt(self._route, candidate.name, cost_usd=cost_usd(candidate))
            if verdict is None or (verdict.rule.do == "next candidate" and self._on_trial(candidate)):
                return [*left[place:], *last] if last else left
            self._record.fired(verdict.rule.name, verdict.rule.do)
            if verdict.rule.do == "fail fast":
                raise HeldBack(
                    f"The rule “{verdict.rule.name}” gives up: {verdict.reason}.",
                    provider=candidate.provider.name,
                    model=candidate.model,
                )
            if verdict.rule.do in ("route", "switch model") and (others := elsewhere(verdict.rule.to)):
                return [*others, *(one for one in (*last, *left[place:]) if one not in others)]
            last.append(candidate)
        return last

    def _on_trial(self, candidate: Candidate) -> bool:
        """Whether its breaker is half-open: a trial call has to reach it, or it would never be found well again."""
        return self._gate.breakers.get(candidate.name).state == "half-open"

    def after(
        self, candidate: Candidate, error: ProviderError, elsewhere: Named, *, remaining_s: float, tries: int
    ) -> Plan | list[Candidate] | None:
        """What the rules say follows an error: a plan, the candidates to go over to, or None where they leave it open.
        ``elsewhere`` as for `order`."""
        rules = self._gate.rules
        if rules is None:
            return None
        decided: Plan | list[Candidate] | None = None
        for verdict in rules.after_error(self._route, candidate.name, error):
            self._record.fired(verdict.rule.name, verdict.rule.do)
            if not self._aside(verdict, candidate):
                decided = self._decided(verdict, error, elsewhere, remaining_s, tries)
        return decided

    def measured(self, candidate: Candidate, result: ChatResult | None, error: ProviderError | None) -> None:
        """Let the rules see how an attempt ended, and do what those say that began to hold by it."""
        rules = self._gate.rules
        if rules is None:
            return
        if result is not None:
            timing = result.timing
            self._gate.measures.seen(
                candidate.name, failed=False, duration_ms=timing.duration_ms, ttft_ms=timing.ttft_ms
            )
        elif error is not None and counts_as(error) == "failure":
            self._gate.measures.seen(candidate.name, failed=True)
        for verdict in rules.measured(self._route, candidate.name):
            self._record.fired(verdict.rule.name, verdict.rule.do)
            self._aside(verdict, candidate)

    def _aside(self, verdict: Verdict, candidate: Candidate) -> bool:
        """Do what does not decide where the request goes; False where the verdict does."""
        rule = verdict.rule
        if rule.do == "notify":
            self._publish(Notice(rule.message or f"{candidate.name}: {verdict.reason}."))
        elif rule.do == "open breaker":
            self._gate.breakers.get(candidate.name).trip(f"the rule “{rule.name}”: {verdict.reason}")
            if rule.open_s is not None:
                self._gate.limits.hold(candidate.name, rule.open_s, f"the rule “{rule.name}” holds it back")
        else:
            return False
        return True

    def _decided(
        self, verdict: Verdict, error: ProviderError, elsewhere: Named, remaining_s: float, tries: int
    ) -> Plan | list[Candidate] | None:
        rule = verdict.rule
        reason = f"the rule “{rule.name}”: {rule.do}"
        if rule.do == "fail fast":
            return Stop(reason)
        if rule.do == "wait":
            wait_s = min(rule.wait_s, told_wait(error) or rule.wait_s)
            return Retry(wait_s, reason) if tries < 2 and wait_s < remaining_s else MoveOn(reason)
        if rule.do in ("route", "switch model"):
            return list(elsewhere(rule.to)) or None
        if isinstance(error, ContextTooLong):
            return MoveOn(reason, needs_room=True)
        return MoveOn(reason)
