"""Every setting: its type, default, unit and meaning. Everything else about settings is derived from here.

A field's ``about`` gives the meaning (one sentence for the settings panel and the documentation), the unit, bounds, and a
check for what a type cannot say. A default may be overridden in settings.toml; there is no other place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from aiconsole.settings import checks
from aiconsole.settings.about import about
from aiconsole.settings.performance import Performance

if TYPE_CHECKING:
    from aiconsole.domain.chat import Timeouts

PROVIDER_NAMES = ("groq", "cohere", "mistral", "gemini", "cerebras", "openrouter", "anthropic")
"""The built-in providers, in the order they are shown."""


class Appearance(msgspec.Struct, frozen=True, omit_defaults=True):
    theme: Annotated[
        Literal["system", "dark", "light"], about("Colours of the window; “system” follows the desktop.")
    ] = "system"


class Chat(msgspec.Struct, frozen=True, omit_defaults=True):
    model: Annotated[
        str, about("Model or route a new conversation starts with; empty takes the first that can be used.")
    ] = ""
    system: Annotated[str, about("System prompt a new conversation starts with.")] = ""
    on_unsupported: Annotated[
        Literal["refuse", "drop"],
        about("What to do with a parameter the model does not take: refuse the request, or drop it with a warning."),
    ] = "refuse"
    send_key: Annotated[
        Literal["enter", "ctrl+enter"], about("Key that sends a message; the other one starts a new line.")
    ] = "enter"


class Network(msgspec.Struct, frozen=True, omit_defaults=True):
    proxy: Annotated[
        str | None,
        about(
            "HTTP proxy for all providers, http://host:port or http://user@host:port; its password is kept like a key, "
            "under the name “proxy”.",
            check=checks.check_proxy,
        ),
    ] = None
    ca_file: Annotated[
        str | None,
        about("PEM file with certificates trusted besides the system's own.", check=checks.check_not_blank),
    ] = None


class Log(msgspec.Struct, frozen=True, omit_defaults=True):
    level: Annotated[
        Literal["debug", "info", "warning", "error"], about("The least serious messages the log file takes.")
    ] = "info"


class Keys(msgspec.Struct, frozen=True, omit_defaults=True):
    backend_timeout_s: Annotated[
        float,
        about(
            "How long to wait for the system's key store, which may be asking to be unlocked.", unit="s", ge=1, le=600
        ),
    ] = 30.0


class ProviderSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What can be set for each provider. Timeouts: 0 means no limit."""

    enabled: Annotated[bool, about("Whether this provider is offered and used.")] = True
    base_url: Annotated[
        str | None,
        about(
            "Where its API is, without a trailing path of one call; unset is the provider's own.",
            check=checks.check_url,
        ),
    ] = None
    connect_timeout_s: Annotated[
        float, about("How long a connection may take to be made; 0 is no limit.", unit="s", ge=0, le=3600)
    ] = 10.0
    first_token_timeout_s: Annotated[
        float, about("How long the first part of an answer may take; 0 is no limit.", unit="s", ge=0, le=3600)
    ] = 60.0
    between_timeout_s: Annotated[
        float, about("How long a stream may stay silent; 0 is no limit.", unit="s", ge=0, le=3600)
    ] = 30.0
    total_timeout_s: Annotated[
        float, about("How long a whole answer may take; 0 is no limit.", unit="s", ge=0, le=86400)
    ] = 600.0
    proxy: Annotated[
        str | None, about("HTTP proxy for this provider alone, instead of the common one.", check=checks.check_proxy)
    ] = None
    headers: Annotated[
        Mapping[str, str],
        about(
            "Extra headers of each request. Keys are not taken here; values are kept out of logs and exports.",
            entry=checks.check_header,
        ),
    ] = msgspec.field(default_factory=dict)
    models: Annotated[
        tuple[str, ...],
        about("Models shown first, and offered where the provider cannot list its own.", check=checks.check_not_blank),
    ] = ()
    ca_file: Annotated[
        str | None,
        about(
            "PEM file with certificates trusted for this provider, besides the system's.", check=checks.check_not_blank
        ),
    ] = None
    on_unsupported: Annotated[
        Literal["refuse", "drop"] | None,
        about("What to do here with a parameter the model does not take; unset follows the setting under Chat."),
    ] = None
    day_usd: Annotated[
        float, about("At most so much a calendar day (UTC) here; 0 is no limit.", unit="USD", ge=0, le=1_000_000)
    ] = 0.0
    month_usd: Annotated[
        float, about("At most so much a calendar month (UTC) here; 0 is no limit.", unit="USD", ge=0, le=1_000_000)
    ] = 0.0
    connections: Annotated[
        int,
        about(
            "Most connections to it at once; 0 follows the setting under Performance.",
            unit="connections",
            ge=0,
            le=1024,
        ),
    ] = 0

    @property
    def timeouts(self) -> Timeouts:
        """The four limits as the providers take them (seconds; None is no limit)."""
        from aiconsole.domain.chat import Timeouts

        return Timeouts(
            connect=self.connect_timeout_s or None,
            first_token=self.first_token_timeout_s or None,
            between=self.between_timeout_s or None,
            total=self.total_timeout_s or None,
        )


class CustomProvider(ProviderSettings, frozen=True, omit_defaults=True, kw_only=True):
    """A provider of the person's own: a gateway, a local server, or one behind a plug-in's dialect."""

    base_url: Annotated[
        str,
        about("Where its API is, such as http://127.0.0.1:11434/v1 for Ollama.", check=checks.check_url),
    ]
    label: Annotated[str, about("Its name as shown; empty shows the short name.")] = ""
    dialect: Annotated[
        str, about("The wire dialect it speaks: “openai”, or the name of a plug-in.", check=checks.check_provider_name)
    ] = "openai"
    key_needed: Annotated[bool, about("Whether it wants a key; local servers mostly do not.")] = False
    key_variable: Annotated[
        str | None, about("Environment variable that may hold its key.", check=checks.check_variable)
    ] = None
    ask_for_usage: Annotated[
        bool, about("Ask for token counts of streamed answers; off for servers that refuse “stream_options”.")
    ] = True
    private_network: Annotated[
        bool, about("Allow it to be at an address of a private network; loopback is always allowed.")
    ] = False


Strategy = Literal["priority", "weighted", "lowest latency", "lowest cost", "most headroom", "most reliable", "blend"]
MidStream = Literal["continue", "restart", "off"]


class Fallback(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a request goes from one candidate to the next."""

    first_token_s: Annotated[
        float,
        about(
            "How long to wait for a first token while another candidate stands ready; adapts to what was seen of each.",
            unit="s",
            ge=0.05,
            le=600,
        ),
    ] = 10.0
    stall_s: Annotated[
        float,
        about(
            "Silence in a stream that counts as a cut while another candidate stands ready.", unit="s", ge=0.05, le=600
        ),
    ] = 5.0
    whole_answer_s: Annotated[
        float,
        about(
            "How long to wait for an answer that is not streamed while another candidate stands ready.",
            unit="s",
            ge=0.05,
            le=3600,
        ),
    ] = 60.0
    total_s: Annotated[
        float, about("The one deadline of a request over all its attempts.", unit="s", ge=1, le=86400)
    ] = 600.0
    patience_s: Annotated[
        float, about("Longest wait for a rate limit to reset when nobody may be asked at once.", unit="s", ge=0, le=600)
    ] = 20.0
    mid_stream: Annotated[
        MidStream,
        about("What follows an answer that breaks off: another candidate goes on, begins anew, or the error is shown."),
    ] = "continue"
    breaker_failures: Annotated[
        int,
        about("Failures in a row that open a circuit breaker; 0 looks at rates only.", unit="failures", ge=0, le=1000),
    ] = 5
    breaker_open_s: Annotated[
        float, about("How long a breaker stays open the first time; doubled each time.", unit="s", ge=0.05, le=3600)
    ] = 15.0
    breaker_max_open_s: Annotated[float, about("The longest a breaker stays open.", unit="s", ge=0.05, le=86400)] = (
        300.0
    )


CacheMode = Literal["off", "temperature 0", "any temperature"]


class Cache(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which answers are kept to be given again, for how long and where.

    By default only answers at temperature 0 are: asked for the likeliest answer, a model should give the same again, while
    above 0 (and where none is set, as providers then sample) another answer is what is asked for.
    """

    mode: Annotated[
        CacheMode,
        about(
            "Which answers are kept and given again: none, those at temperature 0, or all; unset counts as above 0. "
            "Requests that measure providers never are."
        ),
    ] = "temperature 0"
    storage: Annotated[
        Literal["disk", "encrypted", "memory"],
        about("Where: in a file, in a file encrypted with a key in the system's keyring, or in memory until the end."),
    ] = "disk"
    ttl_s: Annotated[float, about("How long an answer is good.", unit="s", ge=0, le=31_536_000)] = 86_400.0
    revalidate_s: Annotated[
        float,
        about(
            "How long after that it is still given at once, while a new one is fetched behind it.",
            unit="s",
            ge=0,
            le=31_536_000,
        ),
    ] = 0.0
    on_error_s: Annotated[
        float,
        about(
            "How long after its time it is still given where a new one cannot be had.", unit="s", ge=0, le=31_536_000
        ),
    ] = 0.0
    tool_calls: Annotated[bool, about("Keep also answers that call tools or used a provider's own.")] = False
    replay: Annotated[
        Literal["at once", "recorded pace"], about("How a kept answer is streamed: at once, or as it came.")
    ] = "at once"
    memory_mb: Annotated[int, about("Room for answers in memory.", unit="MB", ge=1, le=65_536)] = 64
    file_mb: Annotated[int, about("Room for answers in the file.", unit="MB", ge=1, le=1_048_576)] = 256
    event_share: Annotated[
        float, about("The share of the cache's steps that is told and recorded as events.", unit="share", ge=0, le=1)
    ] = 1.0
    similar: Annotated[
        bool, about("Give the answer to a question of like meaning, marked as such; needs an embedder.")
    ] = False
    similarity: Annotated[
        float, about("How like two questions must be: the cosine of their embeddings.", unit="cosine", ge=0.5, le=1)
    ] = 0.95
    embedder: Annotated[
        str,
        about(
            "Who says how like questions are: provider/model of an embedding model, which the questions are then sent to, or "
            "the name of an installed plug-in; empty takes the only plug-in there is."
        ),
    ] = ""


class Spending(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limits on what may be spent."""

    day_usd: Annotated[
        float, about("At most so much a calendar day (UTC); 0 is no limit.", unit="USD", ge=0, le=1_000_000)
    ] = 0.0
    month_usd: Annotated[
        float, about("At most so much a calendar month (UTC); 0 is no limit.", unit="USD", ge=0, le=1_000_000)
    ] = 0.0


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long what happened is kept. What is older is deleted at a start and by the clean-up job; 0 keeps for ever."""

    requests_days: Annotated[float, about("Requests and their attempts, one by one.", unit="days", ge=0, le=36_500)] = (
        90.0
    )
    traces_days: Annotated[float, about("Why each request went where it went.", unit="days", ge=0, le=36_500)] = 30.0
    ten_seconds_days: Annotated[
        float, about("Figures by ten seconds, for graphs of the last hours.", unit="days", ge=0, le=36_500)
    ] = 2.0
    minutes_days: Annotated[float, about("Figures by minute.", unit="days", ge=0, le=36_500)] = 14.0
    five_minutes_days: Annotated[float, about("Figures by five minutes.", unit="days", ge=0, le=36_500)] = 60.0
    hours_days: Annotated[float, about("Figures by hour and by four hours.", unit="days", ge=0, le=36_500)] = 400.0
    days_days: Annotated[float, about("Figures by day.", unit="days", ge=0, le=36_500)] = 0.0
    events_days: Annotated[
        float, about("Events of breakers, fallbacks, health and alerts.", unit="days", ge=0, le=36_500)
    ] = 400.0
    cache_events_days: Annotated[float, about("Events of the response cache.", unit="days", ge=0, le=36_500)] = 30.0
    activity_days: Annotated[
        float, about("What the person at this console did, without content.", unit="days", ge=0, le=36_500)
    ] = 400.0


class Objectives(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be reached; the Overview shows each with what is left of its error budget."""

    availability: Annotated[float, about("Least share of requests that are answered.", unit="share", ge=0, le=1)] = (
        0.999
    )
    p95_ms: Annotated[float, about("Most time that 95 of 100 answers take.", unit="ms", ge=1, le=3_600_000)] = 2000.0
    error_rate: Annotated[float, about("Most share of attempts that fail.", unit="share", ge=0, le=1)] = 0.01
    cache_hits: Annotated[
        float, about("Least share of repeated queries that the cache answers.", unit="share", ge=0, le=1)
    ] = 0.8
    memory: Annotated[float, about("Most share of the machine's memory in use.", unit="share", ge=0, le=1)] = 0.8


class RouteOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one route picks among its candidates; unset follows the settings under Fallback and Spending."""

    strategy: Annotated[Strategy, about("In which order its candidates are asked.")] = "priority"
    weights: Annotated[
        tuple[str, ...],
        about(
            "How often each candidate is asked first by the strategy “weighted”: provider/model=3; 1 where none is given.",
            check=checks.check_weight,
        ),
    ] = ()
    mid_stream: Annotated[
        MidStream | None, about("What follows an answer that breaks off; unset follows Fallback.")
    ] = None
    hedge: Annotated[
        bool,
        about("Ask a second candidate when the first stays silent past its own p95; costs more, so off by default."),
    ] = False
    hedge_share: Annotated[float, about("The share of its calls that may be hedged.", unit="share", ge=0, le=1)] = 0.05
    day_usd: Annotated[
        float, about("At most so much a calendar day (UTC) on it; 0 is no limit.", unit="USD", ge=0, le=1_000_000)
    ] = 0.0
    month_usd: Annotated[
        float, about("At most so much a calendar month (UTC) on it; 0 is no limit.", unit="USD", ge=0, le=1_000_000)
    ] = 0.0
    cache: Annotated[CacheMode | None, about("Which of its answers are kept; unset follows the cache's settings.")] = (
        None
    )
    cache_ttl_s: Annotated[
        float,
        about("How long one of its answers is good; 0 follows the cache's settings.", unit="s", ge=0, le=31_536_000),
    ] = 0.0


JOB_NAMES = (
    "health",
    "analytics",
    "cache",
    "maintenance",
    "performance",
    "logs",
    "errors",
    "system",
    "backup",
    "bench",
)
"""The background jobs."""


class JobSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a background job runs."""

    enabled: Annotated[bool, about("Whether it runs by itself.")] = True
    schedule: Annotated[
        str,
        about(
            "When it runs: “every 5m”, “daily 02:30”, “weekly sun 02:30”, “monthly 1 02:30” or five crontab fields, in local "
            "time; empty is the job's own schedule.",
            check=checks.check_schedule,
        ),
    ] = ""


class BenchSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the test bench runs on its schedule (the job “bench”)."""

    suite: Annotated[
        str,
        about(
            "Which suite is run: health, quick, lengths, gate, capacity, or the path of one of your own; empty is none, and "
            "the job is off."
        ),
    ] = ""
    targets: Annotated[
        tuple[str, ...],
        about("On whom, as provider or provider/model; none is whom the suite names, or all that are usable."),
    ] = ()
    baseline: Annotated[str, about("Name of a pinned baseline; the job fails where a figure is worse.")] = ""


class AlertSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """How alerts are told. The rules themselves are in alerts.toml."""

    enabled: Annotated[bool, about("Whether alert rules are followed.")] = True
    desktop: Annotated[bool, about("Show alerts as notifications of the desktop.")] = True
    sound: Annotated[bool, about("Let these be heard.")] = False
    quiet_from: Annotated[
        str,
        about(
            "When quiet hours begin, in local time such as 22:00; empty is never. What is not critical waits for their end.",
            check=checks.check_time_of_day,
        ),
    ] = ""
    quiet_to: Annotated[str, about("When quiet hours end.", check=checks.check_time_of_day)] = ""
    most_messages: Annotated[
        int,
        about(
            "At most so many messages to a channel in ten minutes; what comes beyond is told in one. 0 is no limit.",
            unit="messages",
            ge=0,
            le=1000,
        ),
    ] = 6
    tell_simulated: Annotated[bool, about("Tell channels also of trouble with simulated providers.")] = False


class AlertChannel(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where alerts are sent: a phone, a team, a mailbox. Its address is kept like a key, as “alert-channel-” and its name."""

    enabled: Annotated[bool, about("Whether alerts are sent there.")] = True
    least: Annotated[Literal["info", "warning", "critical"], about("The least serious alerts that are sent there.")] = (
        "warning"
    )
    resolved: Annotated[bool, about("Tell also when an alert is resolved.")] = True


def _check_job(name: str, _: object) -> None:
    if name not in JOB_NAMES:
        raise ValueError(f"the background jobs are {', '.join(JOB_NAMES)}")


def _check_builtin(name: str, _: object) -> None:
    if name not in PROVIDER_NAMES:
        raise ValueError(
            f"the built-in providers are {', '.join(PROVIDER_NAMES)}; one of your own goes under [custom.{name}]"
        )


def _check_custom(name: str, _: object) -> None:
    checks.check_provider_name(name)
    if name in PROVIDER_NAMES or name in ("proxy", "response-cache"):
        raise ValueError("this name is taken by the console itself")


READY_ROUTES: Mapping[str, tuple[str, ...]] = {
    "gpt-oss-120b": ("groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "openrouter/openai/gpt-oss-120b"),
    "gpt-oss-20b": ("groq/openai/gpt-oss-20b", "openrouter/openai/gpt-oss-20b"),
}
"""The same open model at several providers. Only models that each of them serves as the same weights; more would go stale
(Cerebras withdrew its Llama and Qwen models in 2026, by its documentation's list of models)."""


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """All settings. As read from a file, ``providers`` has the built-in seven and ``routes`` the ready-made ones that were
    not emptied."""

    appearance: Appearance = Appearance()
    chat: Chat = Chat()
    network: Network = Network()
    log: Log = Log()
    keys: Keys = Keys()
    fallback: Fallback = Fallback()
    spending: Spending = Spending()
    history: History = History()
    objectives: Objectives = Objectives()
    cache: Cache = Cache()
    performance: Performance = Performance()
    demo: Annotated[bool, about("Talk to the built-in simulated providers instead of the real ones.")] = False
    providers: Annotated[
        Mapping[str, ProviderSettings], about("The built-in providers, each by its name.", entry=_check_builtin)
    ] = msgspec.field(default_factory=lambda: {name: ProviderSettings() for name in PROVIDER_NAMES})
    custom: Annotated[
        Mapping[str, CustomProvider], about("Providers of your own, each under a short name.", entry=_check_custom)
    ] = msgspec.field(default_factory=dict)
    routes: Annotated[
        Mapping[str, tuple[str, ...]],
        about(
            "A name for an ordered list of provider/model, tried one after another. An empty list removes a ready-made one.",
            entry=checks.check_route,
        ),
    ] = msgspec.field(default_factory=lambda: dict(READY_ROUTES))
    routing: Annotated[
        Mapping[str, RouteOptions], about("How a route picks among its candidates, by the route's name.")
    ] = msgspec.field(default_factory=dict)
    alerts: AlertSettings = AlertSettings()
    alert_channels: Annotated[
        Mapping[str, AlertChannel],
        about("Where alerts are sent, each channel under a short name.", entry=checks.check_entry_name),
    ] = msgspec.field(default_factory=dict)
    bench: BenchSettings = BenchSettings()
    jobs: Annotated[Mapping[str, JobSettings], about("The background jobs, each by its name.", entry=_check_job)] = (
        msgspec.field(default_factory=lambda: {name: JobSettings() for name in JOB_NAMES})
    )
