"""A process whose files may not grow for a while: ``python -m tests.store.limited DATABASE``. Prints what came of it.

The limit is the system's own (RLIMIT_FSIZE), so that SQLite's writes really fail.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from aiconsole.domain.events import UserActed
from aiconsole.store import StoreNotice
from tests.store.happened import NOON, past


async def main(path: Path) -> None:
    told: list[StoreNotice] = []
    async with past(path, retry_s=0.02, notify=told.append) as (store, recorder, _, _):
        recorder.listen(UserActed("before", NOON - 1))
        await recorder.flush()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        for number in range(2000):
            recorder.listen(UserActed(f"act {number} " + "at length " * 20, NOON + number))
        while store.trouble is None:
            await asyncio.sleep(0)
        print("waiting", recorder.waiting)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await recorder.flush()
        while store.trouble is not None:
            await asyncio.sleep(0)
    for notice in told:
        print(notice.message, "|", notice.advice)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
