"""What is answered from the cache, what is kept in it, and for how long.

An unset temperature counts as above 0: providers then sample (most at 1), so that each answer is one of many. A request at
temperature 0 asks for the most likely answer, and gets the kept one. Requests that measure (origin "bench" and "probe") are
never answered from the cache unless they ask for it, as they would measure the cache.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from aiconsole.domain.chat import ChatRequest, ChatResult
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.messages import NativePart, NativeTool

Mode = Literal["off", "temperature 0", "any temperature"]
_MEASURING: Final = frozenset({"bench", "probe"})


class CachePolicy(msgspec.Struct, frozen=True):
    """How requests to one model or route are cached. Times in s.

    Attributes:
        standing: digest of who may answer; equal for two names that stand for the same.
        mode: at which temperatures answers are kept; "off" for none, whatever a request asks.
        ttl_s: how long an answer is good.
        revalidate_s: how long after that it is still given at once, while a new one is fetched behind it.
        on_error_s: how long after ``ttl_s`` it is still given where a new one cannot be had.
        tool_calls: keep answers that call tools, and those to requests with a provider's own tools.
        paced: replay streams at the recorded pace, otherwise at once.
        similarity: the least cosine at which the answer to a like question is given; None for never.
    """

    standing: bytes
    mode: Mode = "temperature 0"
    ttl_s: float = 86400.0
    revalidate_s: float = 0.0
    on_error_s: float = 0.0
    tool_calls: bool = False
    paced: bool = False
    similarity: float | None = None

    @property
    def kept_s(self) -> float:
        """How long an answer can be of any use."""
        return self.ttl_s + max(self.revalidate_s, self.on_error_s)

    def takes(self, request: ChatRequest) -> bool:
        """Whether the cache has to do with this request at all."""
        use = request.cache
        if use == "off" or self.mode == "off":
            return False
        if use != "on":
            if request.origin in _MEASURING:
                return False
            if self.mode == "temperature 0" and request.temperature != 0:
                return False
        return not request.tools or self.tool_calls or not any(type(tool) is NativeTool for tool in request.tools)

    def keeps(self, result: ChatResult) -> bool:
        """Whether an answer may be kept: one that came to its own end, and with something in it."""
        if result.cached is not None or not result.content:
            return False
        if result.finish_reason == "tool_calls" or any(type(part) is NativePart for part in result.content):
            return self.tool_calls
        return result.finish_reason == "stop" and (self.tool_calls or not result.tool_calls)


def mended_by_stale(error: ProviderError) -> bool:
    """Whether an old answer is better than this error: not where the request itself was at fault."""
    return error.fault != "caller" or error.kind == "all candidates failed"
