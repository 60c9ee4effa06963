"""Whether a run is still the owner of its change: proven in the transaction that writes.

A change is claimed with a number that counts up (`changes.epoch`), and the saga that was started
for it carries that number into each of its steps. A run that was reset, terminated or forgotten
carries an older one, and so has no effect any more.
"""

from dataclasses import dataclass

from canonical_models.failures import Overtaken
from persistence.raw import Raw

_OWNED = "select state, epoch from changes where tenant = %s and id = %s "


@dataclass(frozen=True, slots=True)
class Owner:
    """The run that acts for a change: the one that was started for its `epoch`-th claim."""

    tenant: str
    change_id: str
    epoch: int


async def require(raw: Raw, owner: Owner, *, alone: bool = False) -> None:
    """Raises Overtaken unless the change is open and this is its newest claim. Until the commit
    nobody settles the change or claims it anew; `alone`, for who writes the change itself, nobody
    else of this run gets past here either."""
    found = await raw.execute(
        (_OWNED + ("for no key update" if alone else "for share")).encode(),
        (owner.tenant, owner.change_id),
    )
    row = await found.fetchone()
    if row is None:
        why = "is not known"
    elif row[0] not in ("starting", "running", "waiting"):
        why = f"is {row[0]}"
    elif row[1] != owner.epoch:
        why = f"was claimed anew since ({row[1]}, this run has {owner.epoch})"
    else:
        return
    raise Overtaken(
        f"change {owner.change_id} {why}: this run of it ends without an effect; nothing is to be "
        "done, the newest run of the change carries it out",
        system="trueup",
    )
