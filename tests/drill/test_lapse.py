"""Time lapse leaves threads the time they take."""

from __future__ import annotations

import asyncio
import threading
import time

from aiconsole.drill.lapse import LapseLoop


def test_the_end_waits_for_a_thread_that_still_works() -> None:
    begun, left = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        time.sleep(0.05)
        left.set()

    async def main() -> None:
        working = asyncio.get_running_loop().run_in_executor(None, work)
        await asyncio.to_thread(begun.wait)
        working.cancel()

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        runner.run(main())
    assert left.is_set()
