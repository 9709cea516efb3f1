"""Keys come from where the person put them, and are kept only where they are safe."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import keyring.backend
import pytest
from keyring.backends import chainer, fail, null

from aiconsole.secrets import KEY_VARIABLES, Key, KeyStore, SecureStoreUnavailable
from tests.canaries import find_traces, make_canary
from tests.keyrings import memory_keyring


def run_script(
    script: str, environ: dict[str, str], *, prefix: tuple[str, ...] = (), timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env=environ | {"PYTHONPATH": root},
        cwd=root,
        timeout=timeout,
        check=False,
    )


# --- the store, against backends of the keyring package


class Unknown(keyring.backend.KeyringBackend):
    """A backend nobody has looked at; it calls itself an allowed one in tests that say so."""

    priority = 99  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[username]


def plaintext() -> keyring.backend.KeyringBackend:
    """keyrings.alt's plain file, or where that is not installed a class that goes by its name."""
    try:
        from keyrings.alt.file import PlaintextKeyring
    except ImportError:
        return type("PlaintextKeyring", (Unknown,), {"__module__": "keyrings.alt.file"})()
    return PlaintextKeyring()


def impostor() -> keyring.backend.KeyringBackend:
    return type("Keyring", (Unknown,), {"__module__": "keyring.backends.SecretService"})()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (null.Keyring, "stores nothing"),
        (fail.Keyring, "no keyring on this machine"),
        (plaintext, "in a file"),
        (Unknown, "cannot tell"),
        (impostor, "cannot tell"),
    ],
)
async def test_a_backend_that_is_not_on_the_list_is_refused_in_words(make: object, words: str) -> None:
    backend = make()
    store = KeyStore({}, backend=backend)
    await store.load(["groq"])
    state = store.backend_state()
    assert state.usable is False
    assert words in state.words
    assert "environment variable" in state.advice
    with pytest.raises(SecureStoreUnavailable, match=words):
        await store.set("groq", "gsk_0123456789", "keyring")
    assert store.get("groq") is None
    assert getattr(backend, "kept", {}) == {}
    assert await store.remove("groq") is False


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> chainer.ChainerBackend:
    members = [Unknown(), memory_keyring(groq="gsk_0123456789")]
    monkeypatch.setattr(chainer.ChainerBackend, "backends", members)
    return chainer.ChainerBackend()


async def test_of_a_chain_only_the_allowed_member_is_used(chain: chainer.ChainerBackend) -> None:
    store = KeyStore({}, backend=chain)
    await store.load(["groq"])
    assert store.get("groq") == Key("gsk_0123456789")
    await store.set("cohere", "another-0123456789", "keyring")
    assert chain.backends[0].kept == {}
    assert chain.backends[1].get_password("aiconsole", "cohere") == "another-0123456789"


@pytest.mark.parametrize("configured", ["null", "fail", "keyrings.alt", "nonsense"])
async def test_a_refused_backend_configured_for_keyring_is_not_even_imported(configured: str) -> None:
    paths = {
        "null": "keyring.backends.null.Keyring",
        "fail": "keyring.backends.fail.Keyring",
        "keyrings.alt": "keyrings.alt.file.PlaintextKeyring",
        "nonsense": "no.such.Keyring",
    }
    store = KeyStore({"PYTHON_KEYRING_BACKEND": paths[configured]})
    state = await store.check_backend()
    assert state.usable is False
    assert paths[configured].removeprefix("keyring.backends.") in state.words
    assert "no.such" not in sys.modules


async def test_a_refused_backend_in_keyrings_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyring.util.platform_.config_root", lambda: tmp_path)
    (tmp_path / "keyringrc.cfg").write_text(
        "[backend]\ndefault-keyring = keyring.backends.null.Keyring\n", encoding="utf-8"
    )
    state = await KeyStore({}).check_backend()
    assert state.usable is False
    assert "stores nothing" in state.words


async def test_a_backend_that_forgets_is_found_out() -> None:
    backend = memory_keyring()
    backend.set_password = lambda service, name, value: None
    store = KeyStore({}, backend=backend)
    with pytest.raises(SecureStoreUnavailable, match="did not give it back"):
        await store.set("groq", "gsk_0123456789", "keyring")
    assert store.get("groq") is None


async def test_a_backends_error_is_told_without_the_key() -> None:
    canary = make_canary()

    def broken(service: str, name: str, value: str) -> None:
        raise RuntimeError(f"cannot store {value!r}")

    backend = memory_keyring()
    backend.set_password = broken
    with pytest.raises(SecureStoreUnavailable) as caught:
        await KeyStore({}, backend=backend).set("groq", canary, "keyring")
    assert "cannot store '[redacted]'" in str(caught.value)


# --- the store: where keys come from


async def test_what_was_entered_comes_before_the_environment() -> None:
    environ = {"GROQ_API_KEY": "from-environment", "COHERE_API_KEY": " padded-key-value\n", "GEMINI_API_KEY": ""}
    store = KeyStore(environ, backend=memory_keyring(groq="from-the-keyring"))
    await store.load(["groq", "cohere", "gemini"])
    assert (store.source("groq"), store.get("groq")) == ("keyring", Key("from-the-keyring"))
    assert (store.source("cohere"), store.get("cohere")) == ("environment", Key("padded-key-value"))
    assert (store.source("gemini"), store.get("gemini")) == (None, None)
    await store.set("groq", "for-this-run-only", "session")
    assert (store.source("groq"), store.get("groq")) == ("session", Key("for-this-run-only"))
    assert await store.remove("groq")
    assert (store.source("groq"), store.get("groq")) == ("environment", Key("from-environment"))
    assert environ["GROQ_API_KEY"] == "from-environment"


async def test_a_key_for_this_run_is_written_nowhere() -> None:
    backend = memory_keyring()
    store = KeyStore({}, backend=backend)
    await store.set("groq", "for-this-run-only", "session")
    assert backend.get_password("aiconsole", "groq") is None
    again = KeyStore({}, backend=backend)
    await again.load(["groq"])
    assert again.get("groq") is None


async def test_a_key_kept_is_there_at_the_next_start() -> None:
    backend = memory_keyring()
    store = KeyStore({}, backend=backend)
    await store.set("groq", "for-this-run-only", "session")
    await store.set("groq", "to-be-kept-longer", "keyring")
    assert store.source("groq") == "keyring"
    again = KeyStore({}, backend=backend)
    await again.load(["groq"])
    assert again.get("groq") == Key("to-be-kept-longer")
    assert "Secret Service" in again.backend_state().words


async def test_environment_keys_are_there_before_the_keyring_answers() -> None:
    release = threading.Event()
    backend = memory_keyring(groq="from-the-keyring")
    answer = backend.get_password
    backend.get_password = lambda service, name: (release.wait(10), answer(service, name))[1]
    store = KeyStore({"GROQ_API_KEY": "from-environment"}, backend=backend)
    loading = asyncio.create_task(store.load(["groq"]))
    await asyncio.sleep(0)
    assert store.source("groq") == "environment"
    release.set()
    await loading
    assert store.source("groq") == "keyring"


async def test_a_variable_that_cannot_hold_a_key_is_named_without_its_value() -> None:
    store = KeyStore({"GROQ_API_KEY": "two SECRETS"}, backend=memory_keyring(cohere="tab\tSECRET"))
    await store.load(["groq", "cohere"])
    assert store.get("groq") is store.get("cohere") is None
    assert any("GROQ_API_KEY" in problem for problem in store.problems)
    assert any("entry for cohere" in problem for problem in store.problems)
    assert "SECRET" not in str(store.problems)
    await store.set("cohere", "good-key-0123", "keyring")
    assert len(store.problems) == 1


async def test_a_custom_provider_has_its_own_variable() -> None:
    store = KeyStore({"BOX_KEY": "box-key-0123"}, backend=memory_keyring())
    await store.load(["box"], {"box": "BOX_KEY"})
    assert store.get("box") == Key("box-key-0123")
    assert store.variable("box") == "BOX_KEY"
    assert store.variable("groq") == KEY_VARIABLES["groq"]


async def test_removing_what_is_not_there_says_so() -> None:
    store = KeyStore({}, backend=memory_keyring())
    assert await store.remove("groq") is False


# --- a store that does not answer


async def test_a_store_waiting_to_be_unlocked_is_given_up_and_can_be_tried_again() -> None:
    release = threading.Event()
    backend = memory_keyring(groq="from-the-keyring")
    answer = backend.get_password
    backend.get_password = lambda service, name: (release.wait(10), answer(service, name))[1]
    store = KeyStore({}, backend=backend, timeout_s=0.05)
    await store.load(["groq"])
    assert store.backend_state().usable is False
    assert "unlocked" in store.backend_state().words
    with pytest.raises(SecureStoreUnavailable, match=r"did not answer within 0\.05 s"):
        await store.set("cohere", "a-key-0123456", "keyring")
    release.set()
    patient = KeyStore({}, backend=backend)
    await patient.load(["groq", "cohere"])
    assert patient.get("groq") == Key("from-the-keyring")
    assert patient.get("cohere") is None


def test_a_store_that_never_answers_does_not_keep_the_process_alive() -> None:
    script = """
        import asyncio, threading
        from aiconsole.secrets import KeyStore
        from tests.keyrings import memory_keyring
        backend = memory_keyring()
        backend.get_password = lambda service, name: threading.Event().wait()
        async def main():
            store = KeyStore({}, backend=backend, timeout_s=0.1)
            await store.load(["groq"])
            print(store.backend_state().usable)
        asyncio.run(main())
    """
    ran = run_script(script, dict(os.environ), timeout=20)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("False\n", "", 0)


async def test_cancelling_leaves_nothing_behind() -> None:
    release = threading.Event()
    backend = memory_keyring()
    backend.get_password = lambda service, name: release.wait(10) and None
    loading = asyncio.create_task(KeyStore({}, backend=backend).load(["groq"]))
    await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    release.set()


# --- the real thing


@pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="no gnome-keyring-daemon and dbus-run-session here to make a real Secret Service with",
)
def test_a_real_secret_service_keeps_gives_back_and_forgets(tmp_path: Path) -> None:
    canary = make_canary()
    script = """
        import asyncio, os, subprocess
        from aiconsole.secrets import Key, KeyStore
        start = ["gnome-keyring-daemon", "--unlock", "--components=secrets"]
        subprocess.run(start, input=b"password", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = os.environ.pop("CANARY")
        async def main():
            store = KeyStore({})
            await store.load(["groq"])
            print(store.backend_state().usable, store.source("groq"))
            await store.set("groq", key, "keyring")
            again = KeyStore({})
            await again.load(["groq", "cohere"])
            print(again.source("groq"), again.get("groq") == Key(key), again.source("cohere"))
            print(await again.remove("groq"), await again.remove("groq"))
            last = KeyStore({})
            await last.load(["groq"])
            print(last.source("groq"))
        asyncio.run(main())
    """
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("DBUS_", "XDG_", "PYTHON_KEYRING"))
    }
    environ |= {"HOME": str(tmp_path), "CANARY": canary, "XDG_RUNTIME_DIR": str(tmp_path)}
    ran = run_script(script, environ, prefix=("dbus-run-session", "--"))
    assert ran.stdout.splitlines() == ["True None", "keyring True None", "True False", "None"], ran.stderr
    assert find_traces(tmp_path, [canary]) == []


def test_on_a_machine_without_any_the_person_is_told() -> None:
    if sys.platform in ("win32", "darwin"):
        pytest.skip("this platform always has a key store")
    script = """
        import asyncio
        from aiconsole.secrets import KeyStore
        print(asyncio.run(KeyStore({}).check_backend()).words)
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DBUS_")}
    ran = run_script(script, environ | {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"})
    assert "No secure key store was found" in ran.stdout, ran.stderr


def test_the_keyring_package_is_not_imported_before_it_is_asked() -> None:
    script = """
        import sys
        from aiconsole.secrets import KeyStore
        KeyStore({})
        print([name for name in ("keyring", "asyncio", "logging") if name in sys.modules])
    """
    assert run_script(script, dict(os.environ)).stdout == "[]\n"


async def test_closing_waits_for_the_keyring_so_that_no_native_code_runs_when_python_ends() -> None:
    asked, answer = threading.Event(), threading.Event()
    backend = memory_keyring(groq="gsk-1234567890")
    kept = backend.get_password

    def get_password(service: str, name: str) -> str | None:
        asked.set()
        answer.wait(20)
        return kept(service, name)

    backend.get_password = get_password  # type: ignore[method-assign]
    store = KeyStore({}, backend=backend)
    reading = asyncio.ensure_future(store.load(("groq",), {}))
    assert await asyncio.to_thread(asked.wait, 20)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    answer.set()
    await store.aclose()
    assert "aiconsole-keyring" not in {thread.name for thread in threading.enumerate()}
