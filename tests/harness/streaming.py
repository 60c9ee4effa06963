"""What tests of streams share: settings that allow loopback, and events."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from canonical_models.events import Event, ExceptionOpened, PaymentMoved, event
from canonical_models.money import Money
from persistence import outbox, streams
from persistence.database import Database
from runtime.settings import (
    ConnectionSettings,
    DatabaseSettings,
    Settings,
    StreamSettings,
    TenantSettings,
)
from tests.harness.receiver import SECRETS


def settings(folder: Path) -> Settings:
    """Two tenants; each of the secrets is a file, and acme's alone."""
    for name, secret in SECRETS.items():
        (folder / name).write_text(f"{secret}\n")
    one = ConnectionSettings(
        vendor="stripe", base_url="http://127.0.0.1:9", books_from=datetime(2026, 1, 1, tzinfo=UTC)
    )
    parts: dict[str, Any] = {
        **dict.fromkeys(("billing", "erp", "support"), "billing"),
        "connections": {"billing": one},
    }
    references = {name: f"file:{name}" for name in SECRETS}
    return Settings(
        database=DatabaseSettings(dsn="postgresql://nobody"),
        tenants={
            "acme": TenantSettings(**parts, stream_secrets=references),
            "globex": TenantSettings(**parts),
        },
        streams=StreamSettings(allowed=(ip_network("127.0.0.0/8"),)),
        folder=folder,
    )


async def add(database: Database, url: str, name: str = "crm", **more: Any) -> None:
    given = {"tenant": "acme", "secret": "crm", "types": (), "team": None, "by": "dana"} | more
    async with database.transaction() as conn:
        assert await streams.add(conn, name=name, url=url, **given)


def payment(key: str, subject: str = "in_1") -> Event:
    moved = PaymentMoved(
        payment_id=key,
        invoice_id=subject,
        subscription_id=None,
        customer_id="cus_1",
        amount=Money(minor=100, currency="EUR"),
        at=datetime(2026, 11, 16, tzinfo=UTC),
    )
    return event("acme", "payment.confirmed.v1", key=key, subject=subject, data=moved)


async def publish(database: Database, *keys: str, subject: str = "in_1") -> None:
    """A payment for each key, in one transaction."""
    async with database.transaction() as conn:
        await outbox.publish(conn, "acme", [payment(key, subject) for key in keys])


async def ask(database: Database, key: str, owner: str) -> None:
    """A question to a team."""
    opened = ExceptionOpened(
        exception_id=key,
        change_id="chg_1",
        code="item_unmapped",
        owner=owner,
        subject=None,
        at_risk=None,
    )
    async with database.transaction() as conn:
        told = event("acme", "sync.exception_opened.v1", key=key, subject="sub_1", data=opened)
        await outbox.publish(conn, "acme", [told])


async def standing(database: Database) -> dict[str, str]:
    """State of each delivery, by the payment or question that its event is about."""
    async with database.statement() as conn:
        found = await conn.execute(
            "select split_part(o.event_id, '/', 1), d.state from deliveries d "
            "join outbox o on o.seq = d.seq"
        )
        return dict(await found.fetchall())


async def due_now(database: Database) -> None:
    """As after the pause, or the claim of a process that died."""
    async with database.statement() as conn:
        await conn.execute("update deliveries set due_at = now(), claimed_until = null")
