"""Chance that is always the same for the same seed: picks, shares and ids drawn from a hash in counter mode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

_ALPHABETS = {
    "base62": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base32": "0123456789abcdefghjkmnpqrstvwxyz",
    "hex": "0123456789abcdef",
}
_TABLES = {
    name: "".join(letters[byte % len(letters)] for byte in range(256)).encode() for name, letters in _ALPHABETS.items()
}


class Dice:
    """A deterministic source of choices, named by the values it was made from."""

    def __init__(self, *names: object) -> None:
        self._key = hashlib.blake2b("\x1f".join(map(str, names)).encode("utf-8", "surrogatepass")).digest()
        self._bytes = self._key
        self._at = 0
        self._round = 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        while len(self._bytes) - self._at < count:
            self._round += 1
            fresh = hashlib.blake2b(self._round.to_bytes(8, "big"), key=self._key).digest()
            self._bytes = self._bytes[self._at :] + fresh
            self._at = 0
        self._at += count
        return self._bytes[self._at - count : self._at]

    def share(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.take(6), "big") / (1 << 48)

    def below(self, limit: int) -> int:
        """A whole number in [0, limit)."""
        return int(self.share() * limit)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def text(self, length: int, alphabet: str = "base62") -> str:
        """``length`` characters of ``alphabet`` (base62, base58, base32, hex), as ids have them."""
        return self.take(length).translate(_TABLES[alphabet]).decode()

    def uuid(self) -> str:
        digits = self.take(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@lru_cache(maxsize=256)
def fingerprint(model: str, digits: int) -> str:
    """A model's ``system_fingerprint`` with that many hex digits."""
    return "fp_" + Dice(model).text(digits, "hex")
