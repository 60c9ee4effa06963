"""Documents of billing and the ERP as the sagas leave them, made through the stores."""

from datetime import UTC, datetime, timedelta
from typing import Any

from canonical_models.amendment import account_subject
from canonical_models.documents import BillingDocument, Settlement, SettlementKind
from canonical_models.ledgering import (
    DocumentState,
    DraftLine,
    ErpDocument,
    SettlementEntry,
    TaxTotal,
    UnbilledDraft,
)
from canonical_models.money import Money
from canonical_models.records import subject_of
from persistence import accounts, documents, settlements, unbilled
from persistence.connection import Connection
from tests.harness.subscriptions import invoice, line, vat

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: The cutover of the tenants of these tests.
BOOKS_FROM = datetime(2026, 1, 1, tzinfo=UTC)


def euros(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def asked(key: str, customer: str, subscription: str | None, **more: Any) -> BillingDocument:
    """An invoice over 142.80; of the customer's account without a subscription."""
    values: dict[str, Any] = {"issued_at": NOON, "due_at": NOON + timedelta(days=14)}
    charged = line(f"il_{key}", 12000, taxes=vat(2280), of=subscription)
    return invoice(charged, key=key, customer=customer, **(values | more))


def movement(key: str, minor: int, of: str | None, **more: Any) -> Settlement:
    values: dict[str, Any] = {"kind": SettlementKind.PAYMENT, "at": NOON}
    return Settlement(settlement_id=key, document_id=of, amount=euros(minor), **(values | more))


def erp_of(document: BillingDocument, number: str, **more: Any) -> ErpDocument:
    """As the ERP holds it: the same but for what is said otherwise."""
    taxes = tuple(
        TaxTotal(code="DE-19", rate=tax.rate, base=line.net, amount=tax.amount)
        for line in document.lines
        for tax in line.taxes or ()
        if tax.rate is not None
    )
    values: dict[str, Any] = {
        "document_id": f"erp_{document.document_id}",
        "external_id": document.document_id,
        "legal_entity": "DE",
        "party": "1007",
        "currency": document.currency,
        "number": number,
        "billing_number": document.number,
        "kind": document.kind,
        "state": DocumentState.POSTED,
        "document_date": document.issued_at.date(),
        "posting_date": document.issued_at.date(),
        "due_on": document.due_at.date() if document.due_at else None,
        "taxes": taxes,
        "net": document.net,
        "tax": document.tax,
        "open": document.remaining,
        "url": "http://127.0.0.1/erp/812",
    }
    return ErpDocument(**(values | more))


async def show(conn: Connection, tenant: str, *found: BillingDocument) -> None:
    """Billing shows these documents, and what settles them."""
    await documents.seen(conn, tenant, "billing", found, books_from=BOOKS_FROM)
    for document in found:
        await settlements.seen(
            conn,
            tenant,
            document.customer_id,
            subject_of(document),
            document.settlements,
        )


async def move(
    conn: Connection, tenant: str, customer: str, *found: Settlement, subject: str | None = None
) -> None:
    """Billing shows movements that no document has."""
    of = subject or account_subject(customer)
    await settlements.seen(conn, tenant, customer, of, found)


async def post(
    conn: Connection,
    tenant: str,
    document: BillingDocument,
    erp: ErpDocument,
    *,
    change: str,
) -> None:
    await documents.posted(
        conn,
        tenant,
        document.document_id,
        generation=1,
        effect_key=f"document:{tenant}/{document.document_id}",
        change_id=change,
        content=document.content,
        erp=erp,
        party=erp.party,
    )


async def enter(
    conn: Connection, tenant: str, found: Settlement, number: str, *, settles: str | None
) -> None:
    effect = f"settlement:{tenant}/{found.settlement_id}"
    await settlements.claim(conn, tenant, found.settlement_id, effect_key=effect)
    entry = SettlementEntry(
        entry_id=f"move_{found.settlement_id}",
        legal_entity="DE",
        external_id=found.settlement_id,
        number=number,
        amount=found.amount,
    )
    await settlements.entered(conn, tenant, found.settlement_id, entry=entry, document_id=settles)


async def show_unbilled(conn: Connection, tenant: str, subscription: str, mark: str) -> None:
    """The ERP shows 30.00 as not billed."""
    shown = DraftLine(line_id="ii_1", item="PRO", description=mark, net=euros(3000))
    draft = UnbilledDraft(
        external_id=f"{subscription}/unbilled",
        legal_entity="DE",
        party="1007",
        currency="EUR",
        lines=(shown,),
    )
    await unbilled.put(conn, tenant, subscription, draft, digest="0" * 64, document_id="erp_draft")


async def books_of(
    conn: Connection, tenant: str, customer: str, subscription: str, change: str, mark: str
) -> None:
    """An invoice of the subscription that is posted and paid in part, one of the account that is
    not posted, what is not billed, and the account as it was agreed last."""
    key = f"in_{tenant}"
    paid = movement(f"pi_{tenant}", 4280, key)
    first = asked(key, customer, subscription, settlements=(paid,)).model_copy(
        update={"number": mark, "overdue_since": NOON}
    )
    alone = asked(f"in_{tenant}_alone", customer, None, issued_at=NOON - timedelta(days=1))
    await show(conn, tenant, first, alone.model_copy(update={"number": f"alone-{mark}"}))
    await post(conn, tenant, first, erp_of(first, f"INV-{mark}"), change=change)
    await enter(conn, tenant, paid, mark, settles=key)
    await documents.stands(conn, tenant, key, erp_status="part_paid", said=None)
    await documents.shown(conn, tenant, key, "part_paid")
    await show_unbilled(conn, tenant, subscription, mark)
    await accounts.put(conn, tenant, customer, profile_digest="1" * 64, balance=[euros(5000)])
