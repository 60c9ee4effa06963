"""A customer that billing had before us: agreed on as it is, and nothing is posted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.adoption import AccountStep, AdoptionResult
from canonical_models.amendment import account_subject
from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import Unbilled
from persistence import contracts, dunning
from persistence.database import Database
from tests.adoption.golive import (
    BEFORE,
    CUTOVER,
    GoLive,
    before_going_live,
    eur,
    finding,
    in_erp,
    old,
    sold,
)
from tests.harness.sagas import sagas_at_work
from tests.harness.subscriptions import AS_OF, invoice, item, line, paid, payment, snapshot, void
from tests.harness.systems import Target

DAY = timedelta(days=1)


async def test_access_is_agreed_on_and_nothing_is_posted(golive: GoLive) -> None:
    golive.sells(sold(paid(old(), payment(20000, of="in_old", at=BEFORE))))
    found = await golive.only()

    assert (found.result, found.findings) == (AdoptionResult.AGREED, ())
    assert (found.figures.account, found.figures.given) == (AccountStep.KEPT, 1)
    assert await golive.agreed()
    grants = await golive.sagas.grants()
    assert {(grant.feature, grant.quantity) for grant in grants} == {("seats", 5), ("sso", 1)}
    assert golive.systems.support.shown["cus_1"].tier == "premium"
    async with golive.database.statement() as conn:
        assert await contracts.get(conn, "acme", "sub_1") is not None
    assert golive.written == ["support.publish"]
    assert golive.systems.erp.documents == []
    assert await golive.asked() == []


async def test_a_second_time_finds_everything_done(golive: GoLive) -> None:
    golive.sells(sold(old()))
    golive.systems.erp.documents.append(in_erp(old()))
    first = await golive.only()
    held, calls = await golive.tables(), list(golive.written)
    second = await golive.only("ado_2")

    assert first.findings == second.findings == ()
    assert (first.figures.linked, second.figures.linked) == (1, 1)
    assert (first.figures.given, second.figures.given) == (1, 0)
    assert golive.written == calls
    after = await golive.tables()
    assert after.keys() == held.keys()
    assert {name for name in held if held[name] != after[name]} <= {"accounts"}


async def test_an_open_document_is_linked_and_paid_later(golive: GoLive) -> None:
    """The ordinary change settles what the process before has posted."""
    golive.sells(sold(old()))
    golive.systems.erp.documents.append(in_erp(old()))
    found = await golive.only()
    assert (found.findings, found.figures.documents, found.figures.linked) == ((), 1, 1)
    assert await golive.linked() == "700"
    assert await golive.asked() == []

    golive.sells(sold(paid(old(), payment(20000, of="in_old"))))
    assert (await golive.sagas.finish("chg_1", documents=("in_old",))).outcome == "completed"

    (entry,) = golive.systems.erp.entries
    assert (entry.external_id, entry.document, entry.party) == ("pi_1", "700", "C-1001")
    assert [document.document_id for document in golive.systems.erp.documents] == ["700"]
    assert (await golive.systems.erp.read("700", "LE-DE")).open.minor == 0


async def test_what_was_paid_in_part_before_is_linked_over_the_rest(golive: GoLive) -> None:
    part = paid(old(), payment(5000, of="in_old", at=BEFORE + DAY))
    golive.sells(sold(part))
    golive.systems.erp.documents.append(in_erp(part))
    golive.systems.erp.pay_by_hand("700", 5000)
    assert (await golive.only()).findings == ()
    assert await golive.linked() == "700"
    assert await golive.asked() == []


async def test_what_was_paid_since_the_cutover_is_settled_by_a_change(golive: GoLive) -> None:
    """Nobody had heard of it, and billing does not list it as open any more."""
    since = paid(old(), payment(20000, of="in_old", at=CUTOVER + DAY))
    golive.sells(sold(since))
    golive.systems.erp.documents.append(in_erp(since))
    found = await golive.only()

    assert (found.findings, found.figures.linked, found.figures.asked) == ((), 1, 1)
    assert await golive.asked() == [("sub_1", ["in_old"], True, 4)]
    assert golive.systems.erp.entries == []

    assert (await golive.runs("sub_1")).outcome == "completed"
    assert [entry.document for entry in golive.systems.erp.entries] == ["700"]


async def test_money_that_the_process_before_entered_after_its_end_is_told(golive: GoLive) -> None:
    since = paid(old(), payment(20000, of="in_old", at=CUTOVER + DAY))
    golive.sells(sold(since))
    golive.systems.erp.documents.append(in_erp(since))
    golive.systems.erp.pay_by_hand("700", 20000)
    found = finding(await golive.only())
    assert found.cause == "document_differs"
    assert "another open amount" in found.message


async def test_what_became_void_since_is_taken_back_by_a_change(golive: GoLive) -> None:
    gone = void(old(), at=CUTOVER + DAY)
    golive.sells(sold(gone))
    golive.systems.erp.documents.append(in_erp(gone))
    assert (await golive.only()).findings == ()
    assert (await golive.runs("sub_1")).outcome == "completed"
    assert [d.external_id for d in golive.systems.erp.documents] == ["", "in_old/void"]


@pytest.mark.parametrize("settled", ["paid", "void"])
async def test_what_was_settled_before_is_not_looked_for(golive: GoLive, settled: str) -> None:
    document = (
        void(old(), at=BEFORE)
        if settled == "void"
        else paid(old(), payment(20000, of="in_old", at=BEFORE))
    )
    golive.sells(sold(document))
    found = await golive.only()
    assert (found.findings, found.figures.documents) == ((), 0)
    assert "erp.find_number" not in golive.systems.script.calls


async def test_what_was_issued_since_is_posted_by_a_change_of_its_subject(golive: GoLive) -> None:
    new = invoice(line("il_2", 7000), key="in_new", issued_at=AS_OF)
    golive.sells(sold(old(), new))
    golive.systems.billing.loose.append(
        invoice(line("il_3", 900, of=None), key="in_alone", issued_at=AS_OF)
    )
    golive.systems.erp.documents.append(in_erp(old()))
    found = await golive.only()

    assert (found.findings, found.figures.asked) == ((), 2)
    subjects = [subject for subject, *_ in await golive.asked()]
    assert subjects == [account_subject("cus_1"), "sub_1"]
    assert golive.written == ["support.publish"]
    for subject in subjects:
        assert (await golive.runs(subject)).outcome == "completed"
    posted = {document.external_id for document in golive.systems.erp.documents}
    assert posted == {"", "in_new", "in_alone"}
    assert (await golive.only("ado_2")).figures.asked == 0


async def test_what_is_not_billed_yet_is_shown_by_a_change(golive: GoLive) -> None:
    pending = Unbilled(lines=(line("ii_1", 4000),))
    golive.sells(sold().model_copy(update={"unbilled": pending}))
    assert (await golive.only()).findings == ()
    assert golive.systems.erp.unbilled == {}
    assert (await golive.runs("sub_1")).outcome == "completed"
    (draft,) = golive.systems.erp.unbilled.values()
    assert draft.net == eur(4000)
    assert golive.systems.erp.documents == []


async def test_targets_are_told_by_the_entitlement_process(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    systems = before_going_live()
    product = Target(systems.script, "product")
    systems.tenant = replace(systems.tenant, targets={"product": product})
    async with sagas_at_work(temporal.client, database, systems) as working:
        golive = GoLive(working)
        golive.sells(sold())
        assert (await golive.only()).findings == ()
    async with database.statement() as conn:
        found = await conn.execute("select input from processes where kind = 'entitlement'")
        ((told,),) = await found.fetchall()
    assert (told["key"], told["tenant"]) == ("cus_1", "acme")


async def test_an_overdue_invoice_has_its_dunning(golive: GoLive) -> None:
    late = old(overdue_since=BEFORE)
    golive.sells(sold(late))
    golive.systems.erp.documents.append(in_erp(late))
    assert (await golive.only()).findings == ()
    async with golive.database.statement() as conn:
        (case,) = await dunning.live(conn, "acme", "sub_1")
    assert (case.invoice_id, case.overdue_since) == ("in_old", BEFORE)


async def test_a_customer_that_is_gone_need_not_be_mapped(golive: GoLive) -> None:
    golive.sells(sold(number=2, status=SubscriptionStatus.CANCELLED))
    found = await golive.only()
    assert (found.findings, found.figures.account) == ((), AccountStep.NONE)
    assert await golive.agreed("sub_2")
    assert "erp.parties" not in golive.systems.script.calls


async def test_two_subscriptions_share_an_organisation(golive: GoLive) -> None:
    second = snapshot(
        sold().subscription.model_copy(
            update={"subscription_id": "sub_1b", "items": (item("ai", 1, key="si_ai"),)}
        )
    )
    golive.sells(sold(product="starter"), second)
    assert (await golive.only()).findings == ()
    shown = golive.systems.support.shown["cus_1"]
    assert (shown.tier, shown.features) == ("standard", ("assistant", "seats"))
    assert golive.written == ["support.publish"]


async def test_a_subscription_that_a_change_is_at_work_on_is_left_to_it(golive: GoLive) -> None:
    golive.sells(sold())
    async with golive.database.statement() as conn:
        await conn.execute(
            "insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind)"
            " values ('chg_0', 'acme', 'stripe', 'sub_1', 'sub_1', 'evt_0', 'other')"
        )
    found = await golive.only()
    assert (found.findings, found.figures.subscriptions, found.figures.given) == ((), 1, 0)
    assert not await golive.agreed()
    assert golive.written == []


async def test_access_that_a_person_holds_back_stays_so(golive: GoLive) -> None:
    golive.sells(sold())
    async with golive.database.statement() as conn:
        await conn.execute(
            "insert into access_holds (tenant, subscription_id, hold) "
            "values ('acme', 'sub_1', '{}')"
        )
    found = await golive.only()
    assert (found.findings, found.figures.given) == ((), 0)
    assert await golive.sagas.grants() == ()
    assert golive.written == []


async def test_five_months_in_billing_and_then_a_quantity_change(golive: GoLive) -> None:
    """Nothing of before the cutover is posted, however it comes to be seen."""
    months = [
        paid(
            old(f"in_{month}", issued_at=BEFORE - month * 30 * DAY),
            payment(20000, key=f"pi_{month}", of=f"in_{month}", at=BEFORE - month * 30 * DAY),
        )
        for month in range(4, -1, -1)
    ]
    golive.sells(sold(*months))
    assert (await golive.only()).findings == ()
    assert golive.systems.erp.documents == []

    more = sold(*months, invoice(line("il_up", 4000), key="in_up", issued_at=AS_OF))
    now = more.subscription.model_copy(update={"items": (item("pro", 6, key="si_1"),)})
    golive.sells(more.model_copy(update={"subscription": now}))
    settled = await golive.sagas.finish("chg_1", documents=("in_up",), whole=True)

    assert settled.outcome == "completed"
    assert [d.external_id for d in golive.systems.erp.documents] == ["in_up"]
    assert golive.systems.erp.entries == []
    change = await golive.sagas.change("chg_1")
    assert change.kind.value == "quantity"
    assert {grant.quantity for grant in await golive.sagas.grants()} == {6, 1}
