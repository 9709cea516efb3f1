"""The command line as its user meets it: real processes, pipes, exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from aiconsole import __version__
from aiconsole.cli import run
from tests.here import Here

BARE = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY") and name != "AICONSOLE_HOME"}


def aiconsole(
    *arguments: str, home: Path, given: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aiconsole", *arguments, "--home", str(home)],
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env={**BARE, **(environ or {})},
    )


def test_version_is_told_without_importing_the_engine() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "aiconsole", "--version"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.stdout == f"aiconsole {__version__}\n"
    assert "msgspec" not in done.stderr
    assert "asyncio" not in done.stderr


def test_chat_prints_the_answer_alone_on_standard_output(tmp_path: Path) -> None:
    done = aiconsole("chat", "--demo", "-m", "cerebras/gpt-oss-120b", "[[tokens=12]]", home=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = aiconsole("chat", "--demo", "--no-stream", "-m", "cerebras/gpt-oss-120b", "[[tokens=12]]", home=tmp_path)
    assert done.stdout == whole.stdout
    assert len(done.stdout.split()) > 5
    assert done.stderr == ""


def test_chat_takes_standard_input_and_files(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("the note's text", encoding="utf-8")
    done = aiconsole(
        "chat",
        "--demo",
        "--json",
        "-m",
        "groq/openai/gpt-oss-120b",
        "-f",
        str(note),
        home=tmp_path,
        given="[[echo]]piped words",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["provider"] == "groq"
    assert "piped words" in result["content"][-1]["text"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("chat", "hello", "-m", "groq/openai/gpt-oss-120b"), 4, "No key is set for Groq"),
        (("chat", "hello", "-m", "no-such-model-at-all", "--demo"), 2, "no-such-model-at-all"),
        (("chat", "--demo"), 2, "nothing to ask"),
        (("chat", "hi", "--demo", "-f", "absent.png"), 2, "absent.png"),
        (("keys", "set", "nobody"), 2, "nobody"),
        (("check",), 2, "No provider has a key"),
        (("models",), 2, "No provider has a key"),
        (("keys", "remove", "nobody"), 2, "nobody"),
        (("chat", "  ", "--demo"), 2, "nothing to ask"),
        (("chat", "hi", "--demo", "--max-tokens", "0"), 2, "“0” is no whole number from 1 on"),
        (("chat", "hi", "--demo", "--temperature", "nan"), 2, "“nan” is no number from 0 on"),
        (("cache",), 2, "There are: stats, list, clear, remove"),
        (("cache", "remove", "--key", "zz"), 2, "first 8 or more digits"),
        (("profile", "save", "mine", "--set", "cache.mode=bogus"), 2, "Nothing was saved"),
        (("alerts", "backtest", "--days", "-3"), 2, "“-3” is no number above 0"),
        (("alerts", "test", "nowhere"), 2, "no channel called “nowhere”"),
        (("alerts", "channel", "nowhere", "--remove"), 2, "no channel called “nowhere”"),
    ],
)
def test_what_goes_wrong_is_told_with_an_exit_code_of_its_own(
    arguments: tuple[str, ...], code: int, words: str, here: Here
) -> None:
    done = here.run(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_lists_as_tables_and_as_json(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "anthropic/claude-haiku-4-5-20251001" in here.run("models", "--demo").stdout
    models = json.loads(here.run("models", "groq", "--demo", "--json").stdout)
    assert {model["provider"] for model in models} == {"groq"}
    monkeypatch.setenv("MISTRAL_API_KEY", "canary-123456789")
    providers = here.run("providers")
    assert "from MISTRAL_API_KEY" in providers.stdout
    assert "canary" not in providers.stdout + providers.stderr
    assert "missing" in providers.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--home", "HOME", "--json", "keys", "list"),
        ("keys", "--home", "HOME", "--json", "list"),
        ("keys", "list", "--home", "HOME", "--json"),
        ("--json", "keys", "list", "--home", "HOME"),
    ],
)
def test_common_options_are_taken_before_and_after_the_command(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text('[custom.own]\nbase_url = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    assert run([str(home) if argument == "HOME" else argument for argument in arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"groq", "own"} <= set(found)
    assert run(["--demo", *(str(home) if argument == "HOME" else argument for argument in arguments)]) == 0
    assert "own" not in json.loads(capsys.readouterr().out)


def test_check_asks_every_provider(here: Here) -> None:
    done = here.run("check", "--quick", "--demo", "--json")
    assert done.returncode == 0, done.stdout
    assert len(json.loads(done.stdout)) == 7


def test_settings_that_cannot_be_used_are_told_and_do_not_stop_it(here: Here, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[chat]\nmodel = 5\n", encoding="utf-8")
    done = here.run("providers")
    assert done.returncode == 0
    assert "Line 2, chat.model" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupting_is_clean(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "aiconsole",
        "chat",
        "--demo",
        "-m",
        "anthropic/claude-haiku-4-5-20251001",
        "[[tokens=4000]]",
    ]
    process = subprocess.Popen(
        [*command, "--home", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=BARE,
    )
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in told


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m aiconsole models --demo --home {tmp_path} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, encoding="utf-8", timeout=60, env=BARE
    )
    assert done.stdout.startswith("MODEL")
    assert "Traceback" not in done.stderr


def test_simulate_serves_until_it_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "aiconsole", "simulate", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(8)]
    started = time.monotonic()
    process.terminate()
    process.communicate(timeout=10)
    assert time.monotonic() - started < 10
    assert any("groq" in line and "http://127.0.0.1:" in line for line in lines)


def test_simulate_says_when_its_port_cannot_be_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 99_999):
            command = [sys.executable, "-m", "aiconsole", "simulate", "--port", str(port)]
            done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
            assert done.returncode == 2
            assert done.stderr.startswith(f"Port {port} cannot be used: ")
            assert "--port; 0 takes a free one." in done.stderr
