"""“Why” under an answer: the way of its request, folded out as small tables, and copied as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from PySide6.QtGui import QGuiApplication

from ...domain.trace import Attempt, DecisionTrace
from ..figures import latency, money
from ..markdown.safe import visible
from ..theme import SPACE_XS
from .kit import Kit
from .parts import Fold

_MARK = re.compile(r"([!-/:-@\[-`{-~])")


class WhyFold(Fold):
    """Hidden until ``toggle`` opens it; its head folds it away again."""

    def __init__(self, kit: Kit, trace: DecisionTrace) -> None:
        title = "The way until it was stopped" if trace.stopped else f"Why {trace.answered_by or 'nobody answered'}"
        super().__init__(kit, title, lambda view: view.set_text(story(trace)))
        self.copy = kit.tool("copy", "Copy why", lambda: QGuiApplication.clipboard().setText(told(trace)))
        self.copy.setParent(self)
        self.head.toggled.connect(self.setVisible)
        self.hide()

    def toggle(self) -> None:
        """Open it, or fold it away."""
        opening = not self.head.isChecked()
        self.setVisible(True)
        self.head.setChecked(opening)

    def settle(self, width: int) -> None:
        super().settle(width)
        hint = self.copy.sizeHint()
        self.copy.setGeometry(width - hint.width() - SPACE_XS, SPACE_XS, hint.width(), hint.height())


def told(trace: DecisionTrace) -> str:
    """The trace in plain sentences, a line each."""
    return "\n".join(trace.told())


def story(trace: DecisionTrace) -> str:
    """The trace as Markdown: who was considered, what was tried, what else happened, and how it ended. What others wrote is
    shown letter by letter."""
    lines = trace.told()
    parts = [f"{_plain(lines[0])} {_plain(lines[-1])}", *_considered(trace), *_tried(trace), *_happened(trace)]
    return "\n\n".join(parts)


def _considered(trace: DecisionTrace) -> list[str]:
    rows = [
        (f"{place}.", choice.candidate, f"{choice.score:.2f}", choice.why)
        for place, choice in enumerate(trace.ranked, 1)
    ]
    rows += [("–", skip.candidate, "left out", skip.reason) for skip in trace.skipped]
    return [_table(("", "Candidate", "Score", "Why"), rows)] if rows else []


def _tried(trace: DecisionTrace) -> list[str]:
    rows = [
        (f"{attempt.number}.", attempt.candidate, _outcome(attempt), _times(attempt), attempt.after)
        for attempt in trace.attempts
    ]
    return [_table(("", "Attempt", "What came of it", "When", "Then"), rows)] if rows else []


def _happened(trace: DecisionTrace) -> list[str]:
    moments = [(fired.at_ms, f"Rule “{fired.rule}”: {fired.action}") for fired in trace.rules]
    moments += [(note.at_ms, note.text) for note in trace.notes]
    rows = [(latency(at_ms), text) for at_ms, text in sorted(moments)]
    return [_table(("After", "What happened"), rows)] if rows else []


def _outcome(attempt: Attempt) -> str:
    facts = [attempt.outcome if attempt.error_kind is None else f"{attempt.outcome}: {attempt.error_kind}"]
    if attempt.status is not None:
        facts.append(f"status {attempt.status}")
    if attempt.cost_usd:
        facts.append(money(attempt.cost_usd))
    return ", ".join(facts) + (f". {attempt.error}" if attempt.error else "")


def _times(attempt: Attempt) -> str:
    first = f", first token after {latency(attempt.ttft_ms)}" if attempt.ttft_ms is not None else ""
    return f"at {latency(attempt.began_ms)}, took {latency(attempt.duration_ms)}{first}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads)]
    body = [[_plain(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *body])


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARK.sub(r"\\\1", " ".join(visible(text).split()))
