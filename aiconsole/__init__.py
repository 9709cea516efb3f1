"""AI Console: an operations console for LLM providers. The engine works without a window:

from aiconsole import ChatRequest, Engine, Message
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiconsole.domain.chat import ChatRequest, ChatResult
    from aiconsole.domain.messages import Message
    from aiconsole.engine import Engine

__version__ = "0.1.0"
__all__ = ["ChatRequest", "ChatResult", "Engine", "Message", "__version__"]

_HOMES = {
    "ChatRequest": "aiconsole.domain.chat",
    "ChatResult": "aiconsole.domain.chat",
    "Engine": "aiconsole.engine",
    "Message": "aiconsole.domain.messages",
}


def __getattr__(name: str) -> object:
    """Import the public names when first asked for, so that ``aiconsole --version`` stays quick."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'aiconsole' has no attribute {name!r}")
