"""What a provider is, and what a wire dialect must say about itself.

`Provider` is all that the rest of the console knows of a provider. `Dialect` is the part that differs from one provider to
the next: pure translation between our types and the wire, no I/O, no clock, no key. `HttpProvider` (client.py) runs a
dialect over HTTP and adds what all have in common: deadlines, transport errors, timing, prices. A third-party provider is
a `Dialect` subclass, found by the entry point group ``aiconsole.providers``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol

import msgspec

from aiconsole.domain.chat import ChatRequest, ChatResult, FinishReason, RateLimit, StreamEvent, Timeouts, Usage
from aiconsole.domain.embedding import Vector
from aiconsole.domain.errors import ProviderError, Unsupported
from aiconsole.domain.messages import Extra, Part
from aiconsole.domain.models import Feature, ModelInfo, ProbeResult

Headers = Mapping[str, str]
"""Reply headers with lower-case names."""

Refuse = Callable[[str], None]
"""Called by a dialect, with words for the person, for each thing in a request that it cannot send. Returns where the thing
is to be dropped (the words become a warning on the answer), raises `Unsupported` where it is to be refused."""


class Provider(Protocol):
    """One configured provider, ready to be asked.

    ``complete`` and ``stream`` take a request whose ``model`` is the provider's own model name. A stream is an async
    generator: closing or cancelling it at any moment closes the connection at once; it ends with `Finished` or raises.
    All calls raise `ProviderError` subclasses and nothing else.
    """

    @property
    def name(self) -> str: ...

    @property
    def simulated(self) -> bool: ...

    @property
    def features(self) -> frozenset[Feature]: ...

    @property
    def timeouts(self) -> Timeouts: ...

    async def complete(self, request: ChatRequest) -> ChatResult: ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]: ...

    async def models(self) -> tuple[ModelInfo, ...]: ...

    async def probe(self) -> ProbeResult: ...

    async def count_tokens(self, request: ChatRequest) -> int: ...

    async def aclose(self) -> None: ...


class WireCall(msgspec.Struct, frozen=True):
    """One HTTP call relative to the base URL: ``path`` with its query, ``body`` as JSON data (None: no body), and headers
    that only this call needs."""

    path: str
    body: Any = None
    method: str = "POST"
    headers: Headers = {}


class Written(msgspec.Struct, frozen=True):
    """A call as it goes over the wire, without its secrets. ``headers`` by lower-case name; those that carry the key or were
    set by the person have ``HIDDEN`` in place of their secret. ``body`` is JSON, None where there is none."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


HIDDEN: Final = "•••"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a dialect read from an answer's body. ``cost_usd`` is the provider's own figure, None where it gives none."""

    model: str = ""
    content: tuple[Part, ...] = ()
    finish_reason: FinishReason = "other"
    raw_finish_reason: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    response_id: str | None = None
    request_id: str | None = None
    warnings: tuple[str, ...] = ()


class Embedded(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a dialect read from the reply to an embedding call: one vector a text, in their order."""

    vectors: tuple[Vector, ...]
    model: str = ""
    usage: Usage = Usage()
    cost_usd: float | None = None


class ErrorReply(msgspec.Struct, frozen=True):
    """A refusal as received: HTTP status (not 2xx), headers, body, and wall time in epoch seconds."""

    status: int
    headers: Headers
    body: bytes
    now: float


class ModelPage(msgspec.Struct, frozen=True):
    """One page of a provider's model list; ``next_cursor`` goes into `Dialect.models_call` for the next, None at the end."""

    models: tuple[ModelInfo, ...]
    next_cursor: str | None = None


class StreamReader(Protocol):
    """Reads the server-sent events of one streamed answer.

    ``feed`` takes one event's name ("message" where the server named none) and its data, and returns what it means for
    the person watching (often one delta, often nothing). It raises a `ProviderError` for an error that arrives inside the
    stream. It never raises for an event it does not know. An event whose data is not what the dialect promises raises
    `MalformedAnswer`; the caller decides whether that ends the stream.

    ``done`` turns True when the dialect's own end mark was seen. ``finish`` is called once, at the end of the stream, and
    returns the whole answer; it raises `ConnectionCut` where the answer is not complete, whatever the transport said.
    ``partial`` is the answer as far as it came, at any time.
    """

    @property
    def done(self) -> bool: ...

    def feed(self, event: str, data: bytes) -> Sequence[StreamEvent]: ...

    def finish(self) -> Answer: ...

    def partial(self) -> Answer: ...


class Dialect(ABC):
    """How one provider is spoken to. Instances hold no state of a request and are shared by all of them.

    Class attributes name the provider: ``name`` (also the key of its own `Extra` and `NativePart`), ``label`` for people,
    ``base_url`` by default, ``key_variable`` the usual environment variable, ``features`` what it takes beyond text, and
    ``family``, further names whose extras and native parts it takes too (all OpenAI-shaped ones take "openai").
    """

    name: str
    label: str
    base_url: str
    key_variable: ClassVar[str | None] = None
    features: ClassVar[frozenset[Feature]] = frozenset()
    family: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def auth(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""

    def headers(self) -> dict[str, str]:
        """Fixed headers of every call, the key apart."""
        return {}

    @abstractmethod
    def chat(self, request: ChatRequest, *, stream: bool, refuse: Refuse) -> WireCall:
        """The call that asks for an answer. ``features`` were checked before; what is finer is refused through ``refuse``.

        Raises:
            BadRequest: the request makes no sense in this dialect (arguments of a tool call that are no JSON, say).
        """

    @abstractmethod
    def answer(self, body: bytes) -> Answer:
        """Read a whole (not streamed) answer.

        Raises:
            MalformedAnswer: the body is not what the dialect promises.
            ProviderError: the body, although sent with status 200, reports an error.
        """

    @abstractmethod
    def reader(self) -> StreamReader:
        """A fresh reader for one streamed answer."""

    @abstractmethod
    def error(self, reply: ErrorReply) -> ProviderError:
        """The right error for a refusal, with message, code, request id and ``retry_after`` in seconds as far as given.
        The caller adds provider, model and the raw body."""

    def rate_limits(self, headers: Headers, now: float) -> tuple[RateLimit, ...]:
        """Headroom as told by an answer's headers; ``now`` in epoch seconds."""
        return ()

    def warnings(self, headers: Headers) -> tuple[str, ...]:
        """What an answer's headers have to say to the person (that a model is about to be withdrawn, say)."""
        return ()

    def request_id(self, headers: Headers) -> str | None:
        """The provider's id of the request, from an answer's headers."""
        return headers.get("x-request-id")

    @abstractmethod
    def models_call(self, cursor: str | None = None) -> WireCall:
        """The call that lists models (GET)."""

    @abstractmethod
    def models(self, body: bytes) -> ModelPage:
        """Read a model list; ``ModelInfo.provider`` is ``self.name``."""

    def probe_call(self) -> WireCall:
        """The cheapest call that proves key and service work, without spending tokens; the model list unless said
        otherwise. Any 2xx is healthy."""
        return self.models_call()

    def count_call(self, request: ChatRequest, *, refuse: Refuse) -> WireCall:
        """The call that counts a request's prompt tokens without answering it.

        Raises:
            Unsupported: the provider has no such call.
        """
        raise Unsupported(f"{self.label} cannot count tokens ahead of a call.")

    def count(self, body: bytes) -> int:
        """Read the reply to `count_call`: prompt tokens."""
        raise Unsupported(f"{self.label} cannot count tokens ahead of a call.")

    def embed_call(self, texts: Sequence[str], model: str, *, extra: Extra | None = None) -> WireCall:
        """The call that makes a vector of each text; ``extra`` as in a `ChatRequest`.

        Raises:
            Unsupported: the provider has no such call.
        """
        raise Unsupported(f"{self.label} makes no embeddings.")

    def embedded(self, body: bytes) -> Embedded:
        """Read the reply to `embed_call`. Raises as `answer`."""
        raise Unsupported(f"{self.label} makes no embeddings.")

    def takes_native(self, dialect: str) -> bool:
        """Whether native parts and tools of this dialect name may be sent."""
        return dialect == self.name or dialect in self.family

    def merge_extra(self, target: dict[str, Any], extra: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
        """Merge what ``extra`` holds for this dialect into a wire object, family first, and return the object."""
        if extra:
            for name in (*self.family, self.name):
                if name in extra:
                    target.update(extra[name])
        return target
