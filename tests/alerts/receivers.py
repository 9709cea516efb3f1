"""Receivers that alerts are delivered to for real: a webhook over HTTP and a mailbox over SMTP, on loopback, that may be out
of order."""

from __future__ import annotations

import asyncio
import email
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class Webhook:
    """Answers POSTs of JSON with ``status``; keeps what it took, and the idempotency key of each try."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.tries = 0
        self.on_request: Callable[[], object] = lambda: None
        self.port = 0

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook/secret-token-1234"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(fields["content-length"]))
            self.tries += 1
            self.on_request()
            if self.status == 200:
                self.taken.append(json.loads(body))
                self.keys.append(fields["idempotency-key"])
            writer.write(f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        finally:
            writer.close()

    @property
    def texts(self) -> list[str]:
        return [f"{each['title']}\n{each['message']}" for each in self.taken]


@asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    server = await asyncio.start_server(hook.serve, "127.0.0.1", 0)
    hook.port = server.sockets[0].getsockname()[1]
    try:
        yield hook
    finally:
        server.close()
        await server.wait_closed()


class Mailbox:
    """Takes mail while ``open``, else says that it cannot now (451)."""

    def __init__(self) -> None:
        self.open = True
        self.mails: list[Message] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=console@example.org&to=team@example.org&mode=insecure"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if not self.open:
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 taken"

    @property
    def texts(self) -> list[str]:
        return [_text(mail) for mail in self.mails]


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


def _text(mail: Message) -> str:
    parts = mail.walk() if mail.is_multipart() else [mail]
    bodies = [part.get_payload(decode=True) for part in parts if part.get_content_type() == "text/plain"]
    subject = str(email.header.make_header(email.header.decode_header(mail["Subject"])))
    return "\n".join([subject, *(body.decode() for body in bodies if isinstance(body, bytes))])
