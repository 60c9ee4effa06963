"""What billing has not billed of a subscription, and what the ERP shows of that."""

from canonical_models.base import Canonical
from canonical_models.documents import Unbilled
from canonical_models.money import Money
from canonical_models.records import UnbilledRecord
from persistence import differences, unbilled
from persistence.connection import Connection
from persistence.differences import Pending


class UnbilledView(Canonical):
    """`pending` is what billing had not billed when the change `read_by` was planned, `net` its
    sum; `shown` is the unposted document of the ERP. `difference` is billing's sum less the ERP's,
    None where they are in different currencies. `problem` is what keeps the ERP from showing it.
    """

    pending: Unbilled
    net: Money | None
    read_by: str | None
    shown: UnbilledRecord | None
    difference: Money | None
    problem: str | None


async def unbilled_of(conn: Connection, tenant: str, subscription_id: str) -> UnbilledView | None:
    """None before any change of the subscription was planned."""
    pending = await differences.pending(conn, tenant, subscription_id)
    shown = await unbilled.get(conn, tenant, subscription_id)
    if pending is None and shown is None:
        return None
    return _view(pending, shown)


def _view(pending: Pending | None, shown: UnbilledRecord | None) -> UnbilledView:
    lines = pending.unbilled.lines if pending else ()
    net = Money.total((line.net for line in lines), lines[0].net.currency) if lines else None
    there = shown.net if shown is not None and shown.document_id is not None else None
    problems = (shown.problem if shown else None, pending.problem if pending else None)
    return UnbilledView(
        pending=pending.unbilled if pending else Unbilled(),
        net=net,
        read_by=pending.change_id if pending else None,
        shown=shown,
        difference=_less(net, there),
        problem=next((words for words in problems if words), None),
    )


def _less(ours: Money | None, theirs: Money | None) -> Money | None:
    if ours is None or theirs is None:
        return ours or (-theirs if theirs else None)
    return ours - theirs if ours.currency == theirs.currency else None
