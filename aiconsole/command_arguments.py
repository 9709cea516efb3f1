"""What the arguments of the commands have in common: a parser that tells a fault in two lines, and kinds of numbers."""

from __future__ import annotations

import argparse
from typing import Final, NoReturn

_WRONG_USAGE: Final = 2


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments and where to read on, instead of listing every option there is."""

    def error(self, message: str) -> NoReturn:
        """End the program with code 2."""
        words = message.removesuffix(".")
        self.exit(_WRONG_USAGE, f"{self.prog}: {words}.{self._actions_there_are()}\nSee `{self.prog} --help`.\n")

    def _actions_there_are(self) -> str:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and action.required:
                return f" There are: {', '.join(action.choices)}."
        return ""


def count(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is no whole number from 1 on")
    return value


def amount(text: str) -> float:
    """A number above 0. Raises as `count`."""
    if not (value := _number(text)) or value < 0:
        raise argparse.ArgumentTypeError(f"“{text}” is no number above 0")
    return value


def amount_or_none(text: str) -> float:
    """A number from 0 on. Raises as `count`."""
    value = _number(text)
    if value is None or value < 0:
        raise argparse.ArgumentTypeError(f"“{text}” is no number from 0 on")
    return value


def _number(text: str) -> float | None:
    """None for what is no number, or has no end."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
