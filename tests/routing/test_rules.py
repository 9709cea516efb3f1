"""Fallback rules: read, written, told in words, pointed out when wrong, and at work with hysteresis."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.domain.errors import ConnectionCut, ContentRefused, Overloaded, QuotaExhausted, RateLimited, TimedOut
from aiconsole.domain.events import RuleFired
from aiconsole.routing.rules import (
    Measures,
    Rule,
    RuleBook,
    RuleProblem,
    check,
    default_rules,
    describe,
    read_rules,
    write_rules,
)
from aiconsole.routing.rules.declare import Cost, ErrorRate, Floor, Hours, Times
from tests.clocks import FakeClock

ROUTES = {"fast": ("groq/a", "cerebras/b"), "cheap": ("mistral/c",)}


def read(text: str) -> tuple[Rule, ...]:
    rules, problems = read_rules(text)
    assert problems == ()
    return rules


def reasons(*rules: Rule) -> list[str]:
    return [problem.reason for problem in check(rules, ROUTES)]


# Reading and writing


def test_the_rules_that_come_along_are_sound() -> None:
    rules = default_rules()
    assert rules
    assert all(rule.about for rule in rules)
    assert check(rules, ROUTES) == ()
    assert read(write_rules(rules)) == rules


FULL = """
# before
[night]
about = "Nights are cheap"
enabled = false
routes = ["fast"]
candidates = ["groq/*"]
cost = { above_usd = 0.5 }
hours = { from = "22:00", to = "06:30", days = ["mon", "fri"] }
error_rate = { above = 0.5, below = 0.2, window_s = 30, calls = 4 }
latency = { above_ms = 9000, percentile = 50 }
do = "route"
to = "cheap"
min_between_s = 0

[burst]
errors = ["rate limit", "overloaded"]
statuses = [429, "5xx"]
do = "wait"
wait_s = 5
"""


def test_everything_a_rule_can_say_is_read_and_written_back() -> None:
    night, burst = read(FULL)
    assert night.hours == Hours(start="22:00", end="06:30", days=("mon", "fri"))
    assert (night.moment, burst.moment) == ("before an attempt", "after an error")
    assert burst.statuses == (429, "5xx")
    assert read(write_rules((night, burst))) == (night, burst)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x", 1, "not TOML"),
        ("\na = 1", 2, "a rule is a table, written [a]"),
        ('[a]\ndo = "nxt candidate"\nerrors = ["timeout"]', 2, "did you mean next candidate?"),
        ('[a]\n\ndo = "notify"\nerror = ["timeout"]', 4, "did you mean errors?"),
        ('[a]\ndo = "notify"\nerrors = ["rate limits"]', 3, "did you mean “rate limit”?"),
        ('[a]\ndo = "notify"\nscore = { below = "3" }', 3, "score.below: expected float"),
        ("[a]\nscore = { below = 3 }", 1, "do is missing"),
        ('[a]\ndo = "notify"\nscore = { blow = 3, below = 3 }', 3, "nothing called blow"),
        ('[a]\ndo = "notify"\nstatuses = [200]', 3, "expected int >= 400"),
        ('[a]\ndo = "notify"\nhours = { from = "25:00", to = "07:00" }', 3, "a time of day such as 22:00"),
        ('[a]\ndo = "notify"', 1, "no condition"),
        ('[a]\nerrors = ["timeout"]\ndo = "route"', 3, "needs “to”"),
        ('[a]\nerrors = ["timeout"]\ndo = "switch model"\nto = "x"', 4, "provider/model"),
        ('[a]\nerrors = ["timeout"]\ndo = "wait"', 3, "wait_s"),
        ('[a]\nscore = { below = 3 }\ndo = "wait"\nwait_s = 3', 3, "nothing to try again"),
        ('[a]\nscore = { below = 30, above = 20 }\ndo = "notify"', 2, "must not be less"),
        ('[a]\nerror_rate = { above = 0.2, below = 0.5 }\ndo = "notify"', 2, "must not be more"),
        ('[a]\nerrors = ["timeout"]\ndo = "notify"\nto = "x"', 4, "has no target"),
        ('[a]\nname = "b"\ndo = "notify"\nerrors = ["timeout"]', 2, "that of its table"),
    ],
)
def test_a_mistake_costs_its_rule_and_is_named_with_its_line(text: str, line: int, words: str) -> None:
    rules, problems = read_rules(f'{text}\n[good]\nerrors = ["timeout"]\ndo = "notify"\n')
    (problem,) = problems
    assert words in problem.reason
    assert problem.line == line
    assert str(problem).startswith(f"Line {line}")
    assert [rule.name for rule in rules] == ([] if text == "x" else ["good"])


# In words


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            Rule(do="next candidate", errors=("rate limit", "overloaded"), candidates=("groq/*",), routes=("fast",)),
            "When groq/* of “fast” reports its rate limit or is overloaded, go on with the next candidate.",
        ),
        (
            Rule(do="open breaker", error_rate=ErrorRate(above=0.5), open_s=60),
            "When the error rate of a candidate is 50 % or more over 60 s and at least 10 calls (until it is below 25 %), "
            "ask it no more for 60 s.",
        ),
        (
            Rule(do="next candidate", ttft=Times(above_ms=8_000), score=Floor(below=40)),
            "When the p95 time to the first token of a candidate is 8,000 ms or more over 300 s (until it is below "
            "6,400 ms) and its reliability score is below 40 (until it is 48), leave it for last.",
        ),
        (
            Rule(do="route", to="cheap", hours=Hours(start="22:00", end="06:00", days=("sat", "sun"))),
            "When a candidate would be asked between 22:00 and 06:00 on sat and sun, go over to the route “cheap”.",
        ),
        (
            Rule(do="wait", wait_s=5, statuses=(429, "5xx"), enabled=False),
            "When a candidate answers with 429 or 5xx, wait up to 5 s and try it again. (switched off)",
        ),
        (
            Rule(do="switch model", to="groq/small", cost=Cost(above_usd=0.05)),
            "When the estimated cost of a candidate is above 0.05 USD, ask groq/small instead.",
        ),
        (
            Rule(do="fail fast", errors=("content refused",), score=Floor(below=10)),
            "When a candidate refuses the content and its reliability score is below 10 (until it is 12), give up at once.",
        ),
        (
            Rule(do="notify", errors=("bad key",), message="Look here."),
            "When a candidate rejects the key, say “Look here”.",
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(rule: Rule, sentence: str) -> None:
    assert describe(rule) == sentence


# Pointed out


def test_names_that_lead_nowhere() -> None:
    assert reasons(
        Rule(name="a", do="route", to="nowhere", errors=("timeout",)),
        Rule(name="b", do="notify", errors=("timeout",), routes=("gone",)),
        Rule(name="c", do="notify", errors=("timeout",), routes=("fast",), candidates=("cohere/*",)),
    ) == [
        "there is no route “nowhere” to go over to",
        "there is no route “gone”",
        "no candidate of its routes fits “cohere/*”, so it can never fire",
    ]


def test_a_contradiction() -> None:
    first = Rule(name="a", do="next candidate", errors=("timeout", "rate limit"))
    second = Rule(name="b", do="fail fast", errors=("rate limit", "timeout"))
    (problem,) = check([first, second], ROUTES)
    assert problem == RuleProblem("b", "it contradicts a, which has the same conditions and comes first")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            Rule(name="a", do="next candidate", errors=("timeout", "rate limit")),
            Rule(name="b", do="fail fast", errors=("timeout",)),
        ),
        (
            Rule(name="a", do="next candidate", statuses=("5xx",)),
            Rule(name="b", do="fail fast", statuses=(503,), errors=("overloaded",)),
        ),
        (
            Rule(name="a", do="next candidate", score=Floor(below=50), candidates=("groq/*",)),
            Rule(name="b", do="fail fast", score=Floor(below=30), candidates=("groq/x",)),
        ),
        (
            Rule(name="a", do="next candidate", ttft=Times(above_ms=1_000)),
            Rule(name="b", do="route", to="cheap", ttft=Times(above_ms=5_000), routes=("fast",)),
        ),
        (
            Rule(name="a", do="next candidate", error_rate=ErrorRate(above=0.2)),
            Rule(name="b", do="fail fast", error_rate=ErrorRate(above=0.8), cost=Cost(above_usd=1)),
        ),
    ],
)
def test_a_rule_whose_cases_an_earlier_one_takes(first: Rule, second: Rule) -> None:
    assert reasons(first, second) == ["it can never fire: a, which comes first, takes all it would"]
    assert reasons(second, first) == []


def test_rules_that_go_together_are_left_alone() -> None:
    assert (
        reasons(
            Rule(name="a", do="notify", errors=("timeout",)),
            Rule(name="b", do="next candidate", errors=("timeout",), candidates=("groq/*",)),
            Rule(name="c", do="fail fast", errors=("timeout",), candidates=("cohere/*",)),
            Rule(name="d", do="wait", wait_s=1, errors=("timeout",), error_rate=ErrorRate(above=0.1)),
            Rule(name="e", do="fail fast", errors=("timeout",)),
            Rule(name="f", do="fail fast", errors=("timeout",), enabled=False),
        )
        == []
    )


def test_rules_that_can_never_fire_or_never_cease() -> None:
    assert reasons(
        Rule(name="a", do="notify", errors=("connection cut",), statuses=(500,)),
        Rule(name="b", do="notify", hours=Hours(start="07:00", end="07:00")),
        Rule(name="c", do="notify", score=Floor(below=90)),
        Rule(name="d", do="notify", headroom=Floor(below=3)),
    ) == [
        "it can never fire: its errors come without a status",
        "it can never fire: its hours are empty",
        "once it holds it never ceases: the score is at most 100",
        "headroom is between 0 and 1; below that it holds always",
    ]


def test_a_circle_of_routes() -> None:
    found = reasons(
        Rule(name="a", do="route", to="cheap", routes=("fast",), score=Floor(below=30)),
        Rule(name="b", do="route", to="fast", routes=("cheap",), score=Floor(below=20)),
        Rule(name="c", do="route", to="cheap", routes=("cheap",), headroom=Floor(below=0.1)),
        Rule(name="d", do="route", to="cheap", hours=Hours(start="01:00", end="02:00")),
    )
    assert found == [
        "a request could go in a circle, from “fast” to “cheap” to “fast”",
        "a request could go in a circle, from “cheap” to “fast” to “cheap”",
        "a request could go in a circle, from “cheap” to “cheap”",
    ]


def test_two_rules_of_one_name() -> None:
    rule = Rule(name="a", do="notify", errors=("timeout",))
    assert "there are two rules of this name" in reasons(rule, rule)


# At work


class Bench:
    def __init__(self, *rules: Rule, at: float = 1_750_000_000.0) -> None:
        self.clock = FakeClock(now=at)
        self.levels: dict[str, float] = {}
        self.fired: list[RuleFired] = []
        self.measures = Measures(self.clock, score=self.levels.get, headroom=self.levels.get)
        self.book = RuleBook(rules, self.clock, self.measures, self.fired.append, localtime=time.gmtime)

    def before(self, candidate: str = "groq/a", cost_usd: float | None = None, route: str = "fast") -> str | None:
        verdict = self.book.before_attempt(route, candidate, cost_usd=cost_usd)
        return None if verdict is None else verdict.rule.name

    def calls(self, count: int, failed: int = 0, ms: float = 100.0, candidate: str = "groq/a") -> None:
        for place in range(count):
            self.measures.seen(candidate, failed=place < failed, duration_ms=ms, ttft_ms=ms)


def test_an_error_rate_begins_and_ceases_at_its_own_thresholds() -> None:
    rule = Rule(name="r", do="next candidate", error_rate=ErrorRate(above=0.5, below=0.2), min_between_s=0)
    bench = Bench(rule)
    bench.calls(9, failed=9)
    assert bench.before() is None  # too few to tell
    bench.clock.advance(1)
    bench.calls(1)
    assert bench.before() == "r"
    assert bench.fired[-1].reason == "90 % of 10 calls in 60 s failed"
    bench.calls(20)
    bench.clock.advance(1)
    assert bench.before() == "r"  # 30 %: between the two
    bench.calls(20)
    bench.clock.advance(1)
    assert bench.before() is None  # 18 %
    assert [(event.rule, event.subject, event.holds) for event in bench.fired] == [
        ("r", "groq/a", True),
        ("r", "groq/a", False),
    ]
    assert bench.before("cerebras/b") is None


def test_what_is_left_for_last_gets_its_chance_again_though_nobody_asks_it() -> None:
    rule = Rule(name="r", do="next candidate", error_rate=ErrorRate(above=0.5), min_between_s=20)
    bench = Bench(rule)
    bench.calls(10, failed=10)
    assert bench.before() == "r"
    bench.clock.advance(59)
    assert bench.before() == "r"
    bench.clock.advance(2)
    assert bench.before() is None


def test_between_two_switches_lies_the_minimum_time() -> None:
    rule = Rule(name="r", do="next candidate", score=Floor(below=30, above=50), min_between_s=30)
    bench = Bench(rule)
    switches = []
    for second in range(300):
        bench.levels["groq/a"] = 20.0 if second % 4 < 2 else 80.0
        holds = bench.before() is not None
        if not switches or switches[-1][1] != holds:
            switches.append((second, holds))
        bench.clock.advance(1)
    assert len(switches) <= 11
    assert all(b[0] - a[0] >= 30 for a, b in pairwise(switches))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.integers(0, 10))
def test_hysteresis_against_a_plain_model(scores: list[float], least: int) -> None:
    rule = Rule(name="r", do="next candidate", score=Floor(below=30, above=50), min_between_s=least)
    bench = Bench(rule)
    holds, changed = False, -1_000
    for second, score in enumerate(scores):
        wanted = score < 50 if holds else score < 30
        if wanted != holds and second - changed >= least:
            holds, changed = wanted, second
        bench.levels["groq/a"] = score
        assert (bench.before() == "r") is holds
        bench.clock.advance(1)


def test_slow_answers_over_a_window() -> None:
    slow = Times(above_ms=1_000, below_ms=500, percentile=90, window_s=60, calls=10)
    bench = Bench(Rule(name="r", do="next candidate", ttft=slow, min_between_s=0))
    bench.calls(18, ms=100)
    bench.calls(1, ms=5_000)
    assert bench.before() is None
    bench.calls(2, ms=5_000)
    bench.clock.advance(1)
    assert bench.before() == "r"
    assert bench.fired[-1].reason == "the p90 time to the first token is 5,000 ms over 21 calls"


def test_a_cost_counts_for_the_request_alone() -> None:
    bench = Bench(Rule(name="r", do="switch model", to="groq/small", cost=Cost(above_usd=0.1)))
    assert bench.before(cost_usd=0.2) == "r"
    assert bench.before(cost_usd=0.1) is None
    assert bench.before() is None
    assert bench.before("groq/small", cost_usd=9.0) is None  # the one switched to
    for _ in range(5):
        bench.before(cost_usd=0.2)
    assert len(bench.fired) == 1


@pytest.mark.parametrize(
    ("clock", "holds"),
    [
        ("Mon 21:59", False),
        ("Mon 22:00", True),
        ("Tue 05:59", True),
        ("Tue 06:00", False),
        ("Tue 22:30", False),
        ("Mon 05:00", False),
    ],
)
def test_hours_over_midnight_belong_to_the_day_they_begin_on(clock: str, holds: bool) -> None:
    day, _, hour = clock.partition(" ")
    monday = 1_749_427_200.0  # 9 June 2025, 00:00 UTC
    at = monday + 86_400 * ["Mon", "Tue"].index(day) + int(hour[:2]) * 3_600 + int(hour[3:]) * 60
    bench = Bench(Rule(name="r", do="next candidate", hours=Hours(start="22:00", end="06:00", days=("mon",))), at=at)
    assert (bench.before() == "r") is holds


def test_a_wall_clock_that_jumps_does_no_harm() -> None:
    bench = Bench(Rule(name="r", do="next candidate", score=Floor(below=30), min_between_s=5))
    bench.levels["groq/a"] = 10
    assert bench.before() == "r"
    bench.clock.jump_wall(-86_400)
    bench.levels["groq/a"] = 90
    bench.clock.advance(5)
    assert bench.before() is None


def test_errors_find_their_rule_by_kind_status_and_place() -> None:
    rules = read(
        """
        [told]
        errors = ["quota exhausted"]
        do = "notify"
        min_between_s = 60
        [wait]
        statuses = [429]
        candidates = ["groq/*"]
        do = "wait"
        wait_s = 2
        [any]
        statuses = ["5xx"]
        do = "next candidate"
        [stop]
        errors = ["content refused"]
        do = "fail fast"
        [over]
        errors = ["quota exhausted"]
        do = "route"
        to = "cheap"
        """
    )
    bench = Bench(*rules)

    def names(error: Exception, candidate: str = "groq/a", route: str = "fast") -> list[str]:
        return [verdict.rule.name for verdict in bench.book.after_error(route, candidate, error)]  # type: ignore[arg-type]

    assert names(RateLimited("slow down", status=429)) == ["wait"]
    assert names(RateLimited("slow down", status=429), "cohere/x") == []
    assert names(Overloaded("busy", status=529)) == ["any"]
    assert names(ConnectionCut("cut")) == []
    assert names(TimedOut("silent")) == []
    assert names(ContentRefused("no", status=400)) == ["stop"]
    assert names(QuotaExhausted("empty", status=402)) == ["told", "over"]
    assert names(QuotaExhausted("empty", status=402)) == ["over"]  # told a moment ago
    assert names(QuotaExhausted("empty", status=402), route="cheap") == []  # the route gone over to
    bench.clock.advance(60)
    assert names(QuotaExhausted("empty", status=402)) == ["told", "over"]
    assert bench.fired[0].reason == "groq/a failed: rate limit (429)"


def test_an_error_rule_with_a_figure_needs_both() -> None:
    rule = Rule(name="r", do="fail fast", errors=("overloaded",), error_rate=ErrorRate(above=0.5), min_between_s=0)
    bench = Bench(rule)
    assert bench.book.after_error("fast", "groq/a", Overloaded("busy")) == ()
    bench.calls(10, failed=8)
    bench.clock.advance(1)
    assert len(bench.book.after_error("fast", "groq/a", Overloaded("busy"))) == 1
    assert bench.before() is None


def test_a_measurement_opens_a_breaker_once_each_time() -> None:
    rule = Rule(name="r", do="open breaker", open_s=60, error_rate=ErrorRate(above=0.5), min_between_s=5)
    bench = Bench(rule)
    bench.calls(10, failed=6)
    assert [verdict.rule for verdict in bench.book.measured("fast", "groq/a")] == [rule]
    bench.clock.advance(1)
    assert bench.book.measured("fast", "groq/a") == ()
    assert bench.before() is None
    assert [held[0] for held in bench.book.holding()] == ["groq/a"]
    bench.clock.advance(61)
    assert bench.book.measured("fast", "groq/a") == ()
    bench.clock.advance(6)
    bench.calls(10, failed=6)
    assert len(bench.book.measured("fast", "groq/a")) == 1


def test_the_first_rule_that_decides_is_followed_and_those_switched_off_are_not() -> None:
    low = Floor(below=30)
    bench = Bench(
        Rule(name="off", do="fail fast", score=low, enabled=False),
        Rule(name="other", do="fail fast", score=low, routes=("cheap",)),
        Rule(name="first", do="next candidate", score=low),
        Rule(name="second", do="fail fast", score=low),
    )
    bench.levels["groq/a"] = 10
    assert bench.before() == "first"
    assert bench.before(route="cheap") == "other"


# Measures


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 200), st.booleans(), st.floats(1, 1e5)), max_size=60), st.sampled_from([50, 95]))
def test_measures_against_a_plain_model(calls: list[tuple[float, bool, float]], percentile: int) -> None:
    clock = FakeClock()
    measures = Measures(clock)
    seen: list[tuple[float, bool, float]] = []
    for pause, failed, ms in calls:
        clock.advance(pause)
        measures.seen("k", failed=failed, duration_ms=ms, ttft_ms=None if failed else ms)
        seen.append((clock.monotonic(), failed, ms))
    recent = [call for call in seen if call[0] >= clock.monotonic() - 60]
    share, count = measures.error_rate("k", 60)
    assert count == len(recent)
    assert share == pytest.approx(sum(call[1] for call in recent) / len(recent) if recent else 0)
    value, count = measures.latency_ms("k", percentile, 60)
    ordered = sorted(call[2] for call in recent)
    assert count == len(ordered)
    assert not ordered or sum(ms <= value for ms in ordered) >= percentile / 100 * len(ordered) > sum(
        ms < value for ms in ordered
    )


def test_measures_keep_a_bounded_past() -> None:
    clock = FakeClock()
    measures = Measures(clock)
    for _ in range(3_000):
        measures.seen("k", failed=False, duration_ms=1)
    assert measures.error_rate("k", 60)[1] == 512
    clock.advance(4_000)
    assert measures.error_rate("k", 3_600) == (0.0, 0)
    assert not measures._pasts["k"].calls
