"""Requests kept in memory so that they can be asked again."""

from __future__ import annotations

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import ImagePart, Message
from aiconsole.routing.fitness import Needs
from aiconsole.routing.recent import RecentRequests


def kept(recent: RecentRequests, name: str, request: ChatRequest) -> None:
    recent.keep(name, request, Needs.of(request))


def test_the_newest_are_kept_as_they_were_asked() -> None:
    recent = RecentRequests()
    for number in range(501):
        kept(recent, f"r{number}", ChatRequest("m", (Message.user(f"Question {number}"),)))
    assert recent.get("r0") is None
    found = recent.get("r500")
    assert found is not None
    assert found.messages[0].text == "Question 500"


def test_pictures_count_by_their_bytes_and_a_huge_one_is_not_kept() -> None:
    recent = RecentRequests()
    picture = ChatRequest("m", (Message("user", (ImagePart(bytes(12 << 20), media_type="image/png"),)),))
    for name in ("a", "b", "c"):
        kept(recent, name, picture)
    assert recent.get("a") is None
    assert recent.get("b") is recent.get("c") is picture
    kept(recent, "huge", ChatRequest("m", (Message("user", (ImagePart(bytes(33 << 20), media_type="image/png"),)),)))
    assert recent.get("huge") is None
    assert recent.get("c") is picture
