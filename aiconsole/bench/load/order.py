"""What the load process is told, and what it tells: one JSON object a line, both ways."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from aiconsole.bench.certificate import Calibration, Gauged
from aiconsole.bench.measure import Sample
from aiconsole.bench.plan import Plan
from aiconsole.domain.chat import Timeouts
from aiconsole.providers.config import ProviderConfig
from aiconsole.secrets import Key


class Wire(msgspec.Struct, frozen=True, omit_defaults=True):
    """A provider's set-up for the journey, its key in the clear. Never log, keep or show one; its ``repr`` shows no value."""

    name: str
    dialect: str
    base_url: str | None = None
    label: str = ""
    key: str | None = None
    key_needed: bool = True
    timeouts: Timeouts = Timeouts()
    headers: dict[str, str] = {}
    ca_file: str | None = None
    proxy: str | None = None
    ask_for_usage: bool = True
    private_network: bool = False
    keepalive_s: float = 60.0
    simulated: bool = False

    def __repr__(self) -> str:
        return f"Wire({self.name!r}, …)"

    @classmethod
    def of(cls, config: ProviderConfig) -> Wire:
        """As the console has set it up."""
        fields = {name: getattr(config, name) for name in cls.__struct_fields__ if name not in ("key", "headers")}
        key = None if config.key is None else config.key.reveal()
        return cls(**fields, key=key, headers=dict(config.headers))

    def config(self, *, max_connections: int) -> ProviderConfig:
        """Back again; what a request asks for and cannot have is dropped, so that one suite fits all."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__ if name != "key"}
        key = None if self.key is None else Key(self.key)
        return ProviderConfig(**fields, key=key, on_unsupported="drop", max_connections=max_connections)


class Aim(msgspec.Struct, frozen=True, omit_defaults=True):
    """One target: its name ``provider/model``, how its provider is reached, and what a request is thought to cost in USD."""

    name: str
    model: str
    wire: Wire
    usd_each: float | None = None


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run; ``plugins`` are the dialects of plug-ins, by name. ``calibration_s`` is how long requests are sent then."""

    plan: Plan
    aims: tuple[Aim, ...]
    plugins: dict[str, str] = {}
    calibration_s: float = 2.5


Phase = Literal["calibrating", "warming up", "measuring"]


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The load begins now; ``at`` in epoch seconds."""

    at: float


class Measured(msgspec.Struct, frozen=True, tag="measured"):
    """One request ended."""

    sample: Sample


class Ticked(msgspec.Struct, frozen=True, tag="ticked", gc=False):
    """The state of the load, ten times a second; ``at_s`` from the start of the run."""

    at_s: float
    in_flight: int
    sent: int
    phase: Phase


class Calibrated(msgspec.Struct, frozen=True, tag="calibrated"):
    """The generator was measured against the simulator."""

    calibration: Calibration


class Judged(msgspec.Struct, frozen=True, tag="judged"):
    """A sweep has finished a level; ``kept_up`` tells whether the target kept up with it, ``why`` in words where not."""

    target: str
    level: float
    kept_up: bool
    why: str = ""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The run is over; ``stopped`` says in words what stopped it early, "" where it went to its end."""

    gauged: Gauged
    stopped: str = ""


Told = Began | Measured | Ticked | Calibrated | Judged | Ended
