"""Google's Gemini API: ``dialect`` what the console calls, ``request`` and ``parts`` what is sent, ``stream`` and
``answer`` what comes back, ``errors`` what goes wrong."""

from __future__ import annotations

from aiconsole.providers.gemini.dialect import GeminiDialect

__all__ = ["GeminiDialect"]
