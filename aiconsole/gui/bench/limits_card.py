"""Where a run stops by itself, what counts as a good request, and what must hold at its end."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...bench import asserts
from ...bench.history import Entry
from ...bench.plan import Limits, Objectives, Plan
from ...domain.errors import ConfigError
from ..settings.editors import Lines
from ..theme import set_role
from .fields import Card, Fields, OptionalNumber, choice
from .words import stops_words


class LimitsCard(Card):
    """The hard stops."""

    def __init__(self) -> None:
        super().__init__("Stops by itself")
        self.usd = OptionalNumber(1.0, 0.01, 10_000, " $", decimals=2)
        self.errors = OptionalNumber(100, 1, 100_000, "")
        self.share = OptionalNumber(50, 1, 100, " %")
        self.seconds = OptionalNumber(600, 1, 86_400, " s")
        fields = Fields()
        fields.add("Cost", self.usd, "Of all requests, those in flight counted by estimate.")
        fields.add("Failed requests", self.errors, "Of all targets together.")
        fields.add("Share failed", self.share, "Once 20 requests have ended.")
        fields.add("Time", self.seconds, "From the first request.")
        self.rows.addWidget(fields)
        self._base = Limits()
        for each in (self.usd, self.errors, self.share, self.seconds):
            each.changed.connect(self._tell)

    def show_limits(self, limits: Limits) -> None:
        """Be these."""
        self._base = limits
        self.usd.show_value(limits.usd)
        self.errors.show_value(limits.errors)
        self.share.show_value(None if limits.error_share is None else limits.error_share * 100)
        self.seconds.show_value(limits.seconds)
        self._tell()

    @property
    def limits(self) -> Limits:
        """What is chosen."""
        errors, share = self.errors.value, self.share.value
        return msgspec.structs.replace(
            self._base,
            usd=self.usd.value,
            errors=None if errors is None else int(errors),
            error_share=None if share is None else share / 100,
            seconds=self.seconds.value,
        )

    def _tell(self) -> None:
        self.about.setText(stops_words(self.limits))
        self.changed.emit()


class ObjectivesCard(Card):
    """Goodput's objectives, assertions and the baseline."""

    def __init__(self) -> None:
        super().__init__("Good enough")
        self.ttft = OptionalNumber(2000, 1, 600_000, " ms")
        self.latency = OptionalNumber(10_000, 1, 600_000, " ms")
        self.baseline = choice()
        self.asserts = Lines()
        self.asserts.setFixedHeight(self.asserts.fontMetrics().lineSpacing() * 2 + 18)
        self.asserts.setPlaceholderText("ttft_p95 < 800 ms")
        self._fields = Fields()
        self._fields.add("First token within", self.ttft, "Requests slower than this are not good.")
        self._fields.add("Whole answer within", self.latency, "Counted from when the request was due.")
        self._fields.add("Compare with", self.baseline, "Each figure is compared with this run's.", 2)
        self._fields.add(
            "Must hold, one a line", self.asserts, "Such as ttft_p95 < 800 ms, error_rate < 1 %, ttft_p95 not worse.", 4
        )
        self.rows.addWidget(self._fields)
        for each in (self.ttft, self.latency):
            each.changed.connect(self._tell)
        self.asserts.textChanged.connect(self._tell)
        self.baseline.activated.connect(self._tell)
        self.show_baselines({}, ())

    def show_baselines(self, pinned: dict[str, str], entries: Sequence[Entry]) -> None:
        """Offer these: pinned ones first, then the newest runs."""
        kept = self.baseline.currentData() or ""
        self.baseline.clear()
        self.baseline.addItem("nothing", "")
        for name in pinned:
            self.baseline.addItem(f"Baseline {name}", name)
        for entry in [entry for entry in entries if entry.finished and entry.kind != "health"][:20]:
            self.baseline.addItem(f"{entry.id} {entry.name or entry.kind}", entry.id)
        self.baseline.setCurrentIndex(max(0, self.baseline.findData(kept)))

    def show_plan(self, plan: Plan) -> None:
        """Be these."""
        self.ttft.show_value(plan.objectives.ttft_ms)
        self.latency.show_value(plan.objectives.latency_ms)
        self.asserts.setPlainText("\n".join(plan.asserts))
        health = plan.kind == "health"
        self._fields.show_only({self.asserts} if health else {self.ttft, self.latency, self.baseline, self.asserts})
        self._tell()

    @property
    def objectives(self) -> Objectives:
        """What is chosen."""
        return Objectives(ttft_ms=self.ttft.value, latency_ms=self.latency.value)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The assertions as written."""
        return tuple(line.strip() for line in self.asserts.toPlainText().splitlines() if line.strip())

    def _tell(self) -> None:
        wrong = ""
        for text in self.conditions:
            try:
                asserts.read(text)
            except ConfigError as error:
                wrong = f"{error.message} {error.advice}"
                break
        set_role(self.asserts, None, "crit" if wrong else None)
        set_role(self.about, "caption", "crit" if wrong else None)
        self.about.setText(
            wrong or "Requests within the objectives count as goodput; what must hold is judged at the end."
        )
        self.changed.emit()
