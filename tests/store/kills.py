"""Kills a loaded store at random moments and counts afterwards; shared by the test and the benchmark."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from aiconsole.store.migrations import APPLICATION_ID, MIGRATIONS

_DAY: Final = 86400
_SUMS: Final = (
    "count(*)",
    "total(cost_usd)",
    "sum(prompt)",
    "sum(completion)",
    "sum(attempts)",
    "sum(error_kind IS NOT NULL)",
    "sum(iif(error_kind IS NULL, duration_us, 0))",
)
_ROLLED: Final = (
    "sum(count)",
    "sum(cost_pico) / 1e12",
    "sum(prompt)",
    "sum(completion)",
    "sum(attempts)",
    "sum(failures)",
    "sum(duration_us)",
)


class Killed(NamedTuple):
    """What some kills left.

    Attributes:
        moments: in which the children were when they were killed, and how often: "opening", "loaded", "closing" or "closed".
        rows: acknowledged requests, and as many events of each of two other kinds.
        turns: acknowledged turns of conversations.
        wrong: what does not add up, in words.
    """

    moments: dict[str, int]
    rows: int
    turns: int
    wrong: tuple[str, ...]


def kill_often(folder: Path, kills: int, *, lanes: int = 3, seed: int = 7, life_s: float = 0.4) -> Killed:
    """Kill ``kills`` processes, ``lanes`` of them at a time, each lane on a database of its own that it goes on with."""
    shares = [kills // lanes + (lane < kills % lanes) for lane in range(lanes)]
    with ThreadPoolExecutor(lanes) as threads:
        ended = threads.map(
            lambda lane: _lane(folder / f"lane{lane}", shares[lane], random.Random(seed * 1000 + lane), life_s),
            range(lanes),
        )
        parts = list(ended)
    moments: dict[str, int] = {}
    for part in parts:
        for moment, times in part.moments.items():
            moments[moment] = moments.get(moment, 0) + times
    return Killed(
        moments,
        sum(part.rows for part in parts),
        sum(part.turns for part in parts),
        tuple(word for part in parts for word in part.wrong),
    )


def _lane(folder: Path, kills: int, chance: random.Random, life_s: float) -> Killed:
    folder.mkdir(parents=True)
    path = folder / "aiconsole.db"
    moments: dict[str, int] = {}
    wrote: dict[str, int] = {}
    said: dict[str, int] = {}
    rows = turns = 0
    wrong: list[str] = []
    for number in range(kills):
        run = f"run{number}"
        if number % 10 == 2:  # a file of the first version, so that kills fall into the migration too
            path = folder / f"old{number}.db"
            first_version(path)
            wrote, said = {}, {}
        lines = _kill_one(path, run, chance, life_s)
        for line in lines:
            word, _, value = line.partition(" ")
            if word == "wrote":
                wrote[run] = int(value)
            elif word == "said":
                said[run] = int(value)
        rows += wrote.get(run, 0)
        turns += said.get(run, 0)
        last = next((line for line in reversed(lines) if line in ("closing", "closed", "ready")), "opening")
        last = "loaded" if last == "ready" else last
        moments[last] = moments.get(last, 0) + 1
        wrong += [f"{path} after {run}, killed while {last}: {word}" for word in look(path, wrote, said)]
    return Killed(moments, rows, turns, tuple(wrong))


def _kill_one(path: Path, run: str, chance: random.Random, life_s: float) -> list[str]:
    """Start a child, kill it at a random moment of its life and return what it told. One in four is killed while it opens the
    file and one in four while it closes it."""
    command = [sys.executable, "-m", "tests.store.killed", str(path), run]
    kind = chance.randrange(4)
    life = life_s / 4 if kind == 1 else life_s * 10
    awaited = {0: "opening", 1: "closing"}.get(kind, "ready")
    most = {0: 0.25, 1: 0.03}.get(kind, life_s)
    lines: list[str] = []
    with subprocess.Popen([*command, repr(life)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in child.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] == awaited:
                break
        time.sleep(chance.uniform(0, most))
        child.kill()
        rest, faults = child.communicate()
    lines += rest.split("\n")
    if "Traceback" in faults:
        raise AssertionError(faults)
    return [line for line in lines if line]


def look(path: Path, wrote: dict[str, int], said: dict[str, int]) -> list[str]:
    """What is wrong in the file with what its writers were told: ``wrote`` requests and ``said`` turns of each run."""
    if not path.exists() and not wrote and not said:
        return []
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        wrong = [f"integrity: {word}" for (word,) in file.execute("PRAGMA integrity_check") if word != "ok"]
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version < len(MIGRATIONS):
            return wrong + _early(file, version, wrote, said)
        wrong += _missing(file, "SELECT request_id FROM usage_request WHERE request_id NOT LIKE 'old-%'", wrote)
        wrong += _missing(file, "SELECT action FROM user_activity", wrote)
        wrong += _missing(file, "SELECT reason FROM breaker_events", wrote)
        wrong += _missing(file, "SELECT id FROM turn WHERE id LIKE 'run%'", said)
        if path.name.startswith("old"):
            wrong += _old_turns(file)
        wrong += _unfound(file)
        wrong += _sums(file)
    return wrong


def _early(file: sqlite3.Connection, version: int, wrote: dict[str, int], said: dict[str, int]) -> list[str]:
    """In a file that was not made or migrated yet: all that was there, and nothing of what would come."""
    wrong = [f"version {version} with rows that were acknowledged"] if wrote or said else []
    if version not in (0, 1):
        wrong.append(f"half migrated: version {version}")
    tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    if "usage_request" in tables or (version == 0 and tables):
        wrong.append(f"tables of a later version in one of version {version}")
    return wrong + (_old_turns(file) if version else [])


def _old_turns(file: sqlite3.Connection) -> list[str]:
    (turns,) = file.execute("SELECT count(*) FROM turn WHERE id LIKE 'early%'").fetchone()
    return [] if turns == 100 else [f"{turns} of 100 turns are left of the first version"]


def _missing(file: sqlite3.Connection, sql: str, told: dict[str, int]) -> list[str]:
    found: dict[str, list[int]] = {}
    for (name,) in file.execute(sql):
        run, _, number = name.rpartition("-")
        found.setdefault(run, []).append(int(number))
    wrong = []
    for run, numbers in found.items():
        if len(numbers) != len(set(numbers)):
            wrong.append(f"{len(numbers) - len(set(numbers))} of {run} are doubled: {sql}")
    for run, upto in told.items():
        lost = upto - len(set(found.get(run, ())) & set(range(upto)))
        if lost:
            wrong.append(f"{lost} of {upto} acknowledged ones of {run} are lost: {sql}")
    return wrong


def _unfound(file: sqlite3.Connection) -> list[str]:
    """What the full-text indexes do not find."""
    wrong = []
    for index, table, column, key in (
        ("turn_fts", "turn", "text", "seq"),
        ("conversation_fts", "conversation", "title", "number"),
    ):
        file.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")
        (differing,) = file.execute(
            f"SELECT count(*) FROM (SELECT id FROM {index}_docsize EXCEPT SELECT {key} FROM {table} WHERE {column} <> '')"
        ).fetchone()
        (indexed,) = file.execute(f"SELECT count(*) FROM {index}_docsize").fetchone()
        (there,) = file.execute(f"SELECT count(*) FROM {table} WHERE {column} <> ''").fetchone()
        if differing or indexed != there:
            wrong.append(f"{index} has {indexed} of {there} texts")
    (found,) = file.execute("SELECT count(*) FROM turn_fts WHERE turn_fts MATCH 'spoken'").fetchone()
    (there,) = file.execute("SELECT count(*) FROM turn WHERE text LIKE 'spoken%'").fetchone()
    return wrong if found == there else [*wrong, f"a search finds {found} of {there} turns"]


def _sums(file: sqlite3.Connection) -> list[str]:
    """Where a tier's sums of the last days are not those of the rows."""
    since = int(time.time()) // _DAY * _DAY - _DAY
    rows = file.execute(
        f"SELECT series, {', '.join(_SUMS)} FROM usage_request WHERE id >= ? GROUP BY series ORDER BY series",
        (since * 1000 << 20,),
    ).fetchall()
    wrong = []
    for (tier,) in file.execute("SELECT DISTINCT tier FROM usage_rollup").fetchall():
        for counted in ("requests", "attempts"):
            sums = _tier(file, tier, counted, since)
            if counted == "requests" and not _same(sums, rows):
                wrong.append(f"the sums of tier {tier} differ from the rows: {sums} is not {rows}")
            if sum(row[1] for row in sums) != sum(row[1] for row in rows):
                wrong.append(f"tier {tier} counts {counted} otherwise than rows")
            wrong += [
                f"tier {tier} counts {whole} otherwise than rows"
                for whole in (f"{counted} by provider", f"all {counted}")
                if sum(row[1] for row in _tier(file, tier, whole, since)) != sum(row[1] for row in rows)
            ]
    hits = set(
        file.execute(
            "SELECT tier, sum(hits + misses) FROM cache_rollup WHERE start >= ? GROUP BY tier", (since,)
        ).fetchall()
    )
    (looks,) = file.execute("SELECT count(*) FROM cache_events").fetchone()
    if any(count != looks for _, count in hits):
        wrong.append(f"look-ups in the cache: {looks} rows and sums of {hits}")
    return wrong


def _tier(file: sqlite3.Connection, tier: int, counted: str, since: int) -> list[tuple[float, ...]]:
    return file.execute(
        f"SELECT series, {', '.join(_ROLLED)} FROM usage_rollup JOIN usage_series s ON s.id = series "
        "WHERE tier = ? AND start >= ? AND s.counted = ? GROUP BY series ORDER BY series",
        (tier, since, counted),
    ).fetchall()


def _same(sums: list[tuple[float, ...]], rows: list[tuple[float, ...]]) -> bool:
    return len(sums) == len(rows) and all(
        abs(one - other) < 1e-6
        for left, right in zip(sums, rows, strict=True)
        for one, other in zip(left, right, strict=True)
    )


def first_version(path: Path) -> None:
    """Make a database as the first version of the console left it, with a conversation of 100 turns."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA auto_vacuum = incremental")
        file.execute("PRAGMA journal_mode = wal")
        for statement in MIGRATIONS[0]:
            file.execute(statement)
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("PRAGMA user_version = 1")
        file.execute(
            "INSERT INTO conversation (number, id, title, created_at, updated_at) VALUES (1, 'early', 'Early', 1, 2)"
        )
        file.executemany(
            "INSERT INTO turn (seq, id, conversation, parent, role, state, created_at, text) "
            "VALUES (?, ?, 1, ?, 'user', 'complete', 1, ?)",
            [
                ((1 << 24) + n, f"early-{n}", (1 << 24) + n - 1 if n > 1 else None, f"long ago {n} " + "word " * 400)
                for n in range(1, 101)
            ],
        )
        file.execute("UPDATE conversation SET leaf = ?", ((1 << 24) + 100,))
        file.commit()
