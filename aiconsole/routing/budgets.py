"""What may be spent a day and a month, by route and provider, in USD.

A call reserves what it is expected to cost before it is sent and settles what it did cost. Reservations count as spent until
then, so calls that run at the same time cannot each spend the last dollar: a budget is overshot at most by what the calls
already in flight cost above their reservations. Amounts are kept as whole pico-dollars, so that sums are exact.

Everything spent is counted under each scope it belongs to (all, its route, its provider, its route at its provider), whether
or not a budget limits that scope now: a budget set at noon knows what the morning cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from types import TracebackType
from typing import Final, Literal

import msgspec

from aiconsole.domain.clock import Clock

Period = Literal["day", "month"]
_PERIODS: Final[tuple[Period, ...]] = ("day", "month")
_PICO: Final = 1_000_000_000_000
_Scope = tuple[str | None, str | None]


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """At most ``usd`` a calendar day or month, over everything or only over one route, one provider, or one at the other."""

    usd: float
    period: Period = "day"
    route: str | None = None
    provider: str | None = None

    @property
    def words(self) -> str:
        """What it limits, for people: “the daily budget of $5 for groq on the route fast”."""
        name = "daily" if self.period == "day" else "monthly"
        provider = f" for {self.provider}" if self.provider is not None else ""
        route = f" on the route {self.route}" if self.route is not None else ""
        return f"the {name} budget of ${self.usd:,.12g}{provider}{route}"


class Standing(msgspec.Struct, frozen=True):
    """How a budget stands: USD spent and reserved in the running period, which ends at ``resets_at`` (epoch seconds)."""

    budget: Budget
    spent: float
    reserved: float
    resets_at: float

    @property
    def left(self) -> float:
        return max(0.0, self.budget.usd - self.spent - self.reserved)


class OverBudget(msgspec.Struct, frozen=True):
    """A reservation was refused, by the budget that has room again last."""

    standing: Standing

    @property
    def reason(self) -> str:
        return f"{self.standing.budget.words} is used up (${self.standing.left:,.2g} left)"


class Reservation:
    """Money set aside for one call: `settle` or `release` it once, or leave the ``with`` block, which releases it."""

    __slots__ = ("_accounts", "_amount", "_open")

    def __init__(self, accounts: Sequence[_Account], amount: int) -> None:
        self._accounts = accounts
        self._amount = amount
        self._open = True

    def settle(self, usd: float | None) -> None:
        """The call cost this much; None is unknown, and then what was reserved counts as spent. Only the first end counts."""
        self._end(self._amount if usd is None else _pico(usd))

    def release(self) -> None:
        """The call cost nothing."""
        self._end(0)

    def _end(self, cost: int) -> None:
        if not self._open:
            return
        self._open = False
        if self._amount or cost:
            for account in self._accounts:
                account.reserved -= self._amount
                account.spent += cost

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Budgets:
    """All budgets, and what was spent.

    Periods are calendar days and months of ``zone`` (UTC by default, as the providers bill). A call belongs to the period
    in which it was reserved. A wall clock that is set back finds the earlier period as it was left. What simulated providers
    cost is counted apart, by the same limits.
    """

    __slots__ = ("_accounts", "_clock", "_kept", "_limits", "_pretended", "_real", "_running", "_spans", "_zone")

    def __init__(self, clock: Clock, limits: Iterable[Budget] = (), *, zone: tzinfo = UTC) -> None:
        self._clock = clock
        self._zone = zone
        self._limits: tuple[Budget, ...] = tuple(limits)
        self._real: _Accounts = {}
        self._pretended: _Accounts = {}
        self._accounts = self._real
        self._spans: dict[Period, tuple[float, float]] = {}
        self._running = (0.0, 0.0)  # the time in which all of them run
        self._kept: dict[tuple[str, str], tuple[tuple[_Account, ...], tuple[tuple[Budget, _Account], ...]]] = {}

    @property
    def limits(self) -> tuple[Budget, ...]:
        return self._limits

    def simulate(self, on: bool) -> None:
        """Let calls that are reserved from now on count as simulated, or as real again."""
        accounts = self._pretended if on else self._real
        if accounts is not self._accounts:
            self._accounts = accounts
            self._kept.clear()

    def set_limits(self, limits: Iterable[Budget]) -> None:
        """Let other budgets hold from now on; what was spent and reserved stays."""
        self._limits = tuple(limits)
        self._kept.clear()

    def reserve(self, usd: float | None, *, route: str = "", provider: str = "") -> Reservation | OverBudget:
        """Set ``usd`` aside for a call; None where its price is unknown.

        Refused where it does not fit into a budget that concerns it, or where that budget is used up already.
        """
        amount = 0 if usd is None else _pico(usd)
        accounts, limited = self._concerned(route, provider)
        refused: OverBudget | None = None
        for budget, account in limited:
            taken, limit = account.spent + account.reserved, _pico(budget.usd)
            if taken >= limit or taken + amount > limit:
                found = OverBudget(self._standing(budget, account))
                if refused is None or found.standing.resets_at > refused.standing.resets_at:
                    refused = found
        if refused is not None:
            return refused
        if amount:
            for account in accounts:
                account.reserved += amount
        return Reservation(accounts, amount)

    def add(self, usd: float, *, route: str = "", provider: str = "", at: float | None = None) -> None:
        """Count what was spent without a reservation; with ``at`` (epoch seconds), what was really spent in the past, as after
        a restart."""
        amount = _pico(usd)
        if at is None:
            accounts = self._concerned(route, provider)[0]
        else:
            accounts = self._of(self._real, {period: self._span(period, at) for period in _PERIODS}, route, provider)
        for account in accounts:
            account.spent += amount

    def spent(self, period: Period, *, route: str | None = None, provider: str | None = None) -> float:
        """USD spent in the running period under a scope."""
        self._roll()
        account = self._accounts.get((period, self._spans[period][0], route, provider))
        return 0.0 if account is None else account.spent / _PICO

    def standings(self) -> tuple[Standing, ...]:
        """How each budget stands, in the order of `limits`."""
        self._roll()
        return tuple(self._standing(budget, self._account_of(budget)) for budget in self._limits)

    def _concerned(self, route: str, provider: str) -> tuple[tuple[_Account, ...], tuple[tuple[Budget, _Account], ...]]:
        """The accounts a call is counted in, and the budgets that concern it with theirs."""
        self._roll()
        kept = self._kept.get((route, provider))
        if kept is None:
            limited = tuple(
                (budget, self._account_of(budget))
                for budget in self._limits
                if budget.route in (None, route) and budget.provider in (None, provider)
            )
            kept = self._kept[route, provider] = self._of(self._accounts, self._spans, route, provider), limited
        return kept

    def _of(
        self, accounts: _Accounts, spans: dict[Period, tuple[float, float]], route: str, provider: str
    ) -> tuple[_Account, ...]:
        scopes: tuple[_Scope, ...] = ((None, None), (route, None), (None, provider), (route, provider))
        return tuple(_account(accounts, (period, spans[period][0], *scope)) for period in _PERIODS for scope in scopes)

    def _account_of(self, budget: Budget) -> _Account:
        start = self._spans[budget.period][0]
        return _account(self._accounts, (budget.period, start, budget.route, budget.provider))

    def _standing(self, budget: Budget, account: _Account) -> Standing:
        resets_at = self._spans[budget.period][1]
        return Standing(budget, account.spent / _PICO, account.reserved / _PICO, resets_at)

    def _roll(self) -> None:
        """Find the running periods, and forget what is older than the one before them."""
        now = self._clock.now()
        begin, end = self._running
        if begin <= now < end:
            return
        self._spans = {period: self._span(period, now) for period in _PERIODS}
        self._running = (max(span[0] for span in self._spans.values()), min(span[1] for span in self._spans.values()))
        self._kept.clear()
        oldest = {period: self._span(period, self._spans[period][0] - 1.0)[0] for period in _PERIODS}
        for accounts in (self._real, self._pretended):
            for key in [key for key in accounts if key[1] < oldest[key[0]]]:
                del accounts[key]

    def _span(self, period: Period, at: float) -> tuple[float, float]:
        """Begin and end of the calendar day or month around a moment, in epoch seconds."""
        moment = datetime.fromtimestamp(at, self._zone)
        begin = datetime(moment.year, moment.month, moment.day if period == "day" else 1, tzinfo=self._zone)
        after = begin.date() + timedelta(days=1 if period == "day" else 32)
        end = datetime(after.year, after.month, after.day if period == "day" else 1, tzinfo=self._zone)
        return begin.timestamp(), end.timestamp()


class _Account:
    """What was spent and what is reserved under one scope in one period, in pico-dollars."""

    __slots__ = ("reserved", "spent")

    def __init__(self) -> None:
        self.reserved = 0
        self.spent = 0


_Key = tuple[Period, float, str | None, str | None]
_Accounts = dict[_Key, _Account]


def _account(accounts: _Accounts, key: _Key) -> _Account:
    account = accounts.get(key)
    if account is None:
        account = accounts[key] = _Account()
    return account


def _pico(usd: float) -> int:
    """Raises ValueError where the amount is negative or no number."""
    if not (math.isfinite(usd) and usd >= 0.0):
        raise ValueError(f"not an amount of money: {usd}")
    return round(usd * _PICO)
