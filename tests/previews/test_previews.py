"""What would happen, against what then does; and nothing is done by asking."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.acts import Role
from canonical_models.amendment import ChangeKind
from canonical_models.approvals import Occasion
from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.commerce import BillingSnapshot
from canonical_models.exceptions import Action, DocumentCorrection, Resolution, Track
from canonical_models.failures import TransientFailure
from canonical_models.mapping import ItemMapping
from canonical_models.policy import ApprovalRule, BooksPolicy, TenantPolicy
from canonical_models.preview import Comes, Foreseen, Mend
from canonical_models.proposal import ProposedItem, Prorating
from canonical_models.states import ChangeOutcome
from canonical_models.views import ExceptionView
from operations import accounts, batches, causes, changes, preview, subscriptions
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from operations.preview import AmendmentAsked
from persistence import exceptions as kept_exceptions
from persistence.database import Database
from tests.adoption.golive import WRITES
from tests.api.stuck import Stuck, stuck
from tests.batches.bulk import Bulk, at_work
from tests.harness.deciding import taken
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import ACCOUNT, ITEMS, invoice, item, line, snapshot, subscription
from tests.harness.systems import Planned, Systems
from tests.harness.waiting import until

NEW = ItemMapping(item="new", erp_item="NEW", included=("assistant",))
MEND = Mend(item=NEW)
#: What a preview that is kept writes of itself.
OWN = ("batches", "batch_items", "processes")


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        at_work(working) as made,
    ):
        yield made


@pytest.fixture
def sagas(bulk: Bulk) -> Sagas:
    return bulk.sagas


@pytest.fixture
def context(bulk: Bulk) -> AppContext:
    return bulk.context


async def resting(sagas: Sagas) -> dict[str, list[str]]:
    """Everything, once no saga is at work any more: both tracks of one have come to rest."""
    seen: list[dict[str, list[str]]] = [{}]

    async def rests() -> bool:
        seen.append(await everything(sagas))
        return len(seen) > 5 and seen[-1] == seen[-5]

    await until(rests, "all sagas rest", seconds=60, every=0.3)
    return seen[-1]


async def everything(sagas: Sagas) -> dict[str, list[str]]:
    """Every row of every table, but those that a preview is kept in."""
    async with sagas.database.statement() as conn:
        names = await conn.execute("select tablename from pg_tables where schemaname = 'public'")
        held = {}
        for (name,) in await names.fetchall():
            if name not in OWN:
                rows = await conn.execute(f"select t::text from {name} t order by 1".encode())
                held[name] = [row[0] for row in await rows.fetchall()]
        return held


async def corrected(sagas: Sagas, of: Stuck) -> None:
    key = of.exception.exception_id
    decided = Resolution(exception_id=key, action=Action.CORRECT, by="tester", item=NEW)
    await taken(sagas.database, "acme", decided, seconds=60)


def written(sagas: Sagas) -> list[str]:
    return [call for call in sagas.systems.script.calls if call in WRITES]


async def test_it_says_what_the_saga_then_does(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    held, did = await resting(sagas), written(sagas)
    foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert await everything(sagas) == held
    assert written(sagas) == did

    assert (foreseen.comes, foreseen.why) == (Comes.GOES_THROUGH, None)
    (document,) = foreseen.documents
    assert document.document_id == waiting.document_id
    assert [line.item for line in document.lines] == ["NEW"]
    assert document.gross == document.net
    assert str(document.gross) == "50.00 EUR"

    again = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert (again.digest, again.documents) == (foreseen.digest, foreseen.documents)

    await corrected(sagas, waiting)
    assert (await waiting.handle.result()).outcome == ChangeOutcome.COMPLETED
    (posted,) = [
        each for each in sagas.systems.erp.documents if waiting.document_id in each.external_id
    ]
    assert (posted.net, posted.legal_entity, posted.party) == (
        document.net,
        document.legal_entity,
        document.party,
    )


async def test_another_mend_is_another_plan(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    one, other = [
        await preview.of_exception(context, "acme", waiting.exception.exception_id, mend)
        for mend in (MEND, Mend(item=NEW.model_copy(update={"erp_item": "OTHER"})))
    ]
    assert one.digest != other.digest
    assert [line.item for line in other.documents[0].lines] == ["OTHER"]


async def test_what_is_still_missing_is_named(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, Mend())
    assert foreseen.comes is Comes.THEN_WAITS
    assert (foreseen.code, foreseen.about) == ("item_unmapped", waiting.exception.subject)


async def test_what_is_away_is_not_told(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    sagas.systems.script.faults["billing.snapshot"] = [
        Planned(lambda: TransientFailure("away", system="billing"))
    ]
    foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert (foreseen.comes, foreseen.why) == (Comes.UNTOLD, "away")


async def test_what_is_closed_is_not_affected(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    await corrected(sagas, waiting)
    await waiting.handle.result()
    foreseen = await preview.of_exception(context, "acme", key, Mend())
    assert foreseen.comes is Comes.NOT_AFFECTED
    assert foreseen.why == "it was closed by tester: correct"


async def test_a_mend_of_something_else_is_refused(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    other = Mend(item=NEW.model_copy(update={"item": "another"}))
    with pytest.raises(Invalid, match="maps something else"):
        await preview.of_exception(context, "acme", key, other)
    other = Mend(document=DocumentCorrection(document_id="in_none", tax_code="DE-RC"))
    with pytest.raises(Invalid, match="documents of"):
        await preview.of_exception(context, "acme", key, other)
    with pytest.raises(NotFound):
        await preview.of_exception(context, "acme", "exc_none", MEND)


async def test_a_saga_at_work_on_the_same_goes_first(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    async with sagas.database.transaction() as conn:
        await conn.execute("select 1 from documents for update")
        await conn.execute(
            "select pg_advisory_xact_lock(hashtextextended('mapping/acme/item/new', 0))"
        )
        foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert foreseen.comes is Comes.UNTOLD
    assert "at work on it" in (foreseen.why or "")


async def foreseen(context: AppContext) -> Foreseen:
    change = AmendmentAsked(
        subscription_id="sub_1",
        items=(ProposedItem(item_id="si_1", quantity=7),),
        prorating=Prorating.AT_ONCE,
    )
    return await preview.of_amendment(context, "acme", change)


def upgraded(sagas: Sagas, document_id: str, minor: int = 12_000) -> BillingSnapshot:
    """Two more, billed at once."""
    billed = invoice(line(f"il_{document_id}", minor, of="sub_1"), key=document_id)
    before = sagas.systems.billing.snapshots["sub_1"]
    (held,) = before.subscription.items
    more = held.model_copy(update={"quantity": 7})
    now = before.subscription.model_copy(update={"items": (more,)})
    return before.model_copy(update={"subscription": now, "documents": (billed,)})


async def test_a_look_at_billing_says_dry_what_it_would_do(
    sagas: Sagas, context: AppContext
) -> None:
    await (await sagas.sell(1)).result()
    # Billing has issued what no event has told of.
    sagas.systems.billing.snapshots["sub_1"] = upgraded(sagas, "in_more")
    held, did = await resting(sagas), written(sagas)
    said = await subscriptions.sync(context, "acme", "sub_1", dry_run=True)
    assert (said.change_id, said.already) == (None, False)
    assert said.foreseen is not None
    assert said.foreseen.comes is Comes.GOES_THROUGH
    assert [each.document_id for each in said.foreseen.documents] == ["in_more"]
    customer = sagas.systems.billing.snapshots["sub_1"].subscription.customer.customer_id
    account = await accounts.sync(context, "acme", customer, dry_run=True)
    assert (account.change_id, account.already) == (None, False)
    assert account.foreseen is not None
    assert account.foreseen.subject == f"account:{customer}"
    assert await everything(sagas) == held
    assert written(sagas) == did


async def test_a_change_that_is_thought_of_is_the_one_that_comes(
    sagas: Sagas, context: AppContext
) -> None:
    await (await sagas.sell(1)).result()
    billing = sagas.systems.billing
    billing.previews["sub_1"] = upgraded(sagas, "upcoming")
    held, did = await resting(sagas), written(sagas)
    sagas.systems.script.calls.clear()
    found = await foreseen(context)
    asked = [call for call in sagas.systems.script.calls if call.startswith("billing.")]
    assert asked == ["billing.preview"]
    assert await everything(sagas) == held
    assert (found.comes, found.kind) == (Comes.GOES_THROUGH, ChangeKind.QUANTITY)
    assert [str(document.gross) for document in found.documents] == ["120.00 EUR"]
    assert (found.features_before["seats"], found.features["seats"]) == (5, 7)
    assert (found.tier, found.approvals) == ("premium", ())
    assert found.contract is not None

    now = upgraded(sagas, "in_2")
    before = billing.snapshots["sub_1"].documents
    billing.snapshots["sub_1"] = now.model_copy(update={"documents": (*before, *now.documents)})
    done = await sagas.finish("chg_up", "sub_1", documents=("in_2",))
    assert done.outcome == ChangeOutcome.COMPLETED
    assert (await changes.show(context, "acme", "chg_up")).terms == found.terms
    assert str(sagas.systems.erp.documents[-1].gross) == "120.00 EUR"
    assert did

    # Another price is another change.
    billing.previews["sub_1"] = upgraded(sagas, "upcoming", 11_999)
    assert (await foreseen(context)).terms != found.terms


async def test_what_needs_a_yes_is_shown_as_it_would_be_with_it(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    rule = ApprovalRule(
        on=Occasion.CHARGE, above={"EUR": Decimal(100)}, people=2, roles=(Role.FINANCE,)
    )
    policy = TenantPolicy(books=BooksPolicy(approvals=(rule,)))
    async with (
        sagas_at_work(temporal.client, database, Systems(policy=policy)) as sagas,
        at_work(sagas) as made,
    ):
        await (await sagas.sell(1)).result()
        sagas.systems.billing.previews["sub_1"] = upgraded(sagas, "upcoming")
        found = await foreseen(made.context)
    assert (found.comes, found.code) == (Comes.NEEDS_APPROVAL, "approval_needed")
    (need,) = found.approvals
    assert (need.people, need.roles) == (2, (Role.FINANCE,))
    assert [str(document.gross) for document in found.documents] == ["120.00 EUR"]


async def test_a_change_of_what_is_not_there_is_refused(sagas: Sagas, context: AppContext) -> None:
    with pytest.raises(NotFound, match="nothing was agreed of a subscription sub_1"):
        await foreseen(context)
    await (await sagas.sell(1)).result()
    other = AmendmentAsked(
        subscription_id="sub_1", items=(ProposedItem(item_id="si_2", removed=True),)
    )
    with pytest.raises(Invalid, match="has no item si_2"):
        await preview.of_amendment(context, "acme", other)


async def several(sagas: Sagas, count: int) -> list[Stuck]:
    return [await stuck(sagas) for _ in range(count)]


async def ended(context: AppContext, made: preview.CausePreview) -> preview.CausePreview:
    async def so() -> bool:
        found = await preview.show(context, "acme", made.batch.batch_id)
        return found.batch.state is BatchState.ENDED

    await until(so, "the preview is whole", seconds=60)
    return await preview.show(context, "acme", made.batch.batch_id)


async def test_a_cause_is_foreseen_case_by_case(sagas: Sagas, context: AppContext) -> None:
    waiting = await several(sagas, 5)
    key = waiting[0].exception.cause_id
    assert {each.exception.cause_id for each in waiting} == {key}
    held, did = await resting(sagas), written(sagas)
    made = await preview.of_cause(context, "acme", key, MEND, by="fay")
    found = await ended(context, made)
    assert await everything(sagas) == held
    assert written(sagas) == did

    assert found.comes == {Comes.GOES_THROUGH: 5}
    (total,) = found.totals
    assert (total.documents, str(total.gross), total.legal_entity) == (5, "250.00 EUR", "LE-DE")
    items = (await batches.items(context, "acme", made.batch.batch_id)).items
    assert [item.key for item in items] == [each.exception.exception_id for each in waiting]
    kept: list[dict[str, Any]] = [item.found or {} for item in items]
    assert all(each["digest"] and each["documents"][0]["digest"] for each in kept)


async def both_wait(sagas: Sagas) -> tuple[ExceptionView, ExceptionView]:
    """Of one subscription: what it pays for and may use is what nobody has mapped."""
    sold = subscription(item("new", 5), subscription_id="sub_both")
    (of_price,) = (each.plan.plan_id for each in sold.items)
    billed = line("il_both", 5000, "new", of="sub_both").model_copy(update={"price": of_price})
    issued = invoice(billed, key="in_both")
    sagas.systems.billing.snapshots["sub_both"] = snapshot(sold, issued)
    await sagas.start("chg_both", "sub_both", documents=("in_both",))
    found: dict[str, ExceptionView] = {}

    async def asked() -> bool:
        async with sagas.database.statement() as conn:
            page = await kept_exceptions.page(conn, "acme", change_id="chg_both")
        found.update({case.track: case for case in page})
        return set(found) == {Track.BOOKS, Track.ACCESS}

    await until(asked, "books and access both ask")
    return found[Track.BOOKS], found[Track.ACCESS]


async def test_what_books_and_access_both_wait_for_is_counted_once(
    sagas: Sagas, context: AppContext
) -> None:
    books, access = await both_wait(sagas)
    assert (books.cause_id, books.at_risk) == (access.cause_id, access.at_risk)
    await resting(sagas)
    shown = await causes.show(context, "acme", books.cause_id)
    assert {case.exception_id for case in shown.cases} == {books.exception_id, access.exception_id}
    assert [str(amount) for amount in shown.cause.at_risk] == ["50.00 EUR"]

    made = await preview.of_cause(context, "acme", books.cause_id, MEND, by="fay")
    found = await ended(context, made)
    assert (found.batch.total, found.comes) == (1, {Comes.GOES_THROUGH: 1})
    (total,) = found.totals
    assert (total.documents, str(total.gross)) == (1, "50.00 EUR")
    (item_,) = (await batches.items(context, "acme", made.batch.batch_id)).items
    assert (item_.found or {})["goes_on"] == ["books", "access"]

    # Without a mend neither does.
    again = await preview.of_exception(context, "acme", access.exception_id, Mend())
    assert (again.comes, again.goes_on) == (Comes.THEN_WAITS, ())


async def test_a_case_that_was_closed_meanwhile_is_told(sagas: Sagas, context: AppContext) -> None:
    waiting = await several(sagas, 2)
    async with sagas.database.transaction() as conn:
        await conn.execute(
            "update exceptions set state = 'resolved', resolution = 'retry', "
            "resolved_by = 'sam', resolved_at = now() where id = %s",
            (waiting[0].exception.exception_id,),
        )
    made = await preview.of_cause(context, "acme", waiting[0].exception.cause_id, MEND, by="fay")
    assert (await ended(context, made)).batch.counts == {ItemOutcome.DONE: 1}
    with pytest.raises(NotFound, match="no open exception has the cause"):
        await preview.of_cause(context, "acme", "0" * 16, MEND, by="fay")


async def test_a_mapping_is_foreseen_over_what_it_is_about(
    sagas: Sagas, context: AppContext
) -> None:
    for number in (1, 2):
        await (await sagas.sell(number)).result()
    held, did = await resting(sagas), written(sagas)
    other = ITEMS["pro"].model_copy(update={"included": ("sso", "audit")})
    made = await preview.of_mapping(context, "acme", other, by="fay")
    found = await ended(context, made)
    assert await everything(sagas) == held
    assert written(sagas) == did
    assert found.comes == {Comes.GOES_THROUGH: 2}
    items = (await batches.items(context, "acme", made.batch.batch_id)).items
    gives = [(item.found or {})["features"] for item in items]
    assert [item.key for item in items] == ["sub_1", "sub_2"]
    assert all("audit" in each for each in gives)
    nobody = ACCOUNT.model_copy(update={"billing_customer": "cus_none"})
    with pytest.raises(Invalid, match="no subscription is known"):
        await preview.of_mapping(context, "acme", nobody, by="fay")


async def test_a_replay_is_foreseen_the_same_way(sagas: Sagas, context: AppContext) -> None:
    await (await sagas.sell(1)).result()
    again = await preview.of_subject(context, "acme", "sub_1", ("in_1",))
    assert (again.comes, again.documents) == (Comes.GOES_THROUGH, ())
    new = await preview.of_subject(context, "acme", "account:cus_1")
    assert (new.comes, new.summary) == (Comes.GOES_THROUGH, "already agreed everywhere")
