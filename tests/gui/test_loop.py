"""The window's event loop: asyncio's promises kept on Qt's loop, and Qt's timers kept under a flood."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from aiconsole.gui.loop import TURN_BUDGET_S, WindowLoop


def window_loop() -> WindowLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WindowLoop)
    return loop


async def test_callbacks_run_in_order_and_in_their_context(qapp: QApplication) -> None:
    loop = window_loop()
    seen: list[object] = []
    variable = contextvars.ContextVar("variable", default="outside")
    context = contextvars.copy_context()
    context.run(variable.set, "inside")
    done = loop.create_future()

    loop.call_soon(lambda: seen.append(("first", variable.get())))
    loop.call_soon(lambda: seen.append(("second", variable.get())), context=context)
    loop.call_soon(lambda: seen.append("cancelled")).cancel()
    loop.call_soon(done.set_result, None)
    await done

    assert seen == [("first", "outside"), ("second", "inside")]


async def test_a_timer_of_the_window_fires_under_a_flood_of_callbacks(qapp: QApplication) -> None:
    """A chain that always has a callback ready: between two ticks of a 16 ms timer there are only so many turns."""
    loop, ticks, flooding = window_loop(), [], True
    calls = 0

    def flood() -> None:
        nonlocal calls
        calls += 1
        if flooding:
            loop.call_soon(flood)

    done = loop.create_future()

    def tick() -> None:
        ticks.append(calls)
        if len(ticks) == 20:
            done.set_result(None)

    timer = QTimer(interval=16)
    timer.timeout.connect(tick)
    for _ in range(50):
        loop.call_soon(flood)
    timer.start()
    await done
    flooding = False
    timer.stop()
    assert all(later > earlier for earlier, later in pairwise(ticks))


async def test_turns_are_bounded_so_a_zero_timer_alternates_with_a_flood(qapp: QApplication) -> None:
    """Each callback takes a third of the budget; a zero timer of the window gets its turn after two turns at most."""
    loop = window_loop()
    since = longest = turns = 0
    done = loop.create_future()

    def work() -> None:
        nonlocal since, longest
        end = time.perf_counter() + TURN_BUDGET_S / 3
        while time.perf_counter() < end:
            pass
        since += 1
        longest = max(longest, since)
        if turns < 30:
            loop.call_soon(work)
        elif not done.done():
            done.set_result(None)

    def turn() -> None:
        nonlocal since, turns
        since = 0
        turns += 1

    timer = QTimer(interval=0)
    timer.timeout.connect(turn)
    timer.start()
    for _ in range(100):
        loop.call_soon(work)
    await done
    timer.stop()
    assert longest <= 2 * 4


async def test_timers_of_the_window_fire_while_sockets_stay_readable(qapp: QApplication) -> None:
    """Sixteen writers that never pause: a socket that is always ready must not starve the window's timers."""
    ticks, received = 0, 0
    done = window_loop().create_future()

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 12 and not done.done():
            done.set_result(None)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"x" * 4096)
                await writer.drain()
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.CancelledError):
            writer.close()

    async def consume(port: int) -> None:
        nonlocal received
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while data := await reader.read(4096):
                received += len(data)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        timer = QTimer(interval=16)
        timer.timeout.connect(tick)
        readers = [asyncio.create_task(consume(port)) for _ in range(16)]
        timer.start()
        await done
        timer.stop()
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait([task for task in others if task.get_coro().__name__ == "serve"])  # type: ignore[union-attr]
    assert received > 0


async def test_another_thread_hands_over_its_callback_with_its_context(qapp: QApplication) -> None:
    loop = window_loop()
    variable = contextvars.ContextVar("variable", default="window")
    done = loop.create_future()
    handles = []

    def elsewhere() -> None:
        variable.set("thread")
        handles.append(loop.call_soon_threadsafe(lambda: done.set_result((variable.get(), threading.current_thread()))))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert await done == ("thread", threading.main_thread())
    thread.join()
    assert isinstance(handles[0], asyncio.Handle)


async def test_many_threads_lose_no_callback(qapp: QApplication) -> None:
    loop = window_loop()
    left = 4 * 500
    done = loop.create_future()

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set_result(None)

    def elsewhere() -> None:
        for _ in range(500):
            loop.call_soon_threadsafe(count)

    threads = [threading.Thread(target=elsewhere) for _ in range(4)]
    for thread in threads:
        thread.start()
    await done
    for thread in threads:
        thread.join()
    assert await asyncio.to_thread(threading.current_thread) is not threading.main_thread()


async def test_timers_are_never_early_and_come_in_their_order(qapp: QApplication) -> None:
    loop, seen = window_loop(), []
    done = loop.create_future()
    started = loop.time()
    for delay in (0.030, 0.010, 0.020, 0.0):
        loop.call_later(delay, lambda delay=delay: seen.append((delay, loop.time() - started)))
    loop.call_later(0.040, done.set_result, None)
    await done
    assert [delay for delay, _ in seen] == [0.0, 0.010, 0.020, 0.030]
    assert all(waited >= delay - 0.0005 for delay, waited in seen)


async def test_cancelled_timers_are_not_kept(qapp: QApplication) -> None:
    loop = window_loop()
    for _ in range(5_000):
        loop.call_later(60, print).cancel()
    assert len(loop._scheduled) < 300


async def test_a_failing_callback_reaches_the_exception_handler_and_the_next_one_runs(qapp: QApplication) -> None:
    loop, contexts = window_loop(), []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    assert loop.get_exception_handler() is not None
    done = loop.create_future()

    def fail() -> None:
        raise ValueError("boom")

    loop.call_soon(fail)
    loop.call_soon(done.set_result, None)
    await done
    assert [str(context["exception"]) for context in contexts] == ["boom"]


async def test_debug_mode_warns_of_a_slow_callback_and_of_a_wrong_thread(
    qapp: QApplication, caplog: pytest.LogCaptureFixture
) -> None:
    loop = window_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done

    def elsewhere() -> None:
        loop.call_soon(print)

    with pytest.raises(RuntimeError, match="Non-thread-safe"):
        await asyncio.to_thread(elsewhere)
    loop.set_debug(False)
    assert any("took" in record.message for record in caplog.records)


async def test_a_nested_qt_loop_delays_other_tasks_but_does_not_kill_them(qapp: QApplication) -> None:
    nested = QEventLoop()
    steps: list[str] = []

    async def other() -> str:
        for step in range(3):
            steps.append(f"other {step}")
            await asyncio.sleep(0)
        return "alive"

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    QTimer.singleShot(20, nested.quit)
    nested.exec()
    steps.append("dialog closed")
    assert await task == "alive"
    assert steps == ["other 0", "dialog closed", "other 1", "other 2"]


async def test_closing_the_last_window_asks_and_does_not_stop_the_loop(qapp: QApplication) -> None:
    loop = window_loop()
    window = QWidget()
    window.show()
    closed = asyncio.create_task(loop.closed())
    await asyncio.sleep(0)
    assert not closed.done()
    window.close()
    await closed
    await asyncio.sleep(0.001)


async def test_a_quit_of_the_application_asks_and_does_not_stop_the_loop(qapp: QApplication) -> None:
    loop = window_loop()
    qapp.exit(0)
    await loop.closed()
    await asyncio.sleep(0.001)


async def test_async_generators_left_open_are_closed_by_the_runner(qapp: QApplication) -> None:
    ended: list[str] = []

    async def numbers() -> Any:
        try:
            yield 1
            yield 2
        finally:
            ended.append("closed")

    generator = numbers()
    assert await anext(generator) == 1
    await window_loop().shutdown_asyncgens()
    assert ended == ["closed"]


def test_a_closed_loop_refuses(qapp: QApplication) -> None:
    loop = WindowLoop(qapp)
    loop.close()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon_threadsafe(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_forever()


def test_callbacks_wait_for_the_loop_while_only_qt_runs(qtbot: QtBot, qapp: QApplication) -> None:
    loop = WindowLoop(qapp)
    seen: list[str] = []
    loop.call_soon(seen.append, "ready")
    loop.call_later(0, seen.append, "later")
    qtbot.wait(20)
    assert seen == []
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == ["ready", "later"]
    loop.close()


def test_a_stop_before_the_start_runs_what_is_ready(qapp: QApplication) -> None:
    loop = WindowLoop(qapp)
    seen: list[str] = []
    loop.call_soon(seen.append, "ready")
    loop.stop()
    loop.run_forever()
    assert seen == ["ready"]
    loop.close()


def test_exit_of_a_callback_leaves_the_loop(qapp: QApplication) -> None:
    loop = WindowLoop(qapp)
    loop.call_soon(sys.exit, 3)
    with pytest.raises(SystemExit) as left:
        loop.run_forever()
    assert left.value.code == 3
    loop.close()


PROGRAM = """
import asyncio, sys
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from aiconsole.gui.loop import WindowLoop

application = QApplication([])
window = QWidget()

async def main():
    loop = asyncio.get_running_loop()
    window.show()
    try:
        {body}
    finally:
        print("tidied", flush=True)

with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
    try:
        runner.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
"""
ASKED = """with loop.ended_by_signals() as came:
            print("ready", flush=True)
            await loop.closed()
        print(came, flush=True)"""
BARE = """print("ready", flush=True)
        await loop.closed()"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals cannot be sent to a process there")
@pytest.mark.parametrize(
    ("body", "number", "code", "said"),
    [
        (ASKED, signal.SIGINT, 0, "[2]\ntidied\n"),
        (ASKED, signal.SIGTERM, 0, "[15]\ntidied\n"),
        (ASKED, getattr(signal, "SIGHUP", 1), 0, "[1]\ntidied\n"),
        (BARE, signal.SIGINT, 130, "tidied\n"),
    ],
)
def test_signals_end_an_idle_window_cleanly(body: str, number: int, code: int, said: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, said, "")


async def test_subprocesses_and_timeouts_work(qapp: QApplication) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(42)", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"42"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
