"""Anthropic's wire dialect: ``dialect`` what the console calls, ``request`` and ``parts`` what is sent, ``answer`` and
``stream`` what comes back, ``errors`` what goes wrong, ``models`` what each Claude takes."""

from aiconsole.providers.anthropic.dialect import AnthropicDialect

__all__ = ["AnthropicDialect"]
