"""A process remembers the plans that it has made. A step of one that has been replaced since is
refused where it writes, and writes nothing."""

from typing import Any

import pytest

from activities.contracts.amendment import StepInput
from activities.kept_plans import owner_of_plan, plan_of, remember, told_of
from canonical_models.amendment import Amendment, AmendmentPlan, ChangeKind
from canonical_models.commerce import BillingSnapshot
from canonical_models.failures import Rejection, RejectionCode
from persistence import changes
from persistence.database import Database
from persistence.ownership import Owner
from tests.harness.slow_ledger import Ledger
from tests.harness.slow_vendor import Made
from tests.harness.subscriptions import item, subscription
from tests.persistence.issued import ISSUED


def plan(summary: str) -> AmendmentPlan:
    return AmendmentPlan(
        change_id="chg_1",
        subject="sub_1",
        amendment=Amendment(
            kind=ChangeKind.UPGRADE, summary=summary, customer_id="cus_1", effective_at=ISSUED
        ),
    )


async def one(database: Database, query: bytes) -> object:
    async with database.statement() as conn:
        row = await (await conn.execute(query)).fetchone()
    return row and row[0]


OLD, NEW = plan("old"), plan("new")


def step(of: AmendmentPlan) -> StepInput:
    return StepInput(tenant="acme", change_id="chg_1", epoch=1, digest=of.digest)


async def keep(database: Database, made: AmendmentPlan, *, instead_of: str = "") -> None:
    """As preparing does, in this process."""
    snapshot = BillingSnapshot(subscription=subscription(item("pro", 5)))
    async with database.transaction() as conn:
        assert await changes.save_plan(
            conn,
            Owner("acme", "chg_1", 1),
            made,
            snapshot,
            instead_of=instead_of,
            reading=1,
            read_at=ISSUED,
        )
    remember("acme", made, made.digest, told=f"told before {made.amendment.summary}")


@pytest.fixture
async def planned(database: Database) -> Database:
    """A change of this run, with its first plan."""
    async with database.statement() as conn:
        await conn.execute(
            "insert into changes (id, tenant, connection, subject, event_id, kind, state, epoch) "
            "values ('chg_1', 'acme', 'stripe', 'sub_1', 'chg_1', 'other', 'running', 1)"
        )
    await keep(database, OLD)
    return database


async def test_a_plan_of_this_process_is_not_read_again(planned: Database) -> None:
    async with planned.statement() as conn:
        await conn.execute("update changes set plan = null")
    assert await plan_of(planned, step(OLD)) == OLD
    assert told_of(owner_of_plan(step(OLD))) == "told before old"


async def test_a_plan_of_another_process_is_read_and_is_the_newest(planned: Database) -> None:
    """Another has made the plan anew: what this one remembers of it is nothing."""
    other = plan("of another process")
    async with planned.transaction() as conn:
        await conn.execute(
            "update changes set plan = %s::jsonb, plan_digest = %s",
            (other.model_dump_json(), other.digest),
        )
    assert await plan_of(planned, step(other)) == other
    assert told_of(owner_of_plan(step(other))) == ""
    unknown = step(OLD).model_copy(update={"digest": "of neither"})
    with pytest.raises(Rejection, match="planned again"):
        await plan_of(planned, unknown)


@pytest.mark.parametrize(
    "kind",
    [{}, {"writes_set": "organization:acme/org_1"}, {"local": True}],
    ids=["alone", "of a set", "ours"],
)
async def test_a_step_of_a_plan_that_has_been_replaced_is_refused_and_writes_nothing(
    planned: Database, kind: dict[str, Any]
) -> None:
    """The plan that it remembers is still at hand."""
    ledger = Ledger(planned)
    written: list[Made] = []

    async def write(_: object) -> Made:
        written.append(Made(number=1, state="posted"))
        return written[-1]

    await keep(planned, NEW, instead_of=OLD.digest)
    assert await plan_of(planned, step(OLD)) == OLD

    late = ledger.effect(owner=owner_of_plan(step(OLD)), write=write, **kind)
    with pytest.raises(Rejection) as refused:
        await ledger.begin(late)
    assert refused.value.reason is RejectionCode.DOCUMENT_CONFLICT
    assert await one(planned, b"select count(*) from effects") == 0
    assert kind.get("local") or not written

    newest = ledger.effect(owner=owner_of_plan(step(NEW)), write=write, **kind)
    assert (await ledger.begin(newest)).number == 1
    assert await one(planned, b"select state from effects") == "confirmed"
