"""Seven simulated providers on one loopback port, each below its own prefix with its real paths.

    async with Simulator.start(seed=0) as simulator:
        simulator.base_url("groq")  # http://127.0.0.1:PORT/groq/openai/v1
        simulator.set("groq", Behaviour(outage="hang"))

A stand-alone simulator is steered over HTTP: GET and PUT ``/_control/{provider}`` with a ``Behaviour`` as JSON, GET
``/_control/{provider}/tally``, ``/_control/{provider}/stamps`` (see stamps.py) and ``/_control``. These answer loopback
addresses only, and no web page (a request with ``Origin`` or with a foreign ``Host`` is refused).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from aiohttp import web

from aiconsole import proactor
from aiconsole.domain.clock import Clock, SystemClock
from aiconsole.simulator.anthropic_form import AnthropicForm
from aiconsole.simulator.behaviour import Behaviour, checked
from aiconsole.simulator.cerebras_form import CerebrasForm
from aiconsole.simulator.cohere_form import CohereForm
from aiconsole.simulator.form import Form
from aiconsole.simulator.gemini_form import GeminiForm
from aiconsole.simulator.groq_form import GroqForm
from aiconsole.simulator.mistral_form import MistralForm
from aiconsole.simulator.openrouter_form import OpenRouterForm
from aiconsole.simulator.pace import Sleep
from aiconsole.simulator.provider import SimulatedProvider, Tally

_LARGEST_BODY = 128 * 1024 * 1024
_CONTROL = "/_control"


def _forms() -> tuple[Form, ...]:
    return (GroqForm(), CohereForm(), MistralForm(), GeminiForm(), CerebrasForm(), OpenRouterForm(), AnthropicForm())


NAMES: tuple[str, ...] = tuple(form.name for form in _forms())


class Simulator:
    """The running server. Made by :meth:`start`; must live in one event loop."""

    def __init__(self, *, seed: int = 0, clock: Clock | None = None, sleep: Sleep | None = None) -> None:
        self._closing = asyncio.Event()
        clock = clock or SystemClock()
        self._providers = {
            form.name: SimulatedProvider(form, seed, clock, sleep or asyncio.sleep, self._closing) for form in _forms()
        }
        self._tasks: dict[asyncio.Task[Any], int] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._web = web.Server(
            self._handle, request_factory=self._request, handler_cancellation=True, access_log=None, lingering_time=0.0
        )
        self._server: asyncio.Server | None = None
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        seed: int = 0,
        port: int = 0,
        clock: Clock | None = None,
        sleep: Sleep | None = None,
        behaviours: Mapping[str, Behaviour] | None = None,
    ) -> AsyncIterator[Simulator]:
        """A simulator listening on 127.0.0.1 until the block is left.

        Args:
            seed: all chance comes from it.
            port: 0 takes a free one.
            clock: for pace, limits and dates; the machine's own when None.
            sleep: waits a number of seconds; asyncio's own when None. Tests pass one that returns at once.
            behaviours: by provider; those not named answer at once, without faults.

        Raises:
            OSError: the port is taken.
            msgspec.ValidationError: a behaviour is out of range.
            KeyError: there is no such provider.
        """
        proactor.mend()
        simulator = cls(seed=seed, clock=clock, sleep=sleep)
        for name, behaviour in (behaviours or {}).items():
            simulator.set(name, behaviour)
        await simulator._listen(port)
        try:
            yield simulator
        finally:
            await simulator._close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._providers)

    def base_url(self, name: str) -> str:
        """What to use in place of the provider's real base URL (which ends the same)."""
        return f"{self.url}/{name}{self._providers[name].form.base_path}"

    def behaviour(self, name: str) -> Behaviour:
        return self._providers[name].behaviour

    def set(self, name: str, behaviour: Behaviour) -> None:
        """Replace a provider's behaviour; requests under way keep theirs.

        Raises:
            msgspec.ValidationError: a value is out of range.
            KeyError: there is no such provider.
        """
        self._providers[name].behaviour = checked(behaviour)

    def counts(self, name: str) -> Tally:
        """What the provider has seen so far."""
        return self._providers[name].tally

    async def idle(self) -> None:
        """Wait until no request is in flight."""
        while self._tasks:
            await self._idle.wait()

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._web, "127.0.0.1", port, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        """Stop listening, drop every connection and wait until their tasks have ended."""
        self._closing.set()
        assert self._server is not None
        self._server.close()
        for connection in self._web.connections:
            if connection.transport is not None:
                connection.transport.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await self._web.shutdown(1.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 5)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_LARGEST_BODY)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = self._tasks.get(task, 0) + 1
        self._idle.clear()
        try:
            path, _, query = request.raw_path.partition("?")
            _, name, rest = [*path.split("/", 2), "", ""][:3]
            provider = self._providers.get(name)
            if provider is not None:
                return await provider.handle(request, "/" + rest, query)
            if path == _CONTROL or path.startswith(_CONTROL + "/"):
                return await self._control(request, path[len(_CONTROL) :].strip("/"))
            return web.json_response({"error": f"no such path; providers: {', '.join(self.names)}"}, status=404)
        finally:
            del self._tasks[task]
            if not self._tasks:
                self._idle.set()

    async def _control(self, request: web.BaseRequest, path: str) -> web.Response:
        if not _trusted(request):
            return web.json_response({"error": "only programs on this computer may steer the simulator"}, status=403)
        if not path and request.method == "GET":
            return web.json_response({name: self.base_url(name) for name in self.names})
        name, _, rest = path.partition("/")
        provider = self._providers.get(name)
        if provider is None or rest not in ("", "tally", "stamps"):
            return web.json_response({"error": f"providers: {', '.join(self.names)}"}, status=404)
        if request.method == "GET" and rest == "stamps":
            return _json(provider.stamps.taken())
        if request.method == "GET":
            return _json(provider.tally if rest else provider.behaviour)
        if request.method != "PUT" or rest:
            return web.json_response({"error": "use GET or PUT"}, status=405)
        try:
            self.set(name, msgspec.json.decode(await request.read(), type=Behaviour))
        except msgspec.DecodeError as problem:
            return web.json_response({"error": str(problem)}, status=400)
        return _json(provider.behaviour)


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _trusted(request: web.BaseRequest) -> bool:
    """Whether a program on this machine asks, and no web page through a browser (also not by DNS rebinding)."""
    if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
        return False
    host = request.headers.get("Host", "").rpartition(":")[0].strip("[]")
    try:
        return host in ("127.0.0.1", "localhost", "::1") and ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
