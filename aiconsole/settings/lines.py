"""Where things stand in the text of a well-formed TOML file: ``tomllib`` does not say, and it is needed only for the line of
a mistake and for a change that keeps each comment beside what it is about."""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

_TOKEN = re.compile(
    r'''
      (?P<text> """(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<mark> [\[\]{}=] )
    | (?P<bare> [A-Za-z0-9_-]+ )
    ''',
    re.DOTALL | re.VERBOSE,
)


class Section(NamedTuple):
    """A table's header and the keys under it: lines ``first`` to ``last``, from 1. The keys before any header are the section
    with the empty path and ``first`` 1; its ``last`` is 0 where there are none."""

    path: tuple[str, ...]
    first: int
    last: int


class Outline(NamedTuple):
    """The line on which each key, and each table named on the way to it, is first set, and the sections in order."""

    lines: dict[tuple[str, ...], int]
    sections: tuple[Section, ...]

    def find(self, path: tuple[str, ...]) -> int | None:
        """The line where ``path`` is set, or that of the nearest table around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def outline(text: str) -> Outline:
    """Go through a document that ``tomllib`` takes (with LF or CRLF)."""
    lines: dict[tuple[str, ...], int] = {}
    sections = [Section((), 1, 0)]
    parts: list[str] = []
    in_header = in_value = False
    depth, line = 0, 1
    for token in _TOKEN.finditer(text):
        kind, found = token.lastgroup, token.group()
        end = line + found.count("\n")
        if kind == "newline" and depth == 0:
            parts, in_header, in_value = [], False, False
        elif in_value:
            depth = max(0, depth + (found in ("[", "{")) - (found in ("]", "}"))) if kind == "mark" else depth
            if kind not in ("comment", "newline"):
                sections[-1] = sections[-1]._replace(last=end)
        elif kind == "mark" and found == "[":
            in_header = True
        elif kind == "mark" and (found == "]" if in_header else found == "="):
            path = (*parts,) if in_header else (*sections[-1].path, *parts)
            if in_header:
                sections.append(Section(path, line, line))
            for length in range(1, len(path) + 1):
                lines.setdefault(path[:length], line)
            in_value = True
        elif kind in ("bare", "text"):
            parts.append(found if kind == "bare" else tomllib.loads(f"text = {found}")["text"])
        line = end
    return Outline(lines, tuple(sections))
