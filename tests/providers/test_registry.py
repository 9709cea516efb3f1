"""Where providers come from: built in, custom, and plug-ins installed as packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.errors import ConfigError
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import BUILT_IN, Registry, make_dialect, plugins
from tests.providers.loopback import Peer, Server

PLUGIN = """
from aiconsole.domain.chat import TextDelta
from aiconsole.domain.messages import TextPart
from aiconsole.domain.models import ModelInfo
from aiconsole.providers.base import Answer, Dialect, ModelPage, WireCall
from aiconsole.providers.classify import error_class


class AcmeDialect(Dialect):
    name, label = "acme", "Acme"
    base_url = "https://api.acme.example/v1"
    key_variable = "ACME_API_KEY"
    features = frozenset({"temperature"})

    def auth(self, key):
        return {"x-acme-key": key}

    def chat(self, request, *, stream, refuse):
        return WireCall("/say", {"model": request.model, "words": request.messages[-1].text})

    def answer(self, body):
        return Answer(model="acme-1", content=(TextPart(body.decode()),), finish_reason="stop")

    def reader(self):
        raise NotImplementedError

    def error(self, reply):
        return error_class(reply.status, "")("Acme refused.")

    def models_call(self, cursor=None):
        return WireCall("/models", method="GET")

    def models(self, body):
        return ModelPage((ModelInfo("acme", "acme-1"),))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with two plug-in packages as pip would have installed them, one of which does not load."""
    site = tmp_path / "site"
    info = site / "acme_aiconsole-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-aiconsole\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[aiconsole.providers]\nacme = acme_aiconsole:AcmeDialect\nbroken = acme_broken:Gone\n"
        "groq = acme_aiconsole:AcmeDialect\n",
        encoding="utf-8",
    )
    (site / "acme_aiconsole.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("acme_aiconsole", None)


def test_every_built_in_name_has_its_dialect() -> None:
    for name in BUILT_IN:
        dialect = make_dialect(ProviderConfig(name, name), {})
        assert dialect.name == name
        assert dialect.label
        assert dialect.base_url.startswith("https://")
        assert dialect.key_variable


@pytest.mark.usefixtures("installed")
async def test_a_plug_in_is_a_provider_of_its_own(tmp_path: Path) -> None:
    async def say(peer: Peer) -> None:
        head, body = await peer.request()
        assert b"x-acme-key: acme-key-12345" in head.lower()
        await peer.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )

    async with Server(say) as server:
        (tmp_path / "settings.toml").write_text(
            f'[custom.acme-here]\nbase_url = "{server.url}"\ndialect = "acme"\n'
            'key_needed = true\nkey_variable = "ACME_API_KEY"\n',
            encoding="utf-8",
        )
        async with Engine.open(home=tmp_path, environ={"ACME_API_KEY": "acme-key-12345"}) as engine:
            states = {state.name: state for state in engine.providers()}
            assert (states["acme"].label, states["acme"].base_url) == ("Acme", "https://api.acme.example/v1")
            assert states["acme"].key_source == "environment"
            assert "acme_broken" in states["broken"].trouble
            result = await engine.complete(ChatRequest("acme-here/acme-1", (Message.user("Hello"),)))
    assert "Hello" in result.text
    assert result.provider == "acme-here"


@pytest.mark.usefixtures("installed")
def test_a_plug_in_cannot_take_a_built_in_name() -> None:
    assert plugins() == {"acme": "acme_aiconsole:AcmeDialect", "broken": "acme_broken:Gone"}
    assert type(make_dialect(ProviderConfig("groq", "groq"), plugins())).__name__ == "GroqDialect"


def test_a_dialect_that_nobody_brings_is_told() -> None:
    with pytest.raises(ConfigError, match="no-such"):
        make_dialect(ProviderConfig("x", "no-such"), {})


async def test_only_what_changed_is_built_again() -> None:
    clock = SystemClock()
    registry = Registry(PriceBook(clock), clock, {})
    groq, mistral = ProviderConfig("groq", "groq"), ProviderConfig("mistral", "mistral")
    registry.configure({"groq": groq, "mistral": mistral})
    first = registry["groq"], registry["mistral"]
    registry.configure(
        {"groq": groq, "mistral": ProviderConfig("mistral", "mistral", base_url="https://eu.mistral.example/v1")}
    )
    assert registry["groq"] is first[0]
    assert registry["mistral"] is not first[1]
    registry.configure({"groq": groq})
    assert tuple(registry) == ("groq",)
    with pytest.raises(KeyError):
        registry["mistral"]
    await registry.aclose()
