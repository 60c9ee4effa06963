"""What our own tables know of the books before a subject's documents are planned."""

from collections.abc import Iterable
from datetime import UTC, datetime

from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus, Settlement
from canonical_models.ledgering import SettlementEntry, UnbilledDraft
from persistence import approvals, documents, planning_context, settlements, unbilled
from persistence.database import Database
from persistence.planning_context import BooksKnown
from tests.persistence.issued import (
    TENANT,
    document,
    eur,
    ids,
    in_erp,
    line,
    paid,
    post,
    see,
)
from tests.persistence.test_settlements import GOODWILL, REFUND


async def books(
    database: Database, *named: str, subject: str = "sub_1", customer: str = "cus_1"
) -> BooksKnown:
    async with database.statement() as conn:
        return await planning_context.books(
            conn, TENANT, subject=subject, customer_id=customer, named=named
        )


async def see_all(
    database: Database, *shown: Settlement, subject: str = "sub_1", entered: Iterable[str] = ()
) -> None:
    async with database.transaction() as conn:
        await settlements.seen(conn, TENANT, "cus_1", subject, shown)
        for settlement_id in entered:
            entry = SettlementEntry(
                entry_id=f"m_{settlement_id}",
                legal_entity="LE-DE",
                external_id=settlement_id,
                amount=eur(1),
            )
            await settlements.entered(conn, TENANT, settlement_id, entry=entry, document_id=None)


def settled(document_id: str) -> BillingDocument:
    return document(document_id, status=DocumentStatus.PAID)


async def test_nothing_is_known_of_books_that_are_empty(database: Database) -> None:
    assert await books(database, "in_1") == BooksKnown(
        records=(), others={}, entered={}, unbilled=None, approvals={}, covering=()
    )


async def test_documents_that_are_not_settled_or_named_are_looked_at(database: Database) -> None:
    await see(
        database,
        document("in_open"),
        settled("in_done"),
        settled("in_named"),
        document("in_theirs", line(of="sub_2")),
        document("in_alone", line(of=None)),
    )
    for each in ("in_done", "in_named"):
        await post(database, settled(each), in_erp(settled(each), f"erp_{each}"))
    known = await books(database, "in_named", "in_theirs", "in_unknown")
    assert ids(known.records) == ["in_named", "in_open"]
    assert known.records[0].posted == in_erp(settled("in_named"), "erp_in_named")
    # Those of others are no documents of the subject, named or not.
    assert set(known.others) == {"in_theirs"}
    assert ids((await books(database, subject="account:cus_1")).records) == ["in_alone"]


async def test_what_documents_refer_to_is_known_too(database: Database) -> None:
    note = document(
        "cn_1",
        line(net=-10000),
        kind=DocumentKind.CREDIT_NOTE,
        status=DocumentStatus.ISSUED,
        corrects="in_1",
        settlements=[
            paid("re_2", -100, document_id="cn_1").model_copy(update={"about": "in_2"}),
            paid("cn_1/applied/note", -50, document_id="cn_1").model_copy(
                update={"against": "in_3"}
            ),
        ],
    )
    paid_ones = [settled(f"in_{n}") for n in range(1, 6)]
    await see(database, note, *paid_ones)
    for each in paid_ones:
        await post(database, each, in_erp(each, f"erp_{each.document_id}"))
    # A movement on the account that the ERP does not have yet names another.
    await see_all(database, REFUND.model_copy(update={"about": "in_4"}))
    known = await books(database)
    assert ids(known.records) == ["cn_1"]
    assert set(known.others) == {"in_1", "in_2", "in_3", "in_4"}


async def test_what_was_entered_of_these_documents_and_the_balance(database: Database) -> None:
    await see(database, document("in_1"), settled("in_9"))
    await post(database, settled("in_9"))
    balance = paid("bt_1", 5, document_id="in_9").model_copy(update={"kind": GOODWILL.kind})
    shown = [
        paid("pi_1", 100),
        paid("pi_2", 200),
        paid("pi_9", 900, document_id="in_9"),
        REFUND,
        GOODWILL,
        balance,
    ]
    await see_all(database, *shown, entered=["pi_1", "pi_9", "re_1", "cbtxn_1", "bt_1"])
    known = await books(database)
    assert set(known.entered) == {"pi_1", "re_1", "cbtxn_1", "bt_1"}
    assert known.entered["pi_1"].entry_id == "m_pi_1"
    assert set((await books(database, "in_9")).entered) == {*known.entered, "pi_9"}
    elsewhere = await books(database, subject="sub_2", customer="cus_2")
    assert elsewhere.entered == {}


async def test_what_is_shown_as_not_billed_and_what_was_approved(database: Database) -> None:
    await see(database, document("in_1"), document("in_2", line(of="sub_2")))
    draft = UnbilledDraft(
        external_id="sub_1/unbilled", legal_entity="LE-DE", party="C-1001", currency="EUR"
    )
    async with database.transaction() as conn:
        await unbilled.put(conn, TENANT, "sub_1", draft, digest="d", document_id=None)
        for document_id, content in (("in_1", "a"), ("in_1", "b"), ("in_2", "c")):
            await approvals.put(conn, TENANT, document_id, content, by="Jane", roles=None, note="")
        shown = await unbilled.get(conn, TENANT, "sub_1")
    known = await books(database)
    assert shown is not None
    said = {
        (subject, each.content) for subject in known.approvals for each in known.approvals[subject]
    }
    assert (known.unbilled, said) == (shown, {("in_1", "a"), ("in_1", "b")})


async def test_what_is_known_is_what_the_stores_say(database: Database) -> None:
    shown = document(
        settlements=[paid("pi_1", 1900)], remaining=10000, due_at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    await see(database, shown)
    await post(database, shown)
    await see_all(database, *shown.settlements, entered=["pi_1"])
    async with database.statement() as conn:
        record = await documents.get(conn, TENANT, "in_1")
        entry = await settlements.by_id(conn, TENANT, "pi_1")
    known = await books(database)
    assert known.records == (record,)
    assert known.entered == {"pi_1": entry}
