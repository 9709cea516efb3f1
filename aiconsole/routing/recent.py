"""The newest requests as they were asked, in memory only, so that one can be asked again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import DocumentPart, ImagePart
from aiconsole.routing.fitness import Needs

_MOST: Final = 500
_MOST_BYTES: Final = 32 << 20
_TOKEN_BYTES: Final = 4
_ATTACHMENTS: Final = frozenset(("images", "documents"))


class RecentRequests:
    """At most 500 requests and about 32 MiB of them; the oldest are let go first. Nothing is written to disk."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[ChatRequest, int]] = OrderedDict()
        self._bytes = 0

    def keep(self, request_id: str, request: ChatRequest, needs: Needs) -> None:
        """Keep a request of these needs; its size is estimated from its tokens, attachments are counted."""
        attached = 0 if needs.features.isdisjoint(_ATTACHMENTS) else _attached(request)
        size = needs.prompt_tokens * _TOKEN_BYTES + attached
        if size > _MOST_BYTES:
            return
        self._kept[request_id] = (request, size)
        self._bytes += size
        while self._bytes > _MOST_BYTES or len(self._kept) > _MOST:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed

    @property
    def size(self) -> int:
        """Bytes that are kept, by estimate."""
        return self._bytes

    def shrink(self, share: float) -> int:
        """Let go of the oldest down to ``share`` (0 to 1) of what is kept; returns the bytes."""
        before = self._bytes
        while self._kept and self._bytes > before * share:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return before - self._bytes

    def get(self, request_id: str) -> ChatRequest | None:
        """The request as it was asked, None where it is not kept any more."""
        kept = self._kept.get(request_id)
        return None if kept is None else kept[0]


def _attached(request: ChatRequest) -> int:
    return sum(
        len(part.data)
        for message in request.messages
        for part in message.parts
        if isinstance(part, ImagePart | DocumentPart) and part.data is not None
    )
