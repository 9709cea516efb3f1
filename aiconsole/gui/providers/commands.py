"""What the palette offers of providers from everywhere: to open, to test, to give a key, to switch on or off."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from ...domain.models import ProviderState
from ..commands import Command
from ..session import Session
from ..shell import Shell

_GROUP: Final = "Providers"


def provider_commands(session: Session, shell: Shell) -> Iterable[Command]:
    """The commands of each provider there is."""
    for state in session.engine.providers():
        yield from _commands(session, shell, state)


def _commands(session: Session, shell: Shell, state: ProviderState) -> Iterable[Command]:
    name, label, enabled = state.name, state.label, state.enabled
    yield Command(
        key=f"provider.{name}.open",
        title=f"Open {label}",
        group=_GROUP,
        run=partial(shell.open, "providers", name),
    )
    if enabled:
        yield Command(
            key=f"provider.{name}.test",
            title=f"Test {label}",
            group=_GROUP,
            run=lambda: shell.start(_test(session, shell, name, label), failed=f"{label} was not tested"),
        )
    if not state.simulated:
        yield Command(
            key=f"provider.{name}.key",
            title=f"Add or change the key for {label}",
            group=_GROUP,
            run=partial(shell.open, "providers", f"{name}#key"),
            words="api key add",
        )
        yield Command(
            key=f"provider.{name}.switch",
            title=f"Switch {label} {'off' if enabled else 'on'}",
            group=_GROUP,
            run=lambda: shell.start(_switch(session, name, not enabled), failed="The change was not kept"),
        )


async def _test(session: Session, shell: Shell, name: str, label: str) -> None:
    """Ask the provider for a sign of health, and say what came of it."""
    from ..figures import latency

    result = await session.test(name)
    if result.ok:
        shell.notify(f"{label} answers, in {latency(result.latency_ms)}.", state="ok")
    else:
        shell.notify(
            f"{label} does not answer. {result.detail}",
            state="crit",
            action="Open",
            run=partial(shell.open, "providers", name),
        )


async def _switch(session: Session, name: str, on: bool) -> None:
    place = "custom" if name in session.engine.settings.custom else "providers"
    await session.change(f"{place}.{name}.enabled", on)
