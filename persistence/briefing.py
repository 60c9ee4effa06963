"""All that our own tables know of a change, in one statement each time it is needed."""

from dataclasses import dataclass

from psycopg.sql import SQL
from pydantic import TypeAdapter

from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import BillingSnapshot, Subscription
from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.ledgering import AccountMapping, CarriedLine, Document, ItemMapping
from persistence.grants import AS_JSON, GRANTS
from persistence.raw import Raw

_SHARES = TypeAdapter(tuple[SubscriptionSupport, ...])
_ITEMS = TypeAdapter(tuple[ItemMapping, ...])
_DOUBTS = TypeAdapter(list[tuple[str, str]])
_CARRIED = TypeAdapter(tuple[CarriedLine, ...])

_HELD = SQL("""
(select {} from grants g
 where g.tenant = c.tenant and g.subscription_id = c.subscription_id and g.withdrawn_at is null)
""").format(AS_JSON)


@dataclass(frozen=True, slots=True)
class Briefing:
    """Before a change is planned. `kept` is its plan where the document may exist in the ERP: the
    plan that made it must be seen through, not replaced."""

    subscription_id: str
    #: What the event said that it is; `payment` also where a plan before has found money.
    kind: str
    settled: bool
    kept: AmendmentPlan | None
    #: (change id, state) of documents whose saga was lost before it knew whether they exist.
    doubtful: list[tuple[str, str]]
    #: The last state on which every system agreed.
    agreed: Subscription | None
    #: The lines that other documents carry, by id.
    carried: dict[str, CarriedLine]
    #: Movements of money that the ERP knows, or is being told of.
    entered: frozenset[str]
    #: Invoices of this subscription whose grace is over.
    unpaid: frozenset[str]
    #: Digests of documents of this change that a person has approved.
    approved: frozenset[str]
    held: tuple[Grant, ...]
    share: SubscriptionSupport | None


_BRIEFING = (
    SQL("""
select c.subscription_id, case when c.plan ? 'payments' then 'payment' else c.kind end,
  c.state = 'settled',
  case when (select e.state from effects e where e.key = %(key)s)
    in ('attempting', 'uncertain', 'confirmed') then c.plan::text end,
  (select coalesce(json_agg(json_build_array(e.change_id, e.state) order by l.seq), '[]')::text
   from changes l join effects e on e.change_id = l.id
   where l.tenant = c.tenant and l.subscription_id = c.subscription_id and l.outcome = 'lost'
     and e.step = %(step)s
     and e.state in ('attempting', 'uncertain', 'compensating', 'compensation_uncertain')),
  (select s.snapshot::text from subscription_states s
   where s.tenant = c.tenant and s.subscription_id = c.subscription_id),
  (select coalesce(json_agg(json_build_object('line_id', p.line_id, 'item', p.item,
      'net', json_build_object('minor', p.minor, 'currency', p.currency),
      'invoice_id', p.invoice_id)), '[]')::text from posted_lines p
   where p.tenant = c.tenant and p.subscription_id = c.subscription_id
     and p.state <> 'reversed' and p.effect_key <> %(key)s),
  array(select p.payment_id from payments p
   where p.tenant = c.tenant and p.subscription_id = c.subscription_id and p.entry_id is not null),
  array(select d.invoice_id from dunning_cases d
   where d.tenant = c.tenant and d.subscription_id = c.subscription_id
     and d.stage in ('suspended', 'final')),
  array(select a.digest from approvals a where a.tenant = c.tenant and a.change_id = c.id),
  {held},
  (select s.share::text from support_shares s
   where s.tenant = c.tenant and s.subscription_id = c.subscription_id)
from changes c where c.tenant = %(tenant)s and c.id = %(change)s
""")
    .format(held=_HELD)
    .as_bytes()
)


async def of_change(
    raw: Raw, tenant: str, change_id: str, *, step: str, key: str
) -> Briefing | None:
    """`step` and `key` name the change's document in the effect ledger."""
    found = await raw.execute(
        _BRIEFING, {"tenant": tenant, "change": change_id, "step": step, "key": key}
    )
    row = await found.fetchone()
    if row is None:
        return None
    of, kind, settled, kept, doubtful, agreed, carried, entered, unpaid, approved, held, share = row
    return Briefing(
        subscription_id=of,
        kind=kind,
        settled=settled,
        kept=AmendmentPlan.model_validate_json(kept) if kept else None,
        doubtful=_DOUBTS.validate_json(doubtful),
        agreed=Subscription.model_validate_json(agreed) if agreed else None,
        carried={line.line_id: line for line in _CARRIED.validate_json(carried)},
        entered=frozenset(entered),
        unpaid=frozenset(unpaid),
        approved=frozenset(approved),
        held=GRANTS.validate_json(held),
        share=SubscriptionSupport.model_validate_json(share) if share else None,
    )


@dataclass(frozen=True, slots=True)
class MasterData:
    """How a customer and its items are called elsewhere. `others` is what the organisation's
    other subscriptions ask of support; empty without an account."""

    account: AccountMapping | None
    items: dict[str, ItemMapping]
    others: tuple[SubscriptionSupport, ...]


_MASTER_DATA = """
with valid as (
  select kind, target from mappings
  where tenant = %(tenant)s
    and (kind = 'account' and source = %(customer)s or kind = 'item' and source = any(%(items)s))
    and valid_from <= clock_timestamp() and (valid_to is null or valid_to > clock_timestamp()))
select
  (select target::text from valid where kind = 'account'),
  (select coalesce(json_agg(target), '[]')::text from valid where kind = 'item'),
  (select coalesce(json_agg(s.share order by s.subscription_id), '[]')::text
   from support_shares s join valid v on v.kind = 'account'
     and s.organization = v.target ->> 'support_organization'
   where s.tenant = %(tenant)s and s.subscription_id <> %(subscription)s)
"""


async def master_data(
    raw: Raw, tenant: str, *, customer_id: str, items: set[str], subscription_id: str
) -> MasterData:
    found = await raw.execute(
        _MASTER_DATA,
        {
            "tenant": tenant,
            "customer": customer_id,
            "items": list(items),
            "subscription": subscription_id,
        },
    )
    row = await found.fetchone()
    account, mapped, others = row or (None, "[]", "[]")
    return MasterData(
        account=AccountMapping.model_validate_json(account) if account else None,
        items={mapping.item: mapping for mapping in _ITEMS.validate_json(mapped)},
        others=_SHARES.validate_json(others),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What our own tables say of a change that is done: its plan, the snapshot it was planned
    from, its document, and the grants that are held."""

    plan: AmendmentPlan
    snapshot: BillingSnapshot
    document: Document | None
    held: tuple[Grant, ...]


_OUTCOME = (
    SQL("""
select c.plan::text, c.snapshot::text,
  (select e.result::text from effects e where e.key = %(key)s),
  {held}
from changes c where c.tenant = %(tenant)s and c.id = %(change)s and c.plan is not null
""")
    .format(held=_HELD)
    .as_bytes()
)


async def outcome(raw: Raw, tenant: str, change_id: str, *, key: str) -> Outcome | None:
    """`key` names the change's document in the effect ledger. None before there is a plan."""
    found = await raw.execute(_OUTCOME, {"tenant": tenant, "change": change_id, "key": key})
    row = await found.fetchone()
    if row is None:
        return None
    planned, snapshot, result, held = row
    plan = AmendmentPlan.model_validate_json(planned)
    posted = Document.model_validate_json(result) if plan.document and result else None
    return Outcome(
        plan=plan,
        snapshot=BillingSnapshot.model_validate_json(snapshot),
        document=posted,
        held=GRANTS.validate_json(held),
    )
