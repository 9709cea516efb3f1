"""Sending one message to one channel through the Apprise library, which knows some hundred services by the form of their URL.

A message carries the name of its delivery, which is the same on each try: as the header ``Idempotency-Key`` where the service
takes headers (webhooks; an Internet-Draft of the IETF's HTTPAPI group), and in e-mails as ``X-Idempotency-Key``. Who drops
repeats by it sees each message once, whatever happens between sending and noting that down.

Apprise is loaded here, in the thread that sends first.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final, NamedTuple

from aiconsole.alerts.messages import Told

NO_ADDRESS: Final = "That is no address of a service that Apprise knows."
_APP: Final = "AI console"


class Sent(NamedTuple):
    """Whether it was taken; if not, why, as far as the library says (it may quote what a service answered)."""

    ok: bool
    trouble: str = ""


def send(url: str, told: Told, delivery: str) -> Sent:
    """Send, and wait for the service's answer; blocks for some seconds at most. Never raises."""
    try:
        plugin = _plugin(url)
        if plugin is None:
            return Sent(False, NO_ADDRESS)
        headers = getattr(plugin, "headers", None)
        if isinstance(headers, dict):
            headers["X-Idempotency-Key" if "mail" in _scheme(url) else "Idempotency-Key"] = delivery
        with _Overheard() as heard:
            ok = plugin.notify(body=told.body, title=told.title, notify_type=_kind(told))
    except Exception as error:
        return Sent(False, f"{type(error).__name__}: {error}")
    return Sent(True) if ok else Sent(False, heard.last or "The service did not take it.")


def problem_of(url: str) -> str:
    """Why an address cannot be used, "" where it can; blocks."""
    try:
        return "" if _plugin(url) is not None else NO_ADDRESS
    except Exception as error:
        return f"Apprise cannot use it ({type(error).__name__})."


def _plugin(url: str) -> Any:
    import apprise

    logging.getLogger("apprise").setLevel(logging.WARNING)
    asset = apprise.AppriseAsset(app_id=_APP, app_desc=_APP, secure_logging=True, storage_mode=_in_memory())
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


def _in_memory() -> Any:
    """Nothing of a channel is written to files."""
    import apprise

    return apprise.PersistentStoreMode.MEMORY


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _kind(told: Told) -> Any:
    import apprise

    if told.resolved:
        return apprise.NotifyType.SUCCESS
    return {
        "info": apprise.NotifyType.INFO,
        "warning": apprise.NotifyType.WARNING,
        "critical": apprise.NotifyType.FAILURE,
    }[told.severity]


class _Overheard(logging.Handler):
    """What the library logs in this thread, as that is where it says why something failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.last = record.getMessage()

    def __enter__(self) -> _Overheard:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *raised: object) -> None:
        logging.getLogger("apprise").removeHandler(self)
