"""Text cut into tokens: how the simulator counts, and the known text that tests and benchmarks ask for.

A token here is a piece of about four characters; pieces joined give the text back exactly.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PIECE = re.compile(r"\s*\w{1,5}|\s*[^\w\s]{1,3}|\s+")
_VOCABULARY = (
    "one two more river stone light paper green slow cloud open north quiet seven bread glass round plain early window "
    "small table brown letter walk under again field blue house story water silver music long winter ready ocean soft path"
)
_WORDS = tuple(_VOCABULARY.split())
_TOKENS_A_PARAGRAPH = 60


def pieces(text: str) -> list[str]:
    """The text as tokens of about four characters."""
    return _PIECE.findall(text)


def count(characters: int) -> int:
    """Tokens of a prompt of that many characters: about four characters each, at least one."""
    return max(1, (characters + 3) // 4)


@lru_cache(maxsize=64)
def known_pieces(tokens: int) -> tuple[str, ...]:
    """The tokens of :func:`known_text`."""
    result = []
    for position in range(tokens):
        word = _WORDS[(position * 7 + position // len(_WORDS)) % len(_WORDS)]
        gap = "" if position == 0 else "\n\n" if position % _TOKENS_A_PARAGRAPH == 0 else " "
        result.append(gap + word)
    return tuple(result)


def known_text(tokens: int) -> str:
    """What a prompt with ``[[tokens=N]]`` is answered with: exactly ``tokens`` tokens of plain words, in paragraphs."""
    return "".join(known_pieces(tokens))


def cut(tokens: list[str], characters: int) -> list[str]:
    """The tokens of the text's first ``characters`` characters."""
    result = []
    for token in tokens:
        if characters <= 0:
            break
        result.append(token[:characters])
        characters -= len(token)
    return result
