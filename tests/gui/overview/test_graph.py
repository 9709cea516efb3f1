"""What the breakers' lanes say where nothing was kept of a breaker."""

from __future__ import annotations

from aiconsole.domain.history import BreakerSpan, Figures
from aiconsole.gui.overview.graph import Graph

ASKED = Figures(count=3)


def test_a_breaker_that_never_changed_is_closed_from_the_first_attempt_on() -> None:
    graph = Graph(100.0, 10, {"groq": [None, ASKED, None]})
    (span,) = graph.states("groq", 100.0, 200.0)
    assert (span.state, span.start, span.end) == ("closed", 110.0, None)
    assert graph.states("groq", 100.0, 105.0) == []
    assert graph.states("cohere", 100.0, 200.0) == []


def test_the_state_before_the_first_change_is_not_drawn_into_a_time_without_attempts() -> None:
    opened = BreakerSpan("groq/m", "open", 130.0, None, "")
    graph = Graph(100.0, 10, {"groq": [None, None, ASKED]}, (BreakerSpan("groq/m", "closed", 100.0, 130.0, ""), opened))
    before, after = graph.states("groq", 100.0, 200.0)
    assert (before.start, before.end) == (120.0, 130.0)
    assert after == opened
