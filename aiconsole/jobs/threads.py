"""Blocking work in a thread of its own that never keeps the process from ending.

`asyncio.to_thread` will not do for jobs: its threads are joined at exit, so one that hangs on a dead network drive would hold
up the end of the console, and its pool is shared, so a few of them would hold up everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run ``work(*arguments)`` in a new daemon thread and return what it returns.

    When the caller is cancelled the wait goes on, as a thread cannot be ended from outside and a job that still runs must be
    seen as running; the cancellation is raised once the thread has ended. A second one leaves the thread to itself.

    Raises: what ``work`` raises; ``RuntimeError`` in place of ``SystemExit`` and its like.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)  # type: ignore[arg-type]
        else:
            done.set_exception(error)

    def body() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = work(*arguments)
        except Exception as error:
            failed = error
        except BaseException as error:
            failed = RuntimeError(f"It ended its thread with {type(error).__name__}.")
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=body, name=f"aiconsole-job-{getattr(work, '__name__', 'work')}", daemon=True).start()
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait({done})
        except asyncio.CancelledError as error:
            if cancelled is not None:
                raise
            cancelled = error
    if cancelled is not None:
        done.exception()
        raise cancelled
    return done.result()
