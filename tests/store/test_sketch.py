"""Histograms: within 1 % whatever the value, merged by putting one behind the other, packed without loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiconsole.store.sketch import bucket_of, pack, unpack, value_of

counts = st.dictionaries(st.integers(0, 0xFFFF), st.integers(1, 200_000), max_size=40)


@given(st.floats(0.001, 1e9))
def test_a_bucket_stands_for_its_values_within_one_per_cent(ms: float) -> None:
    assert abs(value_of(bucket_of(ms)) - ms) <= 0.01 * ms


@given(st.floats(allow_nan=False, max_value=0.001))
def test_what_is_shorter_than_a_microsecond_counts_as_one(ms: float) -> None:
    assert bucket_of(ms) == 0


@given(counts, counts)
def test_packed_histograms_are_merged_by_joining_them(one: dict[int, int], other: dict[int, int]) -> None:
    assert unpack(pack(one)) == one
    both = {number: one.get(number, 0) + other.get(number, 0) for number in one.keys() | other.keys()}
    assert unpack(pack(one) + pack(other)) == both
