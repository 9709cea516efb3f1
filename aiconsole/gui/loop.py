"""The window's event loop: qasync's, with a ready queue, a timer heap and socket watches that cannot starve the window.

qasync starts one Qt timer for each ``call_soon`` and never stops those of cancelled ``call_later`` handles. Here ready
callbacks wait in asyncio's own deque, which one zero timer drains for at most ``TURN_BUDGET_S`` a turn; Qt then paints, reads
input and fires its other timers before the next turn. Delayed callbacks sit in asyncio's heap behind one precise timer.

Why a zero timer and not a posted event goes on when the budget is spent: ``QCoreApplication::sendPostedEvents`` also
delivers what its handlers post, so an event that posts itself again never lets go. Why sockets are switched off until their
callback has run: in Qt's GLib dispatcher timers run at idle priority once they have fired, so a socket that stays ready
would keep every timer waiting (Qt sources, qeventdispatcher_glib.cpp).

Pitfalls of qasync that do not exist here: closing the last window or quitting from the system's menu does not tear the loop
from under running tasks, it completes ``closed()``; a nested Qt loop inside a callback delays other tasks instead of
killing them; Ctrl-C is answered at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import logging
import math
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSocketNotifier, Qt, QTimer
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

from .wakeup import Pump, Watch

if TYPE_CHECKING:
    from types import FrameType

TURN_BUDGET_S = 0.003
"""Seconds of callbacks before Qt gets its turn; one callback that takes longer is not cut."""

_LONGEST_TIMER_S = 86_400.0
_KEEP_CANCELLED = 100
_INTERRUPT_POLL_MS = 200

_log = logging.getLogger("asyncio")


class WindowLoop(QEventLoop):  # type: ignore[misc]
    """An asyncio event loop on Qt's; give it to ``asyncio.Runner(loop_factory=...)``.

    ``application`` defaults to the running QApplication. Raises RuntimeError where there is none.
    """

    _ready: deque[Any]
    _scheduled: list[Any]
    _timer_cancelled_count: int
    _stopping: bool
    _thread_id: int | None

    def __init__(self, application: QApplication | None = None) -> None:
        found = application or QApplication.instance()
        if not isinstance(found, QApplication):
            raise RuntimeError("WindowLoop needs a QApplication")
        self._application = found
        self._reads: dict[int, Watch] = {}
        self._writes: dict[int, Watch] = {}
        self._turning = False
        self._armed = False
        self._wake_sent = False
        self._fatal: BaseException | None = None
        self._due: float | None = None
        self._close_wanted = asyncio.Event()
        self._zero = QTimer()
        self._zero.timeout.connect(self._turn)
        self._later = QTimer(singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._later.timeout.connect(self._on_due)
        self._pump = Pump(self._arm)
        super().__init__(found)
        found.setQuitOnLastWindowClosed(False)
        found.lastWindowClosed.connect(self.request_close)

    # Callbacks

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Run ``callback`` in the next turn. Raises RuntimeError when closed."""
        if self._closed:
            self._check_closed()
        if self._debug:
            self._check_thread()
            self._check_callback(callback, "call_soon")
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self._armed:
            self._arm()
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """``call_soon`` from any thread. Raises RuntimeError when closed."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self._wake_sent:
            self._wake_sent = True
            self._pump.woken.emit()
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` after ``delay`` seconds, never earlier."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` at ``when`` in seconds of ``time()``, never earlier."""
        handle: asyncio.TimerHandle = asyncio.BaseEventLoop.call_at(self, when, callback, *args, context=context)
        if self._due is None or when < self._due:
            self._arm_later(when)
        return handle

    def _add_callback(self, handle: asyncio.Handle, _delay: float = 0) -> asyncio.Handle:
        self._ready.append(handle)
        if not self._armed:
            self._arm()
        return handle

    def _add_callback_signalsafe(self, handle: asyncio.Handle) -> None:
        self._ready.append(handle)
        self._pump.woken.emit()

    # Turns

    def _arm(self) -> None:
        self._wake_sent = False
        if not self._armed:
            self._armed = True
            self._zero.start()

    def _turn(self) -> None:
        ready = self._ready
        if self._turning or not ready or self._thread_id is None:
            self._zero.stop()
            self._armed = self._turning
            return
        self._turning = True
        clock, popleft = time.perf_counter, ready.popleft
        end = clock() + TURN_BUDGET_S
        try:
            while ready and not self._stopping and clock() < end:
                debug = self._debug
                for _ in range(len(ready)):
                    handle = popleft()
                    if handle._cancelled:
                        continue
                    if debug:
                        self._run_watched(handle)
                    else:
                        handle._run()
                    if clock() >= end:
                        break
        except (KeyboardInterrupt, SystemExit) as error:
            self._fatal = error
            self.stop()
        finally:
            handle = None
            self._turning = False
            if not self._zero.isActive():
                self._armed = False
                self._arm()

    def _run_watched(self, handle: Any) -> None:
        self._current_handle = handle
        try:
            started = self.time()
            handle._run()
            took = self.time() - started
            if took >= self.slow_callback_duration:
                _log.warning("Executing %r took %.3f seconds", handle, took)
        finally:
            self._current_handle = None

    def _arm_later(self, when: float) -> None:
        self._due = when
        wait = min(max(when - self.time(), 0.0), _LONGEST_TIMER_S)
        self._later.start(math.ceil(wait * 1000))

    def _on_due(self) -> None:
        scheduled = self._scheduled
        now = self.time() + self._clock_resolution
        while scheduled and (scheduled[0]._cancelled or scheduled[0]._when < now):
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)
        self._due = None
        if scheduled:
            self._arm_later(scheduled[0]._when)
        if self._ready and not self._armed:
            self._arm()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if not handle._scheduled:  # type: ignore[attr-defined]
            return
        self._timer_cancelled_count += 1
        if self._timer_cancelled_count > max(_KEEP_CANCELLED, len(self._scheduled) // 2):
            kept = []
            for waiting in self._scheduled:
                if waiting is handle or waiting._cancelled:
                    waiting._scheduled = False
                else:
                    kept.append(waiting)
            heapq.heapify(kept)
            self._scheduled = kept
            self._timer_cancelled_count = 0

    # Sockets

    def _add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return self._add_watch(self._reads, QSocketNotifier.Type.Read, fd, callback, args)

    def _add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return self._add_watch(self._writes, QSocketNotifier.Type.Write, fd, callback, args)

    def _add_watch(
        self,
        watches: dict[int, Watch],
        kind: QSocketNotifier.Type,
        fd: Any,
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> asyncio.Handle:
        self._check_closed()
        number = fd if isinstance(fd, int) else int(fd.fileno())
        handle = asyncio.Handle(callback, args, self, None)
        if number not in watches:
            watches[number] = Watch(number, kind, self._add_callback)  # type: ignore[arg-type]
        watches[number].watch(handle)
        return handle

    def _remove_reader(self, fd: Any) -> bool:
        return self._remove_watch(self._reads, fd)

    def _remove_writer(self, fd: Any) -> bool:
        return self._remove_watch(self._writes, fd)

    def _remove_watch(self, watches: dict[int, Watch], fd: Any) -> bool:
        watch = watches.pop(fd if isinstance(fd, int) else int(fd.fileno()), None)
        if watch is None:
            return False
        watch.close()
        return True

    # Running and ending

    run_until_complete = asyncio.BaseEventLoop.run_until_complete
    is_running = asyncio.BaseEventLoop.is_running
    run_in_executor = asyncio.BaseEventLoop.run_in_executor
    set_default_executor = asyncio.BaseEventLoop.set_default_executor
    set_exception_handler = asyncio.BaseEventLoop.set_exception_handler
    get_exception_handler = asyncio.BaseEventLoop.get_exception_handler
    default_exception_handler = asyncio.BaseEventLoop.default_exception_handler
    call_exception_handler = asyncio.BaseEventLoop.call_exception_handler
    get_debug = asyncio.BaseEventLoop.get_debug

    def run_forever(self) -> None:
        """Run until ``stop``. A quit that comes from Qt or the system only completes ``closed()``."""
        self._check_closed()
        self._check_running()
        self._set_coroutine_origin_tracking(self._debug)
        hooks = sys.get_asyncgen_hooks()
        self._thread_id = threading.get_ident()
        try:
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
            asyncio._set_running_loop(self)
            self._before_run_forever()
            if self._stopping:
                self._stopping = False
                self.call_soon(self.stop)
            elif self._ready:
                self._arm()
            with self._python_signals_answered():
                while not self._stopping:
                    self._application.exec()
                    if not self._stopping:
                        self.request_close()
        finally:
            self._after_run_forever()
            self._stopping = False
            self._thread_id = None
            asyncio._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*hooks)
        fatal, self._fatal = self._fatal, None
        if fatal is not None:
            raise fatal

    def stop(self) -> None:
        """Leave ``run_forever`` after the current callback; what is queued waits for the next run."""
        self._stopping = True
        self._application.exit()

    def close(self) -> None:
        """Release timers, sockets and the executor. Raises RuntimeError while running."""
        if self.is_closed():
            return
        super().close()
        self._zero.stop()
        self._later.stop()
        for watch in (*self._reads.values(), *self._writes.values()):
            watch.close()
        self._reads.clear()
        self._writes.clear()
        self._application.lastWindowClosed.disconnect(self.request_close)

    def request_close(self) -> None:
        """Ask the program to end, as closing the last window does."""
        self._close_wanted.set()

    async def closed(self) -> None:
        """Return once the last window is closed, or something else asked the program to end."""
        await self._close_wanted.wait()

    @contextmanager
    def ended_by_signals(self) -> Iterator[list[int]]:
        """SIGINT (Ctrl-C), SIGTERM, and that the terminal is closed (SIGHUP; on Windows SIGBREAK, which is Ctrl-Break as well)
        complete ``closed()``; the list holds those that came. SIGHUP stays ignored under nohup. Main thread only."""
        came: list[int] = []

        def end(number: int, _frame: FrameType | None) -> None:
            came.append(number)
            self.call_soon_threadsafe(self.request_close)

        hung_up = (getattr(signal, name, None) for name in ("SIGHUP", "SIGBREAK"))
        heeded = (number for number in hung_up if number is not None and signal.getsignal(number) != signal.SIG_IGN)
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, *heeded)}
        try:
            yield came
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _python_signals_answered(self) -> Iterator[None]:
        """Let Python run its signal handlers although Qt waits in C: by the self-pipe, on Windows by a slow timer."""
        if threading.current_thread() is not threading.main_thread():
            yield
        elif sys.platform == "win32":
            poll = QTimer()
            poll.timeout.connect(lambda: None)
            poll.start(_INTERRUPT_POLL_MS)
            yield
            poll.stop()
        else:
            before = signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
            try:
                yield
            finally:
                signal.set_wakeup_fd(before)
