"""A run of a change as our tables see it: what runs before it have begun, and what it has done."""

from dataclasses import dataclass

from psycopg.sql import SQL

from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import AccountSnapshot, BillingSnapshot
from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.records import DocumentRecord, SettlementRecord
from canonical_models.states import ChangeOutcome
from persistence.connection import Connection
from persistence.grants import GRANTS
from persistence.planning_context import HELD
from persistence.records import (
    DOCUMENT_JSON,
    DOCUMENTS,
    SETTLEMENT_JSON,
    SETTLEMENT_ROWS,
    SETTLEMENTS,
)
from persistence.support_contributions import AT_REST, CONTRIBUTIONS


async def begun(conn: Connection, tenant: str, change_id: str) -> tuple[str, ...]:
    """Steps of the effect ledger that the change has done, or may have, the oldest first."""
    found = await conn.execute(
        "select step from effects where tenant = %s and change_id = %s "
        "and state not in ('planned', 'compensated') order by created_at, key",
        (tenant, change_id),
    )
    return tuple(row[0] for row in await found.fetchall())


async def in_doubt(conn: Connection, tenant: str, change_id: str, step: str) -> frozenset[str]:
    """Keys of effects of this step, whatever it is about, that have begun and have not said what
    they came to."""
    found = await conn.execute(
        "select key from effects where tenant = %s and change_id = %s "
        "and step like %s || '/%%' and state in ('attempting', 'uncertain')",
        (tenant, change_id, step),
    )
    return frozenset(row[0] for row in await found.fetchall())


@dataclass(frozen=True, slots=True)
class Done:
    """What our own tables say of a change that has done all that its plan says: the plan, the
    snapshot it was planned from, and the grants that are held. `settled` is what it came to, where
    it has. `records` are the documents that it has posted, and those that its snapshot and its plan
    name, oldest first; `moved` the movements that it has entered, in the order in which they moved;
    `dunned` is whether an invoice of its subscription is overdue. `asked` is what is
    asked of its support organisation; where `lands_in` is not None another change writes that, and
    may go on to for so many seconds."""

    epoch: int
    settled: ChangeOutcome | None
    plan: AmendmentPlan
    snapshot: BillingSnapshot | AccountSnapshot
    held: tuple[Grant, ...]
    records: tuple[DocumentRecord, ...]
    moved: tuple[SettlementRecord, ...]
    dunned: bool
    asked: tuple[SubscriptionSupport, ...]
    lands_in: float | None

    @property
    def posted(self) -> tuple[DocumentRecord, ...]:
        """Those that the change has brought into the books: posted, or linked with what was there.
        Who follows them wants to know the ERP's number either way."""
        return tuple(
            record
            for record in self.records
            if record.change_id == self.plan.change_id and record.in_books
        )

    @property
    def newest_number(self) -> str | None:
        """The ERP's number of the last document that the change has posted or linked."""
        numbers = [record.posted.number for record in self.posted if record.posted]
        return numbers[-1] if numbers else None


_NAMED = " union ".join(
    f"select jsonb_array_elements_text(jsonb_path_query_array({column}, '$.{path}')) from c"  # noqa: S608 - put together from constants
    for column, path in (
        ("snapshot", "documents[*].document_id"),
        ("plan", "books.documents[*].document_id"),
        ("plan", "books.documents[*].corrects"),
        ("plan", "books.settlements[*].settlement.document_id"),
        ("plan", "books.settlements[*].settlement.against"),
    )
)

_AT_REST = AT_REST.format(
    organization="c.plan -> 'access' ->> 'organization'",
    writes_set="%(sets)s || (c.plan -> 'access' ->> 'organization')",
)

# Sets of ids are united rather than conditions, so that each is found by its index.
_DONE = (
    SQL(
        f"""
with c as materialized (
  select * from changes where tenant = %(tenant)s and id = %(change)s and plan is not null
)
select c.epoch, c.outcome, c.plan::text, c.snapshot::text, c.subscription_id is null, {{held}},
  (select coalesce(json_agg({DOCUMENT_JSON} order by d.issued_at, d.document_id), '[]')::text
   from documents d where d.tenant = %(tenant)s and d.document_id in ({_NAMED} union
     select document_id from documents where tenant = %(tenant)s and change_id = %(change)s)),
  (select coalesce(json_agg({SETTLEMENT_JSON} order by s.at, s.settlement_id), '[]')::text
   from {SETTLEMENT_ROWS}
   where s.tenant = %(tenant)s and e.change_id = %(change)s and s.entry_id is not null),
  exists (select from dunning_cases d where d.tenant = c.tenant
    and d.subscription_id = c.subscription_id and d.stage <> 'closed'),
  {_AT_REST}
from c
"""  # noqa: S608 - put together from constants
    )
    .format(held=HELD)
    .as_bytes()
)


async def done(conn: Connection, tenant: str, change_id: str, *, sets: str = "") -> Done | None:
    """None before there is a plan. Documents of the snapshot name nobody. `sets` is what the names
    of organisations' sets begin with, in the ledger."""
    values = {"tenant": tenant, "change": change_id, "sets": sets}
    found = await conn.execute(_DONE, values)
    row = await found.fetchone()
    if row is None:
        return None
    epoch, settled, planned, snapshot, account, held, records, moved, dunned, *shared = row
    asked, lands_in = shared
    kind = AccountSnapshot if account else BillingSnapshot
    return Done(
        epoch=epoch,
        settled=ChangeOutcome(settled) if settled else None,
        plan=AmendmentPlan.model_validate_json(planned),
        snapshot=kind.model_validate_json(snapshot),
        held=GRANTS.validate_json(held),
        records=DOCUMENTS.validate_json(records),
        moved=SETTLEMENTS.validate_json(moved),
        dunned=dunned,
        asked=CONTRIBUTIONS.validate_json(asked),
        lands_in=lands_in,
    )
