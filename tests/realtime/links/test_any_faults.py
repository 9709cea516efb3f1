"""Whatever happens on the way, in whatever order: an event of another console comes once, in order, or is told as gone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiconsole.domain.events import FromPeer
from aiconsole.realtime.links.hub import Hub
from tests.realtime.links.consoles import DOUBLE, DROP, SWAP, Peer, Team

SIZE = 40
PEERS = st.sampled_from(["desk", "lab", "van"])


class Exchange(RuleBasedStateMachine):
    """Three consoles, one hub, and a road for each that is cut, closed, mute, full, or loses, doubles and swaps frames."""

    def __init__(self) -> None:
        super().__init__()
        self.team = Team("desk", "lab", "van", size=SIZE)
        self.by_name = dict(zip(("desk", "lab", "van"), self.team.peers, strict=True))
        self.hub = self.team.hub

    @rule(name=PEERS, count=st.integers(1, 30))
    def tell(self, name: str, count: int) -> None:
        self.by_name[name].tell(count)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3, 2.0, 6.0, 25.0]))
    def pass_time(self, seconds: float) -> None:
        self.team.settle(seconds)

    @rule(name=PEERS, faults=st.lists(st.sampled_from(["", DROP, DOUBLE, SWAP]), min_size=1, max_size=6))
    def fault(self, name: str, faults: list[str]) -> None:
        self.by_name[name].road.faults += faults

    @rule(name=PEERS)
    def cut(self, name: str) -> None:
        self.by_name[name].road.cut()

    @rule(name=PEERS)
    def close(self, name: str) -> None:
        self.by_name[name].road.closed = True
        self.by_name[name].road.cut()

    @rule(name=PEERS, how=st.sampled_from(["mute", "full"]))
    def hinder(self, name: str, how: str) -> None:
        setattr(self.by_name[name].road, how, True)

    @rule(name=PEERS)
    def open(self, name: str) -> None:
        self._clear(self.by_name[name])

    @precondition(lambda self: self.hub.members)
    @rule()
    def forget(self) -> None:
        """The meeting place is restarted, without its memory."""
        before, self.hub = self.hub, Hub(self.team.timers.clock, self.team.timers, size=SIZE)
        for peer in self.team.peers:
            peer.road.inner = self.hub
        before.close()

    @invariant()
    def in_order_and_once(self) -> None:
        for peer in self.team.peers:
            for other in self.team.peers:
                assert all(before < after for before, after in pairwise(peer.of(other)))
            assert not any(isinstance(heard, FromPeer) and heard.origin == peer.links.origin for heard in peer.heard)

    def teardown(self) -> None:
        for peer in self.team.peers:
            self._clear(peer)
        self.team.settle(300)
        for peer in self.team.peers:
            assert peer.link.state == "connected"
            for other in self.team.peers:
                if other is not peer:
                    assert sorted(peer.of(other) + peer.missed(other)) == list(range(1, other.told + 1))
        self.team.leave()

    def _clear(self, peer: Peer) -> None:
        peer.road.closed = peer.road.mute = peer.road.full = False
        peer.road.faults.clear()


Exchange.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestExchange = Exchange.TestCase
