"""Facts laid beside each other: each kind of difference, with the cause that the ledger tells."""

import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus
from canonical_models.entitlement import SubscriptionSupport, SupportEntitlement
from canonical_models.mapping import AccountMapping
from canonical_models.reconciliation import (
    About,
    Cause,
    DocumentFact,
    Facts,
    FoundDifference,
    Repair,
    Scope,
    SubscriptionFact,
)
from canonical_models.records import Hold, HoldKind
from persistence import (
    comparing,
    comparing_access,
    documents,
    facts,
    mappings,
    reconciliations,
    support_contributions,
)
from persistence.comparing import Comparison
from persistence.database import Database
from persistence.facts import Source
from persistence.tables import (
    ChangeRow,
    EffectRow,
    ExceptionRow,
    SettlementRow,
    SubscriptionStateRow,
)
from tests.harness.rows import add
from tests.harness.subscriptions import item, subscription
from tests.persistence.issued import (
    BOOKS_FROM,
    ISSUED,
    TENANT,
    document,
    eur,
    in_erp,
    line,
    post,
    see,
)

BILLING, ERP = Source(TENANT, "billing"), Source(TENANT, "erp", "LE-DE")
SUPPORT = Source(TENANT, "support")
OF = Comparison(tenant=TENANT, since=BOOKS_FROM)
ACCOUNT = AccountMapping(
    billing_customer="cus_1",
    erp_party="C-1001",
    support_organization="org_1",
    legal_entity="LE-DE",
)
HELD = Hold(kind=HoldKind.HELD, reason="disputed", by="Jane", at=ISSUED)


def said(of: BillingDocument, **members: object) -> DocumentFact:
    """As billing lists it."""
    made = DocumentFact(
        key=of.document_id,
        kind=of.kind,
        stands=not of.void,
        account="cus_1",
        number=of.number,
        gross=of.gross,
        tax=of.tax,
        open=of.remaining,
        issued_at=of.issued_at,
    )
    return made.model_copy(update=members)


def booked(of: BillingDocument, key: str, **members: object) -> DocumentFact:
    """As the ERP lists it."""
    made = DocumentFact(
        key=key,
        kind=of.kind,
        stands=True,
        account="C-1001",
        number=f"ERP-{key}",
        reference=of.document_id,
        billing_number=of.number,
        gross=of.gross,
        tax=of.tax,
        open=of.remaining,
        issued_on=date(2026, 11, 16),
        ours=True,
    )
    return made.model_copy(update=members)


async def told(database: Database, source: Source, page: Facts) -> None:
    """All that a system holds, read to its end."""
    async with database.transaction() as conn:
        await facts.begin(conn, source, whole=True)
        await facts.put(conn, source, page)
        await facts.ended(conn, source)


def page(*documents: DocumentFact) -> Facts:
    return Facts(documents=documents, next=None, more=False)


async def reconciled(
    database: Database, *, limit: int = comparing.SLICE
) -> dict[tuple[str, str], FoundDifference]:
    """All of it, in slices; what is open afterwards."""
    async with database.transaction() as conn:
        began = await reconciliations.begin(
            conn, TENANT, secrets.token_hex(4), by="tester", scope=OF_ALL
        )
        after: str | None = ""
        while after is not None:
            after = (await comparing.documents(conn, OF, after=after, limit=limit)).after
        await reconciliations.close(conn, OF, (About.DOCUMENT,), began=began)
        after = ""
        while after is not None:
            after = (await comparing.unknown(conn, OF, "LE-DE", after=after, limit=limit)).after
        await reconciliations.close(
            conn, OF, (About.DOCUMENT,), began=began, unknown=True, place="LE-DE"
        )
        found = await reconciliations.page(conn, OF, limit=100)
    return {(each.key, each.what): each for each in found}


OF_ALL = Scope()


def judged(each: FoundDifference) -> tuple[Cause, str, Repair]:
    return each.cause, each.owner.value, each.repair


async def test_every_difference_of_documents_has_its_kind_and_its_cause(
    database: Database,
) -> None:
    names = (
        *("agrees", "missing", "cancelled", "doubled", "amount", "tax", "date", "party", "open"),
        *("void", "news", "never", "held", "asked", "flying", "writing", "late", "settling"),
    )
    of = {name: document(name, line(f"il_{name}", of=f"sub_{name}")) for name in names}
    of["void"] = document("void", line("il_void", of="sub_void"), status=DocumentStatus.VOID)
    seen = [each for name, each in of.items() if name != "never"]
    await see(database, *seen)
    on = date(2026, 11, 16)
    for place, each in enumerate(seen):
        if each.document_id not in ("missing", "held", "asked", "flying", "writing"):
            await post(database, each, in_erp(each, str(place), document_date=on))
    key = {each.document_id: str(place) for place, each in enumerate(seen)}

    in_books = {
        name: booked(each, key[name])
        for name, each in of.items()
        if name not in ("never", "missing", "held", "asked", "flying", "writing", "late")
    }
    changes: dict[str, dict[str, Any]] = {
        "cancelled": {"stands": False, "open": eur(0)},
        "amount": {"gross": eur(11901)},
        "tax": {"tax": eur(1899)},
        "date": {"issued_on": date(2026, 11, 30)},
        "party": {"account": "C-9"},
        "open": {"open": eur(0)},
        "settling": {"open": eur(0)},
        "void": {"gross": eur(11900)},
    }
    for name, changed in changes.items():
        in_books[name] = in_books[name].model_copy(update=changed)
    twin = booked(of["doubled"], "900", reference=None, ours=False)
    taken_back = booked(of["agrees"], "901")
    its_half = booked(
        of["agrees"], "902", reference="agrees/twin-901", kind=DocumentKind.CREDIT_NOTE
    )
    by_hand = booked(of["agrees"], "903", reference=None, billing_number=None, ours=False)
    elsewhere = by_hand.model_copy(update={"key": "904", "account": "C-other"})
    before = by_hand.model_copy(update={"key": "905", "issued_on": date(2026, 10, 1)})
    async with database.transaction() as conn:
        await mappings.put(conn, TENANT, ACCOUNT, by="tester", valid_from=BOOKS_FROM)
        await documents.hold(conn, TENANT, "held", HELD)
        await add(
            conn,
            ChangeRow(**change("chg_flying", "sub_flying", "running")),
            ChangeRow(**change("chg_asked", "sub_asked", "waiting")),
            _question("sub_asked", "asked"),
            _effect(f"document:{TENANT}/writing", "uncertain"),
            _effect(f"document:{TENANT}/late/1", "confirmed"),
            _settlement("settling", entry=None),
            _settlement("open", entry="m_1"),
        )
    await told(
        database,
        BILLING,
        page(
            *(said(each) for name, each in of.items() if name != "news"),
            said(of["news"], open=eur(0)),
            # Of the process before us.
            said(document("old", issued_at=BOOKS_FROM - timedelta(days=1))),
        ),
    )
    await told(
        database,
        ERP,
        page(*in_books.values(), twin, taken_back, its_half, by_hand, elsewhere, before),
    )
    async with database.transaction() as conn:
        # It was posted after the ERP had been read.
        await conn.execute(
            "update effects set confirmed_at = clock_timestamp() where key = %s",
            (f"document:{TENANT}/late/1",),
        )

    # Slices that end anywhere.
    found = await reconciled(database, limit=4)

    hand, mine = (Cause.BY_HAND, "finance"), (Cause.OURS, "operations")
    assert {at: judged(each) for at, each in found.items()} == {
        ("missing", "missing"): (*mine, Repair.SYNC),
        ("cancelled", "missing"): (*hand, Repair.IN_ERP),
        ("doubled", "doubled"): (*hand, Repair.IN_ERP),
        ("amount", "amount"): (*hand, Repair.IN_ERP),
        ("tax", "tax"): (*hand, Repair.IN_ERP),
        ("date", "date"): (*hand, Repair.IN_ERP),
        ("party", "party"): (*hand, Repair.IN_ERP),
        ("open", "open"): (*hand, Repair.SYNC),
        ("settling", "open"): (*mine, Repair.SYNC),
        ("void", "void"): (*mine, Repair.SYNC),
        ("news", "open"): (Cause.BILLING, "operations", Repair.SYNC),
        ("never", "missing"): (Cause.BILLING, "operations", Repair.SYNC),
        ("held", "missing"): (Cause.DECIDED, "finance", Repair.DECIDE),
        ("asked", "missing"): (Cause.ASKED, "support", Repair.DECIDE),
        ("flying", "missing"): (Cause.IN_FLIGHT, "operations", Repair.WAIT),
        ("writing", "missing"): (Cause.IN_FLIGHT, "operations", Repair.WAIT),
        ("late", "missing"): (Cause.IN_FLIGHT, "operations", Repair.WAIT),
        ("LE-DE/903", "unknown"): (*hand, Repair.IN_ERP),
    }
    doubled, opened = found["doubled", "doubled"], found["open", "open"]
    assert (doubled.found, doubled.erp) == ("ERP-900", eur(2 * 11900))
    assert (opened.billing, opened.erp, opened.subject) == (eur(11900), eur(0), "sub_open")
    assert found["date", "date"].found == "2026-11-30"
    assert found["flying", "missing"].change_id == "chg_flying"
    assert found["asked", "missing"].exception_id == "exc_asked"
    assert found["never", "missing"].legal_entity == "LE-DE"

    # What is gone is closed, what stays keeps its age, and what comes back is new.
    await told(database, ERP, page(*(booked(of[name], key[name]) for name in in_books)))
    left = await reconciled(database)
    assert ("doubled", "doubled") not in left
    assert ("LE-DE/903", "unknown") not in left
    assert left["missing", "missing"].opened_at == found["missing", "missing"].opened_at
    assert left["missing", "missing"].seen_at > found["missing", "missing"].seen_at
    await told(database, ERP, page(*in_books.values(), twin))
    again = await reconciled(database)
    assert again["doubled", "doubled"].opened_at > doubled.opened_at


async def test_what_was_taken_back_and_posted_anew_is_not_doubled(database: Database) -> None:
    once = document("once", line("il_once", of="sub_once"))
    await see(database, once)
    await post(database, once, in_erp(once, "3", document_date=date(2026, 11, 16)))
    async with database.transaction() as conn:
        await mappings.put(conn, TENANT, ACCOUNT, by="tester", valid_from=BOOKS_FROM)
    back = booked(once, "2", reference="once/void", kind=DocumentKind.CREDIT_NOTE)
    await told(database, BILLING, page(said(once)))
    await told(database, ERP, page(booked(once, "1"), back, booked(once, "3", reference="once/2")))
    assert ("once", "doubled") in await reconciled(database)
    async with database.transaction() as conn:
        await add(conn, _effect(f"document:{TENANT}/once/void", "confirmed"))
    assert ("once", "doubled") not in await reconciled(database)


async def test_a_document_of_another_tenant_is_never_laid_beside_ours(database: Database) -> None:
    mine = document()
    await see(database, mine)
    await post(database, mine)
    async with database.transaction() as conn:
        await mappings.put(conn, TENANT, ACCOUNT, by="tester", valid_from=BOOKS_FROM)
    await told(database, BILLING, page(said(mine)))
    await told(database, ERP, page(booked(mine, "101")))
    theirs = page(
        booked(mine, "555", ours=False), booked(mine, "556", reference=None, billing_number=None)
    )
    await told(database, Source("other", "erp", "LE-DE"), theirs)
    assert await reconciled(database) == {}


async def test_access_and_support_are_laid_beside_what_is_sold(database: Database) -> None:
    sold = {
        name: subscription(item("pro", 5), item("ai"), subscription_id=f"sub_{name}")
        for name in ("agrees", "more", "ended", "paused")
    }
    items = (("ai", 1), ("pro", 5))
    async with database.transaction() as conn:
        for name, each in sold.items():
            await add(
                conn,
                SubscriptionStateRow(
                    tenant=TENANT,
                    subscription_id=f"sub_{name}",
                    customer_id="cus_1",
                    change_id="chg_1",
                    snapshot=each.model_dump(mode="json"),
                    synced_at=ISSUED,
                ),
            )
        await add(conn, ChangeRow(**change("chg_paused", "sub_paused", "pending")))
        wanted = SubscriptionSupport(
            tier="premium", contract_end=datetime(2026, 12, 1, tzinfo=UTC), features=("sso", "ai")
        )
        less = SubscriptionSupport(tier="standard", contract_end=None, features=("chat",))
        for org in ("Org_same", "org_tier", "org_gone"):
            await support_contributions.put(
                conn, TENANT, f"{org}/1", org, wanted, customer_id=f"cus_{org}", tell=False
            )
            await support_contributions.put(
                conn, TENANT, f"{org}/2", org, less, customer_id=f"cus_{org}", tell=False
            )
        # Of who has ended nothing is asked, and an organisation that is gone shows it.
        ended = SubscriptionSupport(tier=None, contract_end=None)
        await support_contributions.put(
            conn, TENANT, "org_over/1", "org_over", ended, customer_id="cus_over", tell=False
        )
        await conn.execute("update support_contributions set updated_at = %s", (ISSUED,))

    def listed(name: str, status: SubscriptionStatus, *sells: tuple[str, int]) -> SubscriptionFact:
        return SubscriptionFact(
            subscription_id=f"sub_{name}", customer_id="cus_1", status=status, items=sells or items
        )

    active = SubscriptionStatus.ACTIVE
    await told(
        database,
        BILLING,
        Facts(
            subscriptions=(
                listed("agrees", active),
                listed("more", active, ("pro", 6)),
                listed("ended", SubscriptionStatus.CANCELLED),
                listed("paused", SubscriptionStatus.PAUSED),
                listed("unheard", active),
                listed("long_over", SubscriptionStatus.CANCELLED),
            ),
            next=None,
            more=False,
        ),
    )
    shows = SupportEntitlement(
        organization="org_same",
        tier="premium",
        contract_end=datetime(2026, 12, 1, tzinfo=UTC),
        features=("ai", "chat", "sso"),
    )
    changed = shows.model_copy(update={"organization": "org_tier", "tier": "standard"})
    strange = shows.model_copy(update={"organization": "somebody_elses"})
    await told(
        database,
        SUPPORT,
        Facts(organizations=(shows, changed, strange), next=None, more=False),
    )
    async with database.transaction() as conn:
        await comparing_access.subscriptions(conn, OF, limit=100)
        await comparing_access.support(
            conn, OF, tiers=("standard", "premium"), sets=f"organization:{TENANT}/"
        )
        found = await reconciliations.page(conn, OF, limit=100)

    assert {(each.key, each.what): (each.cause, each.repair) for each in found} == {
        ("sub_more", "items"): (Cause.BILLING, Repair.SYNC),
        ("sub_ended", "status"): (Cause.BILLING, Repair.SYNC),
        ("sub_paused", "status"): (Cause.IN_FLIGHT, Repair.WAIT),
        ("sub_unheard", "missing"): (Cause.BILLING, Repair.SYNC),
        ("org_tier", "tier"): (Cause.BY_HAND, Repair.PUBLISH),
        ("org_gone", "missing"): (Cause.OURS, Repair.SYNC),
    }
    (tier,) = (each for each in found if each.what == "tier")
    assert (tier.expected, tier.found, tier.owner.value) == ("premium", "standard", "support")


def change(change_id: str, subject: str, state: str) -> dict[str, Any]:
    return {
        "id": change_id,
        "tenant": TENANT,
        "connection": "billing",
        "subject": subject,
        "subscription_id": subject,
        "event_id": change_id,
        "kind": "other",
        "state": state,
    }


def _question(belongs_to: str, about: str) -> ExceptionRow:
    said: dict[str, Any] = {
        "id": f"exc_{about}",
        "tenant": TENANT,
        "change_id": f"chg_{about}",
        "track": "books",
        "belongs_to": belongs_to,
        "step": "books",
        "system": "erp",
        "failure_class": "rejection",
        "code": "item_unmapped",
        "subject": "prod_x",
        "fingerprint": "f",
        "owner": "support",
        "message": "what is prod_x?",
        "state": "open",
        "due_at": ISSUED,
    }
    return ExceptionRow(**said)


def _effect(key: str, state: str) -> EffectRow:
    return EffectRow(
        key=key,
        tenant=TENANT,
        change_id="chg_1",
        step="erp.document/x",
        system="erp",
        operation="post invoice",
        request_hash="h",
        state=state,
        attempt=1,
    )


def _settlement(document_id: str, *, entry: str | None) -> SettlementRow:
    return SettlementRow(
        tenant=TENANT,
        settlement_id=f"pi_{document_id}",
        customer_id="cus_1",
        subject=f"sub_{document_id}",
        document_id=document_id,
        kind="payment",
        minor=0,
        currency="EUR",
        at=ISSUED,
        settlement={},
        entry_id=entry,
    )
