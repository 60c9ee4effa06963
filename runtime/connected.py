"""Accounts under a platform (Stripe Connect), whose events come to the platform's address: which
tenant's they are is said on both sides, in `connected` of the connection that hears them and in
the option `account` of the tenant's own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.settings import TenantSettings

#: A tenant and the name of one of its connections.
Key = tuple[str, str]


def require_both_sides(tenants: Mapping[str, "TenantSettings"]) -> None:
    """Money goes by this. Raises ValueError where one side says nothing, or something else."""
    hears: dict[str, str] = {}
    for tenant, given in tenants.items():
        for name, connection in given.connections.items():
            for account, whose in connection.connected.items():
                where = f"tenants.{tenant}.connections.{name}.connected"
                if (before := hears.setdefault(account, where)) != where:
                    raise ValueError(f"{where} names {account!r}, which {before} does as well")
                _require(tenants, f"{where} names {account!r}", account, whose)


def _require(tenants: Mapping[str, "TenantSettings"], said: str, account: str, whose: str) -> None:
    if (other := tenants.get(whose)) is None:
        raise ValueError(f"{said} of {whose!r}, and no tenant is called that")
    if (told := other.connections[other.billing].options.get("account")) != account:
        raise ValueError(
            f"{said} of {whose!r}, whose billing connection {other.billing!r} is of "
            f"{told or 'no connected account'}: give it the option account = {account!r}"
        )


def hears_for(tenants: Mapping[str, "TenantSettings"], key: Key) -> dict[str, Key]:
    """By account the billing connections whose events come with those of the connection."""
    connected = tenants[key[0]].connections[key[1]].connected
    return {account: (whose, tenants[whose].billing) for account, whose in connected.items()}


def heard_by(tenants: Mapping[str, "TenantSettings"], key: Key) -> Key | None:
    """The other connection with whose events those of this one come, if they do."""
    every = ((tenant, name) for tenant, given in tenants.items() for name in given.connections)
    return next((each for each in every if key in hears_for(tenants, each).values()), None)
