"""What our own tables know of a change before it is planned, and when it is done."""

import pytest

from canonical_models.amendment import (
    Amendment,
    AmendmentPlan,
    BooksPlan,
    ChangeKind,
    DocumentStep,
)
from canonical_models.commerce import (
    AccountSnapshot,
    BillingSnapshot,
    Customer,
    Subscription,
    SubscriptionStatus,
)
from canonical_models.documents import DocumentKind
from canonical_models.entitlement import Grant, GrantSource, SubscriptionSupport
from canonical_models.ledgering import DocumentDraft, DraftLine
from canonical_models.occasion import SyncAsked
from canonical_models.states import ChangeOutcome
from persistence import (
    accounts,
    change_queue,
    change_runs,
    changes,
    dunning,
    grants,
    planning_context,
    subscriptions,
    support_contributions,
)
from persistence.connection import Connection
from persistence.database import Database
from persistence.ownership import Owner
from persistence.planning_context import PlanningContext
from tests.harness.flow import write
from tests.persistence.issued import (
    ISSUED,
    PARTY,
    TENANT,
    document,
    eur,
    see,
)
from tests.persistence.test_settlements import GOODWILL

SUBSCRIPTION = Subscription(
    subscription_id="sub_1",
    customer=Customer(customer_id="cus_1"),
    status=SubscriptionStatus.ACTIVE,
    currency="EUR",
    items=(),
    started_at=ISSUED,
    as_of=ISSUED,
)
GRANT = Grant(
    customer_id="cus_1",
    feature="seats",
    source=GrantSource.SUBSCRIPTION,
    source_id="si_1",
    subscription_id="sub_1",
    quantity=5,
    starts_at=ISSUED,
)
CONTRIBUTION = SubscriptionSupport(tier="premium", contract_end=None)
PERSONAL = ("Jane", "doe.example", "Hauptstr", "DE123456789")


async def saved(
    conn: Connection,
    given: AmendmentPlan,
    snapshot: BillingSnapshot | AccountSnapshot,
    *,
    instead_of: str = "",
    epoch: int = 0,
    reading: int = 1,
) -> bool:
    """Whether the run for this claim of the change could keep the plan."""
    await conn.execute(
        "update changes set state = 'running', ready = false where state = 'pending'"
    )
    owner = Owner(TENANT, given.change_id, epoch)
    return await changes.save_plan(
        conn, owner, given, snapshot, instead_of=instead_of, reading=reading, read_at=ISSUED
    )


async def change(database: Database, subject: str = "sub_1", *, whole: bool = False) -> str:
    async with database.transaction() as conn:
        return await change_queue.follow(
            conn,
            TENANT,
            subject,
            why=SyncAsked(subject),
            kind=ChangeKind.BILLED,
            documents=["in_1"],
            whole=whole,
        )


async def brief(database: Database, change_id: str) -> PlanningContext:
    async with database.statement() as conn:
        found = await planning_context.of_change(conn, TENANT, change_id)
        assert await planning_context.of_change(conn, "globex", change_id) is None
    assert found is not None
    return found


def plan(change_id: str, subject: str = "sub_1") -> AmendmentPlan:
    draft = DocumentDraft(
        external_id="in_1",
        kind=DocumentKind.INVOICE,
        legal_entity="LE-DE",
        party="C-1001",
        currency="EUR",
        issued_on=ISSUED.date(),
        posting_date=ISSUED.date(),
        lines=(DraftLine(line_id="il_1", item="PRO", net=eur(10000)),),
    )
    step = DocumentStep(document_id="in_1", content="c", draft=draft, legal_entity="LE-DE")
    return AmendmentPlan(
        change_id=change_id,
        subject=subject,
        amendment=Amendment(
            kind=ChangeKind.RENEWAL, summary="renewed", customer_id="cus_1", effective_at=ISSUED
        ),
        books=BooksPlan(documents=(step,)),
    )


async def test_the_first_change_of_a_subscription_knows_nothing(database: Database) -> None:
    found = await brief(database, await change(database, whole=True))
    assert found == PlanningContext(
        subject="sub_1",
        subscription_id="sub_1",
        customer_id=None,
        kind="billed",
        epoch=0,
        reading=0,
        outcome=None,
        documents=("in_1",),
        whole=True,
        first_time=True,
        agreed=None,
        held=(),
        contribution=None,
        unpaid=frozenset(),
        access_hold=None,
        aborted=None,
        undoing=False,
        set_in_doubt=False,
        plan=None,
        digest=None,
    )


async def test_what_was_agreed_is_known_to_the_next_change(database: Database) -> None:
    of = await change(database)
    planned = plan(of)
    overdue = document("in_0", overdue_since=ISSUED)
    async with database.transaction() as conn:
        await subscriptions.save(conn, TENANT, SUBSCRIPTION, "chg_0")
        await grants.replace(conn, TENANT, "sub_1", [GRANT], change_id="chg_0")
        await support_contributions.put(
            conn, TENANT, "sub_1", "org_1", CONTRIBUTION, customer_id="cus_1"
        )
        await dunning.open_(conn, TENANT, "sub_1", "cus_1", [overdue, document("in_1")])
        assert await saved(conn, planned, BillingSnapshot(subscription=SUBSCRIPTION))
    assert (await brief(database, of)).unpaid == frozenset()
    await write(database, "update dunning_cases set stage = 'suspended'")
    found = await brief(database, of)
    assert (found.agreed, found.first_time, found.customer_id) == (SUBSCRIPTION, False, "cus_1")
    assert (found.held, found.contribution, sorted(found.unpaid)) == (
        (GRANT,),
        CONTRIBUTION,
        ["in_0"],
    )
    assert (found.plan, found.digest, found.outcome) == (planned, planned.digest, None)
    async with database.transaction() as conn:
        await changes.settle(conn, TENANT, of, outcome=ChangeOutcome.COMPLETED)
    assert (await brief(database, of)).outcome == "completed"


async def test_a_change_of_an_account_knows_nothing_of_subscriptions(database: Database) -> None:
    of = await change(database, "account:cus_1")
    async with database.transaction() as conn:
        await subscriptions.save(conn, TENANT, SUBSCRIPTION, "chg_0")
        await grants.replace(conn, TENANT, "sub_1", [GRANT], change_id="chg_0")
    found = await brief(database, of)
    assert (found.subject, found.subscription_id, found.customer_id) == (
        "account:cus_1",
        None,
        "cus_1",
    )
    assert (found.first_time, found.agreed, found.held, found.contribution) == (
        True,
        None,
        (),
        None,
    )
    async with database.transaction() as conn:
        await accounts.put(conn, TENANT, "cus_1", balance=())
    assert not (await brief(database, of)).first_time


async def test_an_agreement_of_the_account_is_none_of_its_subscriptions(
    database: Database,
) -> None:
    of = await change(database)
    await write(database, "update changes set customer_id = 'cus_1'")
    async with database.transaction() as conn:
        await accounts.put(conn, TENANT, "cus_1", balance=())
    assert (await brief(database, of)).first_time


@pytest.mark.parametrize("subject", ["sub_1", "account:cus_1"])
async def test_what_a_change_keeps_names_nobody(database: Database, subject: str) -> None:
    of = await change(database, subject)
    planned = plan(of, subject)
    (step,) = planned.books.documents
    assert step.draft is not None
    named = step.model_copy(update={"draft": step.draft.to(PARTY)})
    given = planned.model_copy(update={"books": BooksPlan(documents=(named,))})
    snapshot: BillingSnapshot | AccountSnapshot
    if subject == "sub_1":
        snapshot = BillingSnapshot(subscription=SUBSCRIPTION, documents=(document(),))
    else:
        snapshot = AccountSnapshot(
            customer_id="cus_1", as_of=ISSUED, documents=(document(),), movements=(GOODWILL,)
        )
    async with database.transaction() as conn:
        assert await change_runs.done(conn, TENANT, of) is None
        assert await saved(conn, given, snapshot)
        done = await change_runs.done(conn, TENANT, of)
        text = await (await conn.execute("select c::text from changes c")).fetchone()
        assert await changes.plan(conn, TENANT, of) == planned
    assert done is not None
    assert done.plan == planned
    assert done.snapshot == snapshot.model_copy(update={"documents": (document().kept(),)})
    assert done.held == ()
    assert text is not None
    assert "in_1" in text[0]
    assert not any(personal in text[0] for personal in PERSONAL)


async def test_a_settled_change_keeps_its_plan(database: Database) -> None:
    of = await change(database)
    snapshot = BillingSnapshot(subscription=SUBSCRIPTION)
    async with database.transaction() as conn:
        assert await saved(conn, plan(of), snapshot)
        await changes.settle(conn, TENANT, of, outcome=ChangeOutcome.COMPLETED)
        other = plan(of).model_copy(update={"books": BooksPlan()})
        assert not await saved(conn, other, snapshot, instead_of=plan(of).digest)
        assert await changes.plan(conn, TENANT, of) == plan(of)


async def test_a_plan_that_comes_late_replaces_none(database: Database) -> None:
    """The run, or a newer claim of the change, has gone on from another one."""
    of = await change(database)
    snapshot = BillingSnapshot(subscription=SUBSCRIPTION)
    other = plan(of).model_copy(update={"books": BooksPlan()})
    async with database.transaction() as conn:
        assert await saved(conn, plan(of), snapshot)
        assert not await saved(conn, other, snapshot)
        assert await changes.plan(conn, TENANT, of) == plan(of)
        assert await saved(conn, other, snapshot, instead_of=plan(of).digest)
        await conn.execute("update changes set epoch = 1")
        assert not await saved(conn, plan(of), snapshot, instead_of=other.digest)
        # The next run begins with none, whatever the one before has planned.
        assert await saved(conn, plan(of), snapshot, epoch=1)


@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        ("the earlier", ChangeOutcome.COMPLETED),
        ("the later", ChangeOutcome.COMPLETED),
        # It would be done again what was just undone.
        ("the earlier", ChangeOutcome.COMPENSATED),
    ],
)
async def test_what_a_reading_that_nobody_heard_has_taken_in_is_not_lost(
    database: Database, heard: str, outcome: ChangeOutcome
) -> None:
    """Two attempts plan the same: the later one takes in what came between them. Where the plan of
    the earlier one is carried out, that has not been read."""
    of = await change(database)
    await write(database, "update changes set state = 'running', ready = false, epoch = 1")
    owner = Owner(TENANT, of, 1)
    async with database.transaction() as conn:
        earlier = await planning_context.begin(conn, owner, run_id="run")
        news = await change_queue.follow(
            conn, TENANT, "sub_1", why=SyncAsked("news"), kind=ChangeKind.BILLED, documents=["in_2"]
        )
        later = await planning_context.begin(conn, owner, run_id="run")
    assert earlier is not None
    assert later is not None
    assert (earlier.documents, later.documents) == (("in_1",), ("in_1", "in_2"))
    assert (earlier.reading, later.reading) == (1, 2)
    first, second = (earlier, later) if heard == "the earlier" else (later, earlier)
    async with database.transaction() as conn:
        for known, kept in ((first, True), (second, False)):
            assert kept is await changes.save_plan(
                conn,
                owner,
                plan(of),
                BillingSnapshot(subscription=SUBSCRIPTION),
                instead_of="",
                reading=known.reading,
                read_at=ISSUED,
            )
        await changes.settle(conn, TENANT, of, outcome=outcome, owner=owner)
        after = await changes.get(conn, TENANT, news)
        ready = await (await conn.execute("select id from changes where ready")).fetchall()
    assert after is not None
    if heard == "the later" or outcome is ChangeOutcome.COMPENSATED:
        assert (after.state, after.taken_in_by, ready) == ("settled", of, [])
    else:
        assert (after.state, after.taken_in_by, ready) == ("pending", None, [(news,)])


async def test_what_a_change_that_was_stopped_has_not_read_the_next_one_reads(
    database: Database,
) -> None:
    stopped = await change(database)
    async with database.transaction() as conn:
        await conn.execute("update changes set state = 'running', ready = false")
        await changes.settle(conn, TENANT, stopped, outcome=ChangeOutcome.CANCELLED)
        following = await change_queue.follow(
            conn, TENANT, "sub_1", why=SyncAsked("news"), kind=ChangeKind.BILLED, documents=["in_2"]
        )
    assert set((await brief(database, following)).documents) == {"in_1", "in_2"}
    await see(database, document("in_1"))
    assert set((await brief(database, following)).documents) == {"in_2"}
