"""What the routing did lately, in words."""

from __future__ import annotations

from aiconsole.domain.chat import Continued
from aiconsole.domain.events import Hedged, Notice, RuleFired, Switched
from aiconsole.realtime.happenings import MOST, Happenings
from tests.clocks import FakeClock


def test_each_kind_is_told_the_newest_first() -> None:
    kept = Happenings(FakeClock())
    kept.add(Switched("a/x", "b/y", "it is busy", 1.0, "fast", error_kind="overloaded", mid_stream=True))
    kept.add(Continued("b", "y", "prefill", 1200, after="a/x", error_kind="connection cut"))
    kept.add(RuleFired("Slow", "next candidate", "a/x", "p95 over 2 s", 3.0, "fast"))
    kept.add(RuleFired("Slow", "next candidate", "a/x", "p95 under 1 s", 4.0, "fast", holds=False))
    kept.add(Hedged("a/x", "b/y", 812.4, "b/y", 5.0, "fast", 0.0002))
    kept.add(Notice("not the routing's"))

    told = [(one.what, one.subject, one.reason) for one in kept.newest_first()]
    assert told == [
        ("hedge", "a/x + b/y", "asked as well after 812 ms, b/y was first, about $0.0002 more"),
        ("rule", "a/x", "“Slow”: ceased to hold, p95 under 1 s"),
        ("rule", "a/x", "“Slow”: next candidate, p95 over 2 s"),
        ("continued", "a/x → b/y", "went on after 1,200 characters (connection cut)"),
        ("switch", "a/x → b/y", "in the middle of the answer, overloaded: it is busy"),
    ]
    assert kept.revision == 5


def test_only_so_many_are_kept() -> None:
    kept = Happenings(FakeClock())
    for at in range(MOST + 5):
        kept.add(Switched("a/x", "b/y", "", float(at)))
    assert len(kept.newest_first()) == MOST
    assert kept.newest_first()[0].at == MOST + 4
