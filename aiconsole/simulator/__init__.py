"""Seven simulated providers on loopback: for newcomers without keys, for drills, and for our tests."""

from aiconsole.simulator.behaviour import Behaviour, RateLimits, StreamFault, lifelike
from aiconsole.simulator.provider import Tally
from aiconsole.simulator.server import NAMES, Simulator
from aiconsole.simulator.words import known_text

__all__ = ["NAMES", "Behaviour", "RateLimits", "Simulator", "StreamFault", "Tally", "known_text", "lifelike"]
