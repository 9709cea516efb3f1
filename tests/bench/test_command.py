"""``aiconsole check``, ``bench`` and ``stress`` as a pipeline meets them."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from aiconsole.bench.arguments import add_commands
from aiconsole.bench.command import plan_of, suite_path
from aiconsole.bench.plan import Plan, Prompt, read_suite
from aiconsole.bench.prediction import predict
from aiconsole.bench.report import Report
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.models import Prices
from aiconsole.resources import resource
from tests.here import Here
from tests.test_cli import BARE, aiconsole

QUICK = ("--demo", "--provider", "cerebras", "--max-tokens", "4", "--warmup", "0", "--no-calibration")


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true")
    add_commands(parser.add_subparsers(), shared)
    return parser.parse_args(list(arguments))


def test_a_pipeline_gets_its_files_and_its_verdict(tmp_path: Path) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("junit", "html", "markdown", "csv")}
    outputs = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    asserts = ("--assert", "error_rate < 1 %", "--pin", "good")
    done = aiconsole("bench", *QUICK, "--repeats", "3", "--json", *outputs, *asserts, home=tmp_path)
    assert done.returncode in (0, 3), done.stderr  # a busy machine makes an invalid run, and says so
    report = msgspec.json.decode(done.stdout, type=Report)
    assert report.targets[0].requests == 3
    assert report.assertions[0].passed
    assert all(path.stat().st_size > 200 for path in files.values())
    assert "\r" not in done.stderr  # plain lines, no bar, where nobody watches
    assert "3 requests; at most $" in done.stderr.splitlines()[0]
    # In UTF-16 with a mark, as Windows PowerShell 5 writes what is redirected with >.
    (tmp_path / "baseline.json").write_bytes(done.stdout.encode("utf-16"))
    again = aiconsole(
        *("bench", *QUICK, "--repeats", "3", "--baseline", str(tmp_path / "baseline.json")),
        *("--assert", "ttft_p50 not worse", "--assert", "ttft_p50 < 1 ms"),
        home=tmp_path,
    )
    assert again.returncode in (1, 3), again.stderr
    assert "✗ FAILED" in again.stdout
    assert f"Compared with {report.id}" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bench", "--demo", "--assert", "ttft_p95 800"), "cannot be understood"),
        (("bench", "--demo", "--assert", "ttft_p95 not worse"), "needs a baseline"),
        (("stress", "--demo", "--suite", "absent.toml"), "absent.toml cannot be read"),
        (("stress", "--demo", "--suite", "quick"), "is for `aiconsole bench`"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(arguments: tuple[str, ...], words: str, here: Here) -> None:
    done = here.run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupting_ends_the_run_and_still_tells_its_result(tmp_path: Path) -> None:
    arguments = ("stress", *QUICK, "--level", "2", "--seconds", "60", "--json", "--home", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-m", "aiconsole", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=BARE,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("measuring"):
            os.killpg(process.pid, signal.SIGINT)
            break
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert json.loads(out)["partial"] is True
    assert "Stopped early." in errors


@pytest.mark.parametrize("name", ["quick", "lengths", "gate", "capacity", "health"])
def test_the_suites_that_come_with_the_console_can_be_run(name: str) -> None:
    plan = read_suite(suite_path(name))
    assert plan.about
    prices = {"groq/m": Prices(0.1, 0.5)}
    told = predict(msgspec.structs.replace(plan, targets=("groq/m",)), prices)
    assert 0 < (told.usd or 0) < (plan.limits.usd or 1)
    assert {path.stem for path in resource("suites").glob("*.toml")} == {
        "quick",
        "lengths",
        "gate",
        "capacity",
        "health",
    }


def test_what_is_said_beside_a_suite_changes_it(tmp_path: Path) -> None:
    plan = plan_of(parsed("bench", "--suite", "gate", "--provider", "groq,mistral", "--repeats", "5", "--concurrency", "3",
                          "--max-tokens", "9", "--max-usd", "0.2", "--assert", "itl_p95 < 50 ms"))  # fmt: skip
    assert plan.targets == ("groq", "mistral")
    assert (plan.repeats, plan.load.level, plan.prompts[0].max_tokens) == (5, 3, 9)
    assert (plan.limits.usd, plan.limits.errors) == (0.2, 10)
    assert plan.asserts[-1] == "itl_p95 < 50 ms"
    sweep = plan_of(parsed("stress", "--shape", "sweep", "--level", "2", "--to", "8", "--objective-ttft", "900"))
    assert (sweep.load.shape, sweep.load.to, sweep.objectives.ttft_ms) == ("sweep", 8, 900)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repeets = 3", "repeets"),
        ("[load]\nshape = 'square'", "square"),
        ("kind = ", "is not TOML"),
        ("prompts = []", "needs at least one"),
    ],
)
def test_a_suite_that_cannot_be_used_is_told_with_what_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_suite(path)


def test_the_price_is_told_before_a_run_and_what_is_not_known_too() -> None:
    plan = Plan(targets=("a/x", "b/y"), prompts=(Prompt("p", "word " * 80, max_tokens=100),), repeats=10, warmup=0)
    told = predict(plan, {"a/x": Prices(1.0, 2.0), "b/y": None})
    assert told.requests == 20
    assert told.usd == pytest.approx(10 * (120 * 1.0 + 100 * 2.0) / 1e6)
    assert told.unpriced == ("b/y",)
    assert "the price of b/y is unknown" in told.words
