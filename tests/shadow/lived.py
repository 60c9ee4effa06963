"""One life of a subscription, lived by a tenant that is live, and by one that is in shadow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from temporalio.client import Client

from canonical_models.amendment import AmendmentPlan, account_subject, customer_of
from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import Settlement, SettlementKind
from canonical_models.ledgering import TaxCode
from canonical_models.money import Money
from canonical_models.policy import ShadowPolicy, TenantPolicy
from canonical_models.shadow import ShadowItem, ShadowStatus
from operations import shadow
from operations.context import AppContext
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings
from tests.adoption.golive import WRITES
from tests.batches.bulk import Bulk, at_work
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import (
    AS_OF,
    credit_note,
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
    vat,
    void,
)
from tests.harness.systems import Systems

VAT = TaxCode(code="DE-19", rate=Decimal("0.19"))
#: The changes of the life, in their order: id, subject, and documents that their events name.
LIFE = (
    ("chg_1", "sub_1", ("in_1",)),
    ("chg_2", "sub_1", ("in_1",)),
    ("chg_3", "sub_1", ("in_2",)),
    ("chg_4", "sub_1", ("cn_1", "in_2")),
    ("chg_5", "sub_1", ("in_3",)),
    ("chg_6", "sub_1", ("in_3",)),
    ("chg_7", account_subject("cus_1"), ("in_4",)),
    ("chg_8", "sub_1", ()),
)


def company(**changed: Any) -> Systems:
    systems = Systems(**changed)
    systems.erp.taxes = {"PRO": (VAT,), "STARTER": (VAT,)}
    return systems


def settings(*, shadow: bool, policy: ShadowPolicy) -> TenantSettings:
    """Of a tenant as the systems of these tests are."""
    connections = {
        name: ConnectionSettings(
            vendor=vendor, base_url="http://127.0.0.1:9", books_from="2020-01-01"
        )
        for name, vendor in (("stripe", "stripe"), ("tryton", "tryton"), ("zendesk", "zendesk"))
    }
    return TenantSettings(
        billing="stripe",
        erp="tryton",
        support="zendesk",
        connections=connections,
        mode="shadow" if shadow else "live",
        policy=TenantPolicy(shadow=policy),
    )


@asynccontextmanager
async def working(
    client: Client,
    database: Database,
    systems: Systems,
    policy: ShadowPolicy | None = None,
) -> AsyncIterator[Bulk]:
    """Worker and dispatcher of one tenant, and what its operators ask by."""
    given = settings(shadow=systems.shadow, policy=policy or ShadowPolicy())
    async with sagas_at_work(client, database, systems) as sagas, at_work(sagas) as bulk:
        yield Bulk(sagas, replace(bulk.context, tenants={"acme": given}))


def bills(systems: Systems, number: int) -> None:
    """What billing shows once this many changes have happened."""
    shown = systems.billing
    five, seven = item("pro", 5), item("pro", 7)
    first = invoice(line("il_1", 20_000, taxes=vat(3_800)), key="in_1")
    second = invoice(line("il_2", 4_000, taxes=vat(760)), key="in_2")
    third = invoice(line("il_3", 1_000, taxes=vat(190)), key="in_3")
    taken = Settlement(
        settlement_id="cn_1/applied",
        kind=SettlementKind.CREDIT_NOTE,
        document_id="in_2",
        against="cn_1",
        amount=Money(minor=1_190, currency="EUR"),
        at=AS_OF,
    )
    mirror = taken.model_copy(
        update={
            "settlement_id": "cn_1/applied/note",
            "document_id": "cn_1",
            "against": "in_2",
            "amount": Money(minor=-1_190, currency="EUR"),
        }
    )
    credited = line("il_c", -1_000, taxes=vat(-190)).model_copy(update={"corrects": "il_2"})
    credit = credit_note(credited, corrects="in_2", settlements=(mirror,))
    all_paid, less = paid(first, payment(23_800)), paid(second, taken)
    documents = {
        1: (first,),
        2: (all_paid,),
        3: (all_paid, second),
        4: (all_paid, less, credit),
        5: (all_paid, less, credit, third),
    }.get(number, (all_paid, less, credit, void(third)))
    now = subscription(five if number < 3 else seven)
    if number == 7:
        shown.loose.append(invoice(line("il_4", 5_000, of=None, taxes=vat(950)), key="in_4"))
    if number == 8:
        now = subscription(seven, status=SubscriptionStatus.CANCELLED)
    shown.snapshots["sub_1"] = snapshot(now, *documents)


async def lives(
    sagas: Sagas, after: Callable[[int], Awaitable[None]] | None = None
) -> dict[str, str]:
    """The outcome of each change."""
    came = {}
    for number, (change, subject, documents) in enumerate(LIFE, 1):
        bills(sagas.systems, number)
        handle = await sagas.start(change, subject, documents=documents)
        try:
            async with asyncio.timeout(30):
                came[change] = (await handle.result()).outcome
        except TimeoutError:
            asked = await sagas.exception(change)
            raise AssertionError(f"{change} waits: {asked.code}: {asked.message}") from None
        if after is not None:
            await after(number)
    return came


def written(systems: Systems) -> list[str]:
    return [call for call in systems.script.calls if call in (*WRITES, "erp.extend_schedules")]


async def plans(database: Database, table: str, key: str) -> dict[str, AmendmentPlan]:
    async with database.statement() as conn:
        found = await conn.execute(
            f"select {key}, plan::text from {table} where plan is not null".encode()
        )
        return {
            id_: AmendmentPlan.model_validate_json(plan) for id_, plan in await found.fetchall()
        }


def content(plan: AmendmentPlan) -> dict[str, Any]:
    """All that it says, but for how the ERP calls what is there already, and whether support shows
    already what it is to show: both are of the real systems. An account is read at this moment."""
    said = plan.model_dump(mode="json")
    del said["access"]["support"]
    if customer_of(plan.subject):
        del said["amendment"]["effective_at"]
    for step in said["books"]["documents"]:
        step["posted"] = None
        if step["draft"] is not None:
            step["draft"]["corrects"] = None
    return said


def unlike(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two documents of JSON are not the same, and how."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            words
            for name in sorted({*one, *other})
            for words in unlike(one.get(name), other.get(name), f"{path}.{name}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            words
            for place, (mine, theirs) in enumerate(zip(one, other, strict=True))
            for words in unlike(mine, theirs, f"{path}[{place}]")
        ]
    return [] if one == other else [f"{path}: {one} != {other}"]


async def looked(context: AppContext) -> ShadowStatus:
    found = await shadow.look(context, "acme")
    assert found.finished
    assert found.problems == ()
    return found.status


async def items(context: AppContext, **which: Any) -> dict[str, ShadowItem]:
    page = await shadow.items(context, "acme", limit=200, **which)
    return {each.key: each for each in page.items}
