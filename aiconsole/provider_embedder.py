"""Vectors for the response cache from a provider's embedding endpoint, paid for like any other call.

A call for a vector never keeps a request waiting for long: it has a second, and no second attempt. What it costs counts for the
spending limits and the reports (as a request of the origin "job"), and is taken off what the cache has saved.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Final
from uuid import uuid4

from aiconsole.domain.chat import Cost, Timeouts, Timing, Usage
from aiconsole.domain.clock import Clock
from aiconsole.domain.embedding import EmbeddingResult
from aiconsole.domain.errors import HeldBack, ProviderError
from aiconsole.domain.events import AttemptFinished, Event, RequestFinished
from aiconsole.providers.client import HttpProvider
from aiconsole.routing.budgets import Budgets, OverBudget

TIMEOUTS: Final = Timeouts(connect=1.0, first_token=None, between=None, total=1.0)


class ProviderEmbedder:
    """An `Embedder` that asks ``name``, a ``provider/model``.

    Args:
        provider: gives a provider by its name; raises `ConfigError` where none of it is switched on.
        budgets: what may be spent.
        publish: takes the events; must not raise.
        spent: is told what each vector cost, in USD.
    """

    def __init__(
        self,
        name: str,
        provider: Callable[[str], Awaitable[HttpProvider]],
        budgets: Budgets,
        clock: Clock,
        *,
        publish: Callable[[Event], None],
        spent: Callable[[float], None],
    ) -> None:
        self.name = name
        self._provider = provider
        self._budgets = budgets
        self._clock = clock
        self._publish = publish
        self._spent = spent
        self._run = uuid4().hex[:12]
        self._serial = count(1)

    async def embed(self, text: str) -> Sequence[float]:
        """The vector of a text.

        Raises:
            ConfigError: no such provider is switched on.
            HeldBack: a spending limit is used up; nothing was sent.
            ProviderError: the provider did not give one.
        """
        provider = await self._provider(self.name.partition("/")[0])
        reservation = self._budgets.reserve(None, route=self.name, provider=provider.name)
        if isinstance(reservation, OverBudget):
            raise HeldBack(f"Nothing was sent: {reservation.reason}.")
        with reservation:
            result = await self._asked(provider, text)
            if result.cost is not None:
                reservation.settle(result.cost.usd)
                self._spent(result.cost.usd)
        return result.vectors[0]

    async def _asked(self, provider: HttpProvider, text: str) -> EmbeddingResult:
        model = self.name.partition("/")[2]
        at, began = self._clock.now(), self._clock.monotonic()
        try:
            result = await provider.embed((text,), model, timeouts=TIMEOUTS)
        except BaseException as error:
            timing = Timing(at, None, (self._clock.monotonic() - began) * 1000)
            if isinstance(error, ProviderError):
                self._tell(provider, model, timing, error_kind=error.kind, status=error.status)
            else:
                self._tell(provider, model, timing, error_kind="cancelled")
            raise
        self._tell(provider, model, result.timing, result.usage, result.cost)
        return result

    def _tell(
        self,
        provider: HttpProvider,
        model: str,
        timing: Timing,
        usage: Usage = Usage(),  # noqa: B008  (immutable)
        cost: Cost | None = None,
        *,
        error_kind: str | None = None,
        status: int | None = None,
    ) -> None:
        simulated = provider.simulated
        self._publish(
            AttemptFinished(
                provider.name, model, timing, usage, cost, error_kind, status, origin="job", simulated=simulated
            )
        )
        self._publish(
            RequestFinished(
                f"{self._run}-{next(self._serial):x}",
                self.name,
                provider.name,
                model,
                timing,
                usage,
                cost,
                error_kind,
                status,
                origin="job",
                simulated=simulated,
                saved_usd=None if cost is None else -cost.usd,
            )
        )
