"""What the window knows of its engine beyond what the engine keeps: attempts seen, results of tests, and that something
changed. Panels change settings, keys and the demo through it, so that each learns of what another one did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from PySide6.QtCore import QObject, Signal

from ..domain.clock import Clock, SystemClock
from ..domain.errors import ConfigError, ConsoleError
from ..domain.events import UserActed
from ..domain.models import ModelInfo, ProbeResult, ProviderState
from ..realtime.activity import Activity
from ..realtime.happenings import Happenings
from ..realtime.tallies import FAILING_AFTER
from .theme import State

if TYPE_CHECKING:
    from ..engine import Engine
    from ..routing.rules import Rule
    from ..rules_file import RuleSet
    from ..settings import CustomProvider


class Checkup(msgspec.Struct, frozen=True):
    """The last test of a provider: when it ended (epoch seconds), and its result."""

    at: float
    result: ProbeResult


class Standing(msgspec.Struct, frozen=True):
    """How a provider stands, for a glyph and a word; ``reason`` is a sentence, "" where there is nothing to add."""

    state: State
    word: str
    reason: str = ""


class Session(QObject):
    """One engine, as the window sees it. ``keep_demo``: whether a switch of the demo is kept as the setting.

    ``changed()``: providers, keys, demo or settings are not what they were. ``setting_changed(key, value)``: that setting,
    with the value now in force. ``tested(name)``: a test began or ended. ``models_changed(name)``: ``models`` was filled.
    ``rules_changed()``: other fallback rules are in use, or their file was read again.
    """

    changed = Signal()
    setting_changed = Signal(str, object)
    tested = Signal(str)
    models_changed = Signal(str)
    rules_changed = Signal()

    def __init__(self, engine: Engine, *, keep_demo: bool = True, clock: Clock | None = None) -> None:
        super().__init__()
        self.engine = engine
        self.keep_demo = keep_demo
        self.clock = clock or SystemClock()
        self.activity = Activity(self.clock)
        self.keys_known = engine.demo
        self.tests: dict[str, Checkup] = {}
        self.testing: set[str] = set()
        self.models: dict[str, tuple[ModelInfo, ...]] = {}
        self.model_faults: dict[str, ConsoleError] = {}
        self.happenings = Happenings(self.clock)
        self._leave_bus = (engine.bus.subscribe(self.activity.add), engine.bus.subscribe(self.happenings.add))
        self.acted("session started")

    def leave(self) -> None:
        """Stop listening to the engine."""
        self.acted("session ended")
        for leave in self._leave_bus:
            leave()

    async def read_keys(self) -> None:
        """Wait until the engine has read the keys, and say so."""
        await self.engine.keys_read()
        self.keys_known = True
        self.changed.emit()

    def acted(self, action: str, subject: str = "") -> None:
        """Tell that the person did something: what in two or three words, and to whom. Never content, never a key."""
        self.engine.bus.publish(UserActed(action, self.clock.now(), subject))

    # Looking

    def provider(self, name: str) -> ProviderState | None:
        """A provider by its name."""
        return next((state for state in self.engine.providers() if state.name == name), None)

    def standing(self, state: ProviderState) -> Standing:
        """How a provider stands now: by its set-up, its last test and what its last attempts came to."""
        if not state.enabled:
            return Standing("idle", "off", "It is switched off and not asked.")
        if state.trouble:
            return Standing("crit", "unusable", state.trouble)
        if state.key_needed and state.key_source is None and not state.simulated:
            if not self.keys_known:
                return Standing("idle", "reading key", "Its key is being read.")
            return Standing("idle", "no key", "It needs a key.")
        failing = self._failing(state.name)
        if failing:
            return Standing("crit", "failing", failing)
        return Standing("ok", "simulated") if state.simulated else Standing("ok", "ready")

    def _failing(self, name: str) -> str:
        live = self.engine.live.provider(name)
        row = live.failures_in_a_row
        if row >= FAILING_AFTER:
            return f"The last {row} requests failed."
        test = self.tests.get(name)
        if test is None or test.result.ok or test.at < (live.last_success_at or 0.0):
            return ""
        return f"The last test failed: {test.result.detail or test.result.error_kind or 'no answer'}"

    async def load_models(self, name: str, *, refresh: bool = False) -> None:
        """Ask a provider for its models; what it cannot tell stands in ``model_faults``. Never raises for that."""
        try:
            self.models[name] = await self.engine.models(name, refresh=refresh)
            self.model_faults.pop(name, None)
        except ConsoleError as error:
            self.models.pop(name, None)
            self.model_faults[name] = error
        self.models_changed.emit(name)

    # Changing

    async def change(self, key: str, value: Any) -> None:
        """Change a setting. Raises as `Engine.change`."""
        await self.engine.change(key, value)
        self.acted("setting changed", key)
        self._told(key)

    async def reset(self, key: str) -> None:
        """Give a setting its default again. Raises as `Engine.reset`."""
        await self.engine.reset(key)
        self.acted("setting reset", key)
        self._told(key)

    def told_many(self, keys: Iterable[str]) -> None:
        """Say that these settings were changed together, by other means than `change`."""
        for key in keys:
            self._told(key)

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """Keep these fallback rules. Raises as `FallbackRules.save`."""
        await self.engine.rules.save(rules)
        self.acted("rules changed")
        self.rules_changed.emit()

    async def reset_rules(self) -> None:
        """Use the rules that come with the console again. Raises as `FallbackRules.reset`."""
        await self.engine.rules.reset()
        self.acted("rules reset")
        self.rules_changed.emit()

    async def reload_rules(self) -> RuleSet:
        """Read the rules' file again."""
        rules = await self.engine.rules.reload()
        self.rules_changed.emit()
        return rules

    async def set_key(self, provider: str, value: str, where: Literal["keyring", "session"]) -> None:
        """Keep a provider's key. Raises as `Engine.set_key`."""
        await self.engine.set_key(provider, value, where)
        self.acted("key set", provider)
        self._forget(provider)
        self.changed.emit()

    async def remove_key(self, provider: str) -> bool:
        """Forget a provider's key. Raises as `Engine.remove_key`."""
        removed = await self.engine.remove_key(provider)
        self.acted("key removed", provider)
        self._forget(provider)
        self.changed.emit()
        return removed

    async def add_custom(self, name: str, provider: CustomProvider) -> None:
        """Add a provider of the person's own. Raises as `Engine.change`."""
        await self.change(f"custom.{name}", provider)

    async def remove_custom(self, name: str) -> None:
        """Remove a provider of the person's own. Raises as `Engine.reset`."""
        await self.reset(f"custom.{name}")
        self._forget(name)

    async def set_demo(self, on: bool) -> None:
        """Switch between simulated and real providers, and keep that as the setting.

        Raises:
            ConfigError: the switch was made, but could not be kept.
        """
        await self.engine.set_demo(on)
        self.acted("switched to simulated providers" if on else "switched to real providers")
        for name in (*self.tests, *self.models, *self.model_faults):
            self._forget(name)
        self.keys_known = on
        self.changed.emit()
        try:
            if self.keep_demo and self.engine.settings.demo != on:
                await self.change("demo", on)
        finally:
            if not on:
                await self.read_keys()

    async def test(self, provider: str) -> ProbeResult:
        """Ask a provider for a sign of health. Raises as `Engine.probe`."""
        self.acted("provider tested", provider)
        self.testing.add(provider)
        self.tested.emit(provider)
        try:
            result = await self.engine.probe(provider)
        except ConfigError as error:
            result = ProbeResult(provider, False, 0.0, f"{error.message} {error.advice}".strip(), "not usable")
        finally:
            self.testing.discard(provider)
            self.tested.emit(provider)
        self.tests[provider] = Checkup(self.clock.now(), result)
        self.tested.emit(provider)
        self.changed.emit()
        return result

    def _forget(self, name: str) -> None:
        """What was found out about a provider holds no more."""
        self.tests.pop(name, None)
        self.models.pop(name, None)
        self.model_faults.pop(name, None)

    def _told(self, key: str) -> None:
        from ..settings.read import find_key

        value: Any = self.engine.settings
        for part in find_key(key):
            value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
        self.setting_changed.emit(key, value)
        self.changed.emit()
