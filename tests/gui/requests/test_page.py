"""A request's page by keyboard: figures, errors with advice, timings, why, headers, the conversation, and a replay."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest, Cost, Usage
from aiconsole.domain.messages import Message
from aiconsole.domain.trace import Attempt
from aiconsole.engine import Engine
from aiconsole.gui.requests.curl import command
from aiconsole.gui.requests.waterfall import spans, ticks
from aiconsole.providers.base import Written
from aiconsole.simulator import Behaviour
from tests.gui.console import NO_KEY_STORE, has_focus, press, tab_to, until
from tests.gui.requests.seen import Seen, happen, seen
from tests.store.happened import trace

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
BUSY = Attempt("mistral/small", 1, 0.5, 40.5, "failed", None, "overloaded", "come back later", 503, None, "the next")
HELD = Attempt("groq/oss", 2, 141.0, 400.0, "answered", 60.0, cost_usd=0.001)


async def opened(it: Seen, row: int = 0) -> None:
    """Open a row with the keyboard, and wait until all of it is read."""
    page = it.panel.page
    assert has_focus(it.panel.table)
    for _ in range(row + 1):
        press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Return)
    await read(it)
    assert it.panel.pages.currentWidget() is page


async def read(it: Seen) -> None:
    loading = it.panel.page._loading
    assert loading is not None
    await loading


async def test_a_page_tells_figures_timings_why_and_headers(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with seen(qapp, tmp_path) as it:
        happen(
            it.it.engine,
            "a",
            attempts=2,
            took_ms=541.0,
            usage=Usage(1200, 300, cached=1000, reasoning=120),
            cost=Cost(0.0123, "provider"),
            trace=trace(BUSY, HELD, request_id="a"),
            headers={"x-request-id": "req_1", "server": "cloudflare"},
        )
        await it.written()
        await opened(it)
        page = it.panel.page
        assert page.tiles["Attempts"].accessibleName() == "Attempts: 2, see timings"
        assert page.tiles["Tokens"].accessibleName() == "Tokens: 1,500, 1,200 in + 300 out"
        assert "of it read from the provider's cache: 1,000" in page.facts.text
        assert "Cost: $0.01, simulated, by the provider" in page.facts.text
        assert page.received.text == "x-request-id: req_1\nserver: cloudflare"
        assert "authorization: Bearer •••" in page.sent.text
        told = page.waterfall.accessibleName()
        assert "Attempt 1, mistral/small: failed; overloaded, HTTP status 503; began at 0.5 ms" in told
        assert (
            "Attempt 2, groq/oss: answered; waited 100 ms before it; began at 141 ms; first token after 60 ms" in told
        )
        page.why.copy.click()
        assert "groq/oss answered" in QGuiApplication.clipboard().text()
        assert page.outcome.isHidden()


async def test_an_error_is_told_with_advice_and_neighbours_are_a_key_away(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        happen(it.it.engine, "old", 3)
        alone = trace(BUSY, request_id="bad")
        happen(it.it.engine, "bad", 2, error_kind="overloaded", status=503, provider="mistral", trace=alone, cost=None)
        happen(it.it.engine, "stopped", 1, error_kind="cancelled", cost=None)
        await it.written()
        await opened(it, 1)
        page = it.panel.page
        assert page.outcome.text.startswith("Overloaded at mistral. come back later The provider is overloaded;")
        press(Qt.Key.Key_Up, ALT)
        await until(lambda: page.row is not None and page.row.request_id == "stopped")
        assert page.outcome.text.startswith("It was stopped")
        for _ in range(2):
            press(Qt.Key.Key_Down, ALT)
        await until(lambda: page.row is not None and page.row.request_id == "old")
        await read(it)
        assert page.why.text.startswith("How it was decided is not kept")
        assert "None are kept" in page._no_headers.text()
        press(Qt.Key.Key_Escape)
        assert has_focus(it.panel.table)
        assert it.panel.table.currentIndex().row() == 2


async def test_a_request_is_sent_again_and_to_another_candidate(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        simulator = it.it.engine.simulator
        assert simulator is not None
        simulator.set("groq", Behaviour(ttft_ms=1))
        simulator.set("mistral", Behaviour(error_rates={"server_fault": 1.0}))
        await it.it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
        await it.written()
        await opened(it)
        replay = it.panel.page.replay
        press(Qt.Key.Key_R, CTRL)
        assert has_focus(replay.send)
        press(Qt.Key.Key_Space)
        await until(lambda: not replay.busy and replay.figures.isVisible())
        assert replay.text == "Answered."
        assert "Answered by: groq / openai/gpt-oss-120b, now groq / openai/gpt-oss-120b" in replay.figures.text

        replay.choose("mistral/mistral-small-latest")
        replay.send.click()
        await until(lambda: not replay.busy and "now mistral" in replay.figures.text)
        assert "Status: answered, now server fault" in replay.figures.text
        assert "try again" in replay.text
        tab_to(replay.show_new)
        press(Qt.Key.Key_Space)
        page = it.panel.page
        await until(lambda: page.row is not None and page.row.provider == "mistral")
        assert page.outcome.text.startswith("Server fault at mistral.")


async def test_a_request_that_is_not_in_memory_any_more_offers_its_conversation(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        chat = await it.it.engine.open_chat()
        conversation = await chat.create(model="groq/openai/gpt-oss-120b")
        async for _ in chat.send(conversation.id, "Hello"):
            pass
        it.it.engine._router.recent._kept.clear()
        await it.written()
        await opened(it)
        page = it.panel.page
        assert page.chat.isVisible()
        assert not page.replay.possible
        assert "cannot be sent again" in page.replay.text
        press(Qt.Key.Key_R, CTRL)
        assert has_focus(page.chat)
        press(Qt.Key.Key_Space)
        assert it.it.shell.open_key == "chat"


async def test_no_key_is_shown_in_headers_or_a_copied_command(tmp_path: Path) -> None:
    key = "gsk_canary0123456789"
    (tmp_path / "settings.toml").write_text(
        '[custom.mine]\nbase_url = "http://127.0.0.1:9/v1"\nheaders = { "X-Team" = "canary-team" }\nkey_needed = false\n',
        encoding="utf-8",
    )
    environ = {**NO_KEY_STORE, "GROQ_API_KEY": key}
    async with Engine.open(home=tmp_path, demo=False, environ=environ) as engine:
        written = await engine.inspection.written(
            ChatRequest("fast", (Message.user("It's “me”"),)), "groq", "openai/gpt-oss-120b", stream=True
        )
        said = command(written, "GROQ_API_KEY")
        assert 'authorization: Bearer \'"${GROQ_API_KEY}"' in said
        assert said.startswith("curl --request POST https://api.groq.com/openai/v1/chat/completions")
        own = await engine.inspection.sent_headers("mine")
        assert own["x-team"] == "•••"
        everything = f"{said}{written}{await engine.inspection.sent_headers('groq')}{own}"
        assert key not in everything
        assert "canary-team" not in everything
        assert await engine.inspection.sent_headers("nobody") == {}


def test_a_command_is_quoted_for_the_shell() -> None:
    said = command(Written("POST", "http://x/a b", {"x": "it's"}, b'{"a":"$HOME"}'))
    assert said == (
        "curl --request POST 'http://x/a b' \\\n  --header 'x: it'\"'\"'s' \\\n  --data-raw '{\"a\":\"$HOME\"}'"
    )


def test_pauses_are_counted_from_what_ended_last() -> None:
    race = (Attempt("a/x", 1, 0, 100, "lost the race"), Attempt("b/y", 2, 50, 200, "answered", 30.0))
    first, second = spans(race)
    assert (first.waited, second.waited, second.first, second.ended) == (0, 0, 80, 250)
    assert [span.waited for span in spans((BUSY, HELD))] == [0.5, 100.0]


def test_an_axis_has_round_marks() -> None:
    assert ticks(1050) == [0, 200, 400, 600, 800, 1000]
    assert ticks(7) == [0, 2, 4, 6]
    assert ticks(0) == [0]
    assert all(len(ticks(length)) <= 7 for length in (1, 3, 99, 1234, 60_000, 599_999))
