"""Somebody who is told of events: an HTTP server that may fail in any way, and verifies signatures
by the library of Standard Webhooks alone."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRETS = {
    name: "whsec_" + base64.b64encode(name.encode() * 8).decode() for name in ("crm", "next")
}


@dataclass(frozen=True)
class Got:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def signed_by(self, secret: str) -> bool:
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


#: (status, body, headers); None where the connection is closed without an answer.
Reply = tuple[int, str, dict[str, str]] | None


def takes(_got: Got) -> Reply:
    return 204, "", {}


@dataclass
class Receiver:
    """`asked` is every request in its order; `reply` says what becomes of one."""

    url: str = ""
    reply: Callable[[Got], Reply] = takes
    asked: list[Got] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            got = Got(headers, body)
            self.asked.append(got)
            if (reply := self.reply(got)) is not None:
                status, text, more = reply
                said = {"content-length": str(len(text.encode())), "connection": "close", **more}
                lines = [f"HTTP/1.1 {status} X", *(f"{name}: {said[name]}" for name in said)]
                writer.write(("\r\n".join([*lines, "", ""]) + text).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/in"
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
