"""A session that touches everything that could write a key down, for tests/test_canaries_everywhere.py to kill or to end.

``python -m tests.canary_session HOME end|forever`` reads the canary keys from the usual environment variables. It prints
``busy`` once everything has happened; ``forever`` then goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from contextlib import aclosing
from pathlib import Path

from aiconsole import ChatRequest, Engine, Message, logs
from aiconsole.domain.chat import Timeouts
from aiconsole.domain.errors import ConsoleError
from aiconsole.simulator import NAMES, Behaviour, Simulator

MODELS = {"groq": "openai/gpt-oss-120b", "anthropic": "claude-haiku-4-5-20251001", "gemini": "gemini-2.5-flash"}


async def session(home: Path, *, forever: bool) -> None:
    async with Simulator.start() as simulator:
        lines = [f'[providers.{name}]\nbase_url = "{simulator.base_url(name)}"' for name in NAMES]
        (home / "settings.toml").write_text("\n".join([*lines, "[log]", 'level = "debug"']), encoding="utf-8")
        async with Engine.open(home=home) as engine:
            log = logs.install(engine.home.logs, level="debug")
            try:
                await everything(engine, simulator)
                print("busy", flush=True)
                while forever:
                    await talk(engine)
            finally:
                log.close()


async def everything(engine: Engine, simulator: Simulator) -> None:
    await engine.keys_read()
    await engine.change("chat.model", "groq/openai/gpt-oss-120b")
    for name in NAMES:
        with contextlib.suppress(ConsoleError):
            await engine.models(name)
        await engine.probe(name)
    for fault in ("bad_key", "server_fault", "rate_limit", "bad_request"):
        for name, model in MODELS.items():
            simulator.set(name, Behaviour(error_rates={fault: 1.0}))
            try:
                request = ChatRequest(f"{name}/{model}", (Message.user("Hello"),), timeouts=Timeouts(total=0.2))
                await engine.complete(request)
            except ConsoleError as error:
                logging.getLogger("aiconsole.canary").exception("A call failed: %s", error)
    for name in MODELS:
        simulator.set(name, Behaviour())
    key = engine.keys.get("groq")
    assert key is not None
    logging.getLogger("aiconsole.canary").error("The second wall: %s", key.reveal())
    try:
        raise RuntimeError(f"a library that quotes its headers: {key.reveal()}")
    except RuntimeError:
        logging.getLogger("a.library").exception("in a traceback")
    await talk(engine)


async def talk(engine: Engine) -> None:
    """One exchange, kept in the database; a key pasted into a message is the person's own doing and stays out of this."""
    chat = await engine.open_chat()
    conversation = await chat.create(model="groq/openai/gpt-oss-120b")
    async with aclosing(chat.send(conversation.id, "[[tokens=200]]")) as events:
        async for _ in events:
            pass


if __name__ == "__main__":
    asyncio.run(session(Path(sys.argv[1]), forever=sys.argv[2] == "forever"))
