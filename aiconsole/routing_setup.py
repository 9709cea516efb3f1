"""From the settings to how requests are routed. Pure: the engine calls it after every change."""

from __future__ import annotations

from aiconsole.routing.breaker import BreakerSettings
from aiconsole.routing.budgets import Budget, Period
from aiconsole.routing.policy import Policy
from aiconsole.settings import RouteOptions, Settings

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
    """What may be spent, over all and by route."""
    limits: list[tuple[float, Period, str | None]] = [
        (settings.spending.day_usd, "day", None),
        (settings.spending.month_usd, "month", None),
    ]
    for name, options in settings.routing.items():
        limits += [(options.day_usd, "day", name), (options.month_usd, "month", name)]
    return tuple(Budget(usd, period, route) for usd, period, route in limits if usd)
