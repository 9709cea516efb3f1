"""What to run: kind, targets, prompts, load, limits, objectives and assertions. Read from TOML suites, or made by the window.

A suite file is a `Plan` in TOML; its keys are the fields below, ``load``, ``limits`` and ``objectives`` are tables, and each
``[[prompts]]`` is one `Prompt`. Unknown keys are refused by name.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.resources import resource

Kind = Literal["health", "bench", "stress"]
Shape = Literal["closed", "constant", "poisson", "ramp", "step", "spike", "soak", "sweep"]
"""``closed`` keeps ``level`` requests in flight; all others but ``sweep`` say how the level goes over time, and ``by`` whether
it is a rate of arrivals (open loop) or requests in flight. ``sweep`` raises the level until the provider no longer keeps up."""
By = Literal["rate", "concurrency"]

_FILLER: Final = (
    "The harbour office keeps a ledger of every boat that comes in, with its length, its cargo, the hour and the weather. "
    "Most days fill one page. On market days the clerk writes smaller, and the margins carry what did not fit. "
)
DEFAULT_TEXT: Final = "Explain in a few plain sentences how a lighthouse works."


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One prompt of a set.

    Attributes:
        name: in results; prompts of one name are one group.
        text: what is asked.
        words: further words of filler put before it, for a longer input (one word is about 1.3 tokens).
        max_tokens: the limit of output tokens.
    """

    name: str = "short"
    text: str = DEFAULT_TEXT
    words: int = 0
    max_tokens: int = 128

    @property
    def whole(self) -> str:
        """The text with its filler."""
        if self.words <= 0:
            return self.text
        filler = _FILLER.split()
        repeated = (filler * (self.words // len(filler) + 1))[: self.words]
        return f"{' '.join(repeated)}\n\n{self.text}"

    @property
    def tokens(self) -> int:
        """Input tokens by estimate: a token is about four characters of English."""
        return max(1, len(self.whole) // 4)


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The load on each target.

    Attributes:
        shape: see `Shape`.
        by: whether levels are requests per second or requests in flight; None takes what is usual for the shape.
        level: the level, or the one it begins with.
        to: the level it ends with (ramp), rises to (spike) or at most goes to (sweep).
        steps: how many levels a step or sweep has between ``level`` and ``to``.
        seconds: how long in all (closed, constant, poisson, ramp, spike, soak), or how long each level (step, sweep).
        arrivals: evenly spaced, or as a Poisson process.
        requests: end after so many for each target, instead of by time.
    """

    shape: Shape = "closed"
    by: By | None = None
    level: float = 1.0
    to: float | None = None
    steps: int = 5
    seconds: float = 30.0
    arrivals: Literal["even", "poisson"] | None = None
    requests: int | None = None

    @property
    def open_loop(self) -> bool:
        """Whether requests come at their own rate, whatever the provider does."""
        if self.by is not None:
            return self.by == "rate"
        return self.shape != "closed"

    @property
    def poisson(self) -> bool:
        """Whether arrivals are random."""
        return self.arrivals == "poisson" or (self.arrivals is None and self.shape == "poisson")

    @property
    def peak(self) -> float:
        """The highest level it may reach."""
        return max(self.level, self.to or 0.0)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a run stops by itself, whatever the plan still holds. None is no limit.

    Attributes:
        usd: cost of all requests, those in flight counted by estimate. A request of unknown price counts as nothing.
        errors: failed requests, of all targets together.
        error_share: share of failed requests (0 to 1) once 20 have ended.
        seconds: time from the first request.
        requests: requests of all targets together.
        in_flight: requests at the same time; more means that the provider does not keep up by far.
    """

    usd: float | None = 1.0
    errors: int | None = 100
    error_share: float | None = None
    seconds: float | None = 600.0
    requests: int | None = None
    in_flight: int = 2000


class Objectives(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a request must keep within to count as good (goodput); None is no objective. All in ms; ``latency_ms`` is the
    whole time counted from when the request was due."""

    ttft_ms: float | None = None
    itl_ms: float | None = None
    latency_ms: float | None = None


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One run.

    Attributes:
        targets: ``provider/model``, or ``provider`` alone, which takes its cheapest known chat model.
        repeats: how often each prompt is asked of each target (bench).
        warmup: requests to each target that are not counted (connections, TLS).
        stream: ask for streams; without, only whole times are measured.
        unique: begin each prompt with words of its own, so that no cache answers.
        asserts: see asserts.py.
        calibrate: measure the generator against the simulator first.
    """

    kind: Kind = "bench"
    name: str = ""
    about: str = ""
    targets: tuple[str, ...] = ()
    prompts: tuple[Prompt, ...] = (Prompt(),)
    load: Load = Load()
    repeats: int = 20
    warmup: int = 2
    stream: bool = True
    unique: bool = True
    temperature: float | None = None
    seed: int = 0
    limits: Limits = Limits()
    objectives: Objectives = Objectives()
    asserts: tuple[str, ...] = ()
    calibrate: bool = True

    @property
    def requests_each(self) -> int | None:
        """Counted requests to each target, None where time is the limit."""
        if self.kind == "bench" and self.load.shape == "closed" and self.load.requests is None:
            return self.repeats * len(self.prompts)
        return self.load.requests


def checked(plan: Plan) -> Plan:
    """The plan, once it makes sense.

    Raises:
        ConfigError: it does not; the message names the field.
    """
    load = plan.load
    fields = [
        ("prompts", not plan.prompts, "needs at least one"),
        ("repeats", plan.repeats < 1, "must be at least 1"),
        ("warmup", plan.warmup < 0, "cannot be negative"),
        ("load.level", load.level <= 0, "must be above 0"),
        ("load.seconds", load.seconds <= 0, "must be above 0"),
        ("load.steps", load.steps < 1, "must be at least 1"),
        ("load.requests", load.requests is not None and load.requests < 1, "must be at least 1"),
        (
            "load.to",
            load.to is None and load.shape in ("ramp", "step", "spike", "sweep"),
            f"is needed for a {load.shape}",
        ),
        ("load.to", load.to is not None and load.to <= 0, "must be above 0"),
        ("load.to", load.shape == "sweep" and (load.to or 0) <= load.level, "must be above load.level"),
        ("load.level", not load.open_loop and load.level < 1, "must be at least 1 request in flight"),
        ("limits.in_flight", plan.limits.in_flight < 1, "must be at least 1"),
        ("limits.error_share", not 0 <= (plan.limits.error_share or 0) <= 1, "must be from 0 to 1"),
        ("prompts", any(prompt.max_tokens < 1 for prompt in plan.prompts), "need max_tokens of at least 1"),
    ]
    for field, wrong, words in fields:
        if wrong:
            raise ConfigError(f"The plan cannot be run: {field} {words}.", advice="Change it in the form or the suite.")
    return plan


def read_suite(path: Path) -> Plan:
    """The plan in a TOML file.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or a key in it is unknown or of the wrong type.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        shipped = ", ".join(sorted(each.stem for each in resource("suites").glob("*.toml")))
        raise ConfigError(
            f"The suite {path} cannot be read: {error.strerror}.",
            advice=f"Give the path of a TOML file, or one that comes with the console: {shipped}.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The suite {path} is not TOML: {error}.", advice="Correct it at the line named.") from None
    try:
        plan = msgspec.convert(found, Plan)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"The suite {path} cannot be used: {error}.", advice="Examples are in resources/suites."
        ) from None
    return checked(plan if plan.name else msgspec.structs.replace(plan, name=path.stem))
