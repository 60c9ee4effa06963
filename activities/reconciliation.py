"""Systems read into facts, compared in SQL, and what differs set right by sagas that there are."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.contracts.reconciliation import (
    ComparePart,
    PartCompared,
    PartRead,
    ReadPart,
    ReconcileBegun,
    ReconcileEnd,
    ReconcileRun,
    ReconcileSource,
    ReconciliationActivities,
    RepairsAsked,
    TargetCompared,
    TargetPart,
)
from activities.contracts.targets import TargetsInput, TargetsPart
from activities.error_mapping import mapped_failures
from activities.ledger import EffectLedger
from activities.paid_elsewhere import Telling
from activities.targets import Comparing
from activities.tenants import Tenant, Tenants
from canonical_models.amendment import ChangeKind, customer_of
from canonical_models.occasion import SyncAsked
from canonical_models.process import entitlement_process
from canonical_models.reconciliation import (
    About,
    Cause,
    Counted,
    Facts,
    Reconciled,
    Repair,
    Scope,
)
from persistence import (
    change_queue,
    changes,
    comparing,
    comparing_access,
    comparing_receivables,
    comparing_revenue,
    documents,
    facts,
    mappings,
    processes,
    reconciliations,
)
from persistence.comparing import Comparison, Keys, Slice
from persistence.comparing_revenue import Zones
from persistence.comparing_side_by_side import two_slices
from persistence.connection import Connection
from persistence.database import Database
from persistence.effects import organization_set
from persistence.facts import BILLING, ERP, SUPPORT, Source
from persistence.reconciliations import ToRepair

#: Pages of one part: few enough that a part ends within a minute.
_PAGES = 20
#: Repairs of one run: the rest is the next one's, so that it never crowds out what is live.
_MOST_REPAIRS = 500

#: What a machine may set right at all: never what is under way, asked or decided.
MENDABLE = (Cause.BILLING, Cause.OURS, Cause.BY_HAND)


#: What each part goes by, and what compares a slice of it.
_COMPARED: dict[str, tuple[Keys, Callable[..., Awaitable[Slice]]]] = {
    "documents": (comparing.BILLED, comparing.documents),
    "unknown": (comparing.BOOKED, comparing.unknown),
    "receivables": (comparing_receivables.MAPPED, comparing_receivables.receivables),
    "revenue": (comparing_revenue.KNOWN, comparing_revenue.revenue),
    "subscriptions": (comparing_access.SOLD, comparing_access.subscriptions),
    "support": (comparing_access.SHOWN, comparing_access.support),
}


class Reconciling(ReconciliationActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._targets = Comparing(database, tenants)
        self._telling = Telling(database, EffectLedger(database))

    @activity.defn(name="reconciliation.begin")
    async def begin(self, run: ReconcileRun) -> ReconcileBegun:
        with mapped_failures():
            tenant, scope = self._tenants[run.given.tenant], run.given.scope
            await self._telling.end_doubts(tenant)
            async with self._database.transaction() as conn:
                await reconciliations.begin(
                    conn, tenant.name, run.run_id, by=run.given.asked_by, scope=scope
                )
                known = {
                    *await documents.legal_entities(conn, tenant.name),
                    *await mappings.legal_entities(conn, tenant.name),
                }
            entities = [each for each in sorted(known) if scope.legal_entity in (None, each)]
            everything = scope.period is None and scope.legal_entity is None
            return ReconcileBegun(
                sources=(
                    ReconcileSource(system=BILLING),
                    *(ReconcileSource(system=ERP, place=each) for each in entities),
                    *((ReconcileSource(system=SUPPORT),) if everything else ()),
                ),
                targets=tuple(tenant.targets) if everything else (),
            )

    @activity.defn(name="reconciliation.read")
    async def read(self, part: ReadPart) -> PartRead:
        with mapped_failures():
            given, tenant = part.run.given, self._tenants[part.run.given.tenant]
            source = Source(tenant.name, part.source.system, part.source.place)
            async with self._database.transaction() as conn:
                whole = given.whole or await self._due(conn, tenant, source)
                after = await facts.begin(conn, source, whole=whole and part.first)
            told = requests = 0
            for _ in range(_PAGES):
                page = await _page(tenant, source, after)
                async with self._database.transaction() as conn:
                    await facts.put(conn, source, page)
                    if not page.more:
                        await facts.ended(conn, source)
                told += len(page.documents) + len(page.subscriptions) + len(page.organizations)
                requests += page.requests
                after = page.next
                if not page.more:
                    break
            return PartRead(facts=told, requests=requests, more=page.more)

    @activity.defn(name="reconciliation.compare")
    async def compare(self, part: ComparePart) -> PartCompared:
        with mapped_failures():
            tenant = self._tenants[part.run.given.tenant]
            of = _comparison(tenant, part.run.given.scope)
            found, closed = await self._slices(tenant, of, part), 0
            if found.after is None:
                async with self._database.transaction() as conn:
                    closed = await self._close(conn, of, part)
            return PartCompared(
                looked_at=found.looked_at,
                after=found.after,
                closed=closed,
                left_out=found.left_out,
            )

    @activity.defn(name="reconciliation.target")
    async def target(self, part: TargetPart) -> TargetCompared:
        given, tenant = part.run.given, self._tenants[part.run.given.tenant]
        asked = TargetsInput(
            tenant=tenant.name, target=part.target, customer_id=given.scope.customer_id
        )
        found = await self._targets.compare(
            TargetsPart(given=asked, target=part.target, after=part.after)
        )
        with mapped_failures():
            of, closed = _comparison(tenant, given.scope), 0
            async with self._database.transaction() as conn:
                differing = tuple(
                    (one.customer_id, "; ".join(one.differences)) for one in found.differing
                )
                await comparing_access.target(conn, tenant.name, part.target, differing)
                if found.after is None and not found.problems:
                    began = await self._began(conn, part.run)
                    closed = await reconciliations.close(
                        conn, of, (About.TARGET,), began=began, system=part.target
                    )
        return TargetCompared(
            looked_at=found.looked_at, after=found.after, closed=closed, problems=found.problems
        )

    @activity.defn(name="reconciliation.to_look_up")
    async def to_look_up(self, run: ReconcileRun) -> RepairsAsked:
        with mapped_failures():
            wanted = await self._wanted(run)
            named = (
                each.keys
                for each in wanted
                if each.about is About.DOCUMENT and each.repair is Repair.SYNC
            )
            keys = tuple(dict.fromkeys(key for keys in named for key in keys))
            async with self._database.statement() as conn:
                known = await documents.named(conn, run.given.tenant, keys)
            posted = tuple(key for key in keys if key in known and known[key].posted is not None)
            return RepairsAsked(repairs=len(wanted), documents=posted)

    @activity.defn(name="reconciliation.repair")
    async def repair(self, run: ReconcileRun) -> RepairsAsked:
        with mapped_failures():
            done = 0
            for one in await self._wanted(run):
                if one.repair is Repair.TELL:
                    for key in one.keys:
                        await self._telling.tell(self._tenants[run.given.tenant], key)
                async with self._database.transaction() as conn:
                    if one.repair is Repair.PUBLISH:
                        await _publish(conn, run.given.tenant, one)
                    elif one.repair is Repair.SYNC:
                        await _sync(conn, run.given.tenant, one)
                    await reconciliations.repaired(conn, run.given.tenant, one)
                done += 1
            return RepairsAsked(repairs=done)

    @activity.defn(name="reconciliation.end")
    async def end(self, done: ReconcileEnd) -> Reconciled:
        with mapped_failures():
            given, tenant = done.run.given, self._tenants[done.run.given.tenant]
            async with self._database.transaction() as conn:
                of = _comparison(tenant, given.scope)
                found = await reconciliations.counts(conn, of)
                counts = tuple(
                    Counted(about=about, cause=cause, count=count) for about, cause, count in found
                )
                came_to = {
                    "counts": counts,
                    "months": await reconciliations.months(conn, of),
                    "began_at": await self._began(conn, done.run),
                    "not_compared": (*done.result.not_compared, *await _left_out(conn, of)),
                }
                result = done.result.model_copy(update=came_to)
                await reconciliations.end(conn, tenant.name, done.run.run_id, result)
            return result

    async def _due(self, conn: Connection, tenant: Tenant, source: Source) -> bool:
        """Whether it is read from the beginning: what a list of changes has left out is found."""
        last = await facts.whole_at(conn, source)
        after = timedelta(days=tenant.policy.reconciliation.whole_days)
        return last is not None and datetime.now(UTC) - last > after

    async def _slices(self, tenant: Tenant, of: Comparison, part: ComparePart) -> Slice:
        if part.part == "entries":
            async with self._database.transaction() as conn:
                return await comparing_revenue.by_hand(conn, of, _zones(tenant), part.place)
        keys, compare = _COMPARED[part.part]
        given: dict[str, Mapping[str, object]] = {
            "unknown": {"place": part.place},
            "revenue": {"zones": _zones(tenant)},
            "support": {"tiers": tenant.policy.tiers, "sets": organization_set(tenant.name)},
        }
        values = given.get(part.part, {})

        async def one(conn: Connection, after: str, upto: str | None, limit: int) -> Slice:
            return await compare(conn, of, **values, after=after, upto=upto, limit=limit)

        return await two_slices(self._database, of, keys, one, after=part.after, place=part.place)

    async def _close(self, conn: Connection, of: Comparison, part: ComparePart) -> int:
        began = await self._began(conn, part.run)
        about = {
            "documents": About.DOCUMENT,
            "unknown": About.DOCUMENT,
            "receivables": About.RECEIVABLE,
            "revenue": About.REVENUE,
            "entries": About.REVENUE,
            "subscriptions": About.SUBSCRIPTION,
            "support": About.SUPPORT,
        }[part.part]
        return await reconciliations.close(
            conn,
            of,
            (about,),
            began=began,
            unknown=part.part == "unknown",
            place=part.place or None,
            # What people have moved there is nobody's.
            nobody=None if about is not About.REVENUE else part.part == "entries",
        )

    async def _began(self, conn: Connection, run: ReconcileRun) -> datetime:
        return await reconciliations.begin(
            conn, run.given.tenant, run.run_id, by=run.given.asked_by, scope=run.given.scope
        )

    async def _wanted(self, run: ReconcileRun) -> tuple[ToRepair, ...]:
        given, tenant = run.given, self._tenants[run.given.tenant]
        asked = given.repair is not None
        causes = tenant.policy.reconciliation.repair if given.repair is None else given.repair
        allowed = [cause for cause in causes if cause in MENDABLE]
        of = _comparison(tenant, given.scope)
        elsewhere = tenant.policy.reconciliation.paid_elsewhere
        may_tell = elsewhere == "tell" or (elsewhere == "ask" and bool(given.repair))
        async with self._database.statement() as conn:
            return await reconciliations.to_repair(
                conn, of, allowed, may_tell=may_tell, again=asked, limit=_MOST_REPAIRS
            )


async def _page(tenant: Tenant, source: Source, after: str | None) -> Facts:
    match source.system:
        case "billing":
            return await tenant.billing.facts(after=after)
        case "erp":
            return await tenant.erp.facts(source.place, after=after)
        case _:
            return await tenant.support.facts(after=after)


async def _sync(conn: Connection, tenant: str, one: ToRepair) -> None:
    """By a change of its own, behind what is live; one that waits already does it as well."""
    waiting = await changes.unsettled(conn, tenant, one.subject)
    if not waiting:
        await change_queue.follow(
            conn,
            tenant,
            one.subject,
            why=SyncAsked(secrets.token_hex(8)),
            kind=ChangeKind.ACCOUNT if customer_of(one.subject) else ChangeKind.OTHER,
            customer_id=one.customer_id,
            whole=True,
            lane=change_queue.RECONCILIATION,
        )


async def _publish(conn: Connection, tenant: str, one: ToRepair) -> None:
    target = one.system
    await processes.news(conn, [entitlement_process(tenant, one.customer_id, target)])


async def _left_out(conn: Connection, of: Comparison) -> list[str]:
    """What nothing could be laid beside, in words."""
    untaxed, newest = await comparing.untaxed(conn, of)
    taken_back, before = await comparing_revenue.aside(conn, of)
    unlisted = await comparing_receivables.unlisted(conn, of)
    unmapped = await comparing_receivables.unmapped(conn, of)
    told = (
        (
            unlisted,
            f"accounts of {unlisted} customers that billing does not list, as of a test clock",
        ),
        (unmapped, f"{unmapped} parties in the ERP that no customer is mapped to"),
        (taken_back, f"revenue of {taken_back} documents that were taken back"),
        (before, f"revenue of {before} documents of the process before"),
        (
            untaxed,
            f"tax of {untaxed} documents, which billing does not say, as of {', '.join(newest)}",
        ),
    )
    return [words for count, words in told if count]


def _zones(tenant: Tenant) -> Zones:
    own = {
        entity: books.time_zone
        for entity, books in tenant.policy.books.entities.items()
        if books.time_zone is not None
    }
    return Zones(tenant.policy.time_zone, own)


def _comparison(tenant: Tenant, scope: Scope) -> Comparison:
    first, last = scope.bounds(tenant.policy.time_zone)
    return Comparison(
        tenant=tenant.name,
        since=tenant.books_from,
        customer_id=scope.customer_id,
        legal_entity=scope.legal_entity,
        from_=first,
        to=last,
        tell=tenant.policy.reconciliation.paid_elsewhere != "off",
    )
