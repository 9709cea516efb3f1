"""What a value must be beyond its type: each check raises ``ValueError`` with the reason, never quoting a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_ROUTE_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"})
"""Headers that carry a key (lower case): not allowed in the settings."""

CONNECTION_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that belong to the connection (RFC 9110, RFC 9112): setting them breaks requests."""

OPEN_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "anthropic-beta",
        "anthropic-version",
        "http-referer",
        "openai-beta",
        "referer",
        "user-agent",
        "x-title",
    }
)
"""Extra headers known to hold nothing secret (lower case); the values of all others are kept out of logs and exports."""

KEY_STORE_ADVICE = "keys belong in the key store: use “aiconsole keys set” or the Providers panel"


def check_provider_name(name: str) -> None:
    """A provider's name stands in ``provider/model``, in a keyring entry and in the settings' keys."""
    if not _SLUG.fullmatch(name):
        raise ValueError("a provider's name has lower-case letters and digits, with single - or _ between them")


def check_entry_name(name: str, _: object) -> None:
    """A name of one's own in the settings, which also stands in an entry of the keyring."""
    if not _SLUG.fullmatch(name):
        raise ValueError("a name has lower-case letters and digits, with single - or _ between them")


def check_time_of_day(text: str) -> None:
    """A local time of day such as 22:00; empty for none."""
    if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("a time of day is written 22:00")


def check_route(name: str, candidates: tuple[str, ...]) -> None:
    """A route's name stands where a model's does, so it may have a dot but no slash; a candidate is ``provider/model``."""
    if not _ROUTE_NAME.fullmatch(name):
        raise ValueError("a route's name has lower-case letters and digits, with single -, _ or . between them")
    for candidate in candidates:
        provider, slash, model = candidate.partition("/")
        if not (slash and model.strip() and _SLUG.fullmatch(provider)):
            raise ValueError("each candidate is written provider/model")


def check_url(url: str) -> None:
    """A base URL: http or https, a host, and nothing that could hold a key."""
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"a base URL must not hold a user or password; {KEY_STORE_ADVICE}")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(f"a base URL ends before “?” and “#”; {KEY_STORE_ADVICE}")


def check_proxy(url: str) -> None:
    """A proxy's URL. A user name may stand in it; the password is kept in the key store under the name ``proxy``."""
    if _split(url).password is not None:
        raise ValueError("a proxy's password belongs in the key store: use “aiconsole keys set proxy”, keep user@ here")


def check_header(name: str, value: str) -> None:
    """An extra header (RFC 9110, 5.5 and 5.6.2): not one that carries a key, nor one that belongs to the connection."""
    if name.lower() in KEY_HEADERS:
        raise ValueError(f"the header {name} is not taken from the settings; {KEY_STORE_ADVICE}")
    if name.lower() in CONNECTION_HEADERS:
        raise ValueError(f"the header {name} is set by the connection itself")
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("this is not a header's name")
    if not value.isascii() or any(not character.isprintable() and character != "\t" for character in value):
        raise ValueError("a header's value is plain ASCII text on one line")


def check_variable(name: str) -> None:
    """The name of an environment variable."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError("the name of an environment variable has letters, digits and _ (the name, not the key itself)")


def check_not_blank(text: str) -> None:
    """Text with something in it."""
    if not text.strip():
        raise ValueError("it must not be empty")


def secrets_of_header(name: str, value: str) -> tuple[str, ...]:
    """The parts of an extra header that are to be kept out of logs and exports."""
    if name.lower() in OPEN_HEADERS:
        return ()
    scheme, _, rest = value.partition(" ")
    return (value, rest.strip()) if scheme.lower() in ("bearer", "basic") else (value,)


def secrets_of_url(url: str) -> tuple[str, ...]:
    """The password and the query's values of a URL that should have none."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return (url,)
    found = [unquote(parts.password), parts.password] if parts.password else []
    return (*found, *(value for _, value in parse_qsl(parts.query)))


def looks_like_key(name: str) -> bool:
    """Whether a setting of this name, which does not exist, was probably meant to hold a key."""
    return any(word in name.lower() for word in ("key", "token", "secret", "password"))


def _split(url: str) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        raise ValueError("it must be a URL such as https://host:port/path")
    return parts


def check_weight(text: str) -> None:
    """``provider/model=3``: a candidate and how often it is asked, from 0 to 1,000."""
    name, found, weight = text.partition("=")
    try:
        fits = 0 <= float(weight) <= 1000
    except ValueError:
        fits = False
    if not (found and "/" in name and fits):
        raise ValueError("must be provider/model=WEIGHT, with a weight from 0 to 1000")


def check_schedule(text: str) -> None:
    """When a background job runs."""
    from aiconsole.domain.schedule import parse_schedule

    if text:
        parse_schedule(text)
