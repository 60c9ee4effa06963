"""A real mail server on loopback, which keeps what it is sent and can be told to refuse."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.harness.temporal import free_port

USER, PASSWORD = "trueup", "hidden"


@dataclass
class Post:
    """`refusal` is the answer to the next message, and `unknown` the addresses that are refused."""

    port: int
    came: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refusal: str | None = None
    unknown: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 - the name and the way it is called
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name it is called by
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.refusal is not None:
            return self.refusal
        made = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.came.append(made)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


def _who(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    right = given == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=right)


@contextmanager
def mail_server(*, tls: ssl.SSLContext | None = None, port: int | None = None) -> Iterator[Post]:
    """With `tls` it wants STARTTLS and a login."""
    post = Post(port or free_port())
    more: dict[str, Any] = (
        {}
        if tls is None
        else {
            "tls_context": tls,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": _who,
        }
    )
    controller = Controller(post, hostname="127.0.0.1", port=post.port, **more)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()
