"""The breakers of a console together, and which error counts where."""

from __future__ import annotations

from random import Random

import pytest

from aiconsole.domain import errors
from aiconsole.domain.errors import ProviderError, TimedOut
from aiconsole.domain.events import BreakerChanged
from aiconsole.routing.breaker import BreakerSettings, Permit
from aiconsole.routing.breakers import Breakers, concerns_provider, counts_as
from tests.clocks import FakeClock

FAILURES = {"ConnectionFailed", "ConnectionCut", "TimedOut", "Overloaded", "ServerFault", "MalformedAnswer"}
OF_THE_WHOLE = {"ConnectionFailed", "BadKey", "QuotaExhausted"}


def all_kinds() -> list[type[ProviderError]]:
    found: list[type[ProviderError]] = [ProviderError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__ == errors.__name__]


def timed_out(phase: errors.Phase, status: int | None = None) -> TimedOut:
    error = TimedOut("silent", status=status)
    error.phase = phase
    return error


@pytest.mark.parametrize("kind", [kind for kind in all_kinds() if kind is not TimedOut], ids=lambda kind: kind.__name__)
def test_only_the_providers_own_faults_count(kind: type[ProviderError]) -> None:
    error = kind("it failed")
    assert (counts_as(error) == "failure") is (kind.__name__ in FAILURES)
    assert concerns_provider(error) is (kind.__name__ in OF_THE_WHOLE)


def test_timeouts_count_unless_the_limit_was_the_callers() -> None:
    for phase in ("connect", "first token", "between tokens"):
        error = timed_out(phase)  # type: ignore[arg-type]
        assert counts_as(error) == "failure"
        assert counts_as(error, own_limit=True) == "neutral"
        assert concerns_provider(error) is (phase == "connect")
    assert counts_as(timed_out("total")) == "neutral"
    assert counts_as(timed_out("total", status=504), own_limit=True) == "failure"


def fail(breakers: Breakers, key: str, times: int = 5) -> None:
    for _ in range(times):
        permit = breakers.get(key).permit(10.0)
        assert isinstance(permit, Permit)
        permit.failure()


def test_each_key_has_its_own_breaker_and_all_tell_one_listener() -> None:
    events: list[BreakerChanged] = []
    breakers = Breakers(FakeClock(), Random(1), events.append)
    fail(breakers, "groq/a")
    fail(breakers, "groq")
    assert breakers.get("groq/a") is breakers.get("groq/a")
    assert breakers.get("groq/b").state == "closed"
    assert [(event.key, event.after) for event in events] == [("groq/a", "open"), ("groq", "open")]


def test_settings_by_key_and_changed_later() -> None:
    chosen = {"groq": BreakerSettings(consecutive=1)}
    breakers = Breakers(FakeClock(), Random(1), lambda event: None, lambda key: chosen.get(key, BreakerSettings()))
    fail(breakers, "groq", 1)
    assert breakers.get("groq").state == "open"
    fail(breakers, "groq/a", 1)
    chosen["groq/a"] = BreakerSettings(consecutive=2)
    breakers.configure()
    fail(breakers, "groq/a", 1)
    assert breakers.get("groq/a").state == "open"


def test_a_provider_set_up_anew_begins_afresh_but_stays_held() -> None:
    breakers = Breakers(FakeClock(), Random(1), lambda event: None)
    for key in ("groq", "groq/a", "groqish/a"):
        fail(breakers, key)
    breakers.get("groq/b").force_open()
    breakers.forget("groq")
    assert {breaker.key: breaker.state for breaker in breakers} == {
        "groq": "closed",
        "groq/a": "closed",
        "groqish/a": "open",
        "groq/b": "forced open",
    }


def test_what_is_worth_keeping_survives_a_restart() -> None:
    clock = FakeClock()
    breakers = Breakers(clock, Random(1), lambda event: None)
    fail(breakers, "groq/a")
    breakers.get("mistral").force_open()
    breakers.get("cohere/c").observe(True)
    fail(breakers, "openai/o", 4)
    kept = breakers.snapshot()
    assert set(kept) == {"groq/a", "mistral", "cohere/c"}
    again = Breakers(clock, Random(2), lambda event: None)
    again.restore(kept)
    assert again.get("groq/a").state == "open"
    assert again.get("mistral").state == "forced open"
    assert again.get("cohere/c").observe_only
