"""Support context: all that is known of a customer, from what is kept; asked anew on demand."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from canonical_models.base import Identifier
from canonical_models.policy import TenantPolicy
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from operations.support_fresh import Fresh, ask
from operations.support_kept import Kept, gather
from operations.support_telling import Telling
from operations.support_views import Away, Source, SupportContext
from persistence import breakers, lookups, support_desk
from persistence.connection import Connection

#: Customers of one answer.
MOST = 5


@dataclass(frozen=True)
class Asked:
    """Who is asked about: exactly one of these. The address is nowhere repeated."""

    organization: Identifier | None = None
    customer: Identifier | None = None
    email: str | None = None


async def context_of(
    context: AppContext, tenant: str, asked: Asked, *, fresh: bool = False
) -> SupportContext:
    """From what is kept; with `fresh` every system is asked, and what one does not say is told as
    it is kept, with why. Raises Invalid where not exactly one is named, NotFound."""
    async with context.database.transaction() as conn:
        found = await _customers(conn, tenant, asked)
        kept = [await gather(conn, tenant, customer) for customer in found[:MOST]]
        away = systems_away(context, tenant, await breakers.of_tenant(conn, tenant))
    answers: list[Fresh | None] = [None] * len(kept)
    if fresh:
        answers = [*await asyncio.gather(*(ask(context, tenant, one) for one in kept))]
        await _keep(context, tenant, kept, answers)
    now = datetime.now(UTC)
    settings = context.tenants.get(tenant)
    policy = settings.policy if settings else TenantPolicy()
    return SupportContext(
        asked_at=now,
        fresh=fresh,
        away=away,
        customers=tuple(
            Telling(one, answer, away, now, policy).customer()
            for one, answer in zip(kept, answers, strict=True)
        ),
        left_out=found[MOST:],
    )


async def _customers(conn: Connection, tenant: str, asked: Asked) -> tuple[str, ...]:
    match asked:
        case Asked(organization=str(organization), customer=None, email=None):
            found = await lookups.customers_of_organization(conn, tenant, organization)
            unknown = f"no customer is mapped to the support organisation {organization}"
            remedy = "map the customer's account to it, or ask by customer"
        case Asked(organization=None, customer=str(customer), email=None):
            found = (customer,) if await lookups.known(conn, tenant, customer) else ()
            unknown = f"there is no customer {customer}: nothing of it has arrived"
            remedy = "see the customers that are mapped"
        case Asked(organization=None, customer=None, email=str(email)):
            found = await lookups.customers_of_email(conn, tenant, email)
            unknown = "no document of billing that was read here names this e-mail address"
            remedy = "ask by organisation or customer; see the customers that are mapped"
        case _:
            raise Invalid(
                "whom to show is not said, or more than once",
                remedy="name exactly one of organization, customer and email",
            )
    if not found:
        raise NotFound(unknown, remedy=remedy, see=("customers", ""))
    return found


async def _keep(
    context: AppContext, tenant: str, kept: Iterable[Kept], answers: Iterable[Fresh | None]
) -> None:
    """What the desk said, which nobody else reads; billing and the ERP are kept by their sagas."""
    async with context.database.transaction() as conn:
        for one, answer in zip(kept, answers, strict=True):
            if answer and answer.desk.value and one.organization:
                await support_desk.read(
                    conn, tenant, one.organization, answer.desk.value[0], at=answer.desk.at
                )


def systems_away(
    context: AppContext, tenant: str, views: Iterable[breakers.ConnectionView]
) -> tuple[Away, ...]:
    """Those of the tenant that do not answer, as workers have found."""
    settings = context.tenants.get(tenant)
    if settings is None:
        return ()
    named = {view.connection: view for view in views if view.state == "open"}
    parts = (
        (Source.BILLING, settings.billing),
        (Source.ERP, settings.erp),
        (Source.SUPPORT, settings.support),
    )
    return tuple(
        Away(
            source=source,
            connection=connection,
            since=named[connection].since,
            reason=named[connection].reason,
        )
        for source, connection in parts
        if connection in named
    )
