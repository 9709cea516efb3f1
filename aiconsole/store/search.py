"""Full-text search over what was said and over titles.

All words must occur somewhere in the conversation, each at least as the beginning of a word, case and (of Latin letters)
accents aside. Words in "quotes" are found side by side. FTS5 (SQLite docs, "Full-text Query Syntax") sees nothing of what the
person typed but quoted strings, so nothing in it is an operator. Words of scripts that do without spaces, and signs, are not
words to FTS5: those are looked for as they stand.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

from aiconsole.domain.conversations import SearchHit
from aiconsole.store import turns
from aiconsole.store.migrations.conversations import TURN_BITS
from aiconsole.store.packing import clean

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_MOST_TERMS = 12
_LONGEST_TERM = 100
_TERM = re.compile(r'"([^"]+)"|([^\s"]+)')
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_OPEN, _CLOSE = "\x02", "\x03"
_AROUND = 40


def search(database: Database, text: str, limit: int) -> list[SearchHit]:
    """Conversations with all words of ``text``, last spoken in first; every one where there is no word in it."""
    words, literals = _terms(text)
    if not words and not literals:
        return [SearchHit(conversation) for conversation in turns.heads(database, limit)]
    places: dict[int, int] | None = None
    for found in (
        *(_with_word(database, word) for word in words),
        *(_with_literal(database, part) for part in literals),
    ):
        places = found if places is None else {n: max(places[n], found[n]) for n in places.keys() & found.keys()}
        if not places:
            return []
    places = places or {}
    if len(words) > 1:
        places |= {n: seq for n, seq in _turns_matching(database, " AND ".join(words)).items() if n in places}
    heads = turns.heads_of(database, places, limit)
    wanted = [places[number] for number, _ in heads if places[number]]
    snippets = _snippets(database, words, wanted) if words else {}
    hits: list[SearchHit] = []
    for number, conversation in heads:
        marked = snippets.get(places[number])
        if marked is None and literals and places[number]:
            marked = _cut(database, places[number], literals[0])
        hits.append(SearchHit(conversation, *_plain(marked or "")))
    return hits


def _terms(text: str) -> tuple[list[str], list[str]]:
    """What to ask FTS5 for, each already in its syntax, and what to look for as it stands."""
    words: list[str] = []
    literals: list[str] = []
    for match in list(_TERM.finditer(clean(text).replace("\0", " ")))[:_MOST_TERMS]:
        phrase, word = match.groups()
        term = (phrase or word)[:_LONGEST_TERM].strip()
        if not term:
            continue
        if _UNSPACED.search(term) or not any(unicodedata.category(sign)[0] in "LN" for sign in term):
            literals.append(term)
        else:
            words.append(f'"{term}"' if phrase else f'"{term}"*')
    return words, literals


def _with_word(database: Database, word: str) -> dict[int, int]:
    """Number of the conversation -> its newest turn with the word, 0 where only its title has it."""
    titled = database.execute_sql("SELECT rowid FROM conversation_fts WHERE conversation_fts MATCH ?", (word,))
    return {number: 0 for (number,) in titled} | _turns_matching(database, word)


def _turns_matching(database: Database, expression: str) -> dict[int, int]:
    rows = database.execute_sql(
        f"SELECT rowid >> {TURN_BITS}, max(rowid) FROM turn_fts WHERE turn_fts MATCH ? GROUP BY 1",  # noqa: S608
        (expression,),
    )
    return dict(rows.fetchall())


def _with_literal(database: Database, part: str) -> dict[int, int]:
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", part) + "%"
    titled = database.execute_sql(r"SELECT number FROM conversation WHERE title LIKE ? ESCAPE '\'", (pattern,))
    found = {number: 0 for (number,) in titled}
    said = database.execute_sql(
        r"SELECT conversation, max(seq) FROM turn WHERE text LIKE ? ESCAPE '\' GROUP BY 1", (pattern,)
    )
    return found | dict(said.fetchall())


def _snippets(database: Database, words: list[str], seqs: list[int]) -> dict[int, str]:
    """The turn's text around the words, for all turns in one pass over the index (a prefix is dear to look up)."""
    rows = database.execute_sql(
        "SELECT rowid, snippet(turn_fts, 0, ?, ?, '…', 16) FROM turn_fts "
        "WHERE turn_fts MATCH ? AND +rowid IN (SELECT value FROM json_each(?))",
        (_OPEN, _CLOSE, " OR ".join(words), json.dumps(seqs)),
    )
    return dict(rows.fetchall())


def _cut(database: Database, seq: int, part: str) -> str | None:
    """The turn's text around ``part``, marked as ``snippet`` marks; None where it is not in it."""
    text: str = database.execute_sql("SELECT text FROM turn WHERE seq = ?", (seq,)).fetchone()[0]
    match = re.search(re.escape(part), text, re.IGNORECASE)
    if match is None:
        return None
    start, end = match.span()
    left, right = max(0, start - _AROUND), end + _AROUND
    dots = ("…" if left else "", "…" if right < len(text) else "")
    return f"{dots[0]}{text[left:start]}{_OPEN}{text[start:end]}{_CLOSE}{text[end:right]}{dots[1]}"


def _plain(marked: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The snippet on one line without its marks, and where they were."""
    text = ""
    marks: list[tuple[int, int]] = []
    for index, piece in enumerate(re.split(f"[{_OPEN}{_CLOSE}]", re.sub(r"\s+", " ", marked))):
        if index % 2:
            marks.append((len(text), len(text) + len(piece)))
        text += piece
    return text, tuple(marks)
