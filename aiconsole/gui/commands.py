"""Everything that can be done, in one registry: the palette lists it, the shortcut sheet shows its keys, keys run it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from PySide6.QtWidgets import QWidget


def _always() -> bool:
    return True


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be done.

    Args:
        key: unique, such as "chat.new".
        title: in the imperative, such as "New conversation".
        group: the panel or subject it belongs to, such as "Chat".
        run: does it; what it returns is ignored.
        shortcut: in Qt's portable text, such as "Ctrl+N"; "" has none.
        enabled: whether it can be done now.
        scope: where the shortcut works: everywhere (None), or while the focus is in this widget. The command itself is
            only offered while that widget is in view.
        words: further words by which it is found.
    """

    key: str
    title: str
    group: str
    run: Callable[[], object]
    shortcut: str = ""
    enabled: Callable[[], bool] = _always
    scope: QWidget | None = None
    words: str = ""

    def available(self) -> bool:
        """Whether it can be done now."""
        return (self.scope is None or self.scope.isVisible()) and self.enabled()


Source = Callable[[], Iterable[Command]]


class Commands:
    """The registry. ``listen`` learns of every command that comes (True) or goes (False)."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._sources: list[Source] = []
        self._recent: dict[str, int] = {}
        self._runs = 0
        self._listeners: list[Callable[[Command, bool], None]] = []

    def add(self, *commands: Command) -> None:
        """Register commands. Raises ValueError for a key that is taken, or a shortcut that would not be clear."""
        for command in commands:
            if command.key in self._commands:
                raise ValueError(f"command {command.key} is registered twice")
            for other in self._commands.values():
                same_place = other.scope is command.scope or other.scope is None or command.scope is None
                if command.shortcut and other.shortcut == command.shortcut and same_place:
                    raise ValueError(f"{command.shortcut} is taken by {other.key}, {command.key} cannot have it")
            self._commands[command.key] = command
            for listener in self._listeners:
                listener(command, True)

    def remove(self, key: str) -> None:
        """Forget a command; an unknown key is nothing to forget."""
        command = self._commands.pop(key, None)
        if command is not None:
            for listener in self._listeners:
                listener(command, False)

    def add_source(self, source: Source) -> None:
        """Ask ``source`` for more commands each time the palette opens, such as one a conversation."""
        self._sources.append(source)

    def listen(self, listener: Callable[[Command, bool], None]) -> None:
        """Tell ``listener`` of each command there is and of each that comes or goes."""
        self._listeners.append(listener)
        for command in self._commands.values():
            listener(command, True)

    def all(self) -> tuple[Command, ...]:
        """The registered commands in their order, without those of sources."""
        return tuple(self._commands.values())

    def available(self) -> list[Command]:
        """What can be done now, what was done last first."""
        found = [command for command in self._commands.values() if command.available()]
        for source in self._sources:
            found.extend(command for command in source() if command.available())
        return sorted(found, key=lambda command: -self._recent.get(command.key, 0))

    def run(self, command: Command | str) -> bool:
        """Do it if it can be done now; says whether it was. Raises KeyError for an unknown key."""
        found = self._commands[command] if isinstance(command, str) else command
        if not found.available():
            return False
        self._runs += 1
        self._recent[found.key] = self._runs
        found.run()
        return True


class Match(msgspec.Struct, frozen=True):
    """How well a text answers a query: higher is better; ``at`` are the indices of the matched letters."""

    score: float
    at: tuple[int, ...]


def match(query: str, text: str) -> Match | None:
    """Find the letters of ``query`` in ``text`` in their order, whatever their case; None where one is missing.

    Spaces in the query only part words. Letters at the start of a word and letters in a row count more, a long text a
    little less, so that "nc" finds "New conversation" before "Open console".
    """
    letters = query.lower().replace(" ", "")
    lowered = text.lower()
    if not letters:
        return Match(0.0, ())
    best: Match | None = None
    start = lowered.find(letters[0])
    while start >= 0:
        at = _follow(letters, lowered, start)
        if at is None:
            break
        found = Match(_score(at, text), at)
        if best is None or found.score > best.score:
            best = found
        start = lowered.find(letters[0], start + 1)
    return best


def _follow(letters: str, text: str, start: int) -> tuple[int, ...] | None:
    at = [start]
    for letter in letters[1:]:
        nearest = text.find(letter, at[-1] + 1)
        if nearest < 0:
            return None
        word = nearest
        while word >= 0 and word != at[-1] + 1 and not _starts_word(text, word):
            word = text.find(letter, word + 1)
        at.append(nearest if nearest == at[-1] + 1 or word < 0 else word)
    return tuple(at)


def _starts_word(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum()


def _score(at: tuple[int, ...], text: str) -> float:
    score = 0.0
    for index, place in enumerate(at):
        score += 1.0
        if _starts_word(text.lower(), place):
            score += 3.0
        if index and place == at[index - 1] + 1:
            score += 2.0
    return score - at[0] * 0.05 - len(text) * 0.01


def ranked(query: str, commands: Iterable[Command]) -> list[tuple[Command, Match]]:
    """Commands that answer ``query`` by their title, best first, then those whose group and words hold all its words."""
    found: list[tuple[Command, Match]] = []
    for command in commands:
        in_title = match(query, command.title)
        if in_title is None:
            wide = f"{command.group} {command.title} {command.words}".lower()
            in_title = Match(0.0, ()) if all(word in wide for word in query.lower().split()) else None
        if in_title is not None:
            found.append((command, in_title))
    if query.strip():
        found.sort(key=lambda pair: -pair[1].score)
    return found
