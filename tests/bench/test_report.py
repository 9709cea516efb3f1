"""Figures from samples, assertions, comparisons, the certificate and exit codes."""

from __future__ import annotations

import msgspec
import pytest

from aiconsole.bench.asserts import judged, read
from aiconsole.bench.certificate import Calibration, Gauged, certify
from aiconsole.bench.command import exit_code
from aiconsole.bench.compare import compare
from aiconsole.bench.health import HealthCheck
from aiconsole.bench.plan import Objectives, Plan
from aiconsole.bench.report import Assertion, Report, target_report
from aiconsole.domain.errors import ConfigError
from tests.bench.samples import failed, many, report, sample


def test_figures_follow_their_definitions() -> None:
    one = sample(3)
    assert one.tpot_ms == pytest.approx((400 - 200) / (11 - 1))
    assert one.itl_ms == 20
    assert one.latency_ms == pytest.approx(401)
    assert one.speed == pytest.approx(11 / 0.2)
    found = target_report("groq/m", [sample(0), sample(1), failed(2)], Plan())
    assert (found.requests, found.errors, found.output_tokens) == (3, 1, 22)
    assert found.seconds == pytest.approx(0.6)  # from 0.001 s sent to 0.601 s ended
    assert found.requests_per_s == pytest.approx(3 / 0.6)
    assert found.tokens_per_s == pytest.approx(22 / 0.6, rel=1e-4)
    assert found.error_rate is not None
    assert found.error_rate.value == pytest.approx(1 / 3)
    assert found.errors_by_kind == {"server fault": 1}
    assert found.cost_usd == pytest.approx(0.002)


def test_warm_up_and_what_the_bench_stopped_are_in_no_figure_but_cost() -> None:
    samples = [sample(0, warm=True, ttft_ms=9000.0), sample(1), sample(2, error_kind="stopped", cost_usd=None)]
    found = target_report("groq/m", samples, Plan())
    assert (found.requests, found.errors, found.stopped) == (1, 0, 1)
    assert found.spreads["ttft"].most == 200
    assert found.cost_usd == pytest.approx(0.002)


def test_goodput_counts_what_kept_within_all_objectives() -> None:
    samples = [sample(0), sample(1, ttft_ms=900.0), sample(2, scheduled_s=-9.0), failed(3)]
    plan = Plan(objectives=Objectives(ttft_ms=500, latency_ms=1000))
    assert target_report("groq/m", samples, plan).good == 1


def test_a_rate_limit_is_told_with_its_time_and_level() -> None:
    met = [failed(4, "rate limit", level=8.0, retry_after_s=2.5), failed(5, "rate limit", level=9.0)]
    found = target_report("groq/m", [sample(0), *met], Plan()).rate_limit
    assert found is not None
    assert (found.count, found.level, found.retry_after_s) == (2, 8.0, 2.5)
    assert found.first_s == pytest.approx(0.801)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("ttft_p95 < 800 ms", True),
        ("ttft_p95 < 0.1 s", False),
        ("groq: error_rate <= 1 %", True),
        ("groq/m: requests == 50", True),
        ("tokens_per_s >= 1000 tokens/s", False),
        ("cost < 1 $", True),
        ("ttft_p50 not worse", True),
        ("ttft_p50 <= 110 % of baseline", True),
        ("ttft_p50 <= 10 % of baseline", False),
    ],
)
def test_assertions_hold_or_fail_with_the_figure_told(text: str, passed: bool) -> None:
    found = report(many(50))
    [assertion] = judged([read(text)], found, found)
    assert assertion.passed is passed
    assert assertion.figure


def test_health_checks_can_be_held_to_a_time() -> None:
    checks = (
        HealthCheck("groq", "chat", "pass", 900.0),
        HealthCheck("mistral", "chat", "fail", 80.0, "It broke."),
        HealthCheck("cohere", "chat", "skipped", reason="Not tried: there is no key."),
    )
    found = judged([read("chat < 1 s"), read("groq: chat < 800 ms"), read("tools < 1 s")], _with(health=checks), None)
    assert [(each.target, each.passed) for each in found] == [
        ("groq", True),
        ("mistral", False),
        ("cohere", None),
        ("groq", False),
        ("", False),
    ]
    with pytest.raises(ConfigError, match="cannot be compared"):
        read("chat not worse")


def test_an_assertion_about_nobody_fails_and_one_without_baseline_is_not_judged() -> None:
    found = report(many(5))
    [lost] = judged([read("mistral: ttft_p95 < 1 s")], found, None)
    assert lost.passed is False
    [open_] = judged([read("ttft_p95 not worse")], found, None)
    assert open_.passed is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ttft_p95 800 ms", "cannot be understood"),
        ("ttft_p42 < 1 ms", "no figure called"),
        ("ttft_p95 < 8 %", "wrong unit"),
        ("cost not worse", "cannot be “not worse”"),
    ],
)
def test_what_cannot_be_asserted_is_told(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(text)


def test_a_run_compared_with_an_earlier_one_gives_plain_verdicts() -> None:
    before = report(many(200, seed=1))
    slower = report([*many(200, factor=1.4, seed=2), *(failed(300 + n) for n in range(40))])
    verdicts = {change.metric: change.verdict for change in compare(before, slower)}
    assert verdicts["ttft_p50"] == verdicts["ttft_p95"] == verdicts["error_rate"] == "worse"
    assert verdicts["itl_p50"] == "no difference shown"
    [words] = [change.words for change in compare(before, slower) if change.metric == "error_rate"]
    assert "16.7 % now" in words


def test_a_generator_that_was_the_limit_makes_a_run_invalid_not_slow() -> None:
    good, calibrated = Gauged(timer_p99_ms=0.3, dispatch_p99_ms=0.2, cpu_mean=0.4), Calibration(100, ttft_p99_ms=0.8)
    assert certify(good, calibrated, typical_ms=200, wanted=True).verdict == "valid"
    assert certify(good, None, typical_ms=200, wanted=False).verdict == "unproven"
    late = msgspec.structs.replace(good, dispatch_p99_ms=30.0)
    assert certify(late, calibrated, typical_ms=200, wanted=True).verdict == "invalid"
    assert certify(late, calibrated, typical_ms=2000, wanted=True).verdict == "valid"  # 30 ms is little then
    busy = msgspec.structs.replace(good, cpu_mean=0.97)
    assert "CPU" in certify(busy, calibrated, typical_ms=200, wanted=True).words
    blind = msgspec.structs.replace(calibrated, ttft_p99_ms=40.0)
    assert certify(good, blind, typical_ms=200, wanted=True).verdict == "invalid"


def _with(**fields: object) -> Report:
    return msgspec.structs.replace(report(many(5)), **fields)


def test_exit_codes_tell_what_kind_of_trouble_it_is() -> None:
    invalid = certify(Gauged(cpu_mean=1.0), None, typical_ms=200, wanted=False)
    broken = Assertion("ttft_p95 < 1 ms", "groq/m", False)
    assert exit_code(report(many(5))) == 0
    assert exit_code(_with(assertions=(broken,))) == 1
    assert exit_code(_with(assertions=(broken,), certificate=invalid)) == 3
    assert exit_code(report([failed(0, "bad key")])) == 4
    assert exit_code(_with(partial=True, stopped="Stopped.")) == 130
    assert exit_code(_with(health=(HealthCheck("groq", "tools", "fail", 9.0, "No call."),))) == 1
    assert exit_code(_with(health=(HealthCheck("groq", "key", "fail", 9.0, "Refused."),))) == 4
