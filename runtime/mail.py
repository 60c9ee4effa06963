"""Mail by SMTP: one message, sent or refused within a bound."""

import asyncio
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from runtime.logging import scrub
from runtime.settings import NotificationSettings, resolve

#: Seconds for all of it.
BOUND = 30.0
_LONGEST = 300


class MailNotSent(Exception):
    """The server has not taken it; the text says why, without an address of anybody."""


async def send(server: NotificationSettings, folder: Path, message: EmailMessage) -> int:
    """How many of its addresses the server has refused, while it took the others.

    `folder` is what a relative secret reference starts from. Raises MailNotSent, SettingsError.
    """
    password = server.password
    given = None if password is None else resolve(password, folder, "notifications.password")
    try:
        async with asyncio.timeout(BOUND):
            refused, _ = await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                use_tls=server.secured == "tls",
                start_tls=server.secured == "starttls",
                username=server.user,
                password=given,
                timeout=BOUND,
            )
    except aiosmtplib.SMTPRecipientsRefused as fault:
        raise MailNotSent(f"all {len(fault.recipients)} addresses were refused") from fault
    except (aiosmtplib.SMTPException, OSError) as fault:
        # A server's words may quote an address.
        words = scrub(str(fault) or "no answer in time")[:_LONGEST]
        raise MailNotSent(f"{type(fault).__name__}: {words}") from fault
    return len(refused)
