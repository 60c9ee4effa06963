"""All that our own tables know of a change, in one statement each time it is needed."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Literal
from pydantic import TypeAdapter

from canonical_models.amendment import AmendmentPlan, ChangeKind, customer_of
from canonical_models.approvals import Approval
from canonical_models.commerce import Subscription
from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.exceptions import UNDO_OF, Resolution
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.preview import Overlay
from canonical_models.records import (
    AccessHold,
    DocumentRecord,
    SettlementRecord,
    UnbilledRecord,
)
from canonical_models.states import ChangeOutcome
from persistence.approvals import APPROVALS_JSON, by_subject
from persistence.connection import Connection
from persistence.documents.statements import COVERING
from persistence.grants import AS_JSON, GRANTS
from persistence.ownership import Owner, require
from persistence.records import (
    DOCUMENT_JSON,
    DOCUMENTS,
    SETTLEMENT_JSON,
    SETTLEMENT_ROWS,
    SETTLEMENTS,
    UNBILLED_JSON,
)
from persistence.tables.documents import ON_ACCOUNT, UNSETTLED

_CONTRIBUTIONS = TypeAdapter(tuple[SubscriptionSupport, ...])
_ITEMS = TypeAdapter(tuple[ItemMapping, ...])

#: The grants of a change `c`.
HELD = SQL("""
(select {} from grants g
 where g.tenant = c.tenant and g.subscription_id = c.subscription_id and g.withdrawn_at is null)
""").format(AS_JSON)


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """Before a change is planned. What is of a subscription is empty where the change is of an
    account."""

    #: The subscription, or `account:` and the customer.
    subject: str
    subscription_id: str | None
    #: As the event said, or else as it was agreed before.
    customer_id: str | None
    #: What the event said that it is.
    kind: str
    #: Of those who claimed it, and of those who began to read billing for it.
    epoch: int
    reading: int
    #: Set once it is settled.
    outcome: ChangeOutcome | None
    #: Ids of billing's documents that its event names, or those of changes that it has taken in.
    documents: tuple[str, ...]
    #: Whether all that billing has issued since the cutover is read.
    whole: bool
    #: Nothing was ever agreed of the subject.
    first_time: bool
    #: The last state on which every system agreed.
    agreed: Subscription | None
    held: tuple[Grant, ...]
    contribution: SubscriptionSupport | None
    #: Invoices of this subscription whose grace is over.
    unpaid: frozenset[str]
    #: What a person took back: access stays as it was agreed before.
    access_hold: AccessHold | None
    #: A person's decision to undo it, which holds for every run: the one that was told, if there
    #: was one, may have been lost since.
    aborted: Resolution | None
    #: A run of it has begun to take back what it had done, and was lost before the end.
    undoing: bool
    #: A write of a set by an earlier run has not said what it came to: what is read of the set says
    #: nothing, and it is written again.
    set_in_doubt: bool
    #: The plan that this change was last planned with, by whose digest its steps know it.
    plan: AmendmentPlan | None
    digest: str | None
    #: What was decided for this change alone.
    mend: Overlay | None = None


# What the change has taken in before, and in `begin` what it takes in now: whoever of saga and
# dispatcher sees first that the run is open completes the row, so that people can answer it. What
# is held by a person is left, and waits.
_KNOWN = """
select t.documents, t.whole from changes c join changes t
  on t.tenant = c.tenant and t.subject = c.subject and t.state = 'pending' and t.taken_in_by = c.id
where c.tenant = %(tenant)s and c.id = %(change)s
"""
_TAKEN_IN = f"with taken_in as ({_KNOWN})"
_BEGIN = f"""
with own as (
  update changes set run_id = %(run)s, started_at = coalesce(started_at, now()),
    state = case when state = 'starting' then 'running' else state end, reading = reading + 1
  where tenant = %(tenant)s and id = %(change)s and epoch = %(epoch)s
    and state in ('starting', 'running', 'waiting')
  returning id, tenant, subject, reading
), fresh as (
  update changes set taken_in_by = own.id, taken_at = own.reading from own
  where changes.tenant = own.tenant and changes.subject = own.subject
    and changes.state = 'pending' and not changes.held
    and changes.taken_in_by is distinct from own.id
  returning changes.documents, changes.whole
), taken_in as (select documents, whole from fresh union all {_KNOWN})
"""  # noqa: S608 - put together from constants

_CONTEXT = (
    SQL("""
select c.subject, c.subscription_id, coalesce(c.customer_id, s.customer_id), c.kind,
  c.epoch, c.reading, c.outcome,
  c.documents || array(select unnest(documents) from taken_in)
   -- Stopped before they were read: billing has issued them all the same.
   || array(select named.key from changes t, unnest(t.documents) as named (key)
   where t.tenant = c.tenant and t.subject = c.subject and t.outcome = 'cancelled'
     and not exists (select from documents d
       where d.tenant = t.tenant and d.document_id = named.key)),
  c.whole or exists (select from taken_in where taken_in.whole),
  s.tenant is null and a.tenant is null, s.snapshot::text,
  {held},
  (select h.contribution::text from support_contributions h
   where h.tenant = c.tenant and h.subscription_id = c.subscription_id),
  array(select d.invoice_id from dunning_cases d
   where d.tenant = c.tenant and d.subscription_id = c.subscription_id
     and d.stage in ('suspended', 'final')),
  (select h.hold::text from access_holds h
   where h.tenant = c.tenant and h.subscription_id = c.subscription_id),
  (select json_build_object('exception_id', e.id, 'action', 'abort', 'by', e.resolved_by,
     'note', e.note)::text
   from exceptions e where e.tenant = c.tenant and e.change_id = c.id and e.resolution = 'abort'
     -- There it says that a person has undone a step by hand.
     and not starts_with(e.step, {undo}) order by e.resolved_at limit 1),
  exists (select from effects e where e.tenant = c.tenant and e.change_id = c.id
    and e.state in ('compensating', 'compensated')),
  exists (select from effects e where e.tenant = c.tenant and e.change_id = c.id
    and e.writes_set is not null and e.state in ('attempting', 'uncertain')),
  c.plan::text, c.plan_digest, c.mend::text
from changes c
left join subscription_states s
  on s.tenant = c.tenant and s.subscription_id = c.subscription_id
left join accounts a
  on c.subscription_id is null and a.tenant = c.tenant and a.customer_id = c.customer_id
where c.tenant = %(tenant)s and c.id = %(change)s
""")
    .format(held=HELD, undo=Literal(UNDO_OF))
    .as_string()
)


async def begin(conn: Connection, owner: Owner, *, run_id: str) -> PlanningContext | None:
    """The run is about to read billing: what is pending of its subject is part of it from now on.
    None where there is no such change. Raises Overtaken where it is open and another run's, which
    takes nothing in."""
    values = {
        "tenant": owner.tenant,
        "change": owner.change_id,
        "epoch": owner.epoch,
        "run": run_id,
    }
    found = await conn.execute((_BEGIN + _CONTEXT).encode(), values)
    row = await found.fetchone()
    if row is None:
        return None
    known = _context(row)
    if known.outcome is None and known.epoch != owner.epoch:
        await require(conn, owner)
    # The statement does not read what it has written.
    return replace(known, reading=known.reading + 1)


async def of_change(conn: Connection, tenant: str, change_id: str) -> PlanningContext | None:
    """None where there is no such change."""
    values = {"tenant": tenant, "change": change_id}
    found = await conn.execute((_TAKEN_IN + _CONTEXT).encode(), values)
    row = await found.fetchone()
    return None if row is None else _context(row)


async def of_subject(
    conn: Connection, tenant: str, subject: str, documents: Collection[str]
) -> PlanningContext:
    """As before a change of it that begins now and reads these documents."""
    found = await conn.execute(
        "select id from changes where tenant = %s and subject = %s order by seq desc limit 1",
        (tenant, subject),
    )
    row = await found.fetchone()
    known = await of_change(conn, tenant, row[0]) if row else None
    named = tuple(documents)
    if known is None:
        customer = customer_of(subject)
        return PlanningContext(
            subject=subject,
            subscription_id=None if customer else subject,
            customer_id=customer,
            kind=ChangeKind.OTHER.value,
            epoch=0,
            reading=0,
            outcome=None,
            documents=named,
            whole=False,
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
    return replace(
        known,
        outcome=None,
        documents=named,
        whole=False,
        aborted=None,
        undoing=False,
        plan=None,
        digest=None,
        mend=None,
    )


def _context(row: tuple[Any, ...]) -> PlanningContext:
    subject, of, customer, kind, epoch, reading, outcome, documents, whole, first, *known = row
    agreed, held, contribution, unpaid, hold, aborted, undoing, in_doubt, plan, digest, mend = known
    return PlanningContext(
        subject=subject,
        subscription_id=of,
        customer_id=customer,
        kind=kind,
        epoch=epoch,
        reading=reading,
        outcome=ChangeOutcome(outcome) if outcome else None,
        documents=tuple(dict.fromkeys(documents)),
        whole=whole,
        first_time=first,
        agreed=Subscription.model_validate_json(agreed) if agreed else None,
        held=GRANTS.validate_json(held),
        contribution=SubscriptionSupport.model_validate_json(contribution)
        if contribution
        else None,
        unpaid=frozenset(unpaid),
        access_hold=AccessHold.model_validate_json(hold) if hold else None,
        aborted=Resolution.model_validate_json(aborted, strict=False) if aborted else None,
        undoing=undoing,
        set_in_doubt=in_doubt,
        plan=AmendmentPlan.model_validate_json(plan) if plan else None,
        digest=digest,
        mend=Overlay.model_validate_json(mend) if mend else None,
    )


@dataclass(frozen=True, slots=True)
class MasterData:
    """How a customer and its items are called elsewhere. `others` is what the organisation's
    other subscriptions ask of support; empty without an account."""

    account: AccountMapping | None
    #: By the key that they are mapped by.
    items: dict[str, ItemMapping]
    others: tuple[SubscriptionSupport, ...]
    #: The digest of the customer's name, address and tax ids that other systems were told last;
    #: empty before.
    told: str


_MASTER_DATA = """
with valid as (
  select kind, target from mappings
  where tenant = %(tenant)s
    and (kind = 'account' and source = %(customer)s or kind = 'item' and source = any(%(keys)s))
    and valid_from <= coalesce(%(at)s, clock_timestamp())
    and (valid_to is null or valid_to > coalesce(%(at)s, clock_timestamp())))
select
  (select target::text from valid where kind = 'account'),
  (select coalesce(json_agg(target), '[]')::text from valid where kind = 'item'),
  (select coalesce(json_agg(s.contribution order by s.subscription_id), '[]')::text
   from support_contributions s join valid v on v.kind = 'account'
     and s.organization = v.target ->> 'support_organization'
   where s.tenant = %(tenant)s and s.subscription_id is distinct from %(subscription)s),
  (select profile_digest from accounts
   where tenant = %(tenant)s and customer_id = %(customer)s)
"""


async def master_data(
    conn: Connection,
    tenant: str,
    *,
    customer_id: str,
    keys: Collection[str],
    subscription_id: str | None,
    at: datetime | None = None,
) -> MasterData:
    """What holds at the moment, or now. `keys` of items are as mapping.keys_of gives them."""
    found = await conn.execute(
        _MASTER_DATA,
        {
            "tenant": tenant,
            "customer": customer_id,
            "keys": list(keys),
            "subscription": subscription_id,
            "at": at,
        },
    )
    row = await found.fetchone()
    account, mapped, others, told = row or (None, "[]", "[]", None)
    return MasterData(
        account=AccountMapping.model_validate_json(account) if account else None,
        items={mapping.item: mapping for mapping in _ITEMS.validate_json(mapped)},
        others=_CONTRIBUTIONS.validate_json(others),
        told=told or "",
    )


@dataclass(frozen=True, slots=True)
class BooksKnown:
    """Before the books are planned."""

    #: The subject's documents that are not settled, those that were named, and those that these
    #: correct and that a person wants linked; oldest first.
    records: tuple[DocumentRecord, ...]
    #: Those of others that were named, or that `records` and movements on the account refer to.
    others: dict[str, DocumentRecord]
    #: What the ERP has of movements of all these documents, and of the customer's account and
    #: balance.
    entered: dict[str, SettlementRecord]
    unbilled: UnbilledRecord | None
    #: What people have said yes to, by the ids of `records` and movements.
    approvals: dict[str, tuple[Approval, ...]]
    #: Of which a line pays for the subscription at a moment, those that are not paid, what paid
    #: when these were issued, and all since the first of them; also where they belong to the
    #: account, since other lines of theirs are of no subscription. Oldest first, without what
    #: billing has made void.
    covering: tuple[DocumentRecord, ...]


# Sets of ids are united rather than conditions, so that each is found by its index.
_BOOKS = f"""
with asked as (
  select document_id, document ->> 'corrects' as corrects from documents
    where tenant = %(tenant)s and subject = %(subject)s and {UNSETTLED}
  union select document_id, document ->> 'corrects' from documents
    where tenant = %(tenant)s and document_id = any(%(named)s)
), own as (
  select * from documents
  where tenant = %(tenant)s and subject = %(subject)s and document_id in (
    select document_id from asked
    union select d.document_id from documents d join asked on d.document_id = asked.corrects
      where d.tenant = %(tenant)s and d.posted is null and d.correction ->> 'link' is not null)
), moved as (
  select m from own, jsonb_array_elements(own.document -> 'settlements') m
), other as (
  select * from documents where tenant = %(tenant)s and document_id in (
    select unnest(%(named)s::text[])
    union select document ->> 'corrects' from own
    union select m ->> 'document_id' from moved union select m ->> 'about' from moved
    union select m ->> 'against' from moved
    union select unnest(array[about, against]) from settlements
      where tenant = %(tenant)s and customer_id = %(customer)s and document_id is null
        and entry_id is null)
    and document_id not in (select document_id from own)
), touched as (
  select document_id as id from own union select document_id from other
), movement as (
  select settlement_id as id from settlements
    where tenant = %(tenant)s and document_id in (select id from touched)
  union select settlement_id from settlements
    where tenant = %(tenant)s and about in (select id from touched)
  union select settlement_id from settlements
    where tenant = %(tenant)s and customer_id = %(customer)s and {ON_ACCOUNT}
  union select m ->> 'settlement_id' from moved
)
select
  (select coalesce(json_agg({DOCUMENT_JSON} order by d.issued_at, d.document_id), '[]')::text
   from own d),
  (select coalesce(json_agg({DOCUMENT_JSON} order by d.issued_at, d.document_id), '[]')::text
   from other d),
  (select coalesce(json_agg({SETTLEMENT_JSON} order by s.at, s.settlement_id), '[]')::text
   from {SETTLEMENT_ROWS} where s.tenant = %(tenant)s and s.entry_id is not null
     and s.settlement_id in (select id from movement)),
  (select {UNBILLED_JSON}::text from unbilled u
   where u.tenant = %(tenant)s and u.subscription_id = %(subject)s),
  (select {APPROVALS_JSON} from approvals a where a.tenant = %(tenant)s and a.document_id in (
     select document_id from own union all select id from movement)),
  (select coalesce(json_agg({DOCUMENT_JSON} order by d.issued_at, d.document_id), '[]')::text
   from documents d where d.tenant = %(tenant)s and {COVERING})
""".encode()  # noqa: S608 - put together from constants


async def books(
    conn: Connection,
    tenant: str,
    *,
    subject: str,
    customer_id: str,
    named: Collection[str],
    covering: datetime | None = None,
) -> BooksKnown:
    """`named` are ids of documents, of whatever subject; those never seen are left out. `covering`
    is the moment for which a subscription is paid; of an account there is none."""
    found = await conn.execute(
        _BOOKS,
        {
            "tenant": tenant,
            "subject": subject,
            "customer": customer_id,
            "named": list(named),
            "subscription": None if covering is None else subject,
            "at": covering,
        },
    )
    row = await found.fetchone()
    own, other, moved, shown, approved, paying = row or ("[]", "[]", "[]", None, "[]", "[]")
    return BooksKnown(
        records=DOCUMENTS.validate_json(own),
        others={d.document.document_id: d for d in DOCUMENTS.validate_json(other)},
        entered={s.settlement.settlement_id: s for s in SETTLEMENTS.validate_json(moved)},
        unbilled=UnbilledRecord.model_validate_json(shown) if shown else None,
        approvals=by_subject(approved),
        covering=DOCUMENTS.validate_json(paying),
    )
