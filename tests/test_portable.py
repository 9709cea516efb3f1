"""What would break on a system the tests do not run on, found in the sources themselves.

Text is read and written as UTF-8 wherever it is run (Windows' own is another), a descriptor that bytes go through is opened
for bytes (Windows' is for text otherwise), and what only POSIX systems have is imported only there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "aiconsole").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
POSIX = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call of a file with its name as it is written, from the last two parts of it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield ".".join(ast.unparse(node.func).split(".")[-2:]), node


def named(call: ast.Call, keyword: str, place: int) -> bool:
    return len(call.args) > place or any(given.arg == keyword for given in call.keywords)


def is_text(mode: ast.expr | None) -> bool:
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) <= set("rwxat+")


def of_text(path: Path) -> Iterator[str]:
    """Where a file is opened as text without its encoding."""
    for name, call in calls(path):
        last = name.rpartition(".")[2]
        whole = (last == "read_text" and not named(call, "encoding", 0)) or (
            last == "write_text" and not named(call, "encoding", 1)
        )
        at = 0 if "." in name else 1
        mode = call.args[at] if len(call.args) > at else None
        opened = last in ("open", "fdopen") and is_text(mode) and not named(call, "encoding", at + 2)
        if whole or opened:
            yield f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"


def test_text_files_name_their_encoding() -> None:
    assert [place for path in (*SOURCES, *TESTS) for place in of_text(path)] == []


def imported(path: Path) -> Iterator[tuple[str, ast.stmt, list[ast.AST]]]:
    """Each module that is imported, with the statement and the blocks around it."""
    waiting: list[tuple[ast.AST, list[ast.AST]]] = [(ast.parse(path.read_text(encoding="utf-8")), [])]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, node, around) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node, around
        waiting += [(child, [*around, node]) for child in ast.iter_child_nodes(node)]


def test_what_only_posix_has_is_imported_behind_a_look_at_the_platform() -> None:
    for path in SOURCES:
        for module, node, around in imported(path):
            if module in POSIX:
                asked = (ast.unparse(part) for part in around if isinstance(part, ast.If | ast.FunctionDef))
                assert any("win32" in text for text in asked), f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize("name", ["aiconsole/store/lockfile.py", "aiconsole/logs.py"])
def test_descriptors_that_are_written_to_by_themselves_are_binary(name: str) -> None:
    source = (ROOT / name).read_text(encoding="utf-8")
    assert "os.write(" in source
    assert "O_BINARY" in source


def test_each_file_that_writes_to_a_descriptor_by_itself_is_among_those() -> None:
    writing = {
        path.relative_to(ROOT).as_posix() for path in SOURCES if any(name == "os.write" for name, _ in calls(path))
    }
    # The load process writes to standard output, which Python itself has made binary.
    assert writing == {"aiconsole/store/lockfile.py", "aiconsole/logs.py", "aiconsole/bench/load/__main__.py"}
