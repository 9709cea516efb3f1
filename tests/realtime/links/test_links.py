"""Consoles that exchange events through a hub: in order, once, over every fault of the way, and with gaps told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random

import pytest

from aiconsole.domain.chat import Timing
from aiconsole.domain.events import FromPeer, Notice, RequestFinished
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.links import frames
from aiconsole.realtime.links.hub import Hub
from aiconsole.realtime.links.link import BEAT_S, CONNECT_S, DEAD_S, LATE_S
from aiconsole.realtime.links.links import Links
from aiconsole.realtime.links.log import BATCH, WINDOW
from aiconsole.realtime.links.transport import Connection, Ends
from tests.clocks import FakeClock
from tests.realtime.links.consoles import DOUBLE, DROP, SWAP, Peer, Team
from tests.timers import FakeTimers


@pytest.fixture
def team() -> Iterator[Team]:
    made = Team("desk", "lab")
    yield made
    made.leave()


def numbers(last: int, first: int = 1) -> list[int]:
    return list(range(first, last + 1))


def test_events_reach_the_others_once_in_order_with_their_origin(team: Team) -> None:
    desk, lab = team.peers
    desk.tell(3)
    lab.tell(2)
    team.settle()
    assert lab.of(desk) == [1, 2, 3]
    assert desk.of(lab) == [1, 2]
    assert [(event.origin, event.link) for event in desk.heard if isinstance(event, FromPeer)] == [
        (lab.links.origin, "this process")
    ] * 2
    assert desk.states == ["connecting", "connected"]
    assert (desk.link.status().waiting, team.hub.members) == (0, 2)


def test_what_came_from_others_is_never_sent_on() -> None:
    team = Team("a", "b", "c")
    first, second, third = team.peers
    first.tell(5)
    team.settle()
    assert second.of(first) == third.of(first) == numbers(5)
    before = [peer.road.frames for peer in team.peers]
    team.settle(BEAT_S - 2.5)
    assert [peer.road.frames for peer in team.peers] == before, "nothing goes round"
    team.leave()


def test_notices_and_headers_stay_at_home(team: Team) -> None:
    desk, lab = team.peers
    desk.bus.publish(Notice("Only here."))
    desk.bus.publish(RequestFinished("r", "fast", "groq", "m", Timing(), headers={"x-organisation": "ours"}))
    team.settle()
    (heard,) = lab.heard
    assert isinstance(heard, FromPeer)
    assert heard.event == RequestFinished("r", "fast", "groq", "m", Timing())


@pytest.mark.parametrize("fault", [DROP, DOUBLE, SWAP])
@pytest.mark.parametrize("at", range(6))
def test_a_frame_that_is_lost_doubled_or_late_changes_nothing(team: Team, fault: str, at: int) -> None:
    desk, lab = team.peers
    desk.road.faults = [""] * at + [fault]
    lab.road.faults = [""] * (5 - at) + [fault]
    for _ in range(5):
        desk.tell(2)
        lab.tell(1)
        team.settle(0.2)
    team.settle(3 * BEAT_S)
    assert lab.of(desk) == numbers(10)
    assert desk.of(lab) == numbers(5)
    assert desk.link.status().waiting == 0


def test_what_happened_while_the_road_was_closed_comes_afterwards(team: Team) -> None:
    desk, lab = team.peers
    desk.tell(2)
    team.settle()
    desk.road.closed = True
    desk.road.cut()
    assert (desk.link.state, desk.link.reason) == ("reconnecting", "the road broke")
    desk.tell(3)
    lab.tell(4)
    team.settle(30)
    assert desk.link.reason == "the road is closed"
    assert desk.link.status().next_try_at is not None
    desk.road.closed = False
    team.settle(60)
    assert desk.link.state == "connected"
    assert lab.of(desk) == numbers(5)
    assert desk.of(lab) == numbers(4)
    assert desk.missed(lab) == []


def test_a_cut_in_the_middle_of_resuming_does_no_harm(team: Team) -> None:
    desk, lab = team.peers
    lab.road.closed = True
    lab.road.cut()
    desk.tell(600)
    team.settle(1)
    lab.road.closed = False
    while len(lab.of(desk)) < 600:
        before = len(lab.of(desk))
        while lab.link.state != "connected":
            team.settle(0.5)
        team.settle(0)
        lab.road.cut()
        assert len(lab.of(desk)) >= before
        team.settle(1)
    assert lab.of(desk) == numbers(600)


def test_a_peer_that_was_away_for_too_long_is_told_what_it_missed() -> None:
    team = Team("desk", "lab", size=50)
    desk, lab = team.peers
    desk.tell(10)
    team.settle()
    lab.road.closed = True
    lab.road.cut()
    for _ in range(20):
        desk.tell(10)
        team.settle(1)
    lab.road.closed = False
    team.settle(120)
    assert lab.of(desk) == numbers(10) + numbers(210, 161)
    assert lab.missed(desk) == numbers(160, 11)
    team.leave()


def test_own_events_that_had_no_room_while_away_are_told_as_a_gap() -> None:
    team = Team("desk", "lab", size=50)
    desk, lab = team.peers
    desk.road.closed = True
    desk.road.cut()
    desk.tell(120)
    team.settle(5)
    desk.road.closed = False
    team.settle(60)
    assert lab.missed(desk) == numbers(70)
    assert lab.of(desk) == numbers(120, 71)
    team.leave()


def test_a_newcomer_gets_what_is_kept_and_misses_nothing(team: Team) -> None:
    desk, _ = team.peers
    desk.tell(7)
    team.settle()
    late = Peer("late", team.hub, team.timers)
    late.join()
    team.settle()
    assert late.of(desk) == numbers(7)
    late.links.close()
    small = Team("desk", size=5)
    small.peers[0].tell(12)
    small.settle()
    new = Peer("new", small.hub, small.timers)
    new.join()
    small.settle()
    assert new.of(small.peers[0]) == numbers(12, 8)
    assert new.missed(small.peers[0]) == [], "what was before it came is no loss"
    new.links.close()
    small.leave()


def test_a_meeting_place_that_lost_its_memory_gets_it_back(team: Team) -> None:
    desk, lab = team.peers
    desk.tell(5)
    team.settle()
    for peer in team.peers:
        peer.road.inner = Hub(team.timers.clock, team.timers) if peer is desk else desk.road.inner
    team.hub.close()
    desk.tell(3)
    team.settle(60)
    assert lab.of(desk) == numbers(8)
    assert lab.link.state == "connected"


def test_a_slow_road_takes_what_it_can_and_holds_nobody_up(team: Team) -> None:
    desk, lab = team.peers
    desk.road.full = True
    desk.tell(1500)
    team.settle(0.1)
    assert desk.link.status().waiting == 1500
    assert lab.of(desk) == []
    desk.road.full = False
    lab.tell(1)
    team.settle(3 * BEAT_S)
    assert lab.of(desk) == numbers(1500)
    assert desk.of(lab) == [1]


def test_a_peer_that_acknowledges_nothing_is_sent_a_bounded_amount(team: Team) -> None:
    desk, lab = team.peers
    lab.road.mute = True
    before = lab.road.frames
    desk.tell(1900)
    team.settle(1)
    assert lab.road.frames - before <= WINDOW // BATCH + 2
    lab.road.mute = False
    team.settle(60)
    assert lab.of(desk) == numbers(1900)


def test_silence_is_late_and_then_a_reason_to_connect_anew(team: Team) -> None:
    desk, lab = team.peers
    desk.road.mute = True
    team.settle(LATE_S + BEAT_S)
    assert (desk.link.state, desk.links.state) == ("late", "late")
    team.settle(DEAD_S)
    assert desk.link.state == "reconnecting"
    assert desk.link.reason in ("no sign of life for 20 s", f"no answer within {CONNECT_S:g} s")
    lab.tell(2)
    desk.road.mute = False
    team.settle(120)
    assert desk.states == ["connecting", "connected", "late", "reconnecting", "connected"]
    assert desk.of(lab) == [1, 2]


def test_a_link_that_was_late_is_connected_with_the_next_sign_of_life(team: Team) -> None:
    desk, _ = team.peers
    desk.road.mute = True
    team.settle(LATE_S + BEAT_S)
    desk.road.mute = False
    team.settle(BEAT_S)
    assert desk.states[-2:] == ["late", "connected"]
    assert desk.link.status().reconnects == 0


def test_waits_grow_and_a_flapping_road_does_not_shorten_them(team: Team) -> None:
    desk, _ = team.peers
    desk.road.closed = True
    desk.road.cut()
    before = desk.road.connections
    team.settle(600)
    assert 10 <= desk.road.connections - before <= 26
    desk.road.closed = False
    waits = []
    for _ in range(5):
        while desk.link.state != "connected":
            team.settle(1)
        began = team.timers.clock.now()
        desk.road.cut()
        waits.append((desk.link.status().next_try_at or 0) - began)
    assert min(waits) >= 30, "each connection broke at once, so the waits stay long"
    team.settle(180)
    desk.road.cut()
    assert (desk.link.status().next_try_at or 0) - team.timers.clock.now() <= 0.5


def test_a_refusal_only_a_person_can_mend_is_final_until_tried_by_hand(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = team.peers
    monkeypatch.setattr("aiconsole.realtime.links.hub.PROTOCOL", 2)
    desk.road.cut()
    team.settle(60)
    assert (desk.link.state, desk.links.state) == ("failed", "failed")
    assert "another version" in desk.link.reason
    tries = desk.road.connections
    team.settle(600)
    assert desk.road.connections == tries
    monkeypatch.setattr("aiconsole.realtime.links.hub.PROTOCOL", frames.PROTOCOL)
    desk.link.start()
    team.settle(1)
    assert desk.link.state == "connected"


def test_the_hub_lets_go_of_who_was_silent_longest_and_takes_them_up_again(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiconsole.realtime.links.hub.ORIGINS", 3)
    desk, lab = team.peers
    desk.tell(4)
    team.settle()
    desk.road.closed = True
    desk.road.cut()
    for name in ("a", "b", "c"):
        passing = Peer(name, team.hub, team.timers)
        passing.join()
        passing.tell(1)
        team.settle()
        passing.links.close()
        team.settle()
    desk.tell(2)
    desk.road.closed = False
    team.settle(60)
    assert lab.of(desk) == numbers(6)
    assert lab.missed(desk) == []


def test_a_console_that_was_not_heard_for_long_is_shown_out(team: Team) -> None:
    silent = Nowhere()
    connection = team.hub.connect(silent)
    connection.send(frames.encode(frames.Hello("silent/1", {})))
    team.settle(1)
    assert team.hub.members == 3
    team.settle(70)
    assert team.hub.members == 2
    assert silent.reasons == ["it was not heard for too long"]
    assert {peer.link.state for peer in team.peers} == {"connected"}


class Nowhere:
    """A transport that leads nowhere and keeps what it would tell to; also an end that only listens."""

    name = "nowhere"

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.ends: list[Ends] = []
        self.sent: list[bytes] = []

    def connect(self, ends: Ends) -> Connection:
        self.ends.append(ends)
        return self

    def send(self, data: bytes) -> bool:
        self.sent.append(data)
        return True

    def close(self) -> None:
        pass

    def opened(self) -> None:
        pass

    def received(self, data: bytes) -> None:
        pass

    def lost(self, reason: str, *, permanent: bool = False) -> None:
        self.reasons.append(reason)


def test_what_an_old_connection_tells_too_late_is_not_heard() -> None:
    timers = FakeTimers(FakeClock())
    nowhere = Nowhere()
    links = Links(Bus(timers.clock, timers), timers.clock, timers, Random(1))
    link = links.add(nowhere)
    nowhere.ends[0].lost("it broke")
    timers.advance(1)
    assert len(nowhere.ends) == 2
    for tell in (nowhere.ends[0].opened, lambda: nowhere.ends[0].lost("again", permanent=True)):
        tell()
    nowhere.ends[0].received(frames.encode(frames.Welcome(0, {})))
    assert (nowhere.sent, link.state, link.status().reconnects) == ([], "reconnecting", 1)
    nowhere.ends[1].opened()
    nowhere.ends[1].received(frames.encode(frames.Welcome(0, {})))
    assert (len(nowhere.sent), link.state) == (1, "connected")
    links.close()
    assert (link.state, timers.waiting) == ("off", 0)


def test_frames_and_events_that_are_not_known_are_left_out(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    desk, lab = team.peers
    with caplog.at_level(logging.WARNING):
        for data in (b"\xff\x00", b'{"type":"parade"}', b"[]"):
            desk.link.received(data)
    assert desk.link.status().damaged == 3
    assert len(caplog.records) == 1
    newer = b'{"type":"teleport"}'
    entries = [frames.Entry(at, at, 2, frames.msgspec.Raw(body)) for at, body in ((1, newer), (2, b'{"bad":1}'))]
    desk.link.received(frames.encode(frames.Events("future/1", entries)))
    assert desk.heard == []
    lab.tell(1)
    team.settle()
    assert desk.of(lab) == [1]


def test_a_console_without_links_listens_to_nothing_and_one_that_left_is_left_alone() -> None:
    team = Team("desk", "lab")
    desk, lab = team.peers
    assert desk.bus.stats().listeners == 2
    desk.links.remove(desk.link)
    assert desk.bus.stats().listeners == 1
    assert (desk.links.state, desk.links.status()) == ("off", ())
    team.settle()
    assert team.hub.members == 1
    desk.tell(4)
    desk.join()
    desk.tell(2)
    team.settle()
    assert lab.of(desk) == [5, 6], "what nobody was to hear is not told later"
    team.leave()


def test_an_idle_link_only_beats(team: Team) -> None:
    team.settle(10)
    before = team.timers.fired
    team.settle(600)
    assert team.timers.fired - before <= 2 * 3 * 600 / BEAT_S + 4
