"""What a call cost, from the price list of genai-prices (its bundled data; nothing is fetched).

The package takes about 140 ms to import and 30 us to price a call, so it is imported in a worker thread while the first
request is under way, and flat prices are looked up once a model and multiplied here; tiered and conditional ones are left to
the package at every call. An unknown model has an unknown price, never zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiconsole.domain.chat import Cost, Usage
from aiconsole.domain.clock import Clock
from aiconsole.domain.models import Prices

if TYPE_CHECKING:
    from decimal import Decimal

_PRICE_LIST_NAMES: Final = {"gemini": "google"}
_FLAT: Final = frozenset({"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"})
_KEPT_FOR_S: Final = 3600.0

_Formula = Callable[[Usage], float | None]


class PriceBook:
    """Prices by provider and model, in USD. One for all providers; ``load`` before the first look-up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loading: asyncio.Future[None] | None = None
        self._formulas: dict[tuple[str, str], tuple[float, _Formula | None]] = {}
        self.loaded = False

    async def load(self) -> None:
        """Import the price list without holding up the loop; at once after the first time."""
        if self.loaded:
            return
        self.start_loading()
        assert self._loading is not None
        await asyncio.shield(self._loading)
        self.loaded = True

    def start_loading(self) -> None:
        """Begin to load, if that has not begun or has failed, without waiting for it."""
        before = self._loading
        failed = before is not None and before.done() and (before.cancelled() or before.exception() is not None)
        if not self.loaded and (before is None or failed):
            self._loading = asyncio.ensure_future(asyncio.to_thread(_import_price_list))

    async def aclose(self) -> None:
        """Wait for an import that is under way."""
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)

    def cost(self, provider: str, models: tuple[str, ...], usage: Usage, *, base_url: str | None = None) -> Cost | None:
        """What a call cost, None where price or usage is unknown.

        Args:
            provider: the provider's name; one the price list does not know is looked up by ``base_url``.
            models: the names to look for, the most exact first (the name reported, then the name asked for).
            usage: the tokens counted; those the provider bills, where they differ, go before those it counts.
        """
        for model in models:
            formula = self._formula(provider, model, base_url)
            if formula is not None:
                usd = formula(usage)
                return None if usd is None else Cost(usd, "price list")
        return None

    def prices(self, provider: str, model: str, *, base_url: str | None = None) -> Prices | None:
        """The list price of a model in USD per million tokens (its lowest tier), None where unknown."""
        found = _look_up(provider, model, base_url, self._clock.now())
        if found is None:
            return None
        return Prices(
            prompt=_base(getattr(found, "input_mtok", None)),
            completion=_base(getattr(found, "output_mtok", None)),
            cached=_base(getattr(found, "cache_read_mtok", None)),
        )

    def context_tokens(self, provider: str, model: str) -> int | None:
        """The context length of a model in tokens as the price list has it, None where unknown."""
        counts = {"input_tokens": 0, "output_tokens": 0}
        calculation = _calculate(provider, model, None, counts, self._clock.now())
        return None if calculation is None else calculation.model.context_window

    def _formula(self, provider: str, model: str, base_url: str | None) -> _Formula | None:
        now = self._clock.monotonic()
        kept = self._formulas.get((provider, model))
        if kept is not None and now - kept[0] < _KEPT_FOR_S:
            return kept[1]
        formula = self._make_formula(provider, model, base_url)
        self._formulas[provider, model] = (now, formula)
        return formula

    def _make_formula(self, provider: str, model: str, base_url: str | None) -> _Formula | None:
        found = _look_up(provider, model, base_url, self._clock.now())
        if found is None:
            return None
        prices = {name: value for name, value in vars(found).items() if value is not None and not name.startswith("_")}
        if not prices.keys() <= _FLAT or not all(hasattr(value, "as_tuple") for value in prices.values()):
            return lambda usage: _priced_by_package(provider, model, base_url, usage, self._clock.now())
        if "input_mtok" not in prices and "output_mtok" not in prices:
            return None
        prompt, completion = (float(prices.get(name, 0)) / 1e6 for name in ("input_mtok", "output_mtok"))
        cached = float(prices.get("cache_read_mtok", prices.get("input_mtok", 0))) / 1e6
        written = float(prices.get("cache_write_mtok", prices.get("input_mtok", 0))) / 1e6

        def flat(usage: Usage) -> float | None:
            tokens_in, tokens_out = _billed(usage)
            if tokens_in is None or tokens_out is None:
                return None
            from_cache, to_cache = usage.cached or 0, usage.cache_written or 0
            fresh = max(0, tokens_in - from_cache - to_cache)
            return fresh * prompt + from_cache * cached + to_cache * written + tokens_out * completion

        return flat


def _import_price_list() -> None:
    """Import the package and build its tables, which its first look-up does.

    Tried twice: where another thread imports the same modules just then, Python lets one of them see a module half made
    rather than wait for ever (importlib's deadlock avoidance), which is an ImportError.
    """
    try:
        _look_up("groq", "openai/gpt-oss-120b", None, 0.0)
    except ImportError:
        _look_up("groq", "openai/gpt-oss-120b", None, 0.0)


def _billed(usage: Usage) -> tuple[int | None, int | None]:
    prompt = usage.prompt if usage.billed_prompt is None else usage.billed_prompt
    completion = usage.completion if usage.billed_completion is None else usage.billed_completion
    return prompt, completion


def _look_up(provider: str, model: str, base_url: str | None, now: float) -> Any:
    """The package's ``ModelPrice`` for a model, None where it knows none."""
    calculation = _calculate(provider, model, base_url, {"input_tokens": 0, "output_tokens": 0}, now)
    return None if calculation is None else calculation.model_price


def _priced_by_package(provider: str, model: str, base_url: str | None, usage: Usage, now: float) -> float | None:
    tokens_in, tokens_out = _billed(usage)
    if tokens_in is None or tokens_out is None:
        return None
    counts = {
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cache_read_tokens": usage.cached or 0,
        "cache_write_tokens": usage.cache_written or 0,
    }
    calculation = _calculate(provider, model, base_url, counts, now)
    return None if calculation is None else float(calculation.total_price)


def _calculate(provider: str, model: str, base_url: str | None, counts: dict[str, int], now: float) -> Any:
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    named = _PRICE_LIST_NAMES.get(provider, provider)
    when = datetime.fromtimestamp(now, UTC)
    try:
        return calc_price(PricedUsage(**counts), model, provider_id=named, genai_request_timestamp=when)
    except (LookupError, ValueError):
        pass
    if base_url is None:
        return None
    try:
        return calc_price(PricedUsage(**counts), model, provider_api_url=base_url, genai_request_timestamp=when)
    except (LookupError, ValueError):
        return None


def _base(price: Decimal | Any | None) -> float | None:
    """A flat price, or the first tier of a tiered one, as a float."""
    if price is None:
        return None
    return float(getattr(price, "base", price))
