"""Markdown as it streams: split into blocks that never change again, rendered only where they are looked at.

The text comes from a model and is not trusted: no HTML passes, nothing is ever loaded, signs that hide or turn text are shown.
"""
