"""What others have done by hand is told right beside what would have been done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.documents import DocumentKind, SettlementKind
from canonical_models.entitlement import CustomerEntitlements, EntitledFeature, SupportEntitlement
from canonical_models.ledgering import (
    DocumentState,
    ErpDocument,
    ErpLine,
    SettlementDraft,
    TaxTotal,
)
from canonical_models.mapping import ItemMapping
from canonical_models.money import Money
from canonical_models.policy import ShadowPolicy
from canonical_models.shadow import ShadowKind, ShadowState
from operations import adoption, numbers, shadow
from operations.errors import Conflict, NotFound
from persistence import mappings
from persistence.database import Database
from persistence.tables import ContractRow
from tests.batches.bulk import Bulk
from tests.harness.rows import add
from tests.harness.subscriptions import (
    AS_OF,
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
    vat,
)
from tests.harness.systems import Target, now
from tests.shadow.lived import VAT, bills, company, items, looked, working, written

CHARGED = invoice(line("il_1", 20_000, taxes=vat(3_800)), key="in_1")


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    systems = company(shadow=True, targets={})
    async with working(
        temporal.client, database, systems, ShadowPolicy(documents=1, late_days=3)
    ) as made:
        yield made


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def by_hand(number: str = "N-in_1", erp_id: str = "701", **changed: Any) -> ErpDocument:
    """As somebody has made it who books like Trueup would."""
    made = ErpDocument(
        document_id=erp_id,
        external_id="",
        legal_entity="LE-DE",
        party="C-1001",
        currency="EUR",
        number=f"R-{erp_id}",
        billing_number=number,
        kind=CHARGED.kind,
        state=DocumentState.POSTED,
        document_date=AS_OF.date(),
        posting_date=AS_OF.date(),
        lines=(
            ErpLine(line_id=None, item=None, account="4.2.2", net=eur(12_000)),
            ErpLine(line_id=None, item=None, account="4.2.2", net=eur(8_000)),
        ),
        taxes=(TaxTotal(code=VAT.code, rate=VAT.rate, base=eur(20_000), amount=eur(3_800)),),
        net=eur(20_000),
        tax=eur(3_800),
        open=eur(23_800),
        ours=False,
    )
    return made.model_copy(update=changed)


async def planned(bulk: Bulk) -> None:
    bulk.sagas.systems.billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 5)), CHARGED)
    assert (await bulk.sagas.finish("chg_1", documents=("in_1",))).outcome == "shadowed"


def kinds(differences: Any) -> set[str]:
    return {each.kind.value for each in differences}


async def test_what_is_not_there_yet_waits_and_is_late_in_the_end(bulk: Bulk) -> None:
    await planned(bulk)
    status = await looked(bulk.context)
    assert (status.agree, status.differ, status.waiting, status.late) == (0, 1, 1, 0)
    assert status.oldest_waiting is not None
    assert status.oldest_waiting.number == "N-in_1"
    async with bulk.sagas.database.transaction() as conn:
        await conn.execute("update shadow_items set planned_at = now() - interval '4 days'")
    status = await shadow.status(bulk.context, "acme")
    assert status.late == 1
    assert "1 are not there after 3 days" in status.against


@pytest.mark.parametrize(
    ("changed", "differs", "planned_side", "found_side"),
    [
        ({"party": "C-7"}, {"party"}, "C-1001", "C-7"),
        ({"net": eur(19_000)}, {"amount", "open"}, "200.00 EUR", "190.00 EUR"),
        ({"tax": eur(1_400)}, {"tax", "open"}, "38.00 EUR", "14.00 EUR"),
        ({"posting_date": date(2026, 11, 17)}, {"date"}, "2026-11-16", "2026-11-17"),
        (
            {"lines": (ErpLine(line_id=None, item=None, account="4.9", net=eur(20_000)),)},
            {"account"},
            "none",
            "200.00 EUR",
        ),
        (
            {"taxes": (TaxTotal(code="DE-7", rate=VAT.rate, base=eur(20_000), amount=eur(3_800)),)},
            {"tax_code"},
            "none",
            "38.00 EUR on 200.00 EUR",
        ),
        ({"currency": "USD"}, {"currency"}, "EUR", "USD"),
    ],
)
async def test_each_way_in_which_a_document_differs_is_told(
    bulk: Bulk, changed: dict[str, Any], differs: set[str], planned_side: str, found_side: str
) -> None:
    await planned(bulk)
    bulk.sagas.systems.erp.documents.append(by_hand())
    await looked(bulk.context)
    assert (await items(bulk.context))["in_1"].state is ShadowState.AGREES
    bulk.sagas.systems.erp.documents[:] = [by_hand(**changed)]
    status = await looked(bulk.context)
    found = (await items(bulk.context, state=ShadowState.DIFFERS))["in_1"]
    assert kinds(found.differences) == differs
    assert (planned_side, found_side) in [(one.planned, one.found) for one in found.differences]
    assert {kind for kind, count in status.differ_by.items() if count == 1} >= differs
    assert not status.ready


async def test_a_document_that_stands_twice_is_told(bulk: Bulk) -> None:
    await planned(bulk)
    bulk.sagas.systems.erp.documents += [by_hand(), by_hand(erp_id="702")]
    await looked(bulk.context)
    found = (await items(bulk.context, kind=ShadowKind.DOUBLED))["in_1"]
    assert found.found == ("R-701", "R-702")
    bulk.sagas.systems.erp.documents.pop()
    await looked(bulk.context)
    assert (await items(bulk.context))["in_1"].state is ShadowState.AGREES


async def test_what_is_paid_is_looked_for_with_what_is_open_then(bulk: Bulk) -> None:
    await planned(bulk)
    bulk.sagas.systems.erp.documents.append(by_hand())
    await looked(bulk.context)
    bulk.sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("pro", 5)), paid(CHARGED, payment(23_800))
    )
    await bulk.sagas.finish("chg_2", documents=("in_1",))
    await looked(bulk.context)
    assert kinds((await items(bulk.context))["in_1"].differences) == {"open"}
    bulk.sagas.systems.erp.entries.append(
        SettlementDraft(
            external_id="by-hand",
            kind=SettlementKind.PAYMENT,
            legal_entity="LE-DE",
            party="C-1001",
            amount=eur(23_800),
            value_date=AS_OF.date(),
            posting_date=AS_OF.date(),
            document="701",
        )
    )
    await looked(bulk.context)
    assert (await items(bulk.context))["in_1"].state is ShadowState.AGREES


async def test_what_is_void_has_to_be_taken_back(bulk: Bulk) -> None:
    for number in (5, 6):
        bills(bulk.sagas.systems, number)
        documents = ("in_1", "in_2", "cn_1", "in_3")
        await bulk.sagas.finish(f"chg_{number}", documents=documents)
    stands = by_hand("N-in_3", "703")
    bulk.sagas.systems.erp.documents.append(stands)
    await looked(bulk.context)
    assert kinds((await items(bulk.context))["in_3"].differences) == {"not_taken_back"}
    bulk.sagas.systems.erp.documents.append(
        by_hand(
            "C-1",
            "704",
            corrects="703",
            kind=DocumentKind.CREDIT_NOTE,
            net=eur(-20_000),
            tax=eur(-3_800),
        )
    )
    await looked(bulk.context)
    assert (await items(bulk.context))["in_3"].state is ShadowState.AGREES


async def test_support_and_targets_are_compared_as_well(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    systems = company(shadow=True)
    target = Target(systems.script, "app")
    systems = company(shadow=True, targets={"app": target}, script=systems.script)
    async with working(temporal.client, database, systems, ShadowPolicy(documents=1)) as bulk:
        await planned(bulk)
        bulk.sagas.systems.erp.documents.append(by_hand())
        status = await looked(bulk.context)
        found = await items(bulk.context)
        assert found["app/cus_1"].state is ShadowState.WAITING
        assert kinds(found["cus_1"].differences) == {"tier", "contract_end", "features"}
        assert not status.ready
        (planned_,) = [
            one.planned for one in found["cus_1"].differences if one.kind is ShadowKind.TIER
        ]
        assert planned_ == "premium"
        bulk.sagas.systems.support.shown["cus_1"] = SupportEntitlement(
            organization="cus_1",
            tier="premium",
            contract_end=subscription(item("pro", 5)).items[0].period_end,
            features=("seats", "sso"),
        )
        target.kept["cus_1"] = CustomerEntitlements(
            customer_id="cus_1",
            revision=1,
            as_of=now(),
            features=(
                EntitledFeature(feature="seats", quantity=4, until=None),
                EntitledFeature(feature="sso", quantity=1, until=None),
            ),
        )
        await looked(bulk.context)
        found = await items(bulk.context)
        assert found["cus_1"].state is ShadowState.AGREES
        (one,) = found["app/cus_1"].differences
        assert (one.what, one.planned, one.found) == ("seats", "5", "4")
        seats = EntitledFeature(feature="seats", quantity=5, until=None)
        held = target.kept["cus_1"]
        target.kept["cus_1"] = held.model_copy(update={"features": (seats, held.features[1])})
        status = await looked(bulk.context)
        assert (status.agree, status.differ, status.waiting) == (3, 0, 0)
        assert status.ready
        assert status.ready_since is not None
        assert status.against == ()
        assert [(week.agree, week.rate) for week in status.weeks] == [(3, 1.0)]
        assert written(bulk.sagas.systems) == []
        # Nothing was posted, given or told, so no number has a case of it; nor of a renewal that
        # was due while it is in shadow.
        renewed = ContractRow(
            tenant="acme",
            subscription_id="sub_1",
            customer_id="cus_1",
            starts_at=AS_OF,
            renews_at=now() - timedelta(days=1),
            forecast="none",
            change_id="chg_1",
        )
        async with database.transaction() as conn:
            await add(conn, renewed)
        for number in (await numbers.look(bulk.context, "acme")).items:
            if number.number not in {"mappings", "replays"}:
                assert {each.cases for each in number.measures} == {0}, number


async def test_what_was_mended_is_planned_anew_by_the_look(bulk: Bulk) -> None:
    bulk.sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("new", 5)), invoice(line("il_1", 20_000, product="new"), key="in_1")
    )
    await bulk.sagas.finish("chg_1", documents=("in_1",))
    assert (await shadow.status(bulk.context, "acme")).asked
    async with bulk.sagas.database.transaction() as conn:
        await mappings.put(conn, "acme", ItemMapping(item="new", erp_item="NEW"), by="tester")
        await conn.execute("update shadow_changes set planned_at = now() - interval '1 hour'")
    await looked(bulk.context)
    status = await shadow.status(bulk.context, "acme")
    assert status.asked == ()
    assert "in_1" in await items(bulk.context)


async def test_who_is_live_has_nothing_in_shadow(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    async with working(temporal.client, database, company()) as bulk:
        status = await shadow.status(bulk.context, "acme")
        assert (status.in_shadow, status.changes, status.ready) == (False, 0, False)
        with pytest.raises(Conflict, match="acme is live"):
            await shadow.look(bulk.context, "acme")
        with pytest.raises(NotFound, match="nothing was planned in shadow"):
            await shadow.show(bulk.context, "acme", "chg_none")


async def test_going_live_posts_nothing_of_before(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    """The old process has booked it: the new cutover says so."""
    dark = company(shadow=True)
    async with working(temporal.client, database, dark) as bulk:
        await planned(bulk)
        with pytest.raises(Conflict, match="in shadow, where nothing is taken over"):
            await adoption.begin(bulk.context, "acme", by="fay", rehearsal=False, confirmed=True)
    live = company(books_from=AS_OF + timedelta(days=2))
    live.billing, live.erp = dark.billing, dark.erp
    live.tenant = replace(live.tenant, billing=live.billing, erp=live.erp)
    live.erp.documents.append(by_hand())
    async with working(temporal.client, database, live) as bulk:
        later = AS_OF + timedelta(days=3)
        new = invoice(line("il_2", 4_000, taxes=vat(760)), key="in_2", issued_at=later)
        live.billing.snapshots["sub_1"] = snapshot(
            subscription(item("pro", 7), as_of=later), CHARGED, new
        )
        settled = await bulk.sagas.finish("chg_2", documents=("in_1", "in_2"))
        assert settled.outcome == "completed"
    assert [each.billing_number for each in live.erp.documents] == ["N-in_1", "N-in_2"]
