"""Text and links of strangers: what hides is made visible, and a link is taken apart before it is offered.

Sources: Unicode 16, UAX 9 (directional formatting) and UTS 39 (mixed scripts); Boucher and Anderson, "Trojan Source", on
source text that reads otherwise than it runs.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

SCHEMES: Final = ("http", "https", "mailto")

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc\U000e0000-\U000e0fff]"
)
_JOINERS = ("\u200c", "\u200d")
_KEPT = {"\u2028": "\n", "\u2029": "\n", "\x85": "\n"}
_DOTS = ("\u3002", "\uff0e", "\uff61")


def visible(text: str) -> str:
    """``text`` with each sign that is not seen but works (turning the direction, hiding, joining) written as ⟨U+202E⟩.

    Joiners stay where they join letters or emoji, as Persian, the scripts of India and families of emoji need them.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    sign, text, at = match[0], match.string, match.start()
    if sign in _KEPT:
        return _KEPT[sign]
    if sign in _JOINERS and 0 < at < len(text) - 1 and not text[at - 1].isascii() and not text[at + 1].isascii():
        return sign
    return f"⟨U+{ord(sign):04X}⟩"


class Target(msgspec.Struct, frozen=True):
    """Where a link leads, in full. ``host`` is the name as looked up (punycode), ``reading`` how it reads where that
    differs; ``cautions`` are sentences on what may deceive."""

    url: str
    scheme: str
    host: str
    reading: str = ""
    cautions: tuple[str, ...] = ()


def allowed(url: str) -> bool:
    """Whether a link may be offered at all: http, https and mailto with somewhere to go."""
    return target(url) is not None


def target(url: str, text: str = "") -> Target | None:
    """Take a link apart; ``text`` is what stands for it on the page. None where it is of no kind that is opened."""
    clean = "".join(_escaped(sign) for sign in url.strip())
    try:
        parts = urlsplit(clean)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme == "mailto" and parts.path:
        return Target(clean, scheme, parts.path.rpartition("@")[2])
    if scheme not in ("http", "https") or not host:
        return None
    for dot in _DOTS:
        host = host.replace(dot, ".")
    ascii_host = _ascii(host)
    if ascii_host is None:
        return None
    reading = _reading(ascii_host)
    authority = ascii_host if ":" not in ascii_host else f"[{ascii_host}]"
    user = f"{parts.username or ''}{':…' if parts.password else ''}@" if "@" in parts.netloc else ""
    whole = parts._replace(netloc=f"{user.replace('…', parts.password or '')}{authority}{f':{port}' if port else ''}")
    cautions = _cautions(ascii_host, reading, bool(user), scheme, text)
    return Target(whole.geturl(), scheme, ascii_host, reading if reading != ascii_host else "", cautions)


def _escaped(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() and sign not in ' "<>\\^`{|}' else f"%{ord(sign):02X}"
    if unicodedata.category(sign)[0] in "CZ":
        return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "replace"))
    return sign


def _ascii(host: str) -> str | None:
    """The name as it is looked up: IDNA, each label in punycode where it has to be. None where it is no name at all."""
    labels = []
    for label in unicodedata.normalize("NFKC", unquote(host)).lower().split("."):
        if label.isascii():
            made = label
        else:
            try:
                made = "xn--" + label.encode("punycode").decode("ascii")
            except UnicodeError:
                return None
        if any(sign.isspace() or sign in "/?#@\\<>\"'" for sign in made):
            return None
        labels.append(made)
    return ".".join(labels)


def _reading(host: str) -> str:
    labels = []
    for label in host.split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return visible(".".join(labels))


def _cautions(host: str, reading: str, user: bool, scheme: str, text: str) -> tuple[str, ...]:
    said: list[str] = []
    claimed = _claimed_host(text)
    if claimed and claimed.removeprefix("www.") != host.removeprefix("www."):
        said.append(f"The text names {_reading(claimed)}, but the link leads to {host}.")
    if reading != host:
        scripts = sorted({script for label in reading.split(".") for script in _scripts(label)} - {""})
        lookalike = any(len(_scripts(label)) > 1 for label in reading.split("."))
        kind = "mixes letters of " + " and ".join(scripts) if lookalike else "has letters that may look like others"
        said.append(f"The name {kind}: it reads “{reading}” and is really {host}.")
    if user:
        said.append("What stands before the @ is a user name and not the place.")
    if re.fullmatch(r"[\d.]+|0x[0-9a-f]+|[0-9a-f:]*:[0-9a-f:.]*", host):
        said.append("It leads to a bare address instead of a name.")
    if scheme == "http":
        said.append("It is not encrypted (http).")
    return tuple(said)


def _claimed_host(text: str) -> str | None:
    """The host that the visible text of a link claims, if it looks like an address."""
    found = re.search(r"(?:https?://)?((?:[\w-]+\.)+[^\W\d_]{2,})(?=[/:?#\s]|$)", text.strip())
    return _ascii(found[1]) if found and (found.start() == 0 or "://" in found[0]) else None


def _scripts(label: str) -> set[str]:
    """The scripts of a label's letters, by the first word of their Unicode names."""
    names = {unicodedata.name(sign, "").split(" ")[0].capitalize() for sign in label if sign.isalpha()}
    return {"Chinese or Japanese" if name in ("Cjk", "Hiragana", "Katakana") else name for name in names}
