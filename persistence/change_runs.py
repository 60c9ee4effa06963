"""A run of a change as our tables see it: what it takes in, and what runs before it have begun."""

from persistence.ownership import Owner
from persistence.raw import Raw

#: Whoever of saga and dispatcher sees first that the run is open completes the row, so that people
#: can answer it. What is held by a person is left, and waits.
_LOOKS = """
with own as (
  update changes set run_id = %(run)s, started_at = coalesce(started_at, now()),
    state = case when state = 'starting' then 'running' else state end
  where tenant = %(tenant)s and id = %(change)s and epoch = %(epoch)s
    and state in ('starting', 'running', 'waiting')
  returning id, tenant, subject
)
update changes set taken_in_by = own.id from own
where changes.tenant = own.tenant and changes.subject = own.subject
  and changes.state = 'pending' and not changes.held
  and changes.taken_in_by is distinct from own.id
"""


async def looks(raw: Raw, owner: Owner, *, run_id: str) -> None:
    """The run is about to read billing: what is pending of its subject is part of it from now on.
    One that is not the owner takes nothing in."""
    await raw.execute(
        _LOOKS,
        {
            "run": run_id,
            "tenant": owner.tenant,
            "change": owner.change_id,
            "epoch": owner.epoch,
        },
    )


async def begun(raw: Raw, tenant: str, change_id: str) -> tuple[str, ...]:
    """Steps of the effect ledger that the change has done, or may have, the oldest first."""
    found = await raw.execute(
        "select step from effects where tenant = %s and change_id = %s "
        "and state not in ('planned', 'compensated') order by created_at, key",
        (tenant, change_id),
    )
    return tuple(row[0] for row in await found.fetchall())
