"""Figures carry their unit and as many digits as say something."""

from __future__ import annotations

import pytest

from aiconsole.gui.figures import count, latency, money, rate, share


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "–"),
        (0, "$0.00"),
        (0.42, "$0.42"),
        (0.01, "$0.01"),
        (0.0042, "$0.0042"),
        (0.00996, "$0.0100"),
        (0.00000312, "$0.0000031"),
        (999.999, "$1000.00"),
        (1234.5, "$1,234"),
    ],
)
def test_money(usd: float | None, text: str) -> None:
    assert money(usd) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "–"), (0.42, "0.4 ms"), (184.4, "184 ms"), (9999, "9999 ms"), (12_340, "12.3 s"), (600_000, "10.0 min")],
)
def test_latency(ms: float | None, text: str) -> None:
    assert latency(ms) == text


@pytest.mark.parametrize(
    ("part", "text"), [(None, "–"), (0, "0 %"), (0.003, "0.3 %"), (0.99999, "100 %"), (1, "100 %")]
)
def test_share(part: float | None, text: str) -> None:
    assert share(part) == text


def test_rate_and_count() -> None:
    assert (rate(None), rate(12.44), rate(4321)) == ("–", "12.4", "4,321")
    assert (count(None), count(128_000)) == ("–", "128,000")
