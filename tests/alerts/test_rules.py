"""Rules as text: read, told in a sentence, refused with line and reason, changed without losing a comment."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from aiconsole.alerts.declare import AlertRule, BreakerOpen, Threshold
from aiconsole.alerts.reading import check, default_rules, read_rules, write_rules
from aiconsole.alerts.rules_file import AlertRulesFile
from aiconsole.alerts.words import describe
from aiconsole.domain.errors import ConfigError
from aiconsole.resources import resource
from tests.alerts.rig import rule

SENTENCES = {
    '[r]\nthreshold = { metric = "error rate", above = 0.3, clear = 0.1 }\nfor_s = 60': (
        "Warns when the error rate of attempts at any provider is above 30 % over 5 min (of 10 or more), for 1 min, until it "
        "is below 10 %."
    ),
    '[r]\nseverity = "critical"\nof = "requests"\nby = "all"\nburn = {}': (
        "Raises a critical alert when the error budget of requests at all providers together (the objective) burns 14.4 times "
        "too fast over 1 h and 5 min."
    ),
    '[r]\nproviders = ["groq"]\nbreaker = { open_s = 90 }': "Warns when a circuit breaker of groq has been open for 90 s.",
    '[r]\nseverity = "info"\nthreshold = { metric = "cost", above = 5, window_s = 3600 }\nby = "all"': (
        "Notes when the cost of attempts at all providers together is above $5.00 over 1 h, until it is below $4.00."
    ),
    '[r]\nchange = { metric = "p95", rise = 1 }': (
        "Warns when the p95 time of attempts at any provider rises by 100 % or more over 10 min, compared with the 1 h before."
    ),
    '[r]\nproviders = ["groq"]\nbench = { metric = "first token p95", above = 800, runs = 3, least = 30 }': (
        "Warns when in 3 scheduled runs in a row of the test bench the p95 time to the first token at groq is above 800 ms "
        "(of 30 requests or more), until a run finds 640 ms or less."
    ),
    "[r]\njob = { times = 2 }": "Warns when a background job fails 2 times in a row.",
}


@pytest.mark.parametrize(("text", "words"), SENTENCES.items())
def test_a_rule_reads_as_a_sentence(text: str, words: str) -> None:
    assert describe(rule(text)) == words


def test_the_rules_that_come_with_the_console_can_be_read_out_and_written_again() -> None:
    rules = default_rules()
    assert {type(each.condition).__name__ for each in rules} >= {
        "Threshold", "Change", "Absence", "Burn", "BreakerOpen", "Unhealthy", "JobFailed", "BudgetReached", "Errors", "Finding",
        "BenchFigure",
    }  # fmt: skip
    assert all(describe(each).endswith(".") for each in rules)
    assert [(each.burn.times, each.burn.long_s, each.burn.short_s) for each in rules if each.burn is not None] == [
        (14.4, 3600, 300), (6, 21600, 1800), (1, 259200, 21600),
    ]  # fmt: skip
    assert sorted(read_rules(write_rules("", rules)).rules, key=str) == sorted(rules, key=str)
    assert describe(AlertRule(name="empty")) == "This rule has no condition yet."


FAULTS = {
    "[r]\nabout = 'x'": (1, "exactly one condition"),
    "[r]\nbreaker = {}\njob = {}": (1, "exactly one condition"),
    '[r]\nthreshold = { metric = "p95" }': (2, "either “above” or “below”"),
    '[r]\n\nthreshold = { metric = "p95", above = 100, clear = 200 }': (3, "must not be more"),
    "[r]\nburn = { long_s = 300, short_s = 300 }": (2, "less than"),
    '[r]\nbench = { metric = "error rate", above = 0.1, clear = 0.2 }': (2, "must not be more"),
    "[r]\nbraker = {}": (2, "did you mean breaker?"),
    '[r]\nseverity = "bad"\nbreaker = {}': (2, "severity"),
    "r = 3": (1, "a rule is a table"),
    '[r]\nby = "all"\nproviders = ["groq"]\nburn = {}': (3, "all providers together"),
    "[r\n": (1, "not TOML"),
}


@pytest.mark.parametrize(("text", "told"), FAULTS.items())
def test_a_mistake_costs_one_rule_and_is_named_with_its_line(text: str, told: tuple[int, str]) -> None:
    good = "" if "not TOML" in told[1] else "\n\n[good]\nbreaker = {}\n"
    rules, [problem] = read_rules(text + good)
    assert problem.line == told[0]
    assert told[1] in str(problem)
    assert [each.name for each in rules] == (["good"] if good else [])


def test_rules_made_in_memory_are_checked() -> None:
    right = AlertRule(name="a", breaker=BreakerOpen())
    assert check((right,)) == ()
    wrong = (right, right, AlertRule(name="b"), AlertRule(name="", threshold=Threshold(metric="p95", above=-1.0)))
    assert len(check(wrong)) == 4


def test_the_file_keeps_comments_and_is_never_written_over_unread(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    file = AlertRulesFile(path)
    assert not file.own
    rules = list(file.rules)
    rules[0] = replace(rules[0], severity="critical")
    file.save(rules)
    before, after = resource("alerts.toml").read_text(encoding="utf-8"), path.read_text(encoding="utf-8")
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert changed == [('severity = "warning"', 'severity = "critical"')]
    assert AlertRulesFile(path).rules == tuple(rules)
    path.write_text(after + "# mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="another program"):
        file.save(rules[1:])
    file.reload()
    file.save([*rules[1:], AlertRule(name="own", breaker=BreakerOpen(open_s=5.0))])
    assert "# mine" in path.read_text(encoding="utf-8")
    assert "[own]" in path.read_text(encoding="utf-8")
    path.write_text("[broken", encoding="utf-8")
    file.reload()
    assert [each.name for each in file.rules][-1] == "own"
    with pytest.raises(ConfigError, match="not written over"):
        file.save(rules)
    file.reset()
    assert file.rules == default_rules()
    assert (tmp_path / "alerts.toml.bak").read_text(encoding="utf-8") == "[broken"
