"""Whether a run is still the owner of its change: proven in the transaction that writes.

A change is claimed with a number that counts up (`changes.epoch`), and the saga that was started
for it carries that number into each of its steps. A run that was reset, terminated or forgotten
carries an older one, and so has no effect any more.
"""

from dataclasses import dataclass

from canonical_models.failures import Overtaken, Rejection, RejectionCode
from persistence.connection import Connection

#: To begin a statement with: has a row where the change is open, its newest claim is this one, and
#: its plan is the one that is carried out, as `require` says it. Until the commit it stays so.
OWNED = """owned as (
  select from changes where tenant = %(tenant)s and id = %(change_id)s and epoch = %(epoch)s
    and state in ('starting', 'running', 'waiting')
    and (%(digest)s = '' or plan_digest = %(digest)s)
  for share
)"""

_FOUND = (
    "select state, epoch, plan_digest, "
    "case when %s::text is not null then pg_advisory_xact_lock(hashtextextended(%s, 0)) end "
    "from changes where tenant = %s and id = %s "
)


@dataclass(frozen=True, slots=True)
class Owner:
    """The run that acts for a change: the one that was started for its `epoch`-th claim. A step
    that carries out a plan names it by its `digest`."""

    tenant: str
    change_id: str
    epoch: int
    digest: str = ""

    @property
    def proof(self) -> dict[str, str | int]:
        """What OWNED is told."""
        return {
            "tenant": self.tenant,
            "change_id": self.change_id,
            "epoch": self.epoch,
            "digest": self.digest,
        }


async def require(
    conn: Connection, owner: Owner, *, alone: bool = False, locks: str | None = None
) -> None:
    """Raises Overtaken unless the change is open and this is its newest claim, and Rejection where
    it has been planned again since the plan that the owner carries out. Until the commit
    nobody settles the change or claims it anew; `alone`, for who writes the change itself, nobody
    else of this run gets past here either. `locks` is the name of a lock that is taken with it."""
    found = await conn.execute(
        (_FOUND + ("for no key update" if alone else "for share")).encode(),
        (locks, locks, owner.tenant, owner.change_id),
    )
    row = await found.fetchone()
    if row is None:
        why = "is not known"
    elif row[0] not in ("starting", "running", "waiting"):
        why = f"is {row[0]}"
    elif row[1] != owner.epoch:
        why = f"was claimed anew since ({row[1]}, this run has {owner.epoch})"
    elif owner.digest and row[2] != owner.digest:
        raise planned_again(owner.change_id)
    else:
        return
    raise Overtaken(
        f"change {owner.change_id} {why}: this run of it ends without an effect; nothing is to be "
        "done, the newest run of the change carries it out",
        system="trueup",
    )


def planned_again(change_id: str) -> Rejection:
    return Rejection(
        RejectionCode.DOCUMENT_CONFLICT,
        f"change {change_id} has been planned again since this step was decided: "
        "retry the step, and it follows the newest plan",
        system="trueup",
        subject=change_id,
    )
