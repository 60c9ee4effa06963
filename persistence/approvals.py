"""What people have said yes to, of what policy does not let pass without it: a document, a refund
or a customer's master data as they are, by their content, whichever change carries it out."""

from collections.abc import Collection
from datetime import datetime

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from canonical_models.amendment import account_subject
from canonical_models.approvals import Approval, ApprovalAsked
from canonical_models.failures import RejectionCode
from canonical_models.views import ExceptionView
from persistence.connection import Connection
from persistence.rows import columns, fetch, fetch_one

#: Of rows called `a`, as one text.
APPROVALS_JSON = (
    "coalesce(json_agg(json_build_array(a.document_id, json_build_object('content', a.content, "
    "'by', a.approved_by, 'roles', a.roles)) order by a.approved_at), '[]')::text"
)
_PAIRS: TypeAdapter[list[tuple[str, Approval]]] = TypeAdapter(list[tuple[str, Approval]])

#: What somebody did to the very thing, in the same change or to what it was made of since it was
#: issued, is what they have caused: by a mapping, by the correction of another case, or by the mend
#: of a cause. Trying again and saying yes cause nothing.
_CAUSED = """
with made_of as (
  select o.issued_at, array(select o.customer_id
    union select l ->> 'item' from jsonb_array_elements(o.document -> 'lines') l
    union select l ->> 'price' from jsonb_array_elements(o.document -> 'lines') l) as keys
  from documents o where o.tenant = %(tenant)s and o.document_id = %(subject)s
)
select d.action, d.at from decisions d left join made_of m on true
where d.tenant = %(tenant)s and d.decided_by = %(by)s and d.action not in ('approve', 'retry')
  and d.outcome is distinct from 'void'
  and (d.change_id = %(change)s and d.change_id <> ''
    or d.target_kind = 'document' and d.target_id = %(subject)s
    or d.after #>> '{document,document_id}' = %(subject)s
    or d.at >= m.issued_at and (
      d.target_kind = 'mapping' and substr(d.target_id, strpos(d.target_id, '/') + 1) = any(m.keys)
      or d.after #>> '{account,billing_customer}' = any(m.keys)
      or d.after #>> '{item,item}' = any(m.keys)))
order by d.at desc limit 1
"""


def by_subject(told: str) -> dict[str, tuple[Approval, ...]]:
    """From APPROVALS_JSON."""
    found: dict[str, tuple[Approval, ...]] = {}
    for subject, approval in _PAIRS.validate_json(told):
        found[subject] = (*found.get(subject, ()), approval)
    return found


def subject_of(asked: ExceptionView) -> str | None:
    """What the exception asks a yes to, as it is called here."""
    if asked.subject is not None and asked.code == RejectionCode.MASTER_DATA_CHANGED.value:
        return account_subject(asked.subject)
    return asked.subject


async def ask(conn: Connection, tenant: str, subject: str, asked: ApprovalAsked) -> None:
    """What is asked now; it takes the place of what was asked before."""
    needs = [need.model_dump(mode="json") for need in asked.needs]
    await conn.execute(
        "insert into approval_requests (tenant, document_id, content, needs) "
        "values (%(tenant)s, %(subject)s, %(content)s, %(needs)s) "
        "on conflict (tenant, document_id) do update set content = excluded.content, "
        "needs = excluded.needs, asked_at = now() "
        "where (approval_requests.content, approval_requests.needs) "
        "is distinct from (excluded.content, excluded.needs)",
        {
            "tenant": tenant,
            "subject": subject,
            "content": asked.content,
            "needs": Jsonb(needs),
        },
    )


async def asked_of(conn: Connection, tenant: str, subject: str) -> ApprovalAsked | None:
    """None where nothing was."""
    return await fetch_one(
        conn,
        ApprovalAsked,
        f"select {columns(ApprovalAsked)} from approval_requests "  # noqa: S608 - a constant
        "where tenant = %s and document_id = %s",
        (tenant, subject),
    )


async def put(
    conn: Connection,
    tenant: str,
    subject: str,
    content: str,
    *,
    by: str,
    roles: Collection[str] | None,
    note: str,
) -> None:
    """The first yes of each to a content stays."""
    await conn.execute(
        "insert into approvals (tenant, document_id, content, approved_by, roles, note) "
        "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (tenant, subject, content, by, None if roles is None else sorted(roles), note),
    )


async def keep_plan(conn: Connection, tenant: str, change_id: str, *, by: str) -> None:
    """The plan of the change as it is now, which somebody has said yes to: it stays for good,
    whatever is planned later. A process has none."""
    await conn.execute(
        "insert into approved_plans (id, tenant, change_id, digest, plan, approved_by) "
        "select id || '/' || plan_digest, tenant, id, plan_digest, plan, %s from changes "
        "where tenant = %s and id = %s and plan is not null and plan_digest is not null "
        "on conflict do nothing",
        (by, tenant, change_id),
    )


async def used(conn: Connection, tenant: str, subject: str, content: str) -> None:
    """What was said yes to has been done; the next time it is asked again."""
    await conn.execute(
        "delete from approvals where tenant = %s and document_id = %s and content = %s",
        (tenant, subject, content),
    )


async def of(conn: Connection, tenant: str, subject: str) -> tuple[Approval, ...]:
    """All that was said of it, whatever its content was then."""
    found = columns(Approval, by="approved_by")
    return await fetch(
        conn,
        Approval,
        f"select {found} from approvals "  # noqa: S608 - a constant
        "where tenant = %s and document_id = %s order by approved_at",
        (tenant, subject),
    )


async def caused(
    conn: Connection, tenant: str, asked: ExceptionView, by: str
) -> tuple[str, datetime] | None:
    """The last thing that this person decided of what is asked about: the action, and when."""
    row = await (
        await conn.execute(
            _CAUSED,
            {"tenant": tenant, "by": by, "subject": asked.subject, "change": asked.change_id},
        )
    ).fetchone()
    return (row[0], row[1]) if row else None
