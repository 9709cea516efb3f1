"""Stretches of time are said in the units people use."""

from __future__ import annotations

import pytest

from aiconsole.domain.spans import span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "0.5 s"),
        (90, "90 s"),
        (300, "5 min"),
        (465, "7 min 45 s"),
        (725, "12 min"),
        (21_600, "6 h"),
        (259_200, "3 d"),
    ],
)
def test_a_stretch_of_time(seconds: float, said: str) -> None:
    assert span(seconds) == said
