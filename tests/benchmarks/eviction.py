"""Ways to evict, side by side on traces made here: LRU, W-TinyLFU and the S3-FIFO that the cache uses."""

from __future__ import annotations

import time
from bisect import bisect
from collections import OrderedDict
from collections.abc import Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple, Protocol

from aiconsole.cache.eviction import S3Fifo


class Policy(Protocol):
    def __contains__(self, key: bytes) -> bool: ...

    def hit(self, key: bytes) -> None: ...

    def add(self, key: bytes, size: int) -> list[bytes]: ...


class Trace(NamedTuple):
    """Keys in the order they are asked for, and the bytes of all distinct ones together."""

    keys: list[bytes]
    sizes: dict[bytes, int]
    bytes: int


class Lru:
    def __init__(self, capacity: int) -> None:
        self.capacity, self.used = capacity, 0
        self.held: OrderedDict[bytes, int] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return key in self.held

    def hit(self, key: bytes) -> None:
        self.held.move_to_end(key)

    def add(self, key: bytes, size: int) -> list[bytes]:
        gone = []
        while self.held and self.used + size > self.capacity:
            old, freed = self.held.popitem(last=False)
            self.used -= freed
            gone.append(old)
        self.held[key] = size
        self.used += size
        return gone


class WTinyLfu:
    """Einziger, Friedman, Manes, “TinyLFU: a highly efficient cache admission policy”, 2017: a window of 1 %, a segmented LRU
    (80 % protected), admission by a count-min sketch of 4 rows whose counters are halved after ten times the entries."""

    def __init__(self, capacity: int) -> None:
        self.window = Lru(max(1, capacity // 100))
        self.main = capacity - self.window.capacity
        self.protected_room = self.main * 8 // 10
        self.probation: OrderedDict[bytes, int] = OrderedDict()
        self.protected: OrderedDict[bytes, int] = OrderedDict()
        self.probation_used = self.protected_used = self.seen = 0
        self.mask = (1 << 16) - 1
        self.rows = [bytearray(self.mask + 1) for _ in range(4)]

    def __contains__(self, key: bytes) -> bool:
        return key in self.window or key in self.probation or key in self.protected

    def hit(self, key: bytes) -> None:
        self._count(key)
        if key in self.window:
            self.window.hit(key)
        elif key in self.protected:
            self.protected.move_to_end(key)
        else:
            size = self.probation.pop(key)
            self.probation_used -= size
            self.protected[key] = size
            self.protected_used += size
            while self.protected_used > self.protected_room:
                old, freed = self.protected.popitem(last=False)
                self.protected_used -= freed
                self.probation[old] = freed
                self.probation_used += freed

    def add(self, key: bytes, size: int) -> list[bytes]:
        self._count(key)
        sizes = {old: self.window.held[old] for old in self.window.held}
        gone = []
        for old in self.window.add(key, size):
            gone += self._admit(old, sizes[old])
        return gone

    def _admit(self, key: bytes, size: int) -> list[bytes]:
        gone = []
        while self.probation_used + self.protected_used + size > self.main:
            queue = self.probation or self.protected
            victim = next(iter(queue))
            if self._estimate(victim) >= self._estimate(key):
                return [*gone, key]
            freed = queue.pop(victim)
            if queue is self.probation:
                self.probation_used -= freed
            else:
                self.protected_used -= freed
            gone.append(victim)
        self.probation[key] = size
        self.probation_used += size
        return gone

    def _places(self, key: bytes) -> Iterator[tuple[bytearray, int]]:
        mixed = hash(key)
        for row in self.rows:
            yield row, mixed & self.mask
            mixed = (mixed >> 16) ^ (mixed * 0x9E3779B1 & 0xFFFFFFFFFFFF)

    def _count(self, key: bytes) -> None:
        for row, place in self._places(key):
            if row[place] < 15:
                row[place] += 1
        self.seen += 1
        if self.seen >= 10 * max(1000, len(self.probation) + len(self.protected)):
            self.seen //= 2
            self.rows = [bytearray(value >> 1 for value in row) for row in self.rows]

    def _estimate(self, key: bytes) -> int:
        return min(row[place] for row, place in self._places(key))


POLICIES = {"LRU": Lru, "W-TinyLFU": WTinyLfu, "S3-FIFO": S3Fifo}


def zipf(random: Random, keys: int, exponent: float, asked: int) -> list[int]:
    """Numbers 0 to ``keys`` - 1, of which the n-th most frequent is asked for in proportion to 1 / n^exponent."""
    weights = list(accumulate(1 / rank**exponent for rank in range(1, keys + 1)))
    names = list(range(keys))
    random.shuffle(names)
    return [names[min(bisect(weights, random.random() * weights[-1]), keys - 1)] for _ in range(asked)]


def make_trace(seed: int, *, keys: int, exponent: float, asked: int, scan: int = 0, every: int = 0) -> Trace:
    """A Zipf trace of entries of 0.5 to some 30 kB (lognormal); with ``scan``, so many keys that are asked for once come in
    between after ``every`` requests."""
    random = Random(seed)
    numbers = zipf(random, keys, exponent, asked)
    if scan:
        mixed: list[int] = []
        fresh = keys
        for start in range(0, asked, every):
            mixed += numbers[start : start + every]
            mixed += range(fresh, fresh + scan)
            fresh += scan
        numbers = mixed
    named = [number.to_bytes(32) for number in numbers]
    sizes = {key: min(30_000, int(random.lognormvariate(7.3, 0.8)) + 500) for key in dict.fromkeys(named)}
    return Trace(named, sizes, sum(size for key, size in sizes.items() if int.from_bytes(key) < keys))


def hit_rate(policy: Policy, trace: Trace) -> tuple[float, float]:
    """Hits among all requests, and microseconds a request."""
    hits = 0
    sizes = trace.sizes
    began = time.perf_counter()
    for key in trace.keys:
        if key in policy:
            policy.hit(key)
            hits += 1
        else:
            policy.add(key, sizes[key])
    return hits / len(trace.keys), (time.perf_counter() - began) / len(trace.keys) * 1e6
