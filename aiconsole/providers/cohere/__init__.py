"""Cohere's wire dialect (v2 chat): ``dialect`` what the console calls, ``request`` what is sent, ``answer`` and ``stream`` what
comes back, ``errors`` what goes wrong."""

from aiconsole.providers.cohere.dialect import CohereDialect

__all__ = ["CohereDialect"]
