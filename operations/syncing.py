"""Having billing read anew, whole, by a change that a person asks for."""

import secrets

from canonical_models.amendment import ChangeKind, customer_of
from canonical_models.base import Canonical
from canonical_models.occasion import SyncAsked, occasion
from canonical_models.states import ChangeState
from persistence import change_queue, changes
from persistence.change_queue import OURS
from persistence.connection import Connection


class SyncStarted(Canonical):
    """`change_id` is the change that reads billing anew; `already` when it waited already."""

    change_id: str
    already: bool


def anew(subject: str) -> tuple[str, str]:
    """What an error shows where it is to be looked at anew."""
    customer = customer_of(subject)
    return ("account_anew", customer) if customer else ("subscription_anew", subject)


async def start(
    conn: Connection, tenant: str, subject: str, *, kind: ChangeKind, customer_id: str | None
) -> SyncStarted:
    """Of a subscription or an account. One that was asked for and has not begun does it as well;
    a change that an event has asked for reads no more than that names."""
    for waiting in await changes.unsettled(conn, tenant, subject):
        ours = waiting.connection == OURS and waiting.state is ChangeState.PENDING
        if ours and isinstance(occasion(waiting.event_id), SyncAsked):
            return SyncStarted(change_id=waiting.change_id, already=True)
    change_id = await change_queue.follow(
        conn,
        tenant,
        subject,
        why=SyncAsked(secrets.token_hex(8)),
        kind=kind,
        customer_id=customer_id,
        whole=True,
    )
    return SyncStarted(change_id=change_id, already=False)
