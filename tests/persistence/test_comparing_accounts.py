"""What customers owe beside documents, and what is earned by month, in billing and in the ERP."""

import secrets
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from canonical_models.documents import BillingDocument, Settlement, SettlementKind
from canonical_models.ledgering import SettlementEntry
from canonical_models.mapping import AccountMapping
from canonical_models.reconciliation import (
    About,
    BalanceFact,
    Cause,
    DocumentFact,
    Earned,
    EntryFact,
    EntryKind,
    Facts,
    FoundDifference,
    Repair,
    Scope,
)
from persistence import (
    accounts,
    comparing,
    comparing_receivables,
    comparing_revenue,
    mappings,
    reconciliations,
    settlements,
)
from persistence.comparing import Comparison
from persistence.comparing_revenue import Zones
from persistence.connection import Connection
from persistence.database import Database
from persistence.tables import ChangeRow
from tests.harness.rows import add
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
from tests.persistence.test_comparing import BILLING, ERP, OF, booked, change, judged, said, told

DAY = date(2026, 11, 16)
SINCE, UNTIL = datetime(2026, 11, 16, tzinfo=UTC), datetime(2027, 11, 16, tzinfo=UTC)
#: 365.00 by the day: what each month earns of the year.
DAYS = {
    "2026-11": 15,
    "2026-12": 31,
    "2027-01": 31,
    "2027-02": 28,
    "2027-03": 31,
    "2027-04": 30,
    "2027-05": 31,
    "2027-06": 30,
    "2027-07": 31,
    "2027-08": 31,
    "2027-09": 30,
    "2027-10": 31,
    "2027-11": 15,
}


def on_account(
    key: str, minor: int, party: str, *, beside: bool = True, ours: bool = False
) -> EntryFact:
    return EntryFact(
        key=key,
        kind=EntryKind.RECEIVABLE,
        account=party,
        amount=eur(minor),
        on=DAY,
        number=f"M-{key}",
        beside=beside,
        ours=ours,
    )


def moved(key: str, minor: int, kind: EntryKind, on: date) -> EntryFact:
    return EntryFact(key=key, kind=kind, amount=eur(minor), on=on, number=f"M-{key}")


def year(**changed: tuple[int, int]) -> Earned:
    """Of 365.00 that are earned by the day, as the ERP's own schedule books them."""
    months = {month: (days * 100, -days * 100) for month, days in DAYS.items()}
    months["2026-11"] = (1500, 36500 - 1500)
    changes = {month.replace("_", "-").removeprefix("m"): each for month, each in changed.items()}
    return Earned(currency="EUR", months=months | changes, schedules=((DAY, date(2027, 11, 15)),))


async def of_customers(database: Database, *names: str) -> None:
    async with database.transaction() as conn:
        for name in names:
            mapping = AccountMapping(
                billing_customer=f"cus_{name}",
                erp_party=f"C-{name}",
                support_organization=f"org_{name}",
                legal_entity="LE-DE",
            )
            await mappings.put(conn, TENANT, mapping, by="tester", valid_from=BOOKS_FROM)


async def receivables(
    database: Database, of: Comparison = OF, limit: int = 2
) -> dict[tuple[str, str], FoundDifference]:
    async with database.transaction() as conn:
        began = await reconciliations.begin(
            conn, TENANT, secrets.token_hex(4), by="tester", scope=Scope()
        )
        after: str | None = ""
        while after is not None:
            done = await comparing_receivables.receivables(conn, of, after=after, limit=limit)
            after = done.after
        await reconciliations.close(conn, of, (About.RECEIVABLE,), began=began)
        found = await reconciliations.page(conn, of, limit=100)
    return {(each.key.split("/")[1], each.what): each for each in found}


def balance(key: str, minor: int, kind: SettlementKind) -> Settlement:
    return Settlement(settlement_id=key, kind=kind, amount=eur(minor), at=ISSUED)


async def entered(conn: Connection, moved_by: Settlement) -> None:
    """It stands on the account in the ERP."""
    key = moved_by.settlement_id
    made = SettlementEntry(
        entry_id=f"m_{key}",
        legal_entity="LE-DE",
        external_id=key,
        number=key,
        amount=moved_by.amount,
        posted_on=DAY,
    )
    await settlements.entered(conn, TENANT, key, entry=made, document_id=None)


async def test_what_stands_on_accounts_beside_documents_is_what_billing_says(
    database: Database,
) -> None:
    names = ("agrees", "owed", "paid", "kept", "gave", "changed", "waits", "flying", "standing")
    await of_customers(database, *names)
    invoice = document("in_owed", line("il", of="sub_owed"))
    async with database.transaction() as conn:
        for name, minor in (("kept", 500), ("gave", 500), ("waits", 700), ("flying", 500)):
            moved_by = balance(f"cbt_{name}", minor, SettlementKind.GOODWILL)
            await settlements.seen(conn, TENANT, f"cus_{name}", f"account:cus_{name}", [moved_by])
            if name != "waits":
                await entered(conn, moved_by)
            await accounts.put(conn, TENANT, f"cus_{name}", balance=[eur(minor)])
        # It was paid, and its document is not in the books.
        paid = Settlement(
            settlement_id="pi_standing",
            kind=SettlementKind.PAYMENT,
            document_id="in_standing",
            amount=eur(11900),
            at=ISSUED,
        )
        await settlements.seen(conn, TENANT, "cus_standing", "sub_standing", [paid])
        await entered(conn, paid)
        await conn.execute("update settlements set seen_at = %s, entered_at = %s", (ISSUED, ISSUED))
        await add(conn, ChangeRow(**change("chg_flying", "account:cus_flying", "running")))
    kept = [
        BalanceFact(customer_id=f"cus_{each}", amounts=(eur(500),)) for each in ("kept", "flying")
    ]
    kept += [
        BalanceFact(customer_id="cus_gave", amounts=(eur(500),)),
        BalanceFact(customer_id="cus_changed", amounts=(eur(900),)),
        BalanceFact(customer_id="cus_waits", amounts=(eur(700),)),
    ]
    await told(database, BILLING, Facts(balances=tuple(kept), next=None, more=False))
    owed = booked(invoice, "1", account="C-owed")
    # It was written off by hand: the document tells that, and nobody else.
    off = booked(invoice, "2", account="C-agrees", open=eur(0))
    entries = (
        on_account("1", 11900, "C-owed", beside=False, ours=True),
        on_account("2", -3000, "C-paid"),
        on_account("3", -500, "C-kept", ours=True),
        # Somebody has paid it back by hand.
        on_account("4", -500, "C-gave", ours=True),
        on_account("5", 500, "C-gave"),
        on_account("6", -11900, "C-standing", ours=True),
        on_account("7", -100, "C-stranger"),
    )
    await told(database, ERP, Facts(documents=(owed, off), entries=entries, next=None, more=False))

    found = await receivables(database)

    hand = (Cause.BY_HAND, "finance", Repair.IN_ERP)
    assert {at: judged(each) for at, each in found.items()} == {
        ("C-paid", "account"): hand,
        ("C-gave", "account"): hand,
        ("C-changed", "account"): (Cause.BILLING, "operations", Repair.SYNC),
        ("C-waits", "movements"): (Cause.OURS, "operations", Repair.SYNC),
        ("C-flying", "account"): (Cause.IN_FLIGHT, "operations", Repair.WAIT),
    }
    by_hand, waits = found["C-paid", "account"], found["C-waits", "movements"]
    assert (by_hand.billing, by_hand.erp) == (eur(0), eur(-3000))
    assert by_hand.found == "made by hand: M-2"
    assert (waits.billing, waits.erp) == (eur(-700), eur(0))
    assert found["C-flying", "account"].change_id == "chg_flying"

    # What is gone is closed.
    async with database.transaction() as conn:
        await conn.execute("delete from fact_entries where key in ('2', '5')")
    left = await receivables(database)
    assert {at for at, _ in left} == {"C-changed", "C-waits", "C-flying"}


async def test_what_billing_keeps_for_whom_it_does_not_list_is_unknown_and_not_zero(
    database: Database,
) -> None:
    await of_customers(database, "1")
    await see(database, document("in_1"))
    entries = (on_account("1", -500, "C-1", ours=True),)
    await told(database, ERP, Facts(entries=entries, next=None, more=False))
    assert await receivables(database) == {}
    async with database.transaction() as conn:
        assert await comparing_receivables.unlisted(conn, OF) == 1
    nothing = (BalanceFact(customer_id="cus_1"),)
    await told(database, BILLING, Facts(balances=nothing, next=None, more=False))
    assert set(await receivables(database)) == {("C-1", "account")}
    async with database.transaction() as conn:
        assert await comparing_receivables.unlisted(conn, OF) == 0


async def test_parties_whom_no_customer_is_mapped_to_are_counted(database: Database) -> None:
    await of_customers(database, "1")
    of = document("in_1")
    documents = (
        booked(of, "1", account="C-1"),
        # Once, however much it has; and nothing of what was before the cutover.
        booked(of, "2", account="C-other", reference=None),
        booked(of, "3", account="C-other", reference=None),
        booked(of, "4", account="C-before", reference=None, issued_on=date(2000, 1, 1)),
        booked(of, "5", account="C-undone", reference=None, stands=False),
    )
    entries = (
        on_account("1", -500, "C-1"),
        on_account("2", -500, "C-other"),
        on_account("3", -500, "C-open"),
    )
    await told(database, ERP, Facts(documents=documents, entries=entries, next=None, more=False))
    async with database.transaction() as conn:

        async def unmapped(of: Comparison) -> int:
            return await comparing_receivables.unmapped(conn, of)

        assert await unmapped(OF) == 2
        assert await unmapped(replace(OF, legal_entity="LE-DE")) == 2
        assert await unmapped(replace(OF, legal_entity="LE-FR")) == 0
        assert await unmapped(replace(OF, customer_id="cus_1")) == 0
        # What is open is of no month.
        assert await unmapped(replace(OF, from_=SINCE, to=UNTIL)) == 1
        later = UNTIL + timedelta(days=31)
        assert await unmapped(replace(OF, from_=UNTIL, to=later)) == 0


async def test_customers_who_share_an_account_are_looked_at_together(database: Database) -> None:
    async with database.transaction() as conn:
        for name in ("one", "two"):
            mapping = AccountMapping(
                billing_customer=f"cus_{name}",
                erp_party="C-both",
                support_organization=f"org_{name}",
                legal_entity="LE-DE",
            )
            await mappings.put(conn, TENANT, mapping, by="tester", valid_from=BOOKS_FROM)
    kept = tuple(
        BalanceFact(customer_id=f"cus_{name}", amounts=(eur(minor),))
        for name, minor in (("one", 300), ("two", 200))
    )
    await told(database, BILLING, Facts(balances=kept, next=None, more=False))
    entries = (on_account("1", -500, "C-both", ours=True),)
    await told(database, ERP, Facts(entries=entries, next=None, more=False))
    assert await receivables(database, limit=1) == {}
    await told(database, ERP, Facts(next=None, more=False))
    found = await receivables(database, limit=1)
    assert [each.billing for each in found.values()] == [eur(-500)]


async def revenue(
    database: Database, of: Comparison = OF
) -> dict[tuple[str, str, str], FoundDifference]:
    """By month, document and kind."""
    async with database.transaction() as conn:
        began = await reconciliations.begin(
            conn, TENANT, secrets.token_hex(4), by="tester", scope=Scope()
        )
        after: str | None = ""
        while after is not None:
            done = await comparing_revenue.revenue(conn, of, Zones(), after=after, limit=2)
            after = done.after
        await reconciliations.close(conn, of, (About.REVENUE,), began=began, nobody=False)
        await comparing_revenue.by_hand(conn, of, Zones(), "LE-DE")
        await reconciliations.close(
            conn, of, (About.REVENUE,), began=began, place="LE-DE", nobody=True
        )
        found = await reconciliations.page(conn, of, limit=100)
    places = [(each, each.key.split("/")) for each in found]
    return {(month, key, each.what): each for each, (_, month, key) in places}


async def planted(
    database: Database, *sold: tuple[BillingDocument, DocumentFact], entries: tuple[EntryFact, ...]
) -> None:
    for of, fact in sold:
        await see(database, of)
        erp = in_erp(of, fact.key, document_date=DAY, posting_date=DAY)
        await post(database, of, erp)
    async with database.transaction() as conn:
        await conn.execute("update effects set confirmed_at = %(at)s", {"at": ISSUED})
    page = Facts(
        documents=tuple(fact for _, fact in sold),
        entries=entries,
        next=None,
        more=False,
        until=date(2027, 12, 31),
    )
    await told(database, BILLING, Facts(next=None, more=False))
    await told(database, ERP, page)


def yearly(name: str, net: int = 36500) -> BillingDocument:
    return document(name, line(f"il_{name}", net, of=f"sub_{name}", since=SINCE, until=UNTIL))


async def test_what_is_earned_in_each_month_is_what_service_periods_give(
    database: Database,
) -> None:
    names = ("agrees", "credited", "never", "touched", "rounds", "closed")
    of = {name: yearly(name) for name in names}
    fact = {
        name: booked(each, str(place), earned=year())
        for place, (name, each) in enumerate(of.items())
    }
    at_once = Earned(currency="EUR", months={"2026-11": (36500, 0)})
    fact["never"] = booked(of["never"], "2", earned=at_once)
    fact["touched"] = booked(of["touched"], "3", earned=year(m2027_01=(9900, -9900)))
    # A minor unit of a month is the ERP's.
    fact["rounds"] = booked(
        of["rounds"], "4", earned=year(m2027_01=(3101, -3101), m2027_11=(1499, -1499))
    )
    within = document("within", line("il_w", since=ISSUED, until=ISSUED + timedelta(days=14)))
    goods = document("goods", line("il_g", 36500, since=SINCE, until=UNTIL))
    foreign = yearly("foreign")
    plain = {
        "within": booked(
            within, "6", earned=Earned(currency="EUR", months={"2026-11": (10000, 0)})
        ),
        "goods": booked(
            goods,
            "7",
            earned=Earned(currency="EUR", months={"2026-11": (36500, 0)}, at_once=(36500,)),
        ),
        "foreign": booked(foreign, "8", earned=year().model_copy(update={"currency": "USD"})),
    }
    # People have credited it in January: the schedule goes on.
    by_hand = booked(
        of["credited"],
        "90",
        reference=None,
        billing_number=None,
        ours=False,
        gross=-of["credited"].gross,
        tax=-of["credited"].tax,
        open=eur(0),
        issued_on=date(2027, 1, 20),
        corrects="1",
    )
    entries = (
        moved("1", 7000, EntryKind.REVENUE, date(2026, 12, 3)),
        moved("2", 500, EntryKind.REVENUE, date(2026, 12, 4)),
        moved("3", -200, EntryKind.DEFERRED, date(2027, 1, 5)),
        moved("old", 900, EntryKind.REVENUE, date(2026, 10, 1)),
    )
    pairs = [(of[name], fact[name]) for name in names[:-1]]
    pairs += [(within, plain["within"]), (goods, plain["goods"]), (foreign, plain["foreign"])]
    await planted(database, *pairs, entries=entries)
    source = Facts(
        documents=(by_hand, *(f for _, f in pairs)), entries=entries, next=None, more=False
    )
    await told(database, ERP, source)

    found = await revenue(database)

    later = [month for month in DAYS if month > "2027-01"]
    hand = (Cause.BY_HAND, "finance", Repair.IN_ERP)
    ours = (Cause.OURS, "operations", Repair.IN_ERP)
    expected = {(month, "credited", "revenue"): hand for month in later}
    expected |= {("2027-01", "touched", "revenue"): hand, ("2026-11", "never", "revenue"): hand}
    expected |= {(month, "never", "revenue"): ours for month in DAYS if month > "2026-11"}
    expected |= {
        ("2026-12", "EUR", "revenue"): hand,
        ("2027-01", "EUR", "deferred"): hand,
    }
    assert {at: judged(each) for at, each in found.items()} == expected
    goes_on = found["2027-02", "credited", "revenue"]
    assert (goes_on.billing, goes_on.erp) == (eur(0), eur(2800))
    assert goes_on.found == "goes on although it was credited by hand"
    touched = found["2027-01", "touched", "revenue"]
    assert (touched.billing, touched.erp, touched.subject) == (eur(3100), eur(9900), "sub_touched")
    entered = found["2026-12", "EUR", "revenue"]
    assert (entered.erp, entered.found) == (eur(7500), "made by hand: M-1, M-2")

    # Of one month alone; and what is gone is closed.
    january = Comparison(
        tenant=TENANT,
        since=BOOKS_FROM,
        from_=datetime(2027, 1, 1, tzinfo=UTC),
        to=datetime(2027, 2, 1, tzinfo=UTC),
    )
    assert {at[:2] for at in await revenue(database, january)} == {
        ("2027-01", "touched"),
        ("2027-01", "never"),
        ("2027-01", "EUR"),
    }
    pairs[1] = (of["credited"], fact["credited"])
    await told(database, ERP, Facts(documents=tuple(f for _, f in pairs), next=None, more=False))
    assert {at[1] for at in await revenue(database)} == {"touched", "never"}


async def test_a_year_that_began_before_the_document_may_begin_later_in_the_books(
    database: Database,
) -> None:
    """September and October are closed: their days are earned with the document."""
    of = document(
        "late",
        line(
            "il",
            9100,
            of="sub",
            since=datetime(2026, 9, 1, tzinfo=UTC),
            until=datetime(2026, 12, 1, tzinfo=UTC),
        ),
        # Over before it was billed, and closed as well.
        line(
            "il_2",
            500,
            of="sub",
            since=datetime(2026, 8, 10, tzinfo=UTC),
            until=datetime(2026, 10, 10, tzinfo=UTC),
        ),
    )
    earned = Earned(
        currency="EUR",
        months={"2026-11": (9600, 0)},
        schedules=((date(2026, 11, 1), date(2026, 11, 30)),),
    )
    await planted(database, (of, booked(of, "1", earned=earned)), entries=())
    assert await revenue(database) == {}


async def test_a_tax_that_billing_does_not_say_is_counted(database: Database) -> None:
    of = document()
    page = Facts(documents=(said(of, tax=None), said(yearly("in_2"))), next=None, more=False)
    await told(database, BILLING, page)
    async with database.statement() as conn:
        assert await comparing.untaxed(conn, OF) == (1, (of.number,))
        other = Comparison(tenant=TENANT, since=BOOKS_FROM, customer_id="cus_other")
        assert await comparing.untaxed(conn, other) == (0, ())
