"""What is written to `documents`, as PostgreSQL is told it."""

from persistence.ownership import OWNED

# By id, so that two who see the same documents wait for each other and never in a circle. What was
# left in the books as it was posted needs no hold once billing says the same again.
# Where an owner is given nothing is written for another.
_SEEN = """
insert into documents (tenant, connection, document_id, subject, customer_id, subscription_id,
  subscriptions, kind, number, status, currency, gross_minor, tax_minor, remaining_minor, issued_at,
  due_at, content, document, state, seen_at, email_digest)
select %(tenant)s, %(connection)s, seen.id, seen.subject, seen.document ->> 'customer_id',
  seen.subscription,
  array(select line ->> 'subscription_id' from jsonb_array_elements(seen.document -> 'lines') line
    where line ->> 'subscription_id' is not null
    union select seen.document ->> 'made_for' where seen.document ->> 'made_for' is not null
    order by 1),
  seen.document ->> 'kind', seen.document ->> 'number', seen.document ->> 'status',
  seen.document ->> 'currency', (seen.document #>> '{{gross,minor}}')::bigint,
  (seen.document #>> '{{tax,minor}}')::bigint, (seen.document #>> '{{remaining,minor}}')::bigint,
  seen.issued_at, (seen.document ->> 'due_at')::timestamptz, seen.content, seen.document,
  case when seen.issued_at < %(books_from)s then 'before_cutover' else 'seen' end,
  clock_timestamp(), seen.email
from (select id, subject, subscription, issued_at, content, document::jsonb as document, email
  from unnest(%(ids)s::text[], %(subjects)s::text[], %(subscriptions)s::text[],
    %(issued)s::timestamptz[], %(contents)s::text[], %(documents)s::text[], %(emails)s::text[])
  as given (id, subject, subscription, issued_at, content, document, email)) seen
{condition}
order by seen.id
on conflict (tenant, document_id) do update set connection = excluded.connection,
  subject = excluded.subject, customer_id = excluded.customer_id,
  subscription_id = excluded.subscription_id, subscriptions = excluded.subscriptions,
  kind = excluded.kind, number = excluded.number, status = excluded.status,
  currency = excluded.currency, gross_minor = excluded.gross_minor,
  tax_minor = excluded.tax_minor, remaining_minor = excluded.remaining_minor,
  issued_at = excluded.issued_at, due_at = excluded.due_at, content = excluded.content,
  document = excluded.document, seen_at = excluded.seen_at,
  email_digest = coalesce(excluded.email_digest, documents.email_digest),
  hold = case when documents.state = 'posted' and documents.posted_content = excluded.content
    and excluded.status <> 'void' and documents.hold ->> 'kind' <> 'aborted'
    then null else documents.hold end
where documents.document <> excluded.document
"""
SEEN = _SEEN.format(condition="").encode()
SEEN_BY_OWNER = f"""
with {OWNED}, written as ({_SEEN.format(condition="where exists (select from owned)")})
select exists (select from owned)
""".encode()  # noqa: S608 - put together from constants

_OWED = """
from documents owed where owed.tenant = %(tenant)s
and owed.subscriptions @> array[%(subscription)s] and owed.status = 'open'
and owed.remaining_minor > 0
"""

#: A condition.
COVERING = f"""
subscriptions @> array[%(subscription)s] and status <> 'void'
and (issued_at >= (select min(owed.issued_at) {_OWED}) or exists (
  select from jsonb_array_elements(document -> 'lines') line,
    unnest(%(at)s::timestamptz || array(select owed.issued_at {_OWED})) as times (moment)
  where coalesce(line ->> 'subscription_id', document ->> 'made_for') = %(subscription)s
    and (line ->> 'period_start')::timestamptz <= moment
    and (line ->> 'period_end')::timestamptz > moment))
"""  # noqa: S608 - put together from constants

_THIS = "where tenant = %(tenant)s and document_id = %(document)s"

_ERP = """
legal_entity = %(legal_entity)s, erp_document_id = %(erp_id)s, erp_number = %(number)s,
erp_open_minor = %(open)s, erp_gross_minor = %(gross)s, erp_tax_minor = %(tax)s,
posted = %(posted)s::jsonb
"""

_OUT_OF_BOOKS = "(posted is null or state = 'reversed')"

POSTED = f"""
update documents set {_ERP}, state = 'posted', party = %(party)s, posted_content = %(content)s,
  effect_key = %(effect)s, change_id = %(change)s, hold = null, linked_by = null
{_THIS} and generation = %(generation)s
""".encode()  # noqa: S608 - put together from constants

# What it stands for has changed: the next sweep begins with it. The two documents of the ERP are
# settled with each other, so that nothing is open of the one any more.
REVERSED = f"""
update documents set state = 'reversed', hold = coalesce(%(hold)s::jsonb, hold),
  erp_status_at = null,
  (erp_open_minor, posted) = (
    select case when done then 0 else erp_open_minor end,
      case when done then jsonb_set(jsonb_set(posted, '{{open,minor}}', '0'), '{{credits}}',
        (posted -> 'credits') - %(by)s::text || to_jsonb(%(by)s::text)) else posted end
    from (select coalesce(%(by)s <> erp_document_id, false) as done) reversal)
{_THIS}
""".encode()  # noqa: S608 - put together from constants

READ_BACK = f"""
update documents set {_ERP} {_THIS}
  and legal_entity = %(legal_entity)s and erp_document_id = %(erp_id)s
""".encode()  # noqa: S608 - put together from constants

HOLD = f"""
update documents set hold = %(hold)s::jsonb {_THIS} and {_OUT_OF_BOOKS}
""".encode()  # noqa: S608 - put together from constants

# Until it is reversed, it stands.
TAKE_BACK = f"""
update documents set hold = %(hold)s::jsonb {_THIS} and state = 'posted'
""".encode()  # noqa: S608 - put together from constants

# Nobody takes it back any more.
STAY = f"""
update documents set hold = null {_THIS} and subject = %(subject)s and state = 'posted'
  and hold ->> 'kind' = 'aborted'
""".encode()  # noqa: S608 - put together from constants

# What nobody has decided of yet: it stays out, or in the books as it was posted.
LEAVE = f"""
update documents set hold = %(hold)s::jsonb {_THIS} and subject = %(subject)s and hold is null
  and ({_OUT_OF_BOOKS} or state = 'posted' and (posted_content <> content or status = 'void'))
""".encode()  # noqa: S608 - put together from constants

# What was taken back stays in the ERP, and what was undone in the ledger: what is posted after that
# is another document there, under another key here.
RELEASE = f"""
update documents set hold = null, state = 'seen', generation = generation + 1, legal_entity = null,
  party = null, erp_document_id = null, erp_number = null, erp_open_minor = null,
  erp_gross_minor = null, erp_tax_minor = null, posted = null, posted_content = null,
  effect_key = null, change_id = null, linked_by = null, erp_status = 'unposted',
  erp_status_at = null
{_THIS} and hold is not null
  and (state = 'reversed' or state = 'seen' and hold ->> 'kind' = 'aborted')
""".encode()  # noqa: S608 - put together from constants

RELEASE_AS_IT_IS = f"""
update documents set hold = null {_THIS} and hold is not null
""".encode()  # noqa: S608 - put together from constants

CORRECT = f"""
update documents set correction = %(correction)s::jsonb {_THIS}
""".encode()  # noqa: S608 - put together from constants

LINK = f"""
update documents set {_ERP}, party = %(party)s, posted_content = content, linked_by = %(by)s,
  change_id = %(change)s, state = case when state = 'before_cutover' then state else 'posted' end,
  hold = null, effect_key = null, erp_status_at = null
{_THIS} and {_OUT_OF_BOOKS} and not exists (select from documents other
  where other.tenant = %(tenant)s and other.legal_entity = %(legal_entity)s
    and other.erp_document_id = %(erp_id)s and other.document_id <> %(document)s)
""".encode()  # noqa: S608 - put together from constants
