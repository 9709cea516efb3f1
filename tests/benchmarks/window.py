"""How late a 16 ms timer in the window gets while 64 streams run through the engine and one of them is shown in the chat.

The whole window is on the screen (offscreen), the simulated provider is a process of its own. Two loads: every stream at 50
tokens/s, and every stream as fast as the connection takes it. Lateness is how much later than 16 ms after the tick before a
tick comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import Message
from aiconsole.engine import Engine
from aiconsole.gui.loop import WindowLoop
from aiconsole.gui.shell import Shell
from aiconsole.gui.theme import Theme
from aiconsole.gui.window import Window
from aiconsole.gui.window_state import WindowState
from tests.benchmarks.rows import Row

STREAMS = 64
TICK_MS = 16
PACED_S = 8.0
UNPACED_S = 5.0
_SERVER = """
import asyncio, sys
from aiconsole.simulator import Behaviour, Simulator

async def serve():
    pace = Behaviour(ttft_ms=100, tokens_per_s=float(sys.argv[1]) or None, jitter=0.2)
    async with Simulator.start(behaviours={"groq": pace}) as simulator:
        print(simulator.base_url("groq"), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(serve())
"""


def run() -> list[Row]:
    """Measure; about 20 s."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    rows: list[Row] = []
    for name, tokens_per_s, seconds, limit_ms in (
        (f"{STREAMS} streams at 50 tokens/s", 50.0, PACED_S, 33.0),
        (f"{STREAMS} streams unpaced", 0.0, UNPACED_S, 50.0),
    ):
        with _provider(tokens_per_s) as base_url, tempfile.TemporaryDirectory() as home:
            Path(home, "settings.toml").write_text(
                f'[custom.bench]\nbase_url = "{base_url}"\nkey_needed = true\n', encoding="utf-8"
            )
            with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
                late, tokens = runner.run(_measure(application, home, seconds))
        p99 = statistics.quantiles(late, n=100)[98]
        rows += [
            Row(f"{name}: tokens taken in", tokens / seconds, "/s"),
            Row(f"{name}: timer late, median", statistics.median(late), "ms"),
            Row(f"{name}: timer late, p99", p99, "ms", *(("at most 16", p99 <= 16) if tokens_per_s else ("", None))),
            Row(f"{name}: timer late, most", max(late), "ms", f"at most {limit_ms:g}", max(late) <= limit_ms),
        ]
    return rows


async def _measure(application: QApplication, home: str, seconds: float) -> tuple[list[float], int]:
    async with Engine.open(home=home, environ={}) as engine:
        await engine.set_key("bench", "bench-key-1234", "session")
        theme = Theme(application, "dark")
        theme.apply()
        shell = Shell(theme)
        window = Window(shell, state=WindowState(welcomed=True))
        shell.resize(1280, 800)
        shell.show()
        chat = await engine.open_chat()
        conversation = await chat.create(model="bench/openai/gpt-oss-120b")
        window.connect_engine(engine)
        shell.open("chat", conversation.id)
        await asyncio.sleep(1.5)
        counted = [0]
        others = [asyncio.create_task(_stream(engine, counted)) for _ in range(STREAMS - 1)]
        _send_in_chat(shell, "[[tokens=20000]]")
        await asyncio.sleep(2.5)
        counted[0] = 0
        late = await _watch(seconds)
        tokens = counted[0]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        window.disconnect_engine()
        await shell.finish()
        shell.close()
        return late, tokens


def _send_in_chat(shell: Shell, text: str) -> None:
    """Type into the composer and send, as a person does."""
    from aiconsole.gui.chat.composer import Draft
    from aiconsole.gui.chat.panel import ChatPanel

    panel = shell.findChild(ChatPanel)
    assert panel is not None
    panel.composer.load(Draft(text))
    panel.send()


async def _stream(engine: Engine, counted: list[int]) -> None:
    request = ChatRequest("bench/openai/gpt-oss-120b", (Message.user("[[tokens=3000]]"),))
    while True:
        async with aclosing(engine.stream(request)) as events:
            async for _ in events:
                counted[0] += 1


async def _watch(seconds: float) -> list[float]:
    """How late each tick of a precise timer was, in ms."""
    late: list[float] = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        late.append(max(0.0, (now - last) * 1000 - TICK_MS))
        last = now

    timer.timeout.connect(tick)
    timer.start(TICK_MS)
    await asyncio.sleep(seconds)
    timer.stop()
    return late


@contextlib.contextmanager
def _provider(tokens_per_s: float) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(tokens_per_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()
