"""A request as a command for a shell, without its key."""

from __future__ import annotations

import shlex

from ...providers.base import HIDDEN, Written

_LEFT_OUT = ("accept-encoding", "user-agent", "accept")


def command(written: Written, variable: str = "API_KEY") -> str:
    """``curl`` for POSIX shells; where the key belongs it reads the environment's ``variable``."""
    parts = [f"curl --request {written.method} {shlex.quote(written.url)}"]
    for name, value in written.headers.items():
        if name in _LEFT_OUT:
            continue
        before, hidden, after = value.partition(HIDDEN)
        if hidden:
            parts.append(
                f'--header {shlex.quote(f"{name}: {before}")}"${{{variable}}}"{shlex.quote(after) if after else ""}'
            )
        else:
            parts.append(f"--header {shlex.quote(f'{name}: {value}')}")
    if written.body is not None:
        parts.append(f"--data-raw {shlex.quote(written.body.decode())}")
    return " \\\n  ".join(parts)
