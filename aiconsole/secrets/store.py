"""Which key is used for a provider, and where it is kept."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.secrets import secure
from aiconsole.secrets.key import Key
from aiconsole.secrets.secure import SecureStoreUnavailable

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KeySource = Literal["keyring", "environment", "session"]
PROXY = "proxy"
"""The name under which the password of an authenticated proxy is kept."""

KEY_VARIABLES: Mapping[str, str] = {
    "groq": "GROQ_API_KEY",
    "cohere": "COHERE_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "cerebras": "CEREBRAS_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    PROXY: "AICONSOLE_PROXY_PASSWORD",
}
"""The environment variable each key may come from, read only."""

_Result = TypeVar("_Result")
_LEAVE_S = 0.5


class BackendState(msgspec.Struct, frozen=True):
    """Whether keys can be kept securely here: ``usable`` None means not asked yet; ``words`` say where, or why not."""

    usable: bool | None
    words: str
    advice: str = ""


class KeyStore:
    """The keys of this run, by provider name: what was given for this run only comes before the keyring's, and the
    keyring's before the environment's, so that a key entered in the console always takes effect.

    The keyring is asked in a daemon thread, one call at a time, and given up after ``timeout_s`` (it may be waiting for the
    person to unlock it); a call that was given up never keeps the process from ending.

    Args:
        environ: where the variables are read from; never written.
        service: the keyring's service name; the entry's user name is the provider's name.
        timeout_s: seconds to wait for the keyring.
        backend: a keyring backend to use instead of the one found; it must be one of the allowed kinds.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        service: str = "aiconsole",
        timeout_s: float = 30.0,
        backend: KeyringBackend | None = None,
    ) -> None:
        self._environ = environ
        self._service = service
        self._timeout_s = timeout_s
        self._given = backend
        self._backend: KeyringBackend | None = None
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._variables = dict(KEY_VARIABLES)
        self._kept: dict[KeySource, dict[str, Key]] = {"session": {}, "keyring": {}, "environment": {}}
        self._problems: dict[str, str] = {}
        self._state = BackendState(None, "The key store has not been asked yet.")

    def read_environment(self, names: Iterable[str], variables: Mapping[str, str] | None = None) -> None:
        """Read the keys of ``names`` from the environment; ``problems`` says what was wrong.

        Args:
            names: providers' names.
            variables: environment variables of further providers, by name.
        """
        self._variables.update(variables or {})
        for name in names:
            self._accept("environment", name, self._environ.get(self._variables.get(name, "")) or None)

    async def load(self, names: Iterable[str], variables: Mapping[str, str] | None = None) -> None:
        """Read the keys of ``names`` from the environment (at once) and from the keyring. Never raises for a store that
        cannot be used: ``backend_state`` and ``problems`` say what was wrong. Arguments as `read_environment`.
        """
        names = tuple(names)
        self.read_environment(names, variables)
        try:
            found = await self._ask(lambda backend: {name: secure.read(backend, self._service, name) for name in names})
        except SecureStoreUnavailable as error:
            self._state = BackendState(False, error.message, error.advice)
            return
        for name, value in found.items():
            self._accept("keyring", name, value)

    def get(self, name: str) -> Key | None:
        """The key to use for a provider, from memory."""
        return next((kept[name] for kept in self._kept.values() if name in kept), None)

    def source(self, name: str) -> KeySource | None:
        """Where the key that ``get`` gives comes from."""
        return next((source for source, kept in self._kept.items() if name in kept), None)

    def variable(self, name: str) -> str | None:
        """The environment variable that may hold this provider's key."""
        return self._variables.get(name)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was found but cannot be a key, in words."""
        return tuple(self._problems.values())

    def backend_state(self) -> BackendState:
        """What the last call to the keyring showed; does not block."""
        return self._state

    async def check_backend(self) -> BackendState:
        """Find out whether keys can be kept securely here."""
        with contextlib.suppress(SecureStoreUnavailable):
            await self._ask(lambda backend: None)
        return self._state

    async def set(self, name: str, value: str | Key, where: Literal["keyring", "session"]) -> None:
        """Keep a key: in the OS keyring (written, then read back), or until the process ends.

        Raises:
            ConfigError: the value cannot be a key.
            SecureStoreUnavailable: the keyring cannot be used; nothing was changed here.
        """
        key = value if isinstance(value, Key) else Key(value)
        if where == "session":
            self._kept["session"][name] = key
            return
        await self._ask(lambda backend: secure.write(backend, self._service, name, key))
        self._kept["session"].pop(name, None)
        self._kept["keyring"][name] = key
        self._problems.pop(f"keyring {name}", None)

    async def remove(self, name: str) -> bool:
        """Forget a provider's key here and in the keyring; one in the environment stays. False where there was none.

        Raises:
            SecureStoreUnavailable: the keyring holds it and cannot remove it.
        """
        removed = self._kept["session"].pop(name, None) is not None
        if self._state.usable is False and name not in self._kept["keyring"]:
            return removed
        removed |= await self._ask(lambda backend: secure.delete(backend, self._service, name))
        self._kept["keyring"].pop(name, None)
        self._problems.pop(f"keyring {name}", None)
        return removed

    async def aclose(self) -> None:
        """Wait for the last question to the keyring, but not for long: where Python ends while the keyring's native code runs
        in a thread, the process is aborted; where the keyring waits to be unlocked, it may never answer."""
        if self._thread is not None and self._thread.is_alive():
            import asyncio

            await asyncio.to_thread(self._thread.join, _LEAVE_S)

    def _accept(self, source: KeySource, name: str, value: str | None) -> None:
        """Take what a source holds for a name, or note why it cannot be a key."""
        self._kept[source].pop(name, None)
        self._problems.pop(f"{source} {name}", None)
        if value is None:
            return
        try:
            self._kept[source][name] = Key(value)
        except ConfigError as error:
            place = self._variables[name] if source == "environment" else f"The keyring's entry for {name}"
            self._problems[f"{source} {name}"] = f"{place} is not used. {error.message}"

    def _usable_backend(self) -> KeyringBackend:
        if self._backend is None:
            try:
                given = self._given if self._given is not None else secure.find_backend(self._environ)
                self._backend = secure.allowed_backend(given)
            except SecureStoreUnavailable as error:
                self._state = BackendState(False, error.message, error.advice)
                raise
            self._state = BackendState(True, f"Keys are kept in {secure.backend_words(self._backend)}.")
        return self._backend

    async def _ask(self, work: Callable[[KeyringBackend], _Result]) -> _Result:
        """Do ``work`` with the backend in a daemon thread, and stop waiting for it after the time allowed."""
        import asyncio

        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()
        given_up = threading.Event()

        def deliver(result: _Result | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # without an error it is the result

        def run() -> None:
            result, error = None, None
            with self._turn:
                if given_up.is_set():
                    return
                try:
                    result = work(self._usable_backend())
                except BaseException as failure:
                    error = failure
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(deliver, result, error)

        self._thread = threading.Thread(target=run, name="aiconsole-keyring", daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError:
            late = SecureStoreUnavailable(
                f"The key store did not answer within {self._timeout_s:g} s; it may be waiting to be unlocked.",
                advice="Unlock it and try again, or keep the key for this run only or in the environment variable.",
            )
            self._state = BackendState(False, late.message, late.advice)
            raise late from None
        finally:
            given_up.set()
