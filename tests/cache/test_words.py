"""Sums of money in words, also what was spent beyond what was saved."""

from __future__ import annotations

import pytest

from aiconsole.cache.words import usd_words


@pytest.mark.parametrize(
    ("usd", "words"), [(0.0, "$0.00"), (1234.5, "$1,234.50"), (0.00042, "$0.00042"), (-0.0000008, "-$0.00000080")]
)
def test_dollars(usd: float, words: str) -> None:
    assert usd_words(usd) == words
