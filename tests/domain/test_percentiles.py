from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.domain.percentiles import RELATIVE_ERROR, Histogram, percentile

samples = st.lists(st.floats(0.001, 1e7), min_size=1, max_size=200)


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@pytest.mark.parametrize(
    ("count", "share", "value"),
    [
        (5, 0.0, 1), (5, 0.5, 3), (5, 0.6, 3), (5, 0.61, 4), (5, 0.95, 5), (5, 1.0, 5),
        (100, 0.001, 1), (100, 0.07, 7), (100, 0.5, 50), (100, 0.95, 95), (100, 0.99, 99),
    ],
)  # fmt: skip
def test_percentiles_are_exact_by_nearest_rank(count: int, share: float, value: float) -> None:
    assert percentile(range(1, count + 1), share) == value
    assert percentile([], share) is None


@given(values=samples, share=st.floats(0, 1))
def test_a_quantile_is_within_the_stated_error_of_the_true_sample(values: list[float], share: float) -> None:
    exact = percentile(sorted(values), share)
    assert filled(values).quantile(share) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.000_001)


@given(one=samples, other=samples)
def test_merging_loses_nothing(one: list[float], other: list[float]) -> None:
    merged = Histogram.merged((filled(one), filled(other)))
    assert merged.buckets == filled(one + other).buckets
    assert merged.count == len(one) + len(other)


@given(values=samples)
def test_what_was_kept_reads_the_same(values: list[float]) -> None:
    histogram = filled(values)
    again = Histogram(histogram.buckets)
    assert again.quantiles((0.5, 0.95, 0.99)) == histogram.quantiles((0.5, 0.95, 0.99))
    assert again.count == histogram.count


def test_an_empty_histogram_knows_nothing_and_odd_samples_do_no_harm() -> None:
    assert Histogram().quantiles((0.5, 0.95)) == (None, None)
    histogram = filled([0.0, -5.0, 1e300])
    assert histogram.count == 3
    assert histogram.quantile(0.5) == pytest.approx(0.001, rel=0.02)
