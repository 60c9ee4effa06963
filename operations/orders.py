"""What changes became: of each its plan, what was written elsewhere, the ERP's documents beside
billing's with their lines, and what pays them; each part with whose word it is and as of when."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from canonical_models.amendment import AmendmentPlan
from canonical_models.base import Canonical
from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.money import Money
from canonical_models.preview import WouldPost, terms_of
from canonical_models.records import DocumentRecord, Hold, RecordState
from canonical_models.views import ChangeView, EffectView
from operations.context import AppContext
from operations.errors import NotFound
from operations.movements import SettlementView, settlement_views
from operations.paging import Page, cursor, cut, number
from operations.support import systems_away
from operations.support_views import Source, Told, told
from persistence import breakers, changes, documents, effects, settlements
from persistence.connection import Connection

#: Documents that wait, on a first page.
_WAITING = 100


class BillingPart(Canonical):
    """`remaining` is what billing still waits for."""

    number: str | None
    status: DocumentStatus
    net: Money
    tax: Money
    gross: Money
    remaining: Money
    url: str | None
    pdf: str | None


class ErpPart(Canonical):
    """`status` is the ERP's word on it in one of ours, `open` what is not settled of it."""

    document_id: str
    number: str | None
    legal_entity: str
    state: DocumentState
    status: str
    net: Money
    tax: Money
    gross: Money
    open: Money
    url: str | None


class OrderLine(Canonical):
    """A line of both: `billing` and `erp` are its net amounts, None where one of them does not have
    it. `item` and `price` are billing's product and price, `item_id` the subscription's item."""

    line_id: str | None
    description: str
    item: str | None
    price: str | None
    item_id: str | None
    quantity: Decimal | None
    billing: Money | None
    erp: Money | None
    erp_item: str | None
    account: str | None


class OrderDocument(Canonical):
    """A document of billing and what it is in the ERP. `erp` has no value while it is not posted,
    and its `problem` says why. `payments` are what settles it, with their entries there."""

    document_id: str
    kind: DocumentKind
    state: RecordState
    billing: Told[BillingPart]
    erp: Told[ErpPart]
    agrees: bool | None
    lines: tuple[OrderLine, ...]
    payments: Told[tuple[SettlementView, ...]]


class PlanPart(Canonical):
    """What the change was to do: `documents` to post, to link or to take back. `terms` is the
    digest that a preview of the same has."""

    terms: str
    summary: str
    documents: tuple[WouldPost, ...]


class Order(Canonical):
    """A change and what it became. `plan` has no value before there is one, or once it is not kept
    any more. Another change may have carried it out: `change.taken_in_by`."""

    change: ChangeView
    plan: Told[PlanPart]
    effects: Told[tuple[EffectView, ...]]
    documents: tuple[OrderDocument, ...]


class Orders(Page[Order]):
    """By change, the newest first. `waiting` are documents that no change has posted or linked: on
    the first page, the newest 100."""

    waiting: tuple[OrderDocument, ...] = ()


async def of_subscription(
    context: AppContext,
    tenant: str,
    subscription_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Orders:
    """Raises NotFound for a subscription that no change was ever about, Invalid for a cursor that
    is none."""
    async with context.database.transaction() as conn:
        found = await changes.page(
            conn, tenant, subject=subscription_id, before=number(after), limit=limit + 1
        )
        if not found and after is None:
            raise NotFound(
                f"there is no subscription {subscription_id}: no event of it has arrived",
                remedy="list those known",
                see=("subscriptions", ""),
            )
        items, more = cut(found, limit)
        telling = await _Telling.of(context, conn, tenant)
        orders = await telling.orders(conn, subscription_id, items)
        waiting: tuple[DocumentRecord, ...] = ()
        if after is None:
            waiting = await documents.waiting(conn, tenant, subscription_id, limit=_WAITING)
        return Orders(
            items=orders,
            next=cursor(items[-1].seq) if more else None,
            waiting=await telling.documents(conn, waiting),
        )


async def of_change(context: AppContext, tenant: str, change_id: str) -> Order:
    """Of a subscription or an account. Raises NotFound."""
    async with context.database.transaction() as conn:
        change = await changes.get(conn, tenant, change_id)
        if change is None:
            raise NotFound(
                f"there is no change {change_id}", remedy="list them", see=("changes", "")
            )
        telling = await _Telling.of(context, conn, tenant)
        (order,) = await telling.orders(conn, change.subject, (change,))
    return order


class _Telling:
    """As it is told at `now`. `gone` says of a system that it is away, and since when."""

    def __init__(self, tenant: str, now: datetime, gone: dict[Source, str]) -> None:
        self._tenant, self._now, self._gone = tenant, now, gone

    @classmethod
    async def of(cls, context: AppContext, conn: Connection, tenant: str) -> "_Telling":
        away = systems_away(context, tenant, await breakers.of_tenant(conn, tenant))
        return cls(tenant, datetime.now(UTC), {each.source: each.words for each in away})

    async def orders(
        self, conn: Connection, subject: str, found: Sequence[ChangeView]
    ) -> tuple[Order, ...]:
        ids = [change.change_id for change in found]
        became = await documents.of_changes(conn, self._tenant, subject, ids)
        done = {key: await effects.of_change(conn, self._tenant, key) for key in ids}
        written = [effect for each in done.values() for effect in each]
        by_change: dict[str | None, list[OrderDocument]] = defaultdict(list)
        for record, shown in zip(became, await self.documents(conn, became, written), strict=True):
            by_change[record.change_id].append(shown)
        return tuple(
            [
                Order(
                    change=change,
                    plan=self._plan(await changes.plan(conn, self._tenant, change.change_id)),
                    effects=self._ours(done[change.change_id]),
                    documents=tuple(by_change[change.change_id]),
                )
                for change in found
            ]
        )

    async def documents(
        self,
        conn: Connection,
        records: Sequence[DocumentRecord],
        written: Sequence[EffectView] = (),
    ) -> tuple[OrderDocument, ...]:
        """In the same order. `written` are writes of which some have made them."""
        ids = [record.document.document_id for record in records]
        seen = await documents.seen_at(conn, self._tenant, ids)
        moved = await settlements.of_documents(conn, self._tenant, ids)
        views = tuple(zip(moved, settlement_views(moved), strict=True))
        shown = []
        for record in records:
            key = record.document.document_id
            paid = (
                view
                for row, view in views
                if key in (row.settlement.document_id, row.settlement.about, row.settles)
            )
            back = self._read_back(key, written)
            shown.append(self._document(record, seen.get(key), back, paid))
        return tuple(shown)

    def _document(
        self,
        record: DocumentRecord,
        seen: datetime | None,
        back: datetime | None,
        paid: Iterable[SettlementView],
    ) -> OrderDocument:
        document, posted = record.document, record.posted if record.in_books else None
        billing = BillingPart(
            number=document.number,
            status=document.status,
            net=document.net,
            tax=document.tax,
            gross=document.gross,
            remaining=document.remaining,
            url=document.url,
            pdf=document.pdf_url,
        )
        gone = self._gone
        if posted is None:
            erp: Told[ErpPart] = told(Source.TRUEUP, None, self._now, self._now, _why_not(record))
        else:
            at = record.erp_status_at or back
            never = "when the ERP said so is not kept: have it looked at"
            problem = gone.get(Source.ERP) or (never if at is None else None)
            part = None if at is None else _erp(posted, record)
            erp = told(Source.ERP, part, at, self._now, problem)
        said = (document.net, document.tax, document.gross)
        return OrderDocument(
            document_id=document.document_id,
            kind=document.kind,
            state=record.state,
            billing=told(Source.BILLING, billing, seen, self._now, gone.get(Source.BILLING)),
            erp=erp,
            agrees=None if posted is None else (posted.net, posted.tax, posted.gross) == said,
            lines=_lines(document, posted),
            payments=told(Source.BILLING, tuple(paid), seen, self._now, gone.get(Source.BILLING)),
        )

    def _read_back(self, document_id: str, written: Iterable[EffectView]) -> datetime | None:
        """When it was posted: without a later look that is when the ERP last said what it holds."""
        key = f"document:{self._tenant}/{document_id}"
        times = [
            effect.confirmed_at
            for effect in written
            if effect.confirmed_at and (effect.key == key or effect.key.startswith(f"{key}/"))
        ]
        return max(times, default=None)

    def _plan(self, plan: AmendmentPlan | None) -> Told[PlanPart]:
        if plan is None:
            missing = "there is no plan yet, or it is not kept any more"
            return told(Source.TRUEUP, None, None, self._now, missing)
        part = PlanPart(
            terms=terms_of(plan),
            summary=plan.amendment.summary,
            documents=tuple(WouldPost.of(step) for step in plan.books.documents),
        )
        return told(Source.TRUEUP, part, self._now, self._now)

    def _ours(self, done: tuple[EffectView, ...]) -> Told[tuple[EffectView, ...]]:
        return told(Source.TRUEUP, done, self._now, self._now)


def _erp(posted: ErpDocument, record: DocumentRecord) -> ErpPart:
    return ErpPart(
        document_id=posted.document_id,
        number=posted.number,
        legal_entity=posted.legal_entity,
        state=posted.state,
        status=record.erp_status,
        net=posted.net,
        tax=posted.tax,
        gross=posted.gross,
        open=posted.open,
        url=posted.url,
    )


def _why_not(record: DocumentRecord) -> str:
    match record.state, record.hold:
        case RecordState.BEFORE_CUTOVER, _:
            return "it belongs to the process before us, and is not posted"
        case RecordState.REVERSED, _:
            return "what was posted has been taken back"
        case _, Hold() as hold:
            return f"not posted: {hold.kind} by {hold.by}"
        case _:
            return "not posted yet"


def _lines(document: BillingDocument, posted: ErpDocument | None) -> tuple[OrderLine, ...]:
    """Billing's in their order, then what the ERP has besides."""
    theirs = {line.line_id: line for line in (posted.lines if posted else ()) if line.line_id}
    known = {line.line_id for line in document.lines}
    shown = []
    for line in document.lines:
        other = theirs.get(line.line_id)
        shown.append(
            OrderLine(
                line_id=line.line_id,
                description=line.description,
                item=line.item,
                price=line.price,
                item_id=line.item_id,
                quantity=line.quantity,
                billing=line.net,
                erp=other.net if other else None,
                erp_item=other.item if other else None,
                account=other.account if other else None,
            )
        )
    shown += [
        OrderLine(
            line_id=line.line_id,
            description=line.description,
            item=None,
            price=None,
            item_id=None,
            quantity=None,
            billing=None,
            erp=line.net,
            erp_item=line.item,
            account=line.account,
        )
        for line in (posted.lines if posted else ())
        if line.line_id not in known
    ]
    return tuple(shown)
