"""``aiconsole check``, ``bench`` and ``stress``: plan from arguments, progress, outputs, exit code."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec

from aiconsole.bench import asserts
from aiconsole.bench.compare import figure
from aiconsole.bench.health import unusable
from aiconsole.bench.outputs import FORMS, Form, rendered, write
from aiconsole.bench.outputs.words import headline, tables
from aiconsole.bench.plan import Load, Plan, Prompt, read_suite
from aiconsole.bench.progress import Checked, Over, Planned, Progress
from aiconsole.bench.report import Report
from aiconsole.bench.running import BenchRun
from aiconsole.bench.service import Bench
from aiconsole.domain.errors import ConfigError
from aiconsole.resources import resource

PASSED: Final = 0
FAILED: Final = 1
INVALID: Final = 3
TROUBLE: Final = 4
INTERRUPTED: Final = 130

Say = Callable[[str], object]
_EVERY_S: Final = 5.0
_BAR: Final = 24
_OPTIONS: Final = {
    "load": {"shape": "shape", "by": "by", "level": "level", "to": "to", "steps": "steps", "seconds": "seconds"},
    "limits": {"max_usd": "usd", "max_errors": "errors", "max_seconds": "seconds"},
    "objectives": {"objective_ttft": "ttft_ms", "objective_latency": "latency_ms"},
}


async def run_bench(bench: Bench, options: argparse.Namespace, say: Say, tell: Say) -> int:
    """Carry out one of the three commands.

    Args:
        options: as arguments.py declares them.
        say: takes the result, for standard output.
        tell: takes everything about it, for standard error.

    Returns: the exit code.

    Raises:
        ConfigError: the plan cannot be run.
        ProviderError: a provider's model list is needed and cannot be had.
    """
    if options.schema:
        say(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report))).decode())
        return PASSED
    plan = await asyncio.to_thread(plan_of, options)
    given = getattr(options, "baseline", None)
    baseline = None if given is None else await asyncio.to_thread(bench.history.baseline, given)
    if baseline is None:
        for condition in map(asserts.read, plan.asserts):
            if condition.needs_baseline:
                raise ConfigError(f"“{condition.text}” needs a baseline.", advice="Give one with --baseline.")
    run = await bench.start(plan, baseline=baseline)
    async with _stoppable(run):
        report = await _watched(run, _Lines(tell, terminal=sys.stderr.isatty()))
    await asyncio.to_thread(_put_out, report, options, say, tell)
    code = exit_code(report)
    if code == PASSED and getattr(options, "pin", None):
        await asyncio.to_thread(bench.history.pin, options.pin, report.id)
        tell(f"Pinned as the baseline “{options.pin}”.")
    return code


def exit_code(report: Report) -> int:
    """0 passed, 1 an assertion or check failed, 3 invalid run, 4 a provider or key could not serve, 130 stopped by hand."""
    if report.partial and not report.broken:
        return INTERRUPTED
    if any(unusable(check) for check in report.health) or any(
        target.trouble for target in report.targets if not report.broken
    ):
        return TROUBLE
    if report.certificate.verdict == "invalid":
        return INVALID
    return PASSED if report.passed else FAILED


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the arguments describe: the suite's, changed by what is said beside it.

    Raises:
        ConfigError: the suite cannot be read, or is of another kind.
    """
    given: Mapping[str, Any] = vars(options)
    kind = options.kind
    plan = Plan(kind=kind)
    if kind == "stress":
        plan = Plan(kind=kind, load=Load(level=4))
    if options.suite:
        plan = read_suite(suite_path(options.suite))
        if plan.kind != kind:
            names = {"health": "check", "bench": "bench", "stress": "stress"}
            raise ConfigError(
                f"The suite is for `aiconsole {names[plan.kind]}`.", advice=f"Say “{names[plan.kind]}” instead."
            )
    return msgspec.structs.replace(plan, **_changes(plan, given))


def _changes(plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is said beside the suite, by the plan's fields."""
    changes: dict[str, Any] = {}
    targets = (*given.get("names", ()), *(name for text in given["provider"] for name in text.split(",") if name))
    if targets:
        changes["targets"] = targets
    for part, names in _OPTIONS.items():
        found = {field: given[name] for name, field in names.items() if given.get(name) is not None}
        if found:
            changes[part] = msgspec.structs.replace(getattr(plan, part), **found)
    if given.get("concurrency") is not None:
        changes["load"] = msgspec.structs.replace(plan.load, level=float(given["concurrency"]))
    for name in ("repeats", "warmup"):
        if given.get(name) is not None:
            changes[name] = given[name]
    if given.get("no_stream"):
        changes["stream"] = False
    if given.get("no_calibration"):
        changes["calibrate"] = False
    if given.get("asserts"):
        changes["asserts"] = (*plan.asserts, *given["asserts"])
    prompts = plan.prompts if not given.get("prompt") else (Prompt("given", given["prompt"]),)
    if given.get("max_tokens") is not None:
        prompts = tuple(msgspec.structs.replace(prompt, max_tokens=given["max_tokens"]) for prompt in prompts)
    return {**changes, "prompts": prompts}


def suite_path(given: str) -> Path:
    """The file of a suite given by its path, or by the name of one in resources/suites."""
    path = Path(given)
    if path.suffix != ".toml" and not path.exists():
        shipped = resource(f"suites/{given}.toml")
        if shipped.is_file():
            return shipped
    return path


@asynccontextmanager
async def _stoppable(run: BenchRun) -> AsyncIterator[None]:
    """Ctrl-C stops the run instead of the program, so that its report is still written; a second one ends the program."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        loop.call_soon_threadsafe(run.stop)

    signal.signal(signal.SIGINT, stop)  # not the loop's own way, which Windows' loops do not have
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _watched(run: BenchRun, lines: _Lines) -> Report:
    async for happening in run.happenings():
        if isinstance(happening, Planned):
            targets = ", ".join(happening.plan.targets)
            words = f": {happening.prediction.words}" if happening.prediction.words else ""
            lines.line(f"{targets}{words}.")
        elif isinstance(happening, Checked):
            check = happening.check
            lines.checked(f"{check.provider} {check.check}: {check.result}", happening.done, happening.of)
        elif isinstance(happening, Progress):
            lines.progress(happening)
        elif isinstance(happening, Over):
            lines.end()
            return happening.report
    raise AssertionError("a run ends with Over")


class _Lines:
    """Progress for people: a bar that is drawn anew on a terminal, a plain line now and then in a log."""

    def __init__(self, tell: Say, *, terminal: bool) -> None:
        self._tell = tell
        self._terminal = terminal
        self._told_at = -_EVERY_S
        self._phase = ""
        self._drawn = 0

    def line(self, words: str) -> None:
        """A line that stays."""
        self.end()
        self._tell(words)

    def checked(self, words: str, done: int, of: int) -> None:
        """A health check is done."""
        if self._terminal:
            self._draw(f"{_bar(done / of)} {done}/{of} {words}")
        else:
            self._tell(words)

    def progress(self, now: Progress) -> None:
        """How a load stands."""
        words = _progress_words(now)
        if self._terminal:
            self._draw(f"{_bar(now.share)} {words}" if now.share is not None else words)
        elif now.phase != self._phase or now.at_s - self._told_at >= _EVERY_S:
            self._phase, self._told_at = now.phase, now.at_s
            self._tell(words)

    def end(self) -> None:
        """Wipe the bar."""
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            sys.stderr.flush()
            self._drawn = 0

    def _draw(self, words: str) -> None:
        words = words[:110]
        sys.stderr.write("\r" + words.ljust(self._drawn))
        sys.stderr.flush()
        self._drawn = max(self._drawn, len(words))


def _bar(share: float | None) -> str:
    full = round(_BAR * (share or 0.0))
    return f"[{'#' * full}{'.' * (_BAR - full)}]"


def _progress_words(now: Progress) -> str:
    if now.phase == "calibrating":
        return "calibrating the generator against the simulator"
    ttft = [target.ttft_p50_ms for target in now.targets if target.ttft_p50_ms is not None]
    spread = "" if not ttft else f", TTFT p50 {figure(min(ttft))}"
    spread += f" to {figure(max(ttft))} ms" if len(ttft) > 1 else " ms" if ttft else ""
    failed = f", {now.errors} failed" if now.errors else ""
    return f"{now.phase} {now.at_s:.0f} s: {now.ended} ended{failed}, {now.in_flight} in flight, {figure(now.per_s)}/s{spread}"


def _put_out(report: Report, options: argparse.Namespace, say: Say, tell: Say) -> None:
    """The files asked for, and the result on standard output."""
    for form in FORMS:
        path = getattr(options, form, None)
        if form != "json" and path:
            _write(report, form, path)
    if options.json:
        say(rendered(report, "json").rstrip("\n"))
    else:
        for line in told(report):
            say(line)
    if report.certificate.verdict == "invalid":
        tell(report.certificate.words)
    if report.stopped:
        tell(f"Stopped early. {report.stopped}")
    tell(headline(report))
    tell(f"Kept as {report.id}.")


def _write(report: Report, form: Form, path: str) -> None:
    write(report, form, Path(path))


def told(report: Report) -> list[str]:
    """The tables of a report as plain lines."""
    lines: list[str] = []
    for table in tables(report):
        widths = [max(len(row[index]) for row in (table.head, *table.rows)) for index in range(len(table.head))]
        lines += [*([""] if lines else []), table.title]
        for row in (table.head, *table.rows):
            cells = (
                cell.rjust(width) if index in table.numbers else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join(cells).rstrip())
        if table.note:
            lines.append(table.note)
    return lines
