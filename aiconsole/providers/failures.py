"""What went wrong on the wire, in httpx's terms and then in ours.

The transport knows in which phase it failed, and that decides more than the type of the exception underneath: everything
up to an established connection (name, address, TCP, TLS, proxy tunnel) is `httpx.ConnectError` or `httpx.ConnectTimeout`
and means that nothing was sent; everything later may have been received, and billed.

Messages name the host and the cause, never a header.
"""

from __future__ import annotations

import ssl

import aiohttp
import httpx
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError, TransferEncodingError

from aiconsole.domain.errors import (
    ConfigError,
    ConnectionCut,
    ConnectionFailed,
    MalformedAnswer,
    ProviderError,
    TimedOut,
)


class ConnectFailed(httpx.ConnectError):
    """No connection was made and nothing was sent; ``advice`` says what the person can do (None: nothing special)."""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = advice


class StaleConnection(httpx.RemoteProtocolError):
    """A kept-alive connection ended before a byte of the answer came.

    Most likely the server had closed it while it was idle, but it may also have read the request first: not safe to
    repeat unless repeating is harmless (RFC 9112, section 9.3.1).
    """


class GarbledAnswer(httpx.RemoteProtocolError):
    """What came is not HTTP, or its chunks or compression are broken."""


class Silence(Exception):
    """Nothing came within the limit; set on whatever waits for the bytes."""


def connect_failure(exc: Exception, host: str, proxy: str | None) -> httpx.TransportError:
    """The error for ``exc``, raised while a connection to ``host`` (``name:port``) was being made."""
    via = f" through the proxy {proxy}" if proxy else ""
    if isinstance(exc, ConfigError):
        return ConnectFailed(exc.message, advice=exc.advice)
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return _bad_certificate(exc, host)
    if isinstance(exc, aiohttp.ClientConnectorSSLError):
        return _no_tls(exc, host)
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        name = exc.host
        whose = "the proxy's name" if proxy and name != host.rpartition(":")[0] else "the name"
        return ConnectFailed(
            f"{whose.capitalize()} {name} could not be resolved ({_reason(exc.os_error)}).",
            advice="Check the spelling of the base URL and proxy, and that this computer is online.",
        )
    if isinstance(exc, aiohttp.ClientHttpProxyError):
        return _proxy_refused(exc.status, exc.message, host, proxy or "")
    if isinstance(exc, aiohttp.ClientProxyConnectionError):
        return ConnectFailed(
            f"The proxy {proxy} could not be reached ({_reason(exc.os_error)}).",
            advice="Check the proxy's address in the settings, or clear it.",
        )
    if isinstance(exc, aiohttp.ClientConnectorError):
        if isinstance(exc.os_error, ConnectionRefusedError):
            return ConnectFailed(
                f"Connection to {host} was refused.",
                advice="Nothing listens there: check the base URL and that the server is running.",
            )
        return ConnectFailed(f"{host} could not be reached{via} ({_reason(exc.os_error)}).")
    if proxy:
        return ConnectFailed(
            f"The proxy {proxy} did not open a tunnel to {host} ({_reason(exc)}).",
            advice="Check the proxy's address in the settings, or clear it.",
        )
    return ConnectFailed(f"{host} could not be reached ({_reason(exc)}).")


def proxy_login_failure(host: str, proxy: str) -> httpx.TransportError:
    """The error for an answer with status 407, which only a proxy gives."""
    return _proxy_refused(407, "Proxy Authentication Required", host, proxy)


def answer_failure(exc: Exception, host: str, *, reused: bool, sent: bool, answering: bool) -> httpx.TransportError:
    """The error for ``exc``, raised after a connection was had.

    Args:
        reused: the connection had carried an exchange before.
        sent: the request had been sent whole.
        answering: the head of the answer had arrived.
    """
    if isinstance(exc, Silence):
        if not sent and not answering:
            return httpx.WriteTimeout(f"{host} stopped reading the request.")
        return httpx.ReadTimeout(f"{host} fell silent." if answering else f"{host} did not answer in time.")
    if isinstance(exc, aiohttp.ClientPayloadError):
        return _broken_body(exc, host)
    if isinstance(exc, HttpProcessingError):
        detail = exc.message.partition("\n")[0].rstrip(":")[:200]
        return GarbledAnswer(f"{host} did not answer in HTTP{f' ({detail})' if detail else ''}.")
    if isinstance(exc, aiohttp.ServerDisconnectedError | OSError) and reused and sent and not answering:
        return StaleConnection(f"{host} closed a kept-alive connection without answering.")
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return httpx.RemoteProtocolError(f"{host} closed the connection without answering.")
    if not sent and not answering:
        return httpx.WriteError(f"The connection to {host} broke while the request was being sent ({_reason(exc)}).")
    return httpx.ReadError(f"The connection to {host} broke ({_reason(exc)}).")


def to_provider_error(exc: Exception, *, provider: str = "", model: str = "", partial: bool = False) -> ProviderError:
    """Our error for an exception of the transport.

    `ConnectionFailed` and `TimedOut` with phase ``connect`` say that nothing was sent; all others that the request may
    have been received. ``partial`` says that part of the answer was already handed on.
    """
    message = str(exc) or type(exc).__name__
    advice: str | None = getattr(exc, "advice", None)
    kind: type[ProviderError] = ConnectionCut
    if isinstance(exc, httpx.TimeoutException):
        timed_out = TimedOut(message, provider=provider, model=model, partial=partial)
        if isinstance(exc, httpx.ConnectTimeout | httpx.PoolTimeout):
            timed_out.phase = "connect"
        else:
            timed_out.phase = "between tokens" if partial else "first token"
        return timed_out
    if isinstance(exc, httpx.ConnectError | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        kind = ConnectionFailed
    elif isinstance(exc, GarbledAnswer | httpx.DecodingError):
        kind = MalformedAnswer
    return kind(message, provider=provider, model=model, partial=partial, advice=advice)


def _bad_certificate(exc: aiohttp.ClientConnectorCertificateError, host: str) -> httpx.TransportError:
    error = exc.certificate_error
    reason = getattr(error, "verify_message", "") or _reason(error)
    code = getattr(error, "verify_code", None)
    if code in (9, 10):  # X509_V_ERR_CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED (OpenSSL, x509_vfy.h)
        advice = "Check this computer's date and time; if they are right, the server's certificate must be renewed."
    elif code in (62, 64) or "mismatch" in reason:  # X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH
        advice = "The certificate belongs to another name: check the base URL."
    else:
        advice = "If a company proxy or a private server signs its own certificates, set its CA file in the settings."
    return ConnectFailed(f"TLS with {host} failed: {reason.rstrip('.')}.", advice=advice)


def _no_tls(exc: aiohttp.ClientConnectorSSLError, host: str) -> httpx.TransportError:
    error = exc.os_error
    reason = getattr(error, "reason", None) or _reason(error)
    if isinstance(error, ssl.SSLError) and reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return ConnectFailed(
            f"TLS with {host} failed: the server does not speak TLS on this port.",
            advice="Check the port and whether the base URL should begin with http:// (allowed on this computer only).",
        )
    return ConnectFailed(f"TLS with {host} failed: {str(reason).replace('_', ' ').lower()}.")


def _proxy_refused(status: int, reason: str, host: str, proxy: str) -> httpx.TransportError:
    advice = "Check the proxy's user name and password." if status == 407 else "Check the proxy in the settings."
    return ConnectFailed(f"The proxy {proxy} refused to connect to {host}: {status} {reason}.", advice=advice)


def _broken_body(exc: aiohttp.ClientPayloadError, host: str) -> httpx.TransportError:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ContentEncodingError):
            return GarbledAnswer(f"The answer of {host} is compressed wrongly.")
        if isinstance(cause, TransferEncodingError) and "Not enough data" not in str(cause):
            return GarbledAnswer(f"The answer of {host} is cut into chunks wrongly.")
        cause = cause.__cause__
    return httpx.RemoteProtocolError(f"The connection to {host} ended before its answer was complete.")


def _reason(exc: BaseException | None) -> str:
    """The system's words for an error, without number and address."""
    if exc is None:
        return "no reason given"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__
