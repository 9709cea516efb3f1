"""The report as Markdown for a pull request: the headline, the tables, and the definitions folded away."""

from __future__ import annotations

import re
from typing import Final

from aiconsole.bench.outputs.words import Table, facts, headline, tables, title
from aiconsole.bench.report import Report

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render(report: Report) -> str:
    """GitHub-flavoured Markdown."""
    lines = [f"## {_text(title(report))}: {_text(headline(report))}", ""]
    lines += [f"- **{name}:** {_text(value)}" for name, value in facts(report)]
    for table in tables(report):
        lines += ["", f"### {_text(table.title)}", "", *_table(table)]
        if table.note:
            lines += ["", _text(table.note)]
    if report.targets:
        lines += ["", "<details><summary>What the figures mean</summary>", ""]
        lines += [f"- **{name}:** {_text(words)}" for name, words in report.definitions.items()]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    rule = ["---:" if index in table.numbers else "---" for index in range(len(table.head))]
    rows = [table.head, tuple(rule), *table.rows]
    cells = [row if row is rows[1] else tuple(_text(cell) for cell in row) for row in rows]
    return ["| " + " | ".join(row) + " |" for row in cells]


def _text(words: str) -> str:
    """As plain text in Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))
