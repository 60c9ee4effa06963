"""Which ERP document carries which billing line: a line is carried once at a time, ever."""

from collections.abc import Iterable

from canonical_models.ledgering import DocumentLine
from persistence.raw import Transaction, driver

_RELEASE = """
delete from posted_lines where tenant = %s and effect_key = %s and state = 'claimed'
"""

_CLAIM = """
insert into posted_lines (tenant, line_id, subscription_id, effect_key, minor, currency)
select %s, line.id, %s, %s, line.minor, line.currency
from unnest(%s::text[], %s::bigint[], %s::text[]) as line (id, minor, currency)
on conflict do nothing returning line_id
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
    wanted = {line.line_id: line.net for line in lines}
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
                [net.minor for net in wanted.values()],
                [net.currency for net in wanted.values()],
            ),
        )
    return frozenset(wanted) - {line_id for (line_id,) in await taken.fetchall()}


async def release(session: Transaction, tenant: str, effect_key: str) -> None:
    """The document was refused or never made: its lines may be posted by another."""
    await (await driver(session)).execute(_RELEASE, (tenant, effect_key))


async def settle(
    session: Transaction, tenant: str, effect_key: str, *, state: str, document_id: str
) -> None:
    """`posted` with the document's key, or `reversed` with that of the reversing one."""
    await (await driver(session)).execute(_SETTLE, (state, document_id, tenant, effect_key))
