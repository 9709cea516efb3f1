"""How one provider is set up, as the engine tells it: the sum of its dialect's defaults, the settings and the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from aiconsole.domain.chat import OnUnsupported, Timeouts
from aiconsole.providers.addresses import AddressPolicy

if TYPE_CHECKING:
    from aiconsole.secrets import Key


class ProviderConfig(msgspec.Struct, frozen=True):
    """One provider's set-up.

    Attributes:
        name: as in ``provider/model``.
        dialect: a built-in name, "openai" for a custom OpenAI-compatible server, or a plug-in's entry point name.
        label: for people; "" leaves it to the dialect.
        base_url: None leaves it to the dialect.
        key: None where there is none; a call then fails with `MissingKey` if ``key_needed``.
        timeouts: limits of one attempt in s, where a request brings none.
        headers: extra headers of every call.
        models: names shown first, and all there is where the provider cannot list.
        ca_file: path of a PEM file with further certificate authorities.
        proxy: URL of an HTTP proxy.
        ask_for_usage: whether a streamed answer's tokens are asked for (custom servers exist that refuse the question).
        private_network: whether the base URL may lead into a private address range.
        max_connections: at most so many at once; None is the transport's own limit.
        keepalive_s: how long an idle connection is kept, in s.
        keep_stacks: whether it is kept where in the program each connection was taken.
        simulated: whether answers come from the built-in simulator.
    """

    name: str
    dialect: str
    label: str = ""
    base_url: str | None = None
    key: Key | None = None
    key_needed: bool = True
    timeouts: Timeouts = Timeouts()
    on_unsupported: OnUnsupported = "refuse"
    headers: Mapping[str, str] = {}
    models: tuple[str, ...] = ()
    ca_file: str | None = None
    proxy: str | None = None
    ask_for_usage: bool = True
    private_network: bool = False
    max_connections: int | None = None
    keepalive_s: float = 60.0
    keep_stacks: bool = False
    simulated: bool = False

    def same_service(self, other: ProviderConfig | None) -> bool:
        """Whether ``other`` is the same service in the same way, whatever its pool of connections is like."""
        return other is not None and self == structs.replace(
            other,
            max_connections=self.max_connections,
            keepalive_s=self.keepalive_s,
            keep_stacks=self.keep_stacks,
        )

    @property
    def address_policy(self) -> AddressPolicy:
        """Where its base URL may lead."""
        return AddressPolicy(self.private_network, keyless=self.key is None and not self.key_needed)
