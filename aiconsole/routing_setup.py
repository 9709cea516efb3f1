"""From the settings to how requests are routed; the engine asks again after every change."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiconsole.domain.models import ProviderState
from aiconsole.routing.breaker import BreakerSettings
from aiconsole.routing.budgets import Budget, Period
from aiconsole.routing.policy import Policy
from aiconsole.settings import ProviderSettings, RouteOptions, Settings, Spending

_NO_OPTIONS = RouteOptions()


class Policies:
    """The policy of each name as the settings have it, made once until `forget`."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._kept: dict[str, Policy] = {}

    def of(self, name: str) -> Policy:
        """How requests of a route (or of any other name) are to be treated."""
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = policy_of(self._settings(), name)
        return kept

    def forget(self) -> None:
        """The settings have changed."""
        self._kept.clear()


def policy_of(settings: Settings, name: str) -> Policy:
    """How requests of a route (or of any other name) are to be treated."""
    own, common = settings.routing.get(name, _NO_OPTIONS), settings.fallback
    return Policy(
        strategy=own.strategy,
        weights={name: float(weight) for name, _, weight in (text.partition("=") for text in own.weights)},
        mid_stream=own.mid_stream or common.mid_stream,
        hedge=own.hedge,
        hedge_share=own.hedge_share,
        first_token_s=common.first_token_s,
        stall_s=common.stall_s,
        whole_answer_s=common.whole_answer_s,
        total_s=common.total_s,
        patience_s=common.patience_s,
        on_unsupported=settings.chat.on_unsupported,
    )


def default_model(settings: Settings, states: Iterable[ProviderState]) -> str:
    """The model or route of a conversation that names none: the setting's, else the first route that can be asked, else ""."""
    if settings.chat.model:
        return settings.chat.model
    usable = {state.name for state in states if state.usable}
    for name, route in settings.routes.items():
        if any(entry.partition("/")[0] in usable for entry in route):
            return name
    return ""


def breaker_settings(settings: Settings) -> BreakerSettings:
    """When circuit breakers open, and for how long."""
    own = settings.fallback
    return BreakerSettings(
        consecutive=own.breaker_failures, open_s=own.breaker_open_s, max_open_s=own.breaker_max_open_s
    )


def budgets_of(settings: Settings) -> tuple[Budget, ...]:
    """What may be spent, over all, by route and by provider."""
    periods: tuple[Period, ...] = ("day", "month")
    limits = [Budget(_usd(settings.spending, period), period) for period in periods]
    for name, options in settings.routing.items():
        limits += [Budget(_usd(options, period), period, route=name) for period in periods]
    for name, provider in {**settings.providers, **settings.custom}.items():
        limits += [Budget(_usd(provider, period), period, provider=name) for period in periods]
    return tuple(budget for budget in limits if budget.usd)


def _usd(limits: Spending | RouteOptions | ProviderSettings, period: Period) -> float:
    return limits.day_usd if period == "day" else limits.month_usd
