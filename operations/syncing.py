"""Having billing read anew, whole, by a change that a person asks for."""

import secrets
from typing import NamedTuple

from canonical_models.amendment import ChangeKind, customer_of
from canonical_models.base import Canonical
from canonical_models.occasion import SyncAsked, occasion
from canonical_models.preview import Foreseen
from canonical_models.states import ChangeState
from persistence import change_queue, changes
from persistence.change_queue import OURS
from persistence.connection import Connection


class Begun(NamedTuple):
    """The change that reads billing anew; `already` when it waited already."""

    change_id: str
    already: bool


class SyncStarted(Canonical):
    """`change_id` is the change that reads billing anew; `already` when it waited already. Of a dry
    run `foreseen` is what it would come to, and there is a change only where one waited already."""

    change_id: str | None
    already: bool
    foreseen: Foreseen | None = None


def anew(subject: str) -> tuple[str, str]:
    """What an error shows where it is to be looked at anew."""
    customer = customer_of(subject)
    return ("account_anew", customer) if customer else ("subscription_anew", subject)


async def waiting(conn: Connection, tenant: str, subject: str) -> str | None:
    """The change that was asked for and has not begun."""
    for change in await changes.unsettled(conn, tenant, subject):
        ours = change.connection == OURS and change.state is ChangeState.PENDING
        if ours and isinstance(occasion(change.event_id), SyncAsked):
            return change.change_id
    return None


async def start(
    conn: Connection, tenant: str, subject: str, *, kind: ChangeKind, customer_id: str | None
) -> Begun:
    """Of a subscription or an account. One that was asked for and has not begun does it as well;
    a change that an event has asked for reads no more than that names."""
    waits = await waiting(conn, tenant, subject)
    if waits is not None:
        return Begun(waits, already=True)
    change_id = await change_queue.follow(
        conn,
        tenant,
        subject,
        why=SyncAsked(secrets.token_hex(8)),
        kind=kind,
        customer_id=customer_id,
        whole=True,
    )
    return Begun(change_id, already=False)
