"""What a provider's prompt cache would hold: the long prompts it has seen, block by block."""

from __future__ import annotations

import zlib

_BLOCK = 512  # characters, about 128 tokens: the step in which cached tokens are reported
_TOKENS_A_BLOCK = _BLOCK // 4
_LEAST_BLOCKS = 8  # 1,024 tokens, below which the providers cache nothing
_KEPT = 20_000


class PrefixMemory:
    """Remembers the beginnings of long prompts, the oldest forgotten first."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int, int], None] = {}

    def look(self, model: str, text: str) -> tuple[int, int]:
        """``(cached, long)`` tokens of a prompt: how many a former prompt began with, and how many can be cached at all."""
        blocks = len(text) // _BLOCK
        if blocks < _LEAST_BLOCKS:
            return 0, 0
        data = text.encode("utf-8", "surrogatepass")
        cached, running = 0, 0
        for block in range(blocks):
            running = zlib.crc32(data[block * _BLOCK : (block + 1) * _BLOCK], running)
            key = (model, block, running)
            if key in self._seen:
                cached = block + 1
            else:
                self._seen[key] = None
        while len(self._seen) > _KEPT:
            del self._seen[next(iter(self._seen))]
        return (cached if cached >= _LEAST_BLOCKS else 0) * _TOKENS_A_BLOCK, blocks * _TOKENS_A_BLOCK
