"""All that our own tables know of a change, in one statement each time it is needed."""

from dataclasses import dataclass

from psycopg.sql import SQL
from pydantic import TypeAdapter

from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import Subscription
from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.ledgering import AccountMapping, Document, ItemMapping
from persistence.grants import AS_JSON, GRANTS
from persistence.raw import Raw

_SHARES = TypeAdapter(tuple[SubscriptionSupport, ...])
_ITEMS = TypeAdapter(tuple[ItemMapping, ...])
_DOUBTS = TypeAdapter(list[tuple[str, str]])

_HELD = SQL("""
(select {} from grants g
 where g.tenant = c.tenant and g.subscription_id = c.subscription_id and g.withdrawn_at is null)
""").format(AS_JSON)


@dataclass(frozen=True, slots=True)
class Briefing:
    """Before a change is planned. `kept` is its plan where the document may exist in the ERP: the
    plan that made it must be seen through, not replaced."""

    subscription_id: str
    settled: bool
    kept: AmendmentPlan | None
    #: (change id, state) of documents whose saga was lost before it knew whether they exist.
    doubtful: list[tuple[str, str]]
    #: The last state on which every system agreed.
    agreed: Subscription | None
    #: Ids of the lines that other documents carry.
    carried: frozenset[str]
    held: tuple[Grant, ...]
    share: SubscriptionSupport | None


_BRIEFING = (
    SQL("""
select c.subscription_id, c.state = 'settled',
  case when (select e.state from effects e where e.key = %(key)s)
    in ('attempting', 'uncertain', 'confirmed') then c.plan::text end,
  (select coalesce(json_agg(json_build_array(e.change_id, e.state) order by l.seq), '[]')::text
   from changes l join effects e on e.change_id = l.id
   where l.tenant = c.tenant and l.subscription_id = c.subscription_id and l.outcome = 'lost'
     and e.step = %(step)s
     and e.state in ('attempting', 'uncertain', 'compensating', 'compensation_uncertain')),
  (select s.snapshot::text from subscription_states s
   where s.tenant = c.tenant and s.subscription_id = c.subscription_id),
  array(select p.line_id from posted_lines p
   where p.tenant = c.tenant and p.subscription_id = c.subscription_id
     and p.state <> 'reversed' and p.effect_key <> %(key)s),
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
    subscription_id, settled, kept, doubtful, agreed, carried, held, share = row
    return Briefing(
        subscription_id=subscription_id,
        settled=settled,
        kept=AmendmentPlan.model_validate_json(kept) if kept else None,
        doubtful=_DOUBTS.validate_json(doubtful),
        agreed=Subscription.model_validate_json(agreed) if agreed else None,
        carried=frozenset(carried),
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
    """What our own tables say of a change that is done: its plan, the subscription it was planned
    from, its document, and the grants that are held."""

    plan: AmendmentPlan
    subscription: Subscription
    document: Document | None
    held: tuple[Grant, ...]


_OUTCOME = (
    SQL("""
select c.plan::text, (c.snapshot -> 'subscription')::text,
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
    planned, subscription, result, held = row
    plan = AmendmentPlan.model_validate_json(planned)
    posted = Document.model_validate_json(result) if plan.document and result else None
    return Outcome(
        plan=plan,
        subscription=Subscription.model_validate_json(subscription),
        document=posted,
        held=GRANTS.validate_json(held),
    )
