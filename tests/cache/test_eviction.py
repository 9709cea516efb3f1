"""S3-FIFO: never over its bytes, and what is asked for often outlives a scan."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.cache.eviction import S3Fifo


def name(number: int) -> bytes:
    return number.to_bytes(8)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["ask", "ask", "discard", "resize"]), st.integers(0, 15), st.integers(1, 40)))
)
def test_it_knows_what_is_there_and_keeps_within_its_bytes(steps: list[tuple[str, int, int]]) -> None:
    order, there = S3Fifo(100), dict[bytes, int]()
    for what, number, size in steps:
        key, gone = name(number), list[bytes]()
        if what == "discard":
            order.discard(key)
            there.pop(key, None)
        elif what == "resize":
            gone = order.resize(size * 5)
        elif key in order:
            order.hit(key)
        else:
            gone = order.add(key, size)
            there[key] = size
        for left in gone:
            del there[left]
        assert {number for number in map(name, range(16)) if number in order} == set(there)
        assert order.used == sum(there.values()) <= order.capacity
        assert len(order) == len(there)


def test_what_is_asked_for_again_outlives_a_scan() -> None:
    order = S3Fifo(1000)
    for _ in range(3):
        for number in range(50):
            if name(number) in order:
                order.hit(name(number))
            else:
                order.add(name(number), 10)
    for number in range(1000, 3000):
        order.add(name(number), 10)
    assert sum(name(number) in order for number in range(50)) == 50


def test_what_comes_back_soon_is_taken_for_good() -> None:
    order = S3Fifo(100)
    for number in range(30):
        order.add(name(number), 10)
    assert name(5) not in order
    order.add(name(25), 10)
    back = next(number for number in range(15, 25) if name(number) not in order)
    order.add(name(back), 10)
    for number in range(100, 110):
        order.add(name(number), 10)
    assert name(back) in order


def test_what_is_too_large_for_it_is_refused() -> None:
    order = S3Fifo(100)
    order.add(b"a", 20)
    assert order.add(b"b", 26) == [b"b"]
    assert b"a" in order
