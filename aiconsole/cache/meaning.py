"""Answers to like questions: the last message compared by meaning, everything before it and all parameters by their bytes.

Off unless switched on, as two questions can be near in meaning and differ in a number or a “not”; so an answer found this way
says how like the question was, and a fresh one can be asked for. Embeddings come from a provider, or from a plug-in: an entry
point in the group ``aiconsole.embedders`` whose value, called without arguments, gives an `Embedder` (a local model package,
say). One that is in trouble is left alone for a minute, in which no like questions are looked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.messages import TextPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

GROUP: Final = "aiconsole.embedders"
_MOST: Final = 20_000
_PATIENCE_S: Final = 2.0
_REST_S: Final = 60.0
_LONGEST: Final = 8_000
"""Characters of a question: about 2,000 tokens, the least that the embedding models in use take at once (Gemini's)."""
_log = logging.getLogger(__name__)


class Embedder(Protocol):
    """Gives texts a place by their meaning. ``name`` tells models apart, as their vectors cannot be compared."""

    @property
    def name(self) -> str: ...

    async def embed(self, text: str) -> Sequence[float]:
        """The vector of a text; always of the same length, in any scale."""
        ...


class Question(NamedTuple):
    """A last message's place: ``group`` is the digest of all around it and of the embedder, ``vector`` has length 1."""

    group: bytes
    vector: Vector


class _Group:
    """The questions with the same surroundings."""

    def __init__(self) -> None:
        self.vectors: dict[bytes, Vector] = {}
        self.keys: tuple[bytes, ...] = ()
        self.matrix: Vector | None = None


def find_embedder(name: str) -> Embedder | None:
    """The plug-in of that name, or the only one there is where the name is empty; None where there is none. May be slow."""
    from importlib.metadata import entry_points

    found = [point for point in entry_points(group=GROUP) if name in ("", point.name)]
    if len(found) != 1:
        return None
    try:
        made: Embedder = found[0].load()()
    except Exception:
        _log.exception("The embedder %s could not be loaded", found[0].name)
        return None
    return made


class Meaning:
    """Knows the questions of the entries in the cache; at most 20,000, the oldest are forgotten first.

    Args:
        find: gives the embedder of a name, None where there is none; called in a thread.
        named: the name of the embedder to use now; another one than before makes it forget the questions.
        tell: is told, once for each embedder, in words for the person what is wrong with it and what to do about it.
    """

    def __init__(
        self,
        find: Callable[[str], Embedder | None],
        clock: Clock,
        *,
        named: Callable[[], str] = lambda: "",
        tell: Callable[[str, str], None] = lambda message, advice: None,
    ) -> None:
        self._find = find
        self._clock = clock
        self._named = named
        self._tell = tell
        self._embedder: Embedder | None = None
        self._name: str | None = None
        self._rests_until = 0.0
        self._mark = b""
        self._groups: dict[bytes, _Group] = {}
        self._of: dict[bytes, bytes] = {}
        self._waiting: list[tuple[bytes, bytes]] = []
        self._faulty = False

    def __len__(self) -> int:
        return len(self._of)

    def use(self, embedder: Embedder | None) -> None:
        """Take this embedder instead of a plug-in; what is known of questions so far is forgotten."""
        self._find = lambda name: embedder
        self._name = None

    async def place(self, request: ChatRequest, surroundings: Callable[[], bytes | None]) -> Question | None:
        """Where the last message of a request is; None where it is not a person's text alone, or has no vector."""
        text = _question(request)
        if text is None:
            return None
        embedder = await self._ready()
        if embedder is None or self._clock.monotonic() < self._rests_until:
            return None
        around, mark = surroundings(), self._mark
        if around is None:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                vector = _unit(await embedder.embed(text))
        except Exception as error:
            if embedder is self._embedder:
                self._failed(embedder, error)
            return None
        return Question(sha256(mark + around).digest(), vector)

    def nearest(self, question: Question, least: float) -> tuple[bytes, float] | None:
        """The key of the entry whose question is nearest, and their cosine, if that is at least ``least``."""
        import numpy as np

        group = self._groups.get(question.group)
        if group is None or not group.vectors:
            return None
        if group.matrix is None:
            group.keys = tuple(group.vectors)
            group.matrix = np.stack(list(group.vectors.values()))
        if group.matrix.shape[1:] != question.vector.shape:
            return None
        likeness = group.matrix @ question.vector
        best = int(np.argmax(likeness))
        similarity = min(1.0, float(likeness[best]))
        return (group.keys[best], similarity) if similarity >= least else None

    def vector(self, question: Question) -> bytes:
        """A question as bytes, to be kept with its entry and given to `restore`."""
        return self._mark + question.group + question.vector.tobytes()

    def add(self, key: bytes, question: Question) -> None:
        """Remember the question of an entry."""
        self.discard(key)
        kept = self._groups.get(question.group)
        if kept is not None and next(iter(kept.vectors.values())).shape != question.vector.shape:
            return
        if len(self._of) >= _MOST:
            self.discard(next(iter(self._of)))
        self._of[key] = question.group
        group = self._groups.setdefault(question.group, _Group())
        group.vectors[key] = question.vector
        group.matrix = None

    def restore(self, key: bytes, data: bytes) -> None:
        """Take up what `vector` gave in an earlier run, once vectors are asked for and if they are of the same embedder."""
        self._waiting.append((key, data))

    def discard(self, key: bytes) -> None:
        """Forget an entry's question."""
        name = self._of.pop(key, None)
        if name is None:
            return
        group = self._groups[name]
        del group.vectors[key]
        group.matrix = None
        if not group.vectors:
            del self._groups[name]

    def clear(self) -> None:
        self._groups.clear()
        self._of.clear()
        self._waiting.clear()

    def _failed(self, embedder: Embedder, error: Exception) -> None:
        self._rests_until = self._clock.monotonic() + _REST_S
        if self._faulty:
            return
        self._faulty = True
        if isinstance(error, ConsoleError):
            words, advice = error.message, error.advice
        elif isinstance(error, TimeoutError):
            words, advice = f"It gave no vector within {_PATIENCE_S:g} s.", "See whether it is up."
        else:
            words, advice = f"It failed ({type(error).__name__}).", "The log has the details."
        _log.warning("The embedder %s failed; further faults of it are not logged.", embedder.name, exc_info=error)
        self._tell(f"Like questions are not found in the cache while {embedder.name} is in trouble: {words}", advice)

    async def _ready(self) -> Embedder | None:
        name = self._named()
        if self._name != name:
            self._name = name
            self._embedder, self._faulty, self._rests_until = None, False, 0.0
            self._groups.clear()
            self._of.clear()
            found = await asyncio.to_thread(self._find, name)
            if self._name != name:
                return None
            if found is None:
                self._tell(
                    "Like questions are not looked for: no embedder is there.",
                    "Set cache.embedder to the provider/model that is to give embeddings, or install a plug-in.",
                )
            else:
                self._mark = sha256(found.name.encode()).digest()
            self._embedder = found
        if self._embedder is not None and self._waiting:
            import numpy as np

            waiting, self._waiting = self._waiting, []
            for key, data in waiting:
                if data[:32] == self._mark:
                    self.add(key, Question(data[32:64], np.frombuffer(data[64:], dtype=np.float32)))
        return self._embedder


def _question(request: ChatRequest) -> str | None:
    last = request.messages[-1] if request.messages else None
    if last is None or last.role != "user" or last.extra is not None:
        return None
    if not all(type(part) is TextPart and part.extra is None for part in last.parts):
        return None
    text = last.text.strip()
    return text if 0 < len(text) <= _LONGEST else None


def _unit(numbers: Sequence[float]) -> Any:
    import numpy as np

    vector = np.asarray(numbers, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.ndim != 1 or not length > 0:
        raise ValueError("an embedding is a list of numbers that are not all 0")
    return vector / np.float32(length)
