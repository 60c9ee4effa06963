"""What a what-if takes for done, in the transaction that is taken back."""

from activities.hypothesis import Hypothetical
from activities.tenants import Tenant
from persistence import shadows
from persistence.connection import Connection


async def as_if(conn: Connection, tenant: Tenant, acting: Hypothetical, customer: str) -> None:
    """Of a tenant in shadow all that was planned for the customer counts as done; `acting.anew` has
    what was issued from then on count as not posted."""
    if not customer:
        return
    if tenant.shadow:
        await shadows.as_if(
            conn,
            tenant.name,
            tenant.connection,
            customer,
            books_from=tenant.books_from,
            without=acting.change_id,
            before=acting.anew,
        )
    elif acting.anew is not None:
        await shadows.anew(conn, tenant.name, customer, acting.anew)
