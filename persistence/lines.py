"""Which ERP document carries which billing line: a line is carried once at a time, ever."""

from collections.abc import Iterable

from canonical_models.commerce import BillingLine
from canonical_models.ledgering import DocumentLine
from persistence.raw import Transaction, driver

_RELEASE = """
delete from posted_lines where tenant = %s and effect_key = %s and state = 'claimed'
"""

_CLAIM = """
insert into posted_lines (tenant, line_id, subscription_id, effect_key, minor, currency, item)
select %s, line.id, %s, %s, line.minor, line.currency, line.item
from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[]) as line (id, minor, currency, item)
on conflict do nothing returning line_id
"""

_INVOICED = """
update posted_lines p set invoice_id = seen.invoice
from unnest(%s::text[], %s::text[]) as seen (line, invoice)
where p.tenant = %s and p.subscription_id = %s and p.line_id = seen.line
  and coalesce(p.invoice_id, '(unknown)') = '(unknown)'
"""

_INVOICED_TOO = """
update posted_lines p set invoice_id = o.invoice_id from posted_lines o
where p.tenant = %s and p.effect_key = %s and p.invoice_id is null
  and o.tenant = p.tenant and p.line_id = o.line_id || '~' and o.state <> 'reversed'
"""

_DOCUMENTS = """
select p.invoice_id, p.document_id, e.result ->> 'legal_entity'
from posted_lines p join effects e on e.key = p.effect_key
where p.tenant = %s and p.invoice_id = any(%s) and p.state = 'posted'
  and p.document_id is not null
group by 1, 2, 3 order by min(p.id)
"""

_SETTLE = """
update posted_lines set state = %s, document_id = %s, updated_at = now()
where tenant = %s and effect_key = %s and state <> 'reversed'
"""


async def claim(
    session: Transaction,
    tenant: str,
    subscription_id: str,
    effect_key: str,
    lines: Iterable[DocumentLine],
) -> frozenset[str]:
    """Claim the lines for this effect; answers those that another effect already carries.

    Lines that an earlier plan of the same effect claimed and this one does not are let go.
    """
    wanted = {line.line_id: line for line in lines}
    raw = await driver(session)
    async with raw.pipeline():
        await raw.execute(_RELEASE, (tenant, effect_key))
        taken = await raw.execute(
            _CLAIM,
            (
                tenant,
                subscription_id,
                effect_key,
                list(wanted),
                [line.net.minor for line in wanted.values()],
                [line.net.currency for line in wanted.values()],
                [line.item for line in wanted.values()],
            ),
        )
    return frozenset(wanted) - {line_id for (line_id,) in await taken.fetchall()}


async def invoiced(
    session: Transaction, tenant: str, subscription_id: str, lines: Iterable[BillingLine]
) -> None:
    """Note by which invoice billing asks lines that documents carry, as far as it does."""
    asked = {line.line_id: line.invoice_id for line in lines if line.invoice_id is not None}
    if asked:
        await (await driver(session)).execute(
            _INVOICED, (list(asked), list(asked.values()), tenant, subscription_id)
        )


async def taken_back(session: Transaction, tenant: str, effect_key: str) -> None:
    """Lines of this effect that take others back belong to the invoices of those."""
    await (await driver(session)).execute(_INVOICED_TOO, (tenant, effect_key))


async def documents_of(
    session: Transaction, tenant: str, invoice_ids: Iterable[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """(document id, legal entity) of the documents that carry lines of each invoice or take them
    back, oldest first."""
    found = await (await driver(session)).execute(_DOCUMENTS, (tenant, list(invoice_ids)))
    documents: dict[str, tuple[tuple[str, str], ...]] = {}
    for invoice_id, document_id, legal_entity in await found.fetchall():
        documents[invoice_id] = (*documents.get(invoice_id, ()), (document_id, legal_entity))
    return documents


async def release(session: Transaction, tenant: str, effect_key: str) -> None:
    """The document was refused or never made: its lines may be posted by another."""
    await (await driver(session)).execute(_RELEASE, (tenant, effect_key))


async def settle(
    session: Transaction, tenant: str, effect_key: str, *, state: str, document_id: str
) -> None:
    """`posted` with the document's key, or `reversed` with that of the reversing one."""
    await (await driver(session)).execute(_SETTLE, (state, document_id, tenant, effect_key))
