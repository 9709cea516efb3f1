"""How the bench starts its own modules as processes, from a checkout, an installation or a bundle."""

from __future__ import annotations

import sys
from typing import Any, Final

FLAG: Final = "--child"
MODULES: Final = ("aiconsole.bench.load.__main__", "aiconsole.bench.reference", "aiconsole.bench.figures")


APART: Final[dict[str, Any]] = {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}
"""For `subprocess.Popen`: Ctrl-C at the terminal reaches the console alone, which then asks the process to stop. 0x200 is
``CREATE_NEW_PROCESS_GROUP``."""


def command(module: str) -> list[str]:
    """The command that runs one of our modules; in a bundle, which has no ``-m``, the program itself does (`run_child`)."""
    if getattr(sys, "frozen", False):
        return [sys.executable, FLAG, module]
    return [sys.executable, "-m", module]


def run_child(arguments: list[str]) -> int | None:
    """Run the module that `command` asked for in a bundle; None where the arguments are anything else."""
    if len(arguments) != 2 or arguments[0] != FLAG or arguments[1] not in MODULES:
        return None
    from importlib import import_module

    return int(import_module(arguments[1]).main())
