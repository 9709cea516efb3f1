"""The second wall around secrets: one process-wide registry of them, applied to whatever leaves for a file or a screen.

A secret is looked for raw and in the shapes it takes on the way into text: URL-encoded, JSON-, HTML- and Python-escaped, and
base64 (both alphabets, at each of the three alignments, so also inside a ``user:key`` pair). A secret that was cut is found
by its first or last 12 characters; what is left of it beside them goes too.

Secrets shorter than ``MINIMUM`` characters are not looked for: a dummy key such as ``none`` would blank half of a log. The
log's own filter (aiconsole/logs.py) still removes them where they stand after the name of a header that carries keys.
"""

from __future__ import annotations

import threading
from typing import AnyStr, Generic, overload

MINIMUM = 8
"""Characters a secret must have to be searched for anywhere in a text."""

REDACTED = "[redacted]"
_PIECE = 12


class Redactor:
    """Removes registered secrets from text. Adding and redacting may be done from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._forms: set[str] = set()
        self._text: _Needles[str] = _Needles(())
        self._bytes: _Needles[bytes] = _Needles(())

    def add(self, secret: str) -> None:
        """Register a secret for the rest of the process (a key that was replaced can still turn up)."""
        if len(secret) < MINIMUM or secret in self._secrets:
            return
        with self._lock:
            self._secrets.add(secret)
            self._forms |= _forms(secret)
            self._text = _Needles(tuple(self._forms))
            self._bytes = _Needles(tuple(form.encode("utf-8", "surrogatepass") for form in self._forms))

    @overload
    def redact(self, text: str) -> str: ...

    @overload
    def redact(self, text: bytes) -> bytes: ...

    def redact(self, text: str | bytes) -> str | bytes:
        """``text`` with each secret replaced by ``[redacted]``; the very same object where there is none."""
        if isinstance(text, str):
            return self._text.replace(text, REDACTED)
        return self._bytes.replace(text, REDACTED.encode())


class _Needles(Generic[AnyStr]):
    """What to search for, derived from the forms of all secrets: each form's head and tail, or all of it where short."""

    def __init__(self, forms: tuple[AnyStr, ...]) -> None:
        self._heads: dict[AnyStr, list[AnyStr]] = {}
        self._tails: dict[AnyStr, list[AnyStr]] = {}
        for form in forms:
            self._heads.setdefault(form[:_PIECE], []).append(form)
            if len(form) > _PIECE:
                self._tails.setdefault(form[-_PIECE:], []).append(form)
        self._all = tuple({*self._heads, *self._tails})

    def replace(self, text: AnyStr, mark: AnyStr) -> AnyStr:
        """``text`` with all matches, widened as far as they follow their secret, replaced by ``mark``."""
        found = [needle for needle in self._all if needle in text]
        if not found:
            return text
        spans: list[tuple[int, int]] = []
        for needle in found:
            start = text.find(needle)
            while start >= 0:
                end = start + len(needle)
                spans.append(
                    (start, max(_agree_forward(text, start, form) for form in self._heads.get(needle, [needle])))
                )
                spans.append((min(_agree_backward(text, end, form) for form in self._tails.get(needle, [needle])), end))
                start = text.find(needle, start + 1)
        spans.sort()
        pieces: list[AnyStr] = []
        done = 0
        for begin, end in _joined(spans):
            pieces += (text[done:begin], mark)
            done = end
        pieces.append(text[done:])
        return text[:0].join(pieces)


def _agree_forward(text: AnyStr, start: int, form: AnyStr) -> int:
    """Where ``text`` from ``start`` on stops being equal to ``form``."""
    length = 0
    while length < len(form) and text[start + length : start + length + 1] == form[length : length + 1]:
        length += 1
    return start + length


def _agree_backward(text: AnyStr, end: int, form: AnyStr) -> int:
    """Where ``text`` up to ``end`` starts being equal to the end of ``form``."""
    length = 0
    while length < min(len(form), end) and text[end - length - 1 : end - length] == form[len(form) - length - 1 :][:1]:
        length += 1
    return end - length


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans, with those that touch or overlap made one."""
    joined = [spans[0]]
    for begin, end in spans[1:]:
        if begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def _forms(secret: str) -> set[str]:
    """Every shape of a secret that is searched for; most coincide for a key of plain letters and digits."""
    import html
    import json
    from urllib.parse import quote

    quoted = quote(secret, safe="")
    escaped = json.dumps(secret)[1:-1]
    return {
        secret,
        quoted,
        _lower_escapes(quoted),
        quote(secret, safe="/"),
        escaped,
        escaped.replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        repr(secret)[1:-1],
        *_base64_forms(secret.encode("utf-8", "surrogatepass")),
    }


def _lower_escapes(quoted: str) -> str:
    """``%2F`` as ``%2f``; the rest unchanged."""
    first, *escapes = quoted.split("%")
    return "%".join([first, *(escape[:2].lower() + escape[2:] for escape in escapes)])


def _base64_forms(secret: bytes) -> set[str]:
    """The characters that base64 gives ``secret`` whatever stands before and after it.

    Base64 turns 3 bytes into 4 characters of 6 bits (RFC 4648), so what precedes matters only modulo 3: with ``shift``
    bytes in front, the characters from bit ``8 * shift`` rounded up to a multiple of 6, to the last full one, depend on
    the secret alone.
    """
    from base64 import b64encode

    forms = set()
    for shift in range(3):
        encoded = b64encode(bytes(shift) + secret).decode()
        form = encoded[-(-8 * shift // 6) : 8 * (shift + len(secret)) // 6]
        forms |= {form, form.replace("+", "-").replace("/", "_")}
    return forms


REDACTOR = Redactor()
"""The registry of this process; every ``Key`` enters itself here."""
