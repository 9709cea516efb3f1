"""The three questions most people come with, and the suites they are answered by. No Qt."""

from __future__ import annotations

from typing import Final

import msgspec


class Preset(msgspec.Struct, frozen=True):
    """A question: ``key`` opens the panel at it, ``suite`` is the file in resources/suites that answers it."""

    key: str
    title: str
    words: str
    suite: str
    icon: str


PRESETS: Final = (
    Preset(
        "#up",
        "Is it up?",
        "Key, models, chat, stream, vision, JSON and tools of each provider, tried once.",
        "health",
        "ok",
    ),
    Preset(
        "#fast",
        "How fast?",
        "One question twenty times over: first token, speed and cost, with their intervals.",
        "quick",
        "speed",
    ),
    Preset(
        "#capacity",
        "How much can it take?",
        "Rising rates of requests, until answers come late or fail.",
        "capacity",
        "overview",
    ),
)
SUITES: Final = (
    ("Health check", "health"),
    ("Quick benchmark", "quick"),
    ("Lengths: short and long, in and out", "lengths"),
    ("Deployment gate", "gate"),
    ("Capacity", "capacity"),
)
