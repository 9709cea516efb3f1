"""A console with one alert to deliver, to be killed while it does: python -m tests.alerts.killed FOLDER URL"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.alerts.console import console


async def main(folder: str, url: str) -> None:
    async with console(Path(folder), channels={"team": url}) as it:
        await it.outage("groq/m")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
