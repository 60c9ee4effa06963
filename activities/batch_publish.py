"""Targets and support told again in bulk: what differs of each customer, and telling it.

The batch tells it itself, in its own lane, with a revision above what was told before. What a
target refuses is left to the process of the customer, which asks people as ever.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.account_opening import organization_made
from activities.entitlement import Entitling
from activities.gather import each_of
from activities.ledger import EffectLedger
from activities.targets import Comparing
from activities.tenants import Tenant
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.failures import Failure, FailureClass, Rejection, TransientFailure
from canonical_models.mapping import AccountMapping
from canonical_models.preview import Comes, Foreseen
from canonical_models.process import SUPPORT_TARGET, Process, entitlement_process
from canonical_models.writes import CREATE_ORGANIZATION, PUBLISH, SUPPORT, TELL, WouldWrite
from persistence import batches, mappings, processes, targets
from persistence.batches import ToDo
from persistence.database import Database

_AT_ONCE = 8
_PASSES = (FailureClass.TRANSIENT, FailureClass.UNCERTAIN, FailureClass.MAY_STILL_LAND)


class Publishing:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._entitling = Entitling(database, {})
        self._comparing = Comparing(database, {})
        self._ledger = EffectLedger(database)

    async def foresee(self, tenant: Tenant, item: ToDo) -> Foreseen:
        """What telling it would change there; nothing is written. Raises TransientFailure."""
        name, customer = item.given["target"], item.given["customer"]
        now = datetime.now(UTC)
        try:
            _, differs = await self._comparing.differing(tenant, name, customer)
            gone = bool(differs) and await self._gone(tenant, name, customer) is not None
        except Rejection as refused:
            return Foreseen(
                subject=customer,
                comes=Comes.THEN_WAITS,
                why=refused.message[:2000],
                code=refused.code,
                about=refused.subject,
                at=now,
            )
        except TransientFailure:
            raise
        except Failure as failure:
            return untold(customer, failure)
        effect = PUBLISH if name == SUPPORT_TARGET else TELL
        writes = [WouldWrite(system=SUPPORT, effect=CREATE_ORGANIZATION, count=1)] if gone else []
        if differs:
            writes.append(WouldWrite(system=name, effect=effect, count=1))
        return Foreseen(
            subject=customer,
            comes=Comes.GOES_THROUGH,
            summary=f"{name}: {'; '.join(differs)}" if differs else f"{name} holds what it should",
            writes=tuple(writes),
            at=now,
        )

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        """Raises the failure of one that is to be tried again."""
        failed: list[Failure] = []
        runs = True

        async def one(item: ToDo) -> None:
            nonlocal runs
            if not runs:
                return
            try:
                runs = await self._tell(tenant, batch, item)
            except Failure as failure:
                if failure.failure_class in _PASSES:
                    async with self._database.statement() as conn:
                        again = await batches.tried(conn, tenant.name, batch.batch_id, item)
                    if again:
                        failed.append(failure)
                        return
                runs = await self._leave(tenant, batch, item)

        await each_of(items, one, at_once=_AT_ONCE)
        if failed:
            raise failed[0]

    async def _tell(self, tenant: Tenant, batch: Batch, item: ToDo) -> bool:
        """Whether its batch still runs. A later attempt tells the same revision, and what was
        confirmed is not told again."""
        name, process = item.given["target"], _process(tenant, item)
        async with self._database.transaction() as conn:
            if (kept := item.found.get("revision")) is None:
                told, revision = False, await processes.raised(conn, process)
                await targets.put(conn, tenant.name, name, process.key, revision=revision)
                found = {"revision": revision, "process": process.workflow_id}
                await batches.keep(conn, tenant.name, batch.batch_id, item.number, found)
            else:
                view = await targets.get(conn, tenant.name, name, process.key)
                told = view is not None and view.confirmed >= kept
        if not told:
            if (account := await self._gone(tenant, name, process.key)) is not None:
                profile = await tenant.billing.account(account.billing_customer)
                made = organization_made(
                    tenant, process.workflow_id, profile, again=f"{batch.batch_id}/{item.number}"
                )
                await self._ledger.perform(made)
            await self._entitling.tell(tenant, process)
        return await self._stands(tenant, batch, item, ItemOutcome.DONE)

    async def _leave(self, tenant: Tenant, batch: Batch, item: ToDo) -> bool:
        """To the process of the customer, which tries it and asks people."""
        process = _process(tenant, item)
        async with self._database.transaction() as conn:
            await processes.news(conn, [process])
            revision = await processes.revision(conn, process.workflow_id)
            found = {"revision": revision, "process": process.workflow_id}
            await batches.keep(conn, tenant.name, batch.batch_id, item.number, found)
            return await batches.stands(
                conn, tenant.name, batch.batch_id, item.number, ItemOutcome.HANDED_OVER
            )

    async def _stands(self, tenant: Tenant, batch: Batch, item: ToDo, outcome: ItemOutcome) -> bool:
        async with self._database.statement() as conn:
            return await batches.stands(conn, tenant.name, batch.batch_id, item.number, outcome)

    async def _gone(self, tenant: Tenant, name: str, customer: str) -> AccountMapping | None:
        """The account whose organisation support has no more, where it is one that we would make;
        another is a person's to make, or to map."""
        if name != SUPPORT_TARGET or not tenant.policy.accounts.create:
            return None
        async with self._database.statement() as conn:
            mapped = await mappings.accounts_now(conn, tenant.name, [customer])
        account = mapped.get(customer)
        if account is None or account.support_organization != customer:
            return None
        there = await tenant.support.organization(customer)
        return account if there is None else None


def untold(subject: str, failure: Failure) -> Foreseen:
    why = failure.message[:2000]
    return Foreseen(subject=subject, comes=Comes.UNTOLD, why=why, at=datetime.now(UTC))


def _process(tenant: Tenant, item: ToDo) -> Process:
    return entitlement_process(tenant.name, item.given["customer"], item.given["target"])
