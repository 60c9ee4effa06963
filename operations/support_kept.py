"""What is kept of a customer for support: gathered in a few statements, before anybody is asked."""

from dataclasses import dataclass
from datetime import datetime

from canonical_models.amendment import account_subject
from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.mapping import AccountMapping, AccountPlace
from canonical_models.money import Money
from canonical_models.views import ChangeView, ExceptionView
from persistence import (
    account_places,
    accounts,
    changes,
    exceptions,
    grants,
    lookups,
    mappings,
    support_contributions,
    support_desk,
)
from persistence import support_context as rows
from persistence.connection import Connection
from persistence.support_context import KeptDocument, KeptSubscription, Movement, Purchase
from persistence.support_desk import KeptDesk

SUBSCRIPTIONS = 20
DOCUMENTS = 50
#: Lines of so many of the newest documents are looked through for what was bought.
LOOKED_THROUGH = 40
LINES = 200
MOVEMENTS = 20


@dataclass(frozen=True)
class Kept:
    """`balance` is None where billing's was never read, and so is `balance_read_at`. Of documents
    there is one more than is shown, where there are more."""

    customer_id: str
    account: AccountMapping | None
    place: AccountPlace | None
    children: tuple[str, ...]
    pays_for: tuple[str, ...]
    same_party: tuple[str, ...]
    same_organization: tuple[str, ...]
    subscriptions: tuple[KeptSubscription, ...]
    documents: tuple[KeptDocument, ...]
    purchases: tuple[Purchase, ...]
    movements: tuple[Movement, ...]
    grants: tuple[Grant, ...]
    asked: tuple[SubscriptionSupport, ...]
    desk: KeptDesk
    balance: tuple[Money, ...] | None
    balance_read_at: datetime | None
    pending: tuple[ChangeView, ...]
    questions: tuple[ExceptionView, ...]

    @property
    def organization(self) -> str | None:
        return self.account.support_organization if self.account else None

    @property
    def read_at(self) -> datetime | None:
        """When billing was last read for anything of the customer."""
        times = [
            *(row.read_at for row in self.subscriptions),
            *(row.read_at for row in self.documents),
            *(row.read_at for row in self.purchases),
            *(row.read_at for row in self.movements),
        ]
        if self.balance_read_at is not None:
            times.append(self.balance_read_at)
        return max(times, default=None)


async def gather(conn: Connection, tenant: str, customer_id: str) -> Kept:
    account = (await mappings.accounts_now(conn, tenant, [customer_id])).get(customer_id)
    beside: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    asked: tuple[SubscriptionSupport, ...] = ()
    desk = KeptDesk(cases=())
    if account is not None:
        beside = await lookups.customers_beside(conn, tenant, account)
        asked = await support_contributions.asked_for(conn, tenant, account.support_organization)
        desk = await support_desk.kept(conn, tenant, account.support_organization)
    agreed = await accounts.get(conn, tenant, customer_id)
    held = await rows.subscriptions(conn, tenant, customer_id, limit=SUBSCRIPTIONS)
    owed = await rows.open_documents(conn, tenant, customer_id, limit=DOCUMENTS + 1)
    bought = await rows.purchases(conn, tenant, customer_id, documents=LOOKED_THROUGH, limit=LINES)
    pending = await changes.unsettled_of(conn, tenant, _subjects(customer_id, held, owed, bought))
    return Kept(
        customer_id=customer_id,
        account=account,
        place=await account_places.get(conn, tenant, customer_id),
        children=await account_places.children(conn, tenant, customer_id),
        pays_for=await account_places.paid_by(conn, tenant, customer_id),
        same_party=beside[0],
        same_organization=beside[1],
        subscriptions=held,
        documents=owed,
        purchases=bought,
        movements=await rows.movements(conn, tenant, customer_id, limit=MOVEMENTS),
        grants=await grants.of_customer(conn, tenant, customer_id),
        asked=asked,
        desk=desk,
        balance=agreed.balance if agreed else None,
        balance_read_at=agreed.synced_at if agreed else None,
        pending=pending,
        questions=await exceptions.open_about(
            conn, tenant, customer_id, [change.change_id for change in pending]
        ),
    )


def _subjects(
    customer_id: str,
    held: tuple[KeptSubscription, ...],
    owed: tuple[KeptDocument, ...],
    bought: tuple[Purchase, ...],
) -> set[str]:
    """Of whom changes may be on their way: the account, and every subscription that is known."""
    found = {account_subject(customer_id)}
    found.update(row.subscription.subscription_id for row in held)
    found.update(row.subject for row in owed)
    found.update(row.subscription_id for row in bought if row.subscription_id)
    return found
