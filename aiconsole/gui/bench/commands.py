"""What the palette offers of the test bench from everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from ..commands import Command
from ..session import Session
from ..shell import Shell
from .presets import PRESETS

RUN: Final = "#run"
"""Behind a preset's key and maybe ``@provider``, opens the panel at it and begins it; see `BenchPanel.open_item`."""


def bench_commands(session: Session, shell: Shell) -> Iterable[Command]:
    """A command for each preset, and a health check of each usable provider."""
    for preset in PRESETS:
        yield Command(
            key=f"bench{preset.key}",
            title=f"{preset.title} (all providers)" if preset.key == "#up" else preset.title,
            group="Test bench",
            run=partial(shell.open, "bench", preset.key + (RUN if preset.key == "#up" else "")),
            words=f"{preset.words} benchmark health stress load test",
        )
    for state in session.engine.providers():
        if state.usable:
            yield Command(
                key=f"bench.up.{state.name}",
                title=f"Is {state.label} up?",
                group="Test bench",
                run=partial(shell.open, "bench", f"#up@{state.name}{RUN}"),
                words="health check test bench key models stream vision tools",
            )
