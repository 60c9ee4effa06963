"""What changes of a tenant in shadow would have done: kept, and read as if it had been done."""

from dataclasses import dataclass, replace
from datetime import datetime

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from canonical_models.amendment import AmendmentPlan, DocumentStep
from canonical_models.commerce import Subscription
from canonical_models.documents import BillingDocument
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.preview import Foreseen
from canonical_models.records import subject_of
from canonical_models.shadow import ShadowAccess, ShadowChange
from persistence import documents, settlements, support_contributions
from persistence.connection import Connection
from persistence.planning_context import PlanningContext
from persistence.rows import columns, fetch_one

_DOCUMENTS = TypeAdapter(tuple[BillingDocument, ...])

#: Names what would stand in the ERP; no document there is called so.
_WOULD_BE = "shadow:"

_PUT = """
insert into shadow_changes (tenant, change_id, subject, customer_id, planned_at, comes, code,
  asked_about, foreseen, plan, subscription, documents)
values (%(tenant)s, %(change)s, %(subject)s, %(customer)s, clock_timestamp(), %(comes)s, %(code)s,
  %(about)s, %(foreseen)s, %(plan)s, %(subscription)s, %(documents)s)
on conflict (tenant, change_id) do update set planned_at = excluded.planned_at,
  comes = excluded.comes, code = excluded.code, asked_about = excluded.asked_about,
  foreseen = excluded.foreseen, plan = excluded.plan, subscription = excluded.subscription,
  documents = excluded.documents
"""

_LAST = """
select comes, plan::text, subscription::text from shadow_changes
where tenant = %s and subject = %s and change_id <> %s order by seq desc limit 1
"""

#: Without what is planned anew.
_OF_CUSTOMER = """
select subject, plan::text, coalesce(documents, '[]')::text from shadow_changes
where tenant = %s and customer_id = %s and change_id <> %s order by seq
"""

_ENTERED = """
update settlements set entry_id = %(prefix)s || settlement_id, entered_at = clock_timestamp(),
  legal_entity = %(entity)s, settles = document_id
where tenant = %(tenant)s and settlement_id = any(%(ids)s) and entry_id is null
"""

#: Of a live tenant: as if what was issued since then had not been posted.
_ANEW = """
update documents set state = 'seen', erp_document_id = null, erp_number = null, posted = null,
  posted_content = null, legal_entity = null, party = null, erp_open_minor = null,
  erp_gross_minor = null, erp_tax_minor = null
where tenant = %s and customer_id = %s and issued_at >= %s and state = 'posted'
"""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a change would do: its plan and what that was made from, or why there is none."""

    change_id: str
    subject: str
    customer_id: str | None
    foreseen: Foreseen
    plan: AmendmentPlan | None = None
    subscription: Subscription | None = None
    documents: tuple[BillingDocument, ...] = ()


async def keep(conn: Connection, tenant: str, shadowed: Shadowed) -> None:
    """In place of what was planned for the same change before."""
    plan, subscription = shadowed.plan, shadowed.subscription
    kept = [document.kept().model_dump(mode="json") for document in shadowed.documents]
    await conn.execute(
        _PUT,
        {
            "tenant": tenant,
            "change": shadowed.change_id,
            "subject": shadowed.subject,
            "customer": shadowed.customer_id,
            "comes": shadowed.foreseen.comes,
            "code": shadowed.foreseen.code,
            "about": shadowed.foreseen.about,
            "foreseen": Jsonb(shadowed.foreseen.model_dump(mode="json")),
            "plan": Jsonb(_without_whom(plan)) if plan else None,
            "subscription": Jsonb(subscription.model_dump(mode="json")) if subscription else None,
            "documents": Jsonb(kept),
        },
    )
    if plan is not None:
        await conn.execute(
            "update changes set kind = %s, customer_id = %s where tenant = %s and id = %s",
            (
                plan.amendment.kind.value,
                plan.amendment.customer_id,
                tenant,
                shadowed.change_id,
            ),
        )


async def known(
    conn: Connection, tenant: str, change_id: str, change: PlanningContext
) -> PlanningContext:
    """The same as if what was planned for its subject before had been done. What would have been
    asked is asked again, so everything since the cutover is read again."""
    found = await conn.execute(_LAST, (tenant, change.subject, change_id))
    row = await found.fetchone()
    if row is None:
        return change
    comes, planned, subscription = row
    plan = AmendmentPlan.model_validate_json(planned) if planned else None
    return replace(
        change,
        first_time=comes not in {"goes_through", "needs_approval"},
        agreed=Subscription.model_validate_json(subscription) if subscription else change.agreed,
        held=plan.access.grants if plan else change.held,
        contribution=plan.access.contribution if plan else change.contribution,
        customer_id=change.customer_id or (plan.amendment.customer_id if plan else None),
    )


async def as_if(
    conn: Connection,
    tenant: str,
    connection: str,
    customer_id: str,
    *,
    books_from: datetime,
    without: str,
    before: datetime | None = None,
) -> None:
    """What was planned of the customer stands in our tables, as if it had been done; for a
    transaction that is taken back. `without` what this change has planned, and with `before` only
    documents that were issued earlier."""
    found = await conn.execute(_OF_CUSTOMER, (tenant, customer_id, without))
    asks: dict[str, ShadowAccess] = {}
    late: set[str] = set()
    for subject, planned, billed in await found.fetchall():
        shown = {each.document_id: each for each in _DOCUMENTS.validate_json(billed)}
        late |= {each.document_id for each in shown.values() if before and each.issued_at >= before}
        await documents.seen(conn, tenant, connection, shown.values(), books_from=books_from)
        for document in shown.values():
            await settlements.seen(
                conn, tenant, document.customer_id, subject_of(document), document.settlements
            )
        if planned is None:
            continue
        plan = AmendmentPlan.model_validate_json(planned)
        if plan.access.organization is not None:
            asks[subject] = _access(subject, plan)
        for step in plan.books.documents:
            if step.document_id not in late:
                await _done(conn, tenant, step, plan.change_id)
        moved = [step.settlement for step in plan.books.settlements]
        await settlements.seen(conn, tenant, customer_id, subject, moved)
        for each in plan.books.settlements:
            await conn.execute(
                _ENTERED,
                {
                    "prefix": _WOULD_BE,
                    "entity": each.legal_entity,
                    "tenant": tenant,
                    "ids": [each.settlement.settlement_id],
                },
            )
    for subject, asked in asks.items():
        await support_contributions.put(
            conn,
            tenant,
            subject,
            asked.organization or "",
            asked.contribution,
            customer_id=customer_id,
            tell=False,
        )


async def anew(conn: Connection, tenant: str, customer_id: str, since: datetime) -> None:
    """As if nothing that billing has issued since then had been posted; for a transaction that is
    taken back."""
    await conn.execute(_ANEW, (tenant, customer_id, since))


async def access_of(conn: Connection, tenant: str, customer_id: str) -> tuple[ShadowAccess, ...]:
    """What the customer's subscriptions give, each as it was planned last."""
    found = await conn.execute(
        "select distinct on (subject) subject, plan::text from shadow_changes "
        "where tenant = %s and customer_id = %s and plan is not null and subscription is not null "
        "order by subject, seq desc",
        (tenant, customer_id),
    )
    return tuple(
        _access(subject, AmendmentPlan.model_validate_json(plan))
        for subject, plan in await found.fetchall()
    )


async def get(conn: Connection, tenant: str, change_id: str) -> ShadowChange | None:
    query = (
        f"select {columns(ShadowChange)} from shadow_changes where tenant = %s and change_id = %s"  # noqa: S608 - constants
    )
    return await fetch_one(conn, ShadowChange, query, (tenant, change_id))


async def asking(conn: Connection, tenant: str, *, before: datetime, limit: int) -> list[str]:
    """Changes that are the newest of their subject and would wait for a person, those first that
    were planned the longest ago."""
    found = await conn.execute(
        "select change_id from (select distinct on (subject) change_id, comes, planned_at "
        "from shadow_changes where tenant = %s and foreseen is not null order by subject, seq desc"
        ") newest where comes in ('then_waits', 'untold') and planned_at < %s "
        "order by planned_at limit %s",
        (tenant, before, limit),
    )
    return [row[0] for row in await found.fetchall()]


def _access(subject: str, plan: AmendmentPlan) -> ShadowAccess:
    return ShadowAccess(
        subject=subject,
        organization=plan.access.organization,
        grants=plan.access.grants,
        contribution=plan.access.contribution,
    )


async def _done(conn: Connection, tenant: str, step: DocumentStep, change_id: str) -> None:
    if step.void:
        await documents.reversed_(conn, tenant, step.document_id, erp=None, hold=None)
        return
    posted = _would_be(step)
    if posted is None:
        return
    await documents.posted(
        conn,
        tenant,
        step.document_id,
        generation=step.generation,
        effect_key=f"{_WOULD_BE}{step.document_id}",
        change_id=change_id,
        content=step.content,
        erp=posted,
        party=posted.party,
    )


def _would_be(step: DocumentStep) -> ErpDocument | None:
    draft = step.draft
    if draft is None:
        return None
    return ErpDocument(
        document_id=f"{_WOULD_BE}{step.document_id}",
        external_id=draft.external_id,
        legal_entity=draft.legal_entity,
        party=draft.party,
        currency=draft.currency,
        billing_number=draft.number,
        kind=draft.kind,
        state=DocumentState.POSTED,
        document_date=draft.issued_on,
        posting_date=draft.posting_date,
        due_on=draft.due_on,
        taxes=draft.taxes,
        net=draft.net,
        tax=draft.tax,
        open=draft.gross,
    )


def _without_whom(plan: AmendmentPlan) -> dict[str, object]:
    whom = {"books": {"documents": {"__all__": {"draft": {"bill_to"}}}}}
    return plan.model_dump(mode="json", exclude=whom)
