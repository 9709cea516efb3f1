"""The report as JSON: a `Report` (report.py documents every field), indented. Fields with their default value are left out."""

from __future__ import annotations

import msgspec

from aiconsole.bench.report import Report


def render(report: Report) -> str:
    """The whole report, ready for ``--baseline``."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"
