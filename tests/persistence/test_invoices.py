"""Invoices as rows: which may still move, and what the ERP and billing say of them."""

from datetime import UTC, datetime, timedelta

from canonical_models.ledgering import DocumentStanding, DocumentState
from canonical_models.money import Money
from canonical_models.term import Invoice, InvoiceStatus
from persistence import invoices
from persistence.database import Database

CREATED = datetime(2026, 11, 1, tzinfo=UTC)
SAID = DocumentStanding(
    document_id="1",
    number="INV-1",
    state=DocumentState.POSTED,
    issued_on=None,
    due_on=None,
    total=Money(minor=100, currency="EUR"),
    open=Money(minor=100, currency="EUR"),
)


def invoice(invoice_id: str, status: InvoiceStatus = InvoiceStatus.OPEN) -> Invoice:
    return Invoice(
        invoice_id=invoice_id,
        customer_id="cus_1",
        status=status,
        total=Money(minor=100, currency="EUR"),
        paid=Money.zero("EUR"),
        created_at=CREATED,
    )


async def seen(database: Database, *asked: Invoice) -> None:
    async with database.work() as raw:
        await invoices.seen(raw, "acme", "sub_1", "cus_1", asked)


async def stands(database: Database, invoice_id: str, standing: str, *, told: bool = True) -> bool:
    async with database.work() as raw:
        changed = await invoices.stands(
            raw, "acme", invoice_id, standing=standing, documents=(SAID,)
        )
        if told:
            await invoices.told(raw, "acme", invoice_id, standing)
    return changed


async def moving(
    database: Database, *, before: datetime | None = None, limit: int = 50
) -> list[str]:
    async with database.statement() as raw:
        found = await invoices.moving(
            raw, "acme", before=before or datetime.now(UTC) + timedelta(hours=1), limit=limit
        )
    return [view.invoice.invoice_id for view in found]


async def test_a_standing_is_another_or_the_same(database: Database) -> None:
    await seen(database, invoice("in_1"))
    changed = [
        await stands(database, "in_1", standing)
        for standing in ("unposted", "posted", "posted", "paid", "posted")
    ]
    assert changed == [False, True, False, True, True]
    assert not await stands(database, "in_nobody", "paid")
    async with database.statement() as raw:
        view = await invoices.get(raw, "acme", "in_1")
    assert view is not None
    assert (view.standing, view.told, view.documents) == ("posted", "posted", (SAID,))
    assert view.standing_at is not None


async def test_what_billing_has_still_to_hear_again(database: Database) -> None:
    await seen(database, invoice("in_1"))
    await stands(database, "in_1", "paid")
    await seen(database, invoice("in_1", InvoiceStatus.PAID))
    assert await moving(database) == []
    async with database.work() as raw:
        assert not await invoices.stands(
            raw, "acme", "in_1", standing="paid", documents=(SAID,), tell_again=True
        )
    assert await moving(database) == ["in_1"]


async def test_those_that_may_stand_elsewhere_by_now(database: Database) -> None:
    open_, done = InvoiceStatus.OPEN, InvoiceStatus.PAID
    rows = {
        "in_1": ("unposted", "", open_),
        "in_2": ("posted", "posted", open_),
        "in_3": ("overdue", "overdue", open_),
        "in_4": ("paid", "paid", done),
        # Paid in the ERP, and billing has not said so: it may have been taken back.
        "in_5": ("paid", "paid", open_),
        "in_6": ("credited", "credited", open_),
        # Billing has not been told.
        "in_7": ("paid", "posted", done),
        "in_8": ("credited", "", done),
    }
    await seen(database, *(invoice(key, status) for key, (_, _, status) in rows.items()))
    for key, (standing, told, _) in rows.items():
        await stands(database, key, standing, told=False)
        async with database.work() as raw:
            await invoices.told(raw, "acme", key, told)
    assert await moving(database) == ["in_1", "in_2", "in_3", "in_5", "in_7", "in_8"]


async def test_the_longest_not_looked_up_go_first_and_each_once(database: Database) -> None:
    await seen(database, *(invoice(f"in_{n}") for n in range(4)))
    began = datetime.now(UTC)
    await stands(database, "in_2", "posted")
    async with database.work() as raw:
        await invoices.looked_up(raw, "acme", "in_0")
    assert await moving(database, before=began) == ["in_1", "in_3"]
    assert await moving(database, before=began, limit=1) == ["in_1"]
    assert await moving(database) == ["in_1", "in_3", "in_2", "in_0"]


async def test_billing_shows_it_again(database: Database) -> None:
    await seen(database, invoice("in_1"))
    await stands(database, "in_1", "posted")
    await seen(database, invoice("in_1", InvoiceStatus.VOID))
    async with database.statement() as raw:
        view = await invoices.get(raw, "acme", "in_1")
        assert await invoices.get(raw, "other", "in_1") is None
    assert view is not None
    assert (view.invoice.status, view.standing) == (InvoiceStatus.VOID, "posted")


async def test_the_sweep_reads_only_what_may_move(database: Database) -> None:
    """Ten thousand that are settled are not read to find three that are not."""
    async with database.work() as raw:
        await raw.execute(
            "insert into invoices (tenant, invoice_id, subscription_id, customer_id, invoice, "
            "status, standing, told, standing_at) select 'acme', 'in_' || n, 'sub_1', 'cus_1', "
            "'{}', 'paid', 'paid', 'paid', now() from generate_series(1, 10000) n"
        )
    await seen(database, *(invoice(f"ix_{n}") for n in range(3)))
    async with database.statement() as raw:
        await raw.execute("analyze invoices")
    async with database.work() as raw:
        found = await invoices.moving(raw, "acme", before=datetime.now(UTC), limit=50)
        scans = await raw.execute("select pg_stat_get_xact_numscans('invoices_moving'::regclass)")
        assert await scans.fetchone() == (1,)
    assert [view.invoice.invoice_id for view in found] == ["ix_0", "ix_1", "ix_2"]
