"""The registry of commands and how they are found."""

from __future__ import annotations

import pytest

from aiconsole.gui.commands import Command, Commands, match, ranked


def command(title: str, key: str = "", **rest: object) -> Command:
    return Command(key=key or title, title=title, group="Chat", run=lambda: None, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "text", "at"),
    [
        ("nc", "New conversation", (0, 4)),
        ("conv", "New conversation", (4, 5, 6, 7)),
        ("NEW CONV", "New conversation", (0, 1, 2, 4, 5, 6, 7)),
        ("", "anything", ()),
    ],
)
def test_letters_are_found_in_their_order(query: str, text: str, at: tuple[int, ...]) -> None:
    found = match(query, text)
    assert found is not None
    assert found.at == at


def test_a_letter_that_is_missing_finds_nothing() -> None:
    assert match("nx", "New conversation") is None
    assert match("wen", "New") is None


def test_starts_of_words_come_first() -> None:
    titles = [command("Open console"), command("Rename conversation"), command("New conversation")]
    assert ranked("nc", titles)[0][0].title == "New conversation"


def test_group_and_further_words_find_too_but_later() -> None:
    offered = [command("Stop the answer", words="cancel"), command("Cancel the run")]
    assert [found.title for found, _ in ranked("cancel", offered)] == ["Cancel the run", "Stop the answer"]
    assert [found.title for found, _ in ranked("chat stop", offered)] == ["Stop the answer"]


def test_without_a_query_the_order_stays() -> None:
    assert [found.title for found, _ in ranked(" ", [command("B"), command("A")])] == ["B", "A"]


def test_what_was_run_last_is_offered_first_and_what_cannot_be_run_is_not() -> None:
    commands = Commands()
    can = True
    commands.add(command("A"), command("B"), command("C", enabled=lambda: can))
    assert commands.run("B")
    assert [offered.title for offered in commands.available()] == ["B", "A", "C"]
    can = False
    assert [offered.title for offered in commands.available()] == ["B", "A"]
    assert not commands.run("C")


def test_sources_are_asked_each_time() -> None:
    commands = Commands()
    names = ["one"]
    commands.add_source(lambda: [command(name) for name in names])
    assert [offered.title for offered in commands.available()] == ["one"]
    names.append("two")
    assert [offered.title for offered in commands.available()] == ["one", "two"]


def test_listeners_learn_of_all_that_come_and_go() -> None:
    commands, seen = Commands(), []
    commands.add(command("A"))
    commands.listen(lambda found, came: seen.append((found.title, came)))
    commands.add(command("B"))
    commands.remove("A")
    commands.remove("unknown")
    assert seen == [("A", True), ("B", True), ("A", False)]
    assert [left.title for left in commands.all()] == ["B"]


def test_keys_and_shortcuts_are_given_once() -> None:
    commands = Commands()
    commands.add(command("A", shortcut="Ctrl+N"))
    with pytest.raises(ValueError, match="registered twice"):
        commands.add(command("A"))
    with pytest.raises(ValueError, match="taken by A"):
        commands.add(command("B", shortcut="Ctrl+N"))
