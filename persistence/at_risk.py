"""What is at risk while a question is open, as billing has said it."""

from canonical_models.money import Money
from persistence.connection import Connection

# The document that is to be mended; else what billing has issued to the subject and the books do
# not hold; else what billing has not billed yet, as the change has read it. The first that is there
# counts, in its one currency: amounts of two are not added, and not known as one.
_SAID = """
with named as (
  select currency, gross_minor as minor from documents
  where tenant = %(tenant)s and document_id = %(subject)s
), issued as (
  select d.currency, sum(d.gross_minor)::bigint as minor from documents d
  join changes c on c.tenant = d.tenant and c.subject = d.subject
  where c.tenant = %(tenant)s and c.id = %(change)s and d.state in ('seen', 'reversed')
    and d.status <> 'void' and d.hold is null
  group by d.currency
), unbilled as (
  select line -> 'net' ->> 'currency' as currency,
    sum((line -> 'net' ->> 'minor')::bigint)::bigint as minor
  from changes c, jsonb_array_elements(c.snapshot -> 'unbilled' -> 'lines') as line
  where c.tenant = %(tenant)s and c.id = %(change)s
  group by 1
)
select 1, currency, minor from named
union all select 2, currency, minor from issued
union all select 3, currency, minor from unbilled
order by 1, 2
"""


async def at_risk(
    conn: Connection, tenant: str, change_id: str, subject: str | None
) -> Money | None:
    """None where it is not known, which is not zero."""
    values = {"tenant": tenant, "change": change_id, "subject": subject}
    found = await (await conn.execute(_SAID, values)).fetchall()
    first = [(currency, minor) for source, currency, minor in found if source == found[0][0]]
    if len(first) != 1:
        return None
    currency, minor = first[0]
    return Money(minor=minor, currency=currency)
