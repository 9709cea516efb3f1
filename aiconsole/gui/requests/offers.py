"""What can be done with requests: in the panel, and from anywhere in the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..commands import Command
from ..shell import Shell
from .cells import SORTS, TITLES
from .wanted import Wanted

if TYPE_CHECKING:
    from .panel import RequestsPanel


def request_commands(shell: Shell) -> Iterator[Command]:
    """Commands that open the panel at something."""
    for key, title, wanted, words in (
        ("unanswered", "Show requests that were not answered", Wanted(failed=True), "failed errors log"),
        ("slowest", "Show the slowest requests", Wanted(sort="duration"), "latency log"),
        ("dearest", "Show the dearest requests", Wanted(sort="cost"), "cost spend money log"),
    ):
        yield Command(
            key=f"requests.{key}",
            title=title,
            group="Requests",
            run=partial(shell.open, "requests", wanted),
            words=words,
        )


def panel_commands(panel: RequestsPanel) -> Iterator[Command]:
    """The panel's own commands."""

    def on_page() -> bool:
        return panel.pages.currentIndex() == 1

    def on_table() -> bool:
        return panel.pages.currentIndex() == 0

    filters, step = panel.filters, panel.step
    made: list[tuple[str, str, str, Callable[[], object], Callable[[], bool]]] = [
        ("find", "Search requests", "Ctrl+F", filters.search.setFocus, on_table),
        ("filter", "Filter requests", "Ctrl+L", filters.open_menu, on_table),
        ("clear", "Clear all filters", "Ctrl+Shift+L", filters.clear, lambda: panel.wanted.narrowed),
        ("reload", "Search again", "F5", panel.reload, on_table),
        ("new", "Show the new requests", "Ctrl+Home", panel.take_new, on_table),
        ("copy", "Copy the chosen requests", "", panel.copy_rows, on_table),
        ("export", "Export what was found", "Ctrl+S", panel.ask_export, on_table),
        ("failed", "Keep only what was not answered", "", partial(panel.narrow, failed=True), on_table),
        ("back", "Back to all requests", "Esc", panel.leave, lambda: True),
        ("above", "The request above", "Alt+Up", partial(step, -1), on_page),
        ("below", "The request below", "Alt+Down", partial(step, 1), on_page),
        ("replay", "Replay this request", "Ctrl+R", panel.page.go_to_replay, on_page),
    ]
    made += [
        (f"sort.{by}", f"Sort by {TITLES[column].lower()}", "", partial(panel.sort_again, by), on_table)
        for column, by in SORTS.items()
    ]
    for key, title, keys, run, enabled in made:
        yield Command(
            key=f"requests.{key}", title=title, group="Requests", shortcut=keys, run=run, enabled=enabled, scope=panel
        )
