"""Which addresses a base URL may lead to.

A base URL is typed by a person or comes with a settings file, and every request to it carries a key. So: https, unless the
server is on this computer; private networks only after an explicit yes; link-local addresses, the cloud's metadata services
among them, never. A name proves nothing until it is resolved, so the rule is applied twice: to the URL as written
(`AddressPolicy.check`) and, by the transport's resolver (resolver.py), to each address that the name has when a connection
is made (`AddressPolicy.check_address`); the connection then goes to the addresses that were checked. Plain http is for
this computer, and for private addresses written as numbers where no key is sent; never for a name that is resolved.

Numbers written in unusual ways (``127.1``, ``0x7f000001``, ``2130706433``) are read as browsers do (WHATWG URL standard,
"IPv4 parser"). An IPv6 address that carries an IPv4 one counts as that one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from aiconsole.domain.errors import ConfigError

Reach = Literal["loopback", "private", "public", "never"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google Cloud and others
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google Cloud over IPv6
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud
    )
)
_SHARED: Final = ipaddress.ip_network("100.64.0.0/10")
_HOST: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|[0-9a-f.]*:[0-9a-f:.]*")
_STAND_INS: Final = ipaddress.ip_network("198.18.0.0/15")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class AddressNotAllowed(ConfigError):
    """A base URL leads, or resolves, to where requests must not go."""

    advice = "Check the base URL."


class AddressPolicy(msgspec.Struct, frozen=True):
    """The rule for one base URL.

    Attributes:
        private_allowed: the person's explicit yes to private networks.
        keyless: no key is sent there, so that a private address (given as a number) may be spoken to over plain http, as
            most servers at home and in a laboratory want it.
    """

    private_allowed: bool = False
    keyless: bool = False

    def check(self, url: str) -> str:
        """The URL in the form to be used: host in lower case, numeric hosts in their usual notation, no slash at the end.

        Raises:
            AddressNotAllowed: the host is an address outside the rule, or http goes to a name other than ``localhost``.
            ConfigError: this is not an http or https URL with a host and a path only.
        """
        try:
            parts = urlsplit(url.strip())
            host, port = _ascii(parts.hostname or ""), parts.port
        except ValueError as exc:
            raise _not_a_url(url, "it cannot be read") from exc
        if parts.username is not None or parts.password is not None:
            raise ConfigError(
                f"The base URL of {host} holds a user name or password.",
                advice="Keys belong in the key field, not in the URL.",
            )
        if parts.scheme not in ("http", "https") or not host:
            raise _not_a_url(url, "it must begin with https:// and a host")
        if _HOST.fullmatch(host) is None:
            raise _not_a_url(url, "its host is not a name or an address")
        if parts.query or parts.fragment or any(character <= " " for character in url.strip()):
            raise _not_a_url(url, "it must end with the path")
        secure = parts.scheme == "https"
        address = literal_address(host)
        if address is not None:
            self.check_address(host, address, secure=secure)
            address = getattr(address, "ipv4_mapped", None) or address
            host = f"[{address}]" if address.version == 6 else str(address)
        elif not secure and not is_localhost(host):
            raise _in_the_clear(host)
        return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"

    def check_address(self, host: str, address: Address, *, secure: bool = True) -> None:
        """Hold one address of ``host`` against the rule. A ``localhost`` name must lead to this computer.

        Raises:
            AddressNotAllowed: requests must not go there.
        """
        reach = reach_of(address)
        where = str(address) if host.strip("[]") == str(address) else f"{host} ({address})"
        if reach == "never":
            hint = f"Use 127.0.0.1 instead of {address}." if address.is_unspecified else "Check the base URL."
            raise AddressNotAllowed(f"Requests never go to {where}.", advice=hint)
        if reach == "private" and not self.private_allowed:
            raise AddressNotAllowed(
                f"{where} is in a private network.",
                advice="Allow the private network for this provider if the server is yours.",
            )
        in_the_clear = not secure and not (reach == "private" and self.keyless)
        if reach != "loopback" and (in_the_clear or is_localhost(host)):
            raise _in_the_clear(where)


def reach_of(address: Address) -> Reach:
    """What kind of address this is. 198.18.0.0/15 counts as public: VPN clients give it out in place of the real address."""
    address = _carried(address)
    if address.is_loopback:
        return "loopback"
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return "never"
    if address.version == 4 and address in _STAND_INS:
        return "public"
    if address.is_reserved or int(address) == 2**32 - 1:
        return "never"
    if address.is_private or (address.version == 4 and address in _SHARED):
        return "private"
    return "public"


def is_localhost(host: str) -> bool:
    """Whether ``host`` is a name kept for this computer (RFC 6761, section 6.3)."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address as written in a URL, means this computer."""
    address = literal_address(host)
    return is_localhost(host) if address is None else reach_of(address) == "loopback"


def literal_address(host: str) -> Address | None:
    """The address that ``host`` writes as a number; None for a name.

    Raises:
        ConfigError: it can only be a number, and is not a valid one.
    """
    host = host.strip("[]")
    if ":" in host:
        try:
            return ipaddress.ip_address(host.partition("%")[0])
        except ValueError as exc:
            raise ConfigError(f"{host} is not an IPv6 address.", advice="Check the base URL.") from exc
    parts = host.removesuffix(".").split(".")
    if not _is_number(parts[-1]):
        return None
    try:
        numbers = [_number(part) for part in parts]
        if len(numbers) > 4 or any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
            raise ValueError(host)
    except ValueError as exc:
        raise ConfigError(f"{host} is not an IPv4 address.", advice="Check the base URL.") from exc
    return ipaddress.IPv4Address(
        sum(number << 8 * (3 - place) for place, number in enumerate(numbers[:-1])) + numbers[-1]
    )


def _ascii(host: str) -> str:
    """A name in the form that goes over the wire; digits and dots of other scripts become plain ones before any check."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _is_number(text: str) -> bool:
    if text.isascii() and text.isdigit():
        return True
    return text[:2].lower() == "0x" and all(digit in "0123456789abcdef" for digit in text[2:].lower())


def _number(text: str) -> int:
    if not _is_number(text):
        raise ValueError(text)
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)


def _carried(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _in_the_clear(where: str) -> AddressNotAllowed:
    return AddressNotAllowed(
        f"http:// would send the key to {where} unencrypted.",
        advice="Use https://; plain http:// is for this computer, and for private addresses where no key is sent.",
    )


def _not_a_url(url: str, reason: str) -> ConfigError:
    shown = re.split(r"[?#]", url, maxsplit=1)[0]  # what follows is where people leave keys
    return ConfigError(f"“{shown[:200]}” is not a base URL: {reason}.", advice="Example: https://api.example.com/v1")
