"""How tests run: coroutine tests in a loop of their own, Qt without a screen, the recorded traffic where it is at hand."""

from __future__ import annotations

import asyncio
import inspect
import os
from pathlib import Path

import pytest

from tests.here import Here

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests: on the window's own loop where they use ``qapp`` or ``qtbot``, else on asyncio's."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    loop_factory = None
    if "qapp" in pyfuncitem.funcargs or "qtbot" in pyfuncitem.funcargs:
        from aiconsole.gui.loop import WindowLoop

        application = pyfuncitem.funcargs.get("qapp")
        loop_factory = lambda: WindowLoop(application)  # noqa: E731
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.wait_for(pyfuncitem.obj(**arguments), timeout=60))
    return True


@pytest.fixture(scope="session")
def wire_folder() -> Path:
    """The recorded exchanges, beside the checkout; tests that need them skip where they are absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "wire"
    if not folder.is_dir():
        pytest.skip("the recorded exchanges (../shared/wire) are not here")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Here:
    """The command line in this process, at home in ``tmp_path``."""
    return Here(monkeypatch, capsys, tmp_path)
