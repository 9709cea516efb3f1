"""The chat's commands and their keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..commands import Command

if TYPE_CHECKING:
    from ..shell import Shell
    from .panel import ChatPanel


def add_commands(panel: ChatPanel, shell: Shell) -> None:
    """Register them, in place of those of a panel that was there before."""
    for command in _commands(panel, shell):
        shell.commands.remove(command.key)
        shell.commands.add(command)


def _commands(panel: ChatPanel, shell: Shell) -> list[Command]:
    def opened() -> bool:
        return panel.current is not None

    def running() -> bool:
        return panel.answering.running(panel.current or "")

    def new() -> None:
        shell.open("chat")
        panel.new()

    def neighbour(by: int) -> None:
        other = panel.history.neighbour(panel.current, by)
        if other is not None:
            panel.open_item(other)

    def of_last(what: str, role: str = "assistant") -> None:
        turn = panel.last_turn(role)
        if turn is not None:
            panel.do(what, turn.id)

    def here(
        key: str,
        title: str,
        run: Callable[[], object],
        shortcut: str,
        words: str = "",
        enabled: Callable[[], bool] = lambda: True,
    ) -> Command:
        return Command(
            key=f"chat.{key}",
            title=title,
            group="Chat",
            run=run,
            shortcut=shortcut,
            enabled=enabled,
            scope=panel,
            words=words,
        )

    def explained() -> bool:
        turn = panel.last_turn("assistant")
        return turn is not None and turn.meta is not None and turn.meta.trace is not None and not running()

    def why() -> None:
        shell.open("chat")
        turn = panel.last_turn("assistant")
        if turn is not None:
            panel.transcript.show_why(turn.id)

    def idle() -> bool:
        return opened() and not running()

    return [
        Command(key="chat.new", title="New conversation", group="Chat", run=new, shortcut="Ctrl+N", words="chat ask"),
        Command(
            key="chat.why",
            title="Why: show the decision trace of the last answer",
            group="Chat",
            run=why,
            enabled=explained,
            words="decision trace route fallback candidates attempts",
        ),
        here("search", "Search conversations", panel.history.search.setFocus, "Ctrl+Shift+F"),
        here("find", "Find in the conversation", panel.find_bar.ask, "Ctrl+F", enabled=opened),
        here("model", "Choose model or route", panel.choose_model, "Ctrl+M"),
        here("parameters", "System prompt and parameters", panel.choose_parameters, "Ctrl+Shift+P", "temperature seed"),
        here("attach", "Attach files", lambda: panel.files.ask(panel), "Ctrl+Shift+A", "image document upload"),
        here("stop", "Stop the answer", panel.stop, "Ctrl+.", enabled=running),
        here(
            "again",
            "Answer again",
            lambda: of_last("regenerate"),
            "Ctrl+R",
            "retry regenerate refresh fresh cache",
            enabled=idle,
        ),
        here("edit", "Edit the last message", panel.edit_last, "Ctrl+Shift+E", enabled=idle),
        here("copy", "Copy the last answer", lambda: of_last("copy"), "Ctrl+Shift+C", enabled=opened),
        here(
            "rename", "Rename the conversation", lambda: panel.history.rename(panel.current or ""), "F2", enabled=opened
        ),
        here(
            "delete",
            "Delete the conversation",
            lambda: panel.delete(panel.current or ""),
            "Ctrl+Shift+D",
            enabled=opened,
        ),
        here("next", "Next conversation", lambda: neighbour(1), "Ctrl+PgDown"),
        here("previous", "Previous conversation", lambda: neighbour(-1), "Ctrl+PgUp"),
        here("transcript", "Go to the last message", panel.transcript.focus_turn, "Ctrl+T", enabled=opened),
        here("compose", "Go to the composer", panel.focus_composer, "Ctrl+L"),
        here("end", "Jump to latest", panel.transcript.to_end, "Ctrl+End", enabled=opened),
        here("pageup", "Scroll up", lambda: panel.transcript.scroll_by(-0.9), "Alt+PgUp", enabled=opened),
        here("pagedown", "Scroll down", lambda: panel.transcript.scroll_by(0.9), "Alt+PgDown", enabled=opened),
    ]
