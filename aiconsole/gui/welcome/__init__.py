"""The welcome of a first start: two ways to begin, shown in a panel's place until one is taken."""

from __future__ import annotations

from collections.abc import Callable

from ..session import Session
from ..shell import Shell
from .view import Welcome


def make(session: Session, shell: Shell, switch_demo: Callable[[bool], object]) -> Welcome:
    """The view; ``switch_demo`` turns the simulated providers on."""
    return Welcome(session, shell, switch_demo)
