"""Where base URLs may lead: as written, and as their names resolve."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.domain.errors import ConfigError, ConnectionFailed
from aiconsole.providers.addresses import AddressNotAllowed, AddressPolicy, is_loopback, literal_address, reach_of
from aiconsole.providers.failures import to_provider_error
from aiconsole.providers.resolver import PolicyResolver, SystemResolver
from aiconsole.providers.transport import Transport
from tests.providers.loopback import OK, Server, answering

STRICT = AddressPolicy()
PRIVATE = AddressPolicy(private_allowed=True)


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        ("  https://API.Example.com:8443 ", "https://api.example.com:8443"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),
        ("http://ollama.localhost/v1", "http://ollama.localhost/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.1:8000", "http://127.0.0.1:8000"),
        ("http://0x7f000001/v1", "http://127.0.0.1/v1"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://0177.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://[::ffff:127.0.0.1]", "http://127.0.0.1"),
        ("https://198.18.0.7", "https://198.18.0.7"),
        ("https://Büro.example/v1", "https://xn--bro-hoa.example/v1"),
        ("http://１２７.0.0.１", "http://127.0.0.1"),
    ],
)
def test_urls_that_may_be_used(url: str, checked: str) -> None:
    assert STRICT.check(url) == checked
    assert STRICT.check(checked) == checked


@pytest.mark.parametrize(
    "url",
    [
        "http://api.groq.com/v1",
        "http://8.8.8.8",
        "http://134744072",
        "https://10.0.0.5",
        "https://0x0a000005",
        "https://192.168.1.1",
        "https://[fd12::1]",
        "https://100.64.0.1",
        "https://[::ffff:10.0.0.5]",
    ],
)
def test_urls_that_need_a_yes_or_tls(url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        STRICT.check(url)


def test_a_private_address_may_be_spoken_to_in_the_clear_where_no_key_is_sent() -> None:
    keyless = AddressPolicy(private_allowed=True, keyless=True)
    assert keyless.check("http://192.168.1.5:11434/v1") == "http://192.168.1.5:11434/v1"
    for url in ("http://8.8.8.8/v1", "http://box.lan/v1", "http://169.254.169.254/v1"):
        with pytest.raises(ConfigError):
            keyless.check(url)
    with pytest.raises(ConfigError):
        PRIVATE.check("http://192.168.1.5:11434/v1")
    with pytest.raises(ConfigError):
        AddressPolicy(keyless=True).check("http://192.168.1.5:11434/v1")


def test_private_networks_after_an_explicit_yes() -> None:
    assert PRIVATE.check("https://192.168.1.1/v1") == "https://192.168.1.1/v1"
    with pytest.raises(AddressNotAllowed, match="unencrypted"):
        PRIVATE.check("http://192.168.1.1/v1")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.169.２５４", "169。254。169。254",
        "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "169.254.1.1", "[fe80::1]",
        "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "0.0.0.0", "[::]",
        "224.0.0.1", "[ff02::1]", "255.255.255.255", "240.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_addresses_that_are_never_reached(scheme: str, host: str) -> None:
    with pytest.raises(AddressNotAllowed, match="Requests never go to"):
        PRIVATE.check(f"{scheme}://{host}/latest")


@pytest.mark.parametrize(
    "url",
    [
        "", "api.groq.com", "ftp://x", "file:///etc/passwd", "https://", "https://x/?a=1", "https://x/#a", "https://x:99999",
        "https://[::1", "https://256.1.1.1", "https://1.2.3.4.5", "https://1.2.3.09", "https://a b", "https://x/\r\nHost: y",
        "https://[not-an-address]", "https://127.0.0.%31", "https://x_y$/", "https://a..b", "https://" + "a" * 64 + ".x",
    ],
)  # fmt: skip
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(ConfigError):
        STRICT.check(url)


def test_a_key_in_the_url_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        STRICT.check("https://me:canary@api.example.com")
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("mark", ["?key=", "?", "#"])
def test_a_key_behind_the_path_is_refused_without_being_shown(mark: str) -> None:
    for start in ("https://api.example.com/v1", "api.example.com/v1", "https://exa mple.com/v1"):
        with pytest.raises(ConfigError) as caught:
            STRICT.check(f"{start}{mark}sk-0123456789")
        assert "sk-0123" not in f"{caught.value} {caught.value.advice}"


@given(st.integers(0, 2**32 - 1))
def test_every_way_to_write_an_ipv4_address_is_the_same_address(number: int) -> None:
    a, b, c, d = number.to_bytes(4, "big")
    written = [
        f"{a}.{b}.{c}.{d}", str(number), hex(number), f"0x{number:X}", f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}",
        f"{a:#x}.{b}.0{c:o}.{d}", f"{a}.{b}.{c}.{d}.",
    ]  # fmt: skip
    assert {literal_address(host) for host in written} == {ipaddress.IPv4Address(number)}
    mapped = ipaddress.IPv6Address(0xFFFF00000000 | number)
    assert reach_of(mapped) == reach_of(ipaddress.IPv4Address(number))


@pytest.mark.parametrize("host", ["api.groq.com", "1password.com", "x1", "deadbeef", "0x", "a.0xz", "1e3.x"])
def test_names_are_not_numbers(host: str) -> None:
    assert host == "0x" or literal_address(host) is None


def test_loopback_by_name_or_number() -> None:
    assert all(
        is_loopback(host)
        for host in ("localhost", "LOCALHOST.", "x.localhost", "127.0.0.9", "[::1]", "::1", "2130706433")
    )
    assert not any(is_loopback(host) for host in ("localhost.example.com", "127.0.0.1.nip.io", "10.0.0.1"))


class Rebinding(AbstractResolver):
    """A name server that answers as told, another answer each time."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("host", "addresses", "words"),
    [
        ("api.x.test", ["10.0.0.5"], "api.x.test (10.0.0.5) is in a private network"),
        ("api.x.test", ["8.8.8.8", "169.254.169.254"], "Requests never go to api.x.test (169.254.169.254)"),
        ("api.x.test", ["fe80::1%eth0"], "Requests never go to api.x.test (fe80::1)"),
        ("localhost", ["8.8.8.8"], "unencrypted"),
    ],
)
async def test_a_name_that_leads_where_it_must_not(host: str, addresses: list[str], words: str) -> None:
    async with Transport(resolver=PolicyResolver(STRICT, Rebinding(addresses))) as transport:
        with pytest.raises(httpx.ConnectError) as caught:
            await transport.handle_async_request(httpx.Request("GET", f"https://{host}/"))
    error = to_provider_error(caught.value)
    assert type(error) is ConnectionFailed
    assert words in error.message
    assert error.advice


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    """The second answer of the name server would lead elsewhere; it is never asked for."""
    async with Server(answering(OK)) as server:
        names = Rebinding(["127.0.0.1"], ["169.254.169.254"])
        async with Transport(resolver=PolicyResolver(STRICT, names)) as transport:
            for _ in range(2):
                url = f"http://localhost:{server.port}/"
                response = await transport.handle_async_request(httpx.Request("GET", url))
                assert await response.aread() == b"ok"


async def test_localhost_by_the_systems_own_resolver() -> None:
    async with Server(answering(OK)) as server, Transport(resolver=PolicyResolver(STRICT)) as transport:
        response = await transport.handle_async_request(httpx.Request("GET", f"http://localhost:{server.port}/"))
        assert await response.aread() == b"ok"


async def test_a_look_up_that_fails_or_is_given_up() -> None:
    resolver = SystemResolver()
    with pytest.raises(OSError):  # a label of more than 63 letters is no name; nobody is asked
        await resolver.resolve("a" * 64)
    task = asyncio.create_task(resolver.resolve("localhost"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {result["host"] for result in await resolver.resolve("localhost", 80)} <= {"127.0.0.1", "::1"}
