"""What the palette offers of routing from everywhere: the fallback rules and the drill."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ..commands import Command
from ..session import Session
from ..shell import Shell


def routing_commands(session: Session, shell: Shell) -> Iterable[Command]:
    """Commands that open the panel at something, and the one that reads the rules' file again."""
    yield Command(
        key="rules.edit",
        title="Edit fallback rules",
        group="Routing",
        run=partial(shell.open, "routing", "#rules"),
        words="toml failover condition",
    )
    yield Command(
        key="drill",
        title="Run a drill",
        group="Routing",
        run=partial(shell.open, "routing", "#drill"),
        words="fault outage 429 chaos simulate hedging",
    )
    yield Command(
        key="rules.reload",
        title="Reload fallback rules",
        group="Routing",
        run=lambda: shell.start(_reload_rules(session, shell), failed="The rules were not read"),
        words="toml file failover",
    )


async def _reload_rules(session: Session, shell: Shell) -> None:
    """Read the rules' file again, and say what came of it."""
    found = await session.reload_rules()
    if found.problems:
        shell.notify(f"rules.toml: {found.problems[0]}", state="warn", seconds=0)
    else:
        count = sum(rule.enabled for rule in found.rules)
        whose = "from rules.toml" if found.own else "that come with the console"
        shell.notify(f"{count} rules {whose} are followed.", state="ok")
