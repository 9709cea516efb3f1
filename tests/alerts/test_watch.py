"""Rules over recorded series: what fires, what does not, as which alert, and what runs while nothing happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from aiconsole.alerts.reading import default_rules
from aiconsole.domain.alerts import SEVERITIES
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import BreakerChanged, HealthSeen, JobChanged
from tests.alerts.rig import Budget, Rig, rule

Series = Callable[[Rig], None]


def _healthy_day(rig: Rig) -> None:
    """A working day at seven providers with the odd fault, quiet evenings, a call now and then at night."""
    providers = ("groq", "cohere", "mistral", "gemini", "cerebras", "openrouter", "anthropic")
    for hour in range(24):
        if 8 <= hour < 18:
            rig.traffic(60, a_minute=12, failing=0.004, providers=providers, saved=True)
        elif 6 <= hour < 22:
            rig.traffic(60, a_minute=1, failing=0.004, providers=providers, saved=True)
        else:
            rig.traffic(60, a_minute=0.1, failing=0.05, providers=providers, saved=True)


def _night(rig: Rig) -> None:
    """Two calls in the night, one of which fails; and once both."""
    rig.traffic(60, a_minute=5)
    rig.minutes(240)
    rig.call("groq", "server fault")
    rig.minutes(1)
    rig.call("groq")
    rig.minutes(120)
    rig.call("groq", "timeout")
    rig.minutes(1)
    rig.call("groq", "timeout")
    rig.minutes(240)


def _callers_faults(rig: Rig) -> None:
    """Requests refused for what the caller did, and answers the caller left."""
    for _ in range(100):
        rig.minutes(0.2)
        rig.call("groq", "bad request")
        rig.call("groq", "cancelled")


def _breaker_blinks(rig: Rig) -> None:
    """A breaker that opens and closes again at once, several times."""
    for _ in range(5):
        rig.traffic(5)
        rig.watch.notice(BreakerChanged("groq/m", "closed", "open", "5 failures", rig.clock.now()))
        rig.minutes(0.5)
        rig.watch.notice(BreakerChanged("groq/m", "open", "half-open", "", rig.clock.now()))
        rig.watch.notice(BreakerChanged("groq/m", "half-open", "closed", "", rig.clock.now()))


def _slower_afternoon(rig: Rig) -> None:
    """First tokens that come half as late again are nothing to be woken for."""
    rig.traffic(90, ttft_ms=200)
    rig.traffic(90, ttft_ms=300)


def _by_a_person(rig: Rig) -> None:
    """A breaker that a person forced open, and an aborted and a missed job."""
    rig.watch.notice(BreakerChanged("groq/m", "closed", "forced open", "by hand", rig.clock.now()))
    for step in ("started", "cancelled", "missed", "paused"):
        rig.watch.notice(JobChanged("backup", step, rig.clock.now()))  # type: ignore[arg-type]
    rig.minutes(60)


def _after_sleep(rig: Rig) -> None:
    """The machine sleeps for eight hours while a breaker is open for a moment."""
    rig.traffic(60)
    rig.watch.notice(BreakerChanged("groq/m", "closed", "open", "network", rig.clock.now()))
    rig.minutes(0.5)
    rig.clock.jump_wall(8 * 3600)
    rig.minutes(0.5)
    rig.watch.notice(BreakerChanged("groq/m", "open", "closed", "", rig.clock.now()))
    rig.traffic(20)


QUIET: tuple[Series, ...] = (
    _healthy_day, _night, _callers_faults, _breaker_blinks, _slower_afternoon, _by_a_person, _after_sleep,
)  # fmt: skip


@pytest.mark.parametrize("series", QUIET, ids=lambda series: series.__name__)
def test_the_default_rules_stay_quiet(series: Series) -> None:
    rig = Rig()
    series(rig)
    assert [(alert.rule, alert.summary) for alert in rig.fired] == []


def _down(rig: Rig, provider: str = "groq", error: str = "server fault") -> None:
    for _ in range(5):
        rig.call(provider, error, saved=True)
    key = f"{provider}/m"
    rig.watch.notice(BreakerChanged(key, "closed", "open", "5 failures in a row", rig.clock.now()))


def _outage(rig: Rig) -> None:
    rig.traffic(60, a_minute=10)
    rig.traffic(15, a_minute=10, failing=0.9)


def _brownout(rig: Rig) -> None:
    rig.traffic(60, a_minute=20)
    rig.traffic(20, a_minute=20, failing=0.4, saved=True)


def _slow_burn(rig: Rig) -> None:
    for number in range(3 * 1440):
        rig.minutes(1)
        rig.call("groq", "server fault" if number % 250 == 7 else None)


def _six_hours(rig: Rig) -> None:
    rig.traffic(480, a_minute=5, failing=0.009)


def _open_breaker(rig: Rig) -> None:
    rig.traffic(10)
    _down(rig)
    rig.minutes(4)


def _no_health(rig: Rig) -> None:
    for _ in range(8):
        rig.watch.notice(HealthSeen("groq", rig.clock.now(), False, None, "connection failed", "refused"))
        rig.minutes(1)


def _bad_key(rig: Rig) -> None:
    for _ in range(3):
        rig.call("groq", "bad key", words="401 invalid key", saved=True)
        rig.minutes(1)


def _certificate(rig: Rig) -> None:
    for _ in range(3):
        rig.call("groq", "connection failed", words="The certificate of api.groq.com has expired.", saved=True)
        rig.minutes(1)


def _failing_job(rig: Rig) -> None:
    rig.watch.notice(JobChanged("backup", "failed", rig.clock.now(), message="The disk is full."))
    rig.minutes(1)


def _spent(rig: Rig) -> None:
    rig.budgets.append(Budget("the daily budget of $5", 5.0, 5.2, rig.clock.now() + 3600))
    rig.call()
    rig.minutes(1)


def _slow_first_tokens(rig: Rig) -> None:
    rig.traffic(90, ttft_ms=200)
    rig.traffic(20, ttft_ms=2000)


LOUD: tuple[tuple[Series, set[str], str], ...] = (
    (_outage, {"budget-burns-fast", "budget-burns", "provider-failing"}, "critical"),
    (_brownout, {"provider-failing"}, "warning"),
    (_slow_burn, {"budget-burns-slowly"}, "warning"),
    (_six_hours, {"budget-burns", "budget-burns-fast"}, "critical"),
    (_open_breaker, {"breaker-open"}, "warning"),
    (_no_health, {"provider-down"}, "warning"),
    (_bad_key, {"key-trouble"}, "critical"),
    (_certificate, {"certificate"}, "critical"),
    (_failing_job, {"job-failed"}, "warning"),
    (_spent, {"budget-nearly-reached", "budget-reached"}, "critical"),
    (_slow_first_tokens, {"slow-to-begin"}, "info"),
)


@pytest.mark.parametrize(("series", "rules", "severity"), LOUD, ids=lambda value: getattr(value, "__name__", None))
def test_the_default_rules_miss_nothing(series: Series, rules: set[str], severity: str) -> None:
    rig = Rig()
    series(rig)
    told = [alert for _, alert in rig.changes if alert.open]
    found = {part.rule for alert in told for part in alert.parts}
    assert rules & found, found
    assert found <= rules
    assert max((alert.severity for alert in told), key=SEVERITIES.index) == severity
    assert len({alert.id for alert in told}) == len(rules) if "budget-reached" in rules else 1


def test_one_outage_is_one_alert_with_parts_links_and_a_timeline() -> None:
    rig = Rig()
    rig.traffic(60)
    began = rig.clock.now()
    _down(rig)
    rig.traffic(6, failing=1.0)
    for _ in range(4):
        rig.watch.notice(HealthSeen("groq", rig.clock.now(), False, None, "server fault", "503"))
        rig.minutes(2)
    assert len(rig.fired) == 1
    [alert] = rig.open
    assert {part.rule for part in alert.parts} >= {
        "breaker-open",
        "provider-failing",
        "budget-burns-fast",
        "provider-down",
    }
    assert (alert.severity, alert.subject.partition("/")[0], alert.links.provider) == ("critical", "groq", "groq")
    assert len(alert.links.requests) == 10
    assert alert.timeline[0].what in ("firing", "pending")
    assert "worse" in {step.what for step in alert.timeline} or alert.severity == rig.fired[0].severity
    start, end = alert.graph_range(rig.clock.now())
    assert start < began < end <= rig.clock.now()
    assert alert.request_filter(rig.clock.now()).asked == "groq"
    rig.watch.notice(BreakerChanged("groq/m", "open", "closed", "", rig.clock.now()))
    rig.watch.notice(HealthSeen("groq", rig.clock.now(), True, 50.0))
    rig.traffic(60)
    assert rig.open == []
    [resolved] = rig.resolved
    assert resolved.id == alert.id
    assert resolved.timeline[-1].what == "resolved"
    assert all(part.until is not None for part in resolved.parts)


def test_a_network_that_is_gone_is_one_alert_and_two_providers_with_faults_of_their_own_are_two() -> None:
    network = Rig()
    network.traffic(10, providers=("groq", "mistral", "gemini"))
    for provider in ("groq", "mistral", "gemini"):
        _down(network, provider, "connection failed")
    network.minutes(3)
    assert len(network.fired) == 1
    assert {part.subject for part in network.open[0].parts} >= {"groq/m", "mistral/m", "gemini/m"}
    assert network.open[0].links.provider == ""
    own = Rig()
    own.traffic(10, providers=("groq", "mistral"))
    _down(own, "groq")
    _down(own, "mistral")
    own.minutes(3)
    assert len(own.fired) == 2


def test_what_comes_and_goes_is_damped() -> None:
    rig = Rig([rule("[r]\nbreaker = { open_s = 10 }\nresolve_s = 60")])
    for _ in range(20):
        rig.watch.notice(BreakerChanged("groq/m", "closed", "open", "", rig.clock.now()))
        rig.minutes(1)
        rig.watch.notice(BreakerChanged("groq/m", "open", "closed", "", rig.clock.now()))
        rig.minutes(2)
    assert 1 < len(rig.fired) <= 4
    assert rig.fired[-1].flaps == len(rig.fired)
    rig.minutes(90)
    assert rig.open == []


def test_a_figure_that_hovers_between_both_thresholds_keeps_its_alert() -> None:
    figure = 'metric = "error rate", above = 0.5, clear = 0.2, window_s = 60, least = 5'
    rig = Rig([rule(f"[r]\nthreshold = {{ {figure} }}\nfor_s = 30\nresolve_s = 30")])

    def every(third: tuple[str | None, ...], minutes: int) -> None:
        for number in range(minutes * 30):
            rig.minutes(1 / 30)
            rig.call("groq", third[number % 3])

    every(("server fault", None, None), 3)
    assert rig.changes == []
    every(("server fault", "server fault", "server fault"), 3)
    assert len(rig.fired) == 1
    every(("server fault", None, None), 10)
    assert len(rig.open) == 1
    every((None, None, None), 4)
    assert rig.open == []
    assert len(rig.fired) == 1


def test_pending_shows_and_goes_without_firing() -> None:
    rig = Rig([rule("[r]\nbreaker = { open_s = 0 }\nfor_s = 60")])
    rig.watch.notice(BreakerChanged("groq/m", "closed", "open", "", rig.clock.now()))
    rig.minutes(0.5)
    assert [(what, alert.state) for what, alert in rig.changes] == [("pending", "pending")]
    rig.watch.notice(BreakerChanged("groq/m", "open", "closed", "", rig.clock.now()))
    rig.minutes(5)
    assert [(what, alert.state) for what, alert in rig.changes][1:] == [("pending", "resolved")]
    assert rig.incidents.alerts == {}


def test_nothing_runs_while_nothing_can_change() -> None:
    rig = Rig()
    rig.traffic(60, failing=0.01)
    rig.minutes(7 * 60)
    fired = rig.timers.fired
    assert not rig.watch.waiting
    rig.minutes(24 * 60)
    assert rig.timers.fired == fired


def test_a_flood_of_calls_is_looked_at_a_bounded_number_of_times() -> None:
    rig = Rig()
    rig.minutes(1)
    before = rig.watch.looks
    rig.traffic(1, a_minute=6_000)
    assert rig.watch.looks - before < 60 * len(default_rules())


def test_absence_is_noticed_but_sleep_is_not_absence() -> None:
    silence = rule(
        '[r]\nby = "all"\nof = "requests"\nabsence = { after_s = 900, before_s = 3600, least = 20 }\nresolve_s = 0'
    )
    rig = Rig([silence])
    rig.traffic(60, a_minute=1)
    rig.clock.jump_wall(8 * 3600)
    rig.minutes(5)
    rig.traffic(30, a_minute=1)
    assert rig.fired == []
    rig.minutes(20)
    assert len(rig.fired) == 1
    rig.traffic(1, a_minute=10)
    rig.minutes(1)
    assert rig.open == []


def test_acknowledged_silenced_and_called_done() -> None:
    rig = Rig()
    _open_breaker(rig)
    [alert] = rig.open
    now = rig.world.moment()
    assert rig.incidents.acknowledge(alert.id[:6], "on it", now).note == "on it"
    assert rig.incidents.silence(alert.id, now.wall + 600, "", now).state == "silenced"
    rig.watch.refresh_timer()
    rig.minutes(11)
    [alert] = rig.open
    assert (alert.state, alert.silenced_until) == ("firing", None)
    assert [step.what for step in alert.timeline] == ["firing", "acknowledged", "silenced", "firing"]
    rig.incidents.resolve(alert.id, "known", rig.world.moment())
    rig.minutes(30)
    assert rig.open == []
    with pytest.raises(ConfigError, match="no open alert"):
        rig.incidents.acknowledge(alert.id, "", now)
    rig.watch.notice(BreakerChanged("groq/m", "open", "closed", "", rig.clock.now()))
    rig.minutes(10)
    _down(rig)
    rig.minutes(3)
    assert len(rig.open) == 1


def test_the_next_alert_of_a_silenced_kind_is_silent_until_the_silence_ends() -> None:
    rig = Rig()
    _open_breaker(rig)
    [alert] = rig.open
    now = rig.world.moment()
    rig.incidents.silence(alert.id, now.wall + 7200, "maintenance", now)
    rig.watch.notice(BreakerChanged("groq/m", "open", "closed", "", rig.clock.now()))
    rig.minutes(10)
    assert rig.open == []
    told = len(rig.fired)
    _down(rig)
    rig.minutes(4)
    [again] = rig.open
    assert (again.state, again.id == alert.id, len(rig.fired)) == ("silenced", False, told)
    rig.minutes(110)
    assert rig.open[0].state == "firing"
    assert len(rig.fired) == told + 1


def test_a_rule_that_is_changed_lets_go_of_what_it_found() -> None:
    rig = Rig()
    _open_breaker(rig)
    rules = [replace(each, enabled=each.name != "breaker-open") for each in default_rules()]
    rig.watch.set_rules(rules)
    rig.minutes(1)
    assert rig.open == []


def test_key_trouble_ends_with_the_next_answer() -> None:
    rig = Rig()
    _bad_key(rig)
    assert len(rig.open) == 1
    assert rig.open[0].links.requests == ("r1", "r2", "r3")
    rig.call("groq")
    rig.minutes(5)
    assert rig.open == []


def test_findings_of_jobs_become_alerts_until_they_are_not_found_any_more() -> None:
    rig = Rig()
    rig.watch.touch(rig.world.found("abc", "new", "A new error.", fingerprint="abc"))
    rig.minutes(1)
    assert rig.fired == []
    rig.watch.touch(
        rig.world.found("abc", "spike", "An error comes 50 times an hour.", fingerprint="abc", request="r9")
    )
    rig.minutes(1)
    [alert] = rig.open
    assert (alert.links.fingerprint, alert.links.requests, alert.links.job) == ("abc", ("r9",), "errors")
    rig.minutes(130)
    assert rig.open == []
