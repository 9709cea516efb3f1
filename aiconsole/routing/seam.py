"""Where two parts of one answer meet: what the second says again is left out, and the space between them put right.

A model that goes on with a broken-off answer may begin with its last words, with all of it, or at once with what is missing.
Nothing is known until its first words have come, so they are held back while they may still be a repetition: that costs the
reader nothing, as he has that text already. All comparison leaves white space out, which models reproduce least exactly.
"""

from __future__ import annotations

from typing import Final

_WINDOW: Final = 600
"""How far back from the break a repetition may begin, in characters without white space (or at the very beginning)."""
_ANEW: Final = 48
"""From so many characters on, text that runs like the beginning of the answer and then differs is another answer."""

_LEAST_TORN: Final = 3
"""The shortest repetition with a piece lost that is not taken for chance."""


class SeamText:
    """Joins what comes to what was shown. `feed` and `close` give the text to show.

    Args:
        shown: the visible text so far.
        anchor: the last words, where the model was told to begin with them; that much is always taken as repeated.
        echoes: the provider is known to give back the whole text it was to go on from.
        whole_only: the model goes on with its own text (a prefill), so that nothing but a repetition of all of it counts; what
            looks like the last words again is a text that repeats itself.
        least: the shortest repetition, in characters without white space, that is not taken for chance.
        space: put a space between two words that would otherwise run together (a model that was told to go on begins with
            a word; one that goes on with its own text begins with the space).

    Attributes:
        decided: whether enough has come to know.
        overlap_chars: how many characters of what came were left out.
        began_anew: the model began the answer from the start in other words; then everything that came is given. With
            ``whole_only`` that is a refrain, unless the provider ``echoes``: then it is an echo with a piece missing.
    """

    __slots__ = (
        "_alive",
        "_anchor",
        "_ends",
        "_head",
        "_least",
        "_matched",
        "_may_begin_anew",
        "_raw",
        "_rest",
        "_said",
        "_shown",
        "_space",
        "_torn",
        "_whole",
        "began_anew",
        "decided",
        "overlap_chars",
    )

    def __init__(
        self,
        shown: str,
        *,
        anchor: str = "",
        echoes: bool = False,
        whole_only: bool = False,
        least: int = 12,
        space: bool = False,
    ) -> None:
        self._said = "".join(shown.split())
        self._shown = shown[-_WINDOW:]
        self._anchor = len("".join(anchor.split()))
        self._whole = echoes
        self._may_begin_anew = echoes or not whole_only
        self._least = least
        self._space = space
        size = len(self._said)
        tail = () if whole_only else range(max(1, size - _WINDOW), size)
        self._alive = [0, *tail] if size else []
        self._ends: dict[int, int] = {}  # length of a complete repetition -> where it ends in what came
        self._matched = 0
        self._torn = False
        self._raw = 0
        self._head = ""
        self._rest: str | None = None
        self.decided = False
        self.overlap_chars = 0
        self.began_anew = False

    def torn(self) -> None:
        """A piece of what comes was lost. If it belonged to a repetition, that is still one."""
        self._torn = True

    def feed(self, text: str) -> str:
        """Take a piece of the new text; returns what may be shown, "" while it is held back."""
        if self.decided:
            return text
        if self._rest is not None:
            return self._join(self._rest + text)
        self._head += text
        for character in text if self._alive or not self._torn else "":
            self._raw += 1
            if not character.isspace() and not self._match(character) and not self._torn:
                return self._decide()
        if self._torn and not self._alive and len("".join(self._head.split())) >= self._told:
            return self._decide()
        return ""

    @property
    def _told(self) -> int:
        """How many characters the model was to repeat, or will."""
        return len(self._said) if self._whole else self._anchor

    def close(self) -> str:
        """Nothing more comes: what is still held back and is no repetition."""
        if self.decided:
            return ""
        text = self._decide() if self._rest is None else ""
        if not self.decided:
            text, self.decided = self._trimmed(self._rest or ""), True
        return text

    def _match(self, character: str) -> bool:
        """Follow each possible repetition by one character; False where none is possible any more."""
        said, at = self._said, self._matched
        alive = [start for start in self._alive if said[start + at] == character]
        if self._alive and self._alive[0] == 0 and (not alive or alive[0] != 0):
            self.began_anew = at >= _ANEW and self._may_begin_anew
        self._matched = at + 1
        complete = len(said) - self._matched
        if alive and (alive[-1] == complete or complete == 0):
            self._ends[self._matched] = self._raw
            alive = [start for start in alive if start != complete]
        self._alive = alive
        return bool(alive)

    def _decide(self) -> str:
        length = self._length() or self._length_torn()
        if length:
            self.began_anew = False
        elif self.began_anew:
            self.decided = True
            return self._head
        end = self._ends[length] if length else 0
        self.overlap_chars = end
        return self._join(self._head[end:])

    def _length(self) -> int:
        """The repetition to leave out, in characters without white space."""
        whole = len(self._said)
        if whole in self._ends and (self._whole or whole >= self._least):
            return whole
        if self._anchor and self._anchor in self._ends:
            return self._anchor
        longest = max(self._ends, default=0)
        if longest < self._least or self._periodic(longest):
            return 0
        return longest

    def _length_torn(self) -> int:
        """The same where a piece of the repetition was lost: what comes is its beginning and, after a gap, its end."""
        said = self._said[len(self._said) - self._told :] if self._torn else ""
        came = "".join(self._head.split())
        same = next((at for at, pair in enumerate(zip(said, came, strict=False)) if pair[0] != pair[1]), len(came))
        for rest in (said[at:] for at in range(same + 1, len(said) + 1)):
            length = same + len(rest)
            if came.startswith(rest, same) and length >= max(_LEAST_TORN, self._told // 3):
                self._ends[length] = self._end_of(length)
                return length
        return 0

    def _end_of(self, length: int) -> int:
        """Where so many characters that are no white space end in what came."""
        for at, character in enumerate(self._head):
            length -= not character.isspace()
            if length == 0:
                return at + 1
        return len(self._head)

    def _periodic(self, length: int) -> bool:
        """Whether the repetition is itself made of one (a row of dashes, say), so that it may as well be what comes next."""
        return any(length > other >= length / 2 for other in self._ends)

    def _join(self, rest: str) -> str:
        """What is given of ``rest``, once its first word has come."""
        if not rest or rest.isspace():
            self._rest = rest
            return ""
        self.decided = True
        return self._trimmed(rest)

    def _trimmed(self, rest: str) -> str:
        shown = self._shown
        space = shown[len(shown.rstrip()) :]
        if space:
            own = rest[: len(rest) - len(rest.lstrip())]
            dropped = len(space) if own.startswith(space) else len(own) if space.startswith(own) else 0
            self.overlap_chars += dropped
            return rest[dropped:]
        if self._space and not self.overlap_chars and shown and rest and _run_together(shown[-1], rest[0]):
            return " " + rest
        return rest


def _run_together(before: str, after: str) -> bool:
    """Whether two words would become one; never for scripts without spaces, nor for two digits."""
    if before.isdigit() and after.isdigit():
        return False
    return before.isalnum() and after.isalnum() and before < "\u2e80" and after < "\u2e80"
