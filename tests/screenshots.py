"""``python -m tests.screenshots [--out DIR] [--size 1280x800] [--empty]``: a picture of each panel in both themes.

Opens the real window offscreen on a home of its own with a week of made-up history, lets the simulated providers answer a few
conversations (neither with ``--empty``), and grabs every panel. The README's pictures under resources/screenshots are made
this way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import Message
from aiconsole.engine import Engine
from aiconsole.gui.loop import WindowLoop
from aiconsole.gui.requests import Wanted
from aiconsole.gui.requests.panel import RequestsPanel
from aiconsole.gui.routing.panel import RULES
from aiconsole.gui.shell import Shell
from aiconsole.gui.slot import PanelSlot
from aiconsole.gui.theme import Theme
from aiconsole.gui.window import PANELS, Window
from aiconsole.gui.window_state import WindowState
from aiconsole.home import find_home
from aiconsole.optimizer.footprint import Feet
from aiconsole.simulator import Behaviour, RateLimits, Simulator
from tests.hour import write_week

OUT = Path(__file__).resolve().parent.parent / "resources" / "screenshots"
PROMPTS = (
    ("groq/openai/gpt-oss-120b", "How does a circuit breaker decide when to open?"),
    ("anthropic/claude-haiku-4-5-20251001", "Compare three ways to stream Markdown smoothly, as a table."),
    ("cerebras/gpt-oss-120b", "Write a Python function that parses Retry-After."),
    ("mistral/mistral-small-latest", "Summarise yesterday's incident for the team."),
    ("gemini/gemini-2.5-flash", "Which of our prompts could be shorter?"),
    ("gpt-oss-120b", "What does a p95 of 800 ms mean for a user?"),
)
PACES = {
    "groq": Behaviour(ttft_ms=180, tokens_per_s=420, jitter=0.3),
    "cohere": Behaviour(ttft_ms=380, tokens_per_s=200, jitter=0.3),
    "mistral": Behaviour(ttft_ms=320, tokens_per_s=300, jitter=0.3),
    "gemini": Behaviour(ttft_ms=470, tokens_per_s=350, jitter=0.3),
    "cerebras": Behaviour(ttft_ms=150, tokens_per_s=800, jitter=0.3, error_rates={"overloaded": 0.2}),
    "openrouter": Behaviour(ttft_ms=6000, tokens_per_s=260, jitter=0.4),
    "anthropic": Behaviour(ttft_ms=62, tokens_per_s=260, jitter=0.3),
}


async def converse(engine: Engine) -> str:
    """Real traffic through the kept conversations, so that every panel has something to show; the id of one of them."""
    chat = await engine.open_chat()
    ids: list[str] = []
    for model, prompt in PROMPTS:
        conversation = await chat.create(model=model)
        ids.append(conversation.id)
        for text in (prompt, "And in one sentence?"):
            async with aclosing(chat.send(conversation.id, text)) as events:
                async for _ in events:
                    pass
    for name in PACES:
        await engine.probe(name)
    await run_jobs(engine)
    await watch_alerts(engine)
    return ids[1]


async def watch_alerts(engine: Engine) -> None:
    """Alerts over the week's outages and what has just happened, and a channel that is set up."""
    alerts = await engine.open_alerts()
    await engine.change("alert_channels.phone.enabled", True)
    await alerts.keep_address("phone", "ntfy://team-alerts", "session")
    for _ in range(50):
        if any(alert.state == "firing" for alert in alerts.current()):
            return
        await asyncio.sleep(0.1)


async def run_jobs(engine: Engine) -> None:
    """One run of each background job, on what there is by now."""
    jobs = await engine.open_jobs(by_itself=False)
    await engine.change("chat.model", "gpt-oss-120b")
    for view in jobs.scheduler.views():
        await jobs.scheduler.run_now(view.name)
        await jobs.scheduler.finished(view.name)


async def settle(seconds: float = 1.2) -> None:
    """Give panels the time to load and paint."""
    await asyncio.sleep(seconds)


async def shoot(application: QApplication, options: argparse.Namespace) -> None:
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as person:
        os.environ["HOME"] = person  # so that no picture shows a path of the machine it was made on
        home = Path(person, ".config", "aiconsole")
        if not options.empty:
            await write_week(find_home(home, {}).database, time.time() - 20)
        async with (
            Simulator.start(behaviours=PACES) as simulator,
            Engine.open(home=home, environ={}, simulator=simulator, record=True) as engine,
        ):
            theme = Theme(application, "dark")
            theme.apply()
            shell = Shell(theme)
            window = Window(shell, state=WindowState(welcomed=not options.empty))
            shell.resize(width, height)
            shell.show()
            conversation = "" if options.empty else await converse(engine)
            window.connect_engine(engine)
            window.watch_frames(await engine.open_optimizer())
            if conversation and (not options.panels or "performance" in options.panels):
                await repeat(engine, shell)
            if conversation:
                shell.open("chat", conversation)
                await settle()
            for mode in ("dark", "light"):
                await engine.change("appearance.theme", mode)
                theme.set_mode(mode)
                await each_panel(shell, options.out, mode, options.panels)
                if "bench" in options.panels:
                    for name, behaviour in KNOWN.items():
                        simulator.set(name, behaviour)
                    await each_moment_of_the_bench(shell, options.out, mode)
                if "drill" in options.panels:
                    await each_moment_of_a_drill(shell, options.out, mode)
            window.disconnect_engine()
            await shell.finish()
            shell.close()


async def show_failures(shell: Shell) -> None:
    """Scroll the table of requests to where most went wrong."""
    panel = shell.findChild(RequestsPanel)
    assert panel is not None
    lines = await panel.model.lines(range(min(1500, panel.model.rowCount())))
    wrong = [line.state == "crit" or line.row.attempts > 1 for line in lines]
    worst = max(range(max(1, len(wrong) - 20)), key=lambda at: sum(wrong[at : at + 20]))
    panel.table.verticalScrollBar().setValue(worst)
    await settle()


async def open_request(shell: Shell, attempts: int) -> None:
    """The page of the newest request that took so many attempts, where there is one."""
    shell.open("requests", Wanted(sort="attempts"))
    await settle()
    panel = shell.findChild(RequestsPanel)
    assert panel is not None
    for row in range(panel.model.rowCount()):
        line = panel.model.line(row)
        if line is not None and line.row.attempts == attempts:
            panel.open_row(row)
            return


async def each_panel(shell: Shell, out: Path, mode: str, wanted: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for plan in PANELS:
        if wanted and plan.key not in wanted:
            continue
        shell.open(plan.key, Wanted(last_s=3600.0, asked="openrouter") if plan.key == "requests" else None)
        await settle()
        if plan.key == "requests":
            await show_failures(shell)
        shell.grab().save(str(out / f"{plan.key}-{mode}.png"))
    if not wanted or "overview" in wanted:
        await overview_ranges(shell, out, mode)
    if not wanted or "request" in wanted:
        await open_request(shell, 3)
        await settle()
        shell.grab().save(str(out / f"request-{mode}.png"))
    if not wanted or "performance" in wanted:
        await performance(shell, out, mode)
    if not wanted or "provider" in wanted:
        await provider_pages(shell, out, mode)
    for item in ("rules", "channels"):
        if not wanted or f"alert-{item}" in wanted:
            shell.open("alerts", f"#{item}")
            await settle()
            shell.grab().save(str(out / f"alert-{item}-{mode}.png"))
            shell.open("alerts", "")
    if not wanted or "rules" in wanted:
        shell.open("routing", RULES)
        await settle()
        shell.grab().save(str(out / f"rules-{mode}.png"))
        shell.open("routing", "gpt-oss-120b")


async def repeat(engine: Engine, shell: Shell) -> None:
    """Questions at temperature 0, half of them asked before, while the console's own figures are taken."""
    optimizer, feet, random = await engine.open_optimizer(), Feet(), Random(5)
    models = ("groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "mistral/mistral-small-latest")
    for name in ("groq", "cerebras", "mistral"):
        assert engine.simulator is not None
        engine.simulator.set(name, msgspec.structs.replace(PACES[name], tokens_per_s=2000, error_rates={}))
    for _ in range(70):
        number = random.choice((*range(9), *range(40)))
        text = f"[[tokens={40 + number * 9}]] Question {number}"
        asking = [
            engine.complete(ChatRequest(random.choice(models), (Message.user(text),), temperature=0.0))
            for _ in range(2)
        ]
        await asyncio.gather(*asking)
        shell.update()
        optimizer.look(feet)
    optimizer.relieve()
    optimizer.look(feet)
    await settle(0.5)
    assert engine.simulator is not None
    for name, pace in PACES.items():
        engine.simulator.set(name, pace)


async def performance(shell: Shell, out: Path, mode: str) -> None:
    """The performance page, and what a switch of profiles would change."""
    slot = shell.open("settings", "#performance")
    assert isinstance(slot, PanelSlot)
    await settle(4.0)
    view: Any = slot.content
    page = view.performance.page
    shell.grab().save(str(out / f"performance-{mode}.png"))
    page.profiles.choice.setCurrentIndex(4)
    page.profiles.choice.activated.emit(4)
    await settle()
    if out != OUT:
        shell.grab().save(str(out / f"performance-switch-{mode}.png"))
    page.profiles.preview.cancel.click()
    view.show_settings()


async def each_moment_of_a_drill(shell: Shell, out: Path, mode: str) -> None:
    """The drill before it was started, while it runs, and with its figures."""
    slot = shell.open("routing", "#drill")
    assert isinstance(slot, PanelSlot)
    await settle()
    view: Any = slot.content
    view = view.drill.view
    shell.grab().save(str(out / f"drill-empty-{mode}.png"))
    view.start_or_stop()
    while not view.watch.running or view.watch.seen.now_s < 33:
        await asyncio.sleep(0.05)
    shell.grab().save(str(out / f"drill-live-{mode}.png"))
    while view.watch.running:
        await asyncio.sleep(0.05)
    await settle(0.3)
    shell.grab().save(str(out / f"drill-done-{mode}.png"))


async def provider_pages(shell: Shell, out: Path, mode: str) -> None:
    """A provider's page by the range, with its errors, and what was spent."""
    slot = shell.open("providers", "openrouter")
    assert isinstance(slot, PanelSlot)
    await settle()
    panel: Any = slot.content
    for range_s, name in ((604_800.0, "-week"), (3600.0, "-hour"), (86_400.0, "")):
        panel.detail.graph.choose_range(range_s)
        panel.detail.to_errors.setChecked(name == "-week")
        (panel.detail.to_errors if name == "-week" else panel.detail.to_models).click()
        await settle()
        if name == "" or out != OUT:
            shell.grab().save(str(out / f"provider{name}-{mode}.png"))
    shell.open("providers", "#spend")
    await settle()
    shell.grab().save(str(out / f"spend-{mode}.png"))
    panel.show_table()


async def overview_ranges(shell: Shell, out: Path, mode: str) -> None:
    """The overview's longer ranges, and what a hover tells; the hour with the outage is its picture in the README."""
    from aiconsole.gui.overview.panel import OverviewPanel

    panel = shell.findChild(OverviewPanel)
    assert panel is not None
    shell.open("overview")
    panel.parts.ranges[1].setFocus(Qt.FocusReason.MouseFocusReason)
    for range_s, name in ((86_400.0, "-day"), (604_800.0, "-week"), (3600.0, "")):
        panel.choose_range(range_s)
        await settle()
        if name == "" or out != OUT:
            shell.grab().save(str(out / f"overview{name}-{mode}.png"))
    panel.chart.point(panel.chart._graph.number(time.time() - 1380))
    if out != OUT:
        shell.grab().save(str(out / f"overview-hover-{mode}.png"))
    panel.chart.point(None)


KNOWN = {name: msgspec.structs.replace(pace, jitter=0.15) for name, pace in PACES.items()} | {
    "cerebras": Behaviour(ttft_ms=150, tokens_per_s=800, jitter=0.2, error_rates={"overloaded": 0.2}),
    "openrouter": Behaviour(ttft_ms=700, tokens_per_s=260, jitter=0.4),
    "cohere": Behaviour(ttft_ms=380, tokens_per_s=200, jitter=0.2, rate_limit=RateLimits(requests_per_minute=40)),
    "gemini": Behaviour(ttft_ms=470, tokens_per_s=350, error_rates={"bad_key": 1}),
}


async def each_moment_of_the_bench(shell: Shell, out: Path, mode: str) -> None:
    """The bench's form, a run under way, and finished health, benchmark, comparison and stress."""
    from aiconsole.bench.plan import Load, Objectives, Plan, Prompt

    slot = shell.open("bench")
    assert isinstance(slot, PanelSlot)
    await settle()
    view: Any = slot.content

    def picture(name: str) -> None:
        shell.grab().save(str(out / f"bench-{name}-{mode}.png"))

    async def over() -> None:
        while view.watch.running:
            await asyncio.sleep(0.05)
        await settle(0.8)

    out.mkdir(parents=True, exist_ok=True)
    picture("form")
    view.open_item("#capacity")
    await settle(0.8)
    picture("form-stress")
    view.start(Plan(kind="health"))
    await over()
    picture("health")
    short = (Prompt("short", "[[tokens=30]] Name three rivers.", 0, 48),)
    targets = ("groq", "cerebras", "anthropic", "mistral")
    bench = Plan(name="Quick benchmark", targets=targets, prompts=short, repeats=15, asserts=("ttft_p95 < 300 ms",))
    for repeats in (12, 15):
        view.start(msgspec.structs.replace(bench, repeats=repeats))
        await over()
    picture("figures")
    for number, name in ((2, "asserts"), (3, "spread"), (6, "compare"), (7, "history"), (8, "certificate")):
        view.finished.tabs.setCurrentIndex(number)
        await settle(0.6)
        picture(name)
    load = Load("sweep", level=2, to=24, steps=4, seconds=4, arrivals="poisson")
    view.start(
        Plan(
            "stress", "Capacity", targets=("groq", "cohere"), prompts=short, load=load,
            objectives=Objectives(ttft_ms=800, latency_ms=4000),
        )
    )  # fmt: skip
    while view.watch.running and not (view.watch.seen.progress and view.watch.seen.progress.at_s > 7):
        await asyncio.sleep(0.05)
    picture("live")
    await over()
    view.finished.tabs.setCurrentIndex(4)
    await settle(0.5)
    picture("stress")
    view.finished.tabs.setCurrentIndex(5)
    await settle(0.5)
    picture("errors")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("panels", nargs="*")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--empty", action="store_true")
    options = parser.parse_args()
    application = QApplication(["aiconsole"])
    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        runner.run(shoot(application, options))


if __name__ == "__main__":
    main()
