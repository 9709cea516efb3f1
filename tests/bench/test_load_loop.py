"""What the load process asks of the system before it measures."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIMITED = """
import resource
from aiconsole.bench.load import loop

set_limit = resource.setrlimit
def as_on_a_mac(which, limits):
    if limits[0] > 10_240:
        raise ValueError("current limit exceeds maximum limit")
    set_limit(which, limits)

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
set_limit(resource.RLIMIT_NOFILE, (256, hard))
resource.setrlimit = as_on_a_mac
loop.steady()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], min(10_240, hard) if hard > 0 else 10_240)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_it_takes_as_many_sockets_as_it_is_given() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, encoding="utf-8", timeout=30, check=True
    )
    got, most = done.stdout.split()
    assert got == most
