"""Rows of the effect ledger. The protocol that moves them is activities/ledger.py."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.views import EffectView
from persistence.raw import Raw
from persistence.tables import EffectRow

_INTENDED = """
insert into effects (key, tenant, change_id, step, system, operation, request_hash, state,
  attempts, attempted_at)
values (%(key)s, %(tenant)s, %(change_id)s, %(step)s, %(system)s, %(operation)s,
  %(request_hash)s, {state})
on conflict do nothing returning key
"""
_ATTEMPTED = _INTENDED.format(state="'attempting', 1, now()")
_PLANNED = _INTENDED.format(state="'planned', 0, null")


async def first_attempt(raw: Raw, values: Mapping[str, Any]) -> bool:
    """Make the row as `attempting`. False when there is one already: see `locked`."""
    return await (await raw.execute(_ATTEMPTED, values)).fetchone() is not None


async def locked(raw: Raw, values: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """(state, stored result as JSON, hash of the request) of the row of this key, made as `planned`
    from `values` if there is none, locked until the commit."""
    await raw.execute(_PLANNED, values)
    found = await raw.execute(
        "select state, result::text, request_hash from effects where key = %(key)s for update",
        values,
    )
    row = await found.fetchone()
    if row is None:
        raise RuntimeError(f"effect {values['key']} was made and is gone: who deleted it?")
    return row[0], row[1], row[2]


async def attempt(raw: Raw, key: str, *, request_hash: str) -> None:
    """One more attempt begins now."""
    await raw.execute(
        "update effects set state = 'attempting', attempts = attempts + 1, request_hash = %s, "
        "attempted_at = now() where key = %s",
        (request_hash, key),
    )


async def confirm(
    raw: Raw, key: str, *, result: str, vendor_reference: str | None, url: str | None
) -> None:
    """It happened. `result` is JSON."""
    await raw.execute(
        "update effects set state = 'confirmed', result = %s::jsonb, vendor_reference = %s, "
        "url = %s, error = null, confirmed_at = now() where key = %s",
        (result, vendor_reference, url, key),
    )


async def move(raw: Raw, key: str, state: str, *, error: str | None = None) -> None:
    """To a state that is not an end. `error` says what went wrong, where something did."""
    await raw.execute(
        "update effects set state = %s, error = coalesce(%s, error) where key = %s",
        (state, error, key),
    )


async def compensate(
    raw: Raw, key: str, *, result: str | None = None, reference: str | None = None
) -> None:
    """It was taken back, or never happened and cannot happen any more. `result` is JSON."""
    await raw.execute(
        "update effects set state = 'compensated', undo_reference = %s, undo_result = %s::jsonb, "
        "error = null, compensated_at = now() where key = %s",
        (reference, result, key),
    )


async def of_change(session: AsyncSession, tenant: str, change_id: str) -> tuple[EffectView, ...]:
    """In the order in which they were first intended."""
    rows = await session.exec(
        select(EffectRow)
        .where(EffectRow.tenant == tenant, EffectRow.change_id == change_id)
        .order_by(col(EffectRow.created_at), col(EffectRow.key))
    )
    return tuple(
        EffectView(
            document=row.vendor_reference,
            undo_document=row.undo_reference,
            **row.model_dump(include=set(EffectView.model_fields)),
        )
        for row in rows
    )
