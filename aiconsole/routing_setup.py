"""From the settings to how requests are routed. Pure: the engine calls it after every change."""

from __future__ import annotations

from aiconsole.routing.breaker import BreakerSettings
from aiconsole.routing.budgets import Budget, Period
from aiconsole.routing.policy import Policy
from aiconsole.settings import ProviderSettings, RouteOptions, Settings, Spending

_NO_OPTIONS = RouteOptions()


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
