"""Movements of money, each entered in the ERP once, ever."""

from canonical_models.base import Canonical, Instant
from canonical_models.money import Money
from canonical_models.term import Payment
from persistence.raw import Transaction, driver

_CLAIM = """
insert into payments (tenant, payment_id, invoice_id, subscription_id, state, minor, currency,
  effect_key, moved_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (tenant, payment_id) do update set effect_key = excluded.effect_key
  where payments.entry_id is null
returning effect_key
"""


_COLUMNS = """
select payment_id, invoice_id, subscription_id, state, minor, currency, entry_id, moved_at
from payments where tenant = %s and
"""


class PaymentView(Canonical):
    """`amount` is signed: positive where it reduces what the customer owes. `entry_id` is the
    ERP's; None while it is being entered."""

    payment_id: str
    invoice_id: str
    subscription_id: str
    state: str
    amount: Money
    entry_id: str | None
    moved_at: Instant


async def claim(
    session: Transaction, tenant: str, subscription_id: str, payment: Payment, *, effect_key: str
) -> bool:
    """Whether this effect is the one to enter it: not when another has."""
    found = await (await driver(session)).execute(
        _CLAIM,
        (
            tenant,
            payment.payment_id,
            payment.invoice_id,
            subscription_id,
            payment.state.value,
            payment.moved.minor,
            payment.amount.currency,
            effect_key,
            payment.at,
        ),
    )
    return await found.fetchone() is not None


async def entered(session: Transaction, tenant: str, payment_id: str, entry_id: str) -> None:
    await (await driver(session)).execute(
        "update payments set entry_id = %s where tenant = %s and payment_id = %s",
        (entry_id, tenant, payment_id),
    )


async def subscription_of(
    session: Transaction, tenant: str, payment_id: str, invoice_id: str | None
) -> tuple[str, str | None] | None:
    """(subscription, customer) that the payment or the invoice belongs to, if one is known."""
    found = await (await driver(session)).execute(
        "select subscription_id, customer_id from invoices "
        "where tenant = %(tenant)s and (invoice_id = %(invoice)s or invoice_id in "
        "(select invoice_id from payments where tenant = %(tenant)s and payment_id = %(payment)s))",
        {"tenant": tenant, "invoice": invoice_id, "payment": payment_id},
    )
    return await found.fetchone()


async def of_subscription(
    session: Transaction, tenant: str, subscription_id: str
) -> tuple[PaymentView, ...]:
    """In the order in which the money moved."""
    return await _select(session, "subscription_id = %s", (tenant, subscription_id))


async def of_invoice(session: Transaction, tenant: str, invoice_id: str) -> tuple[PaymentView, ...]:
    """In the order in which the money moved."""
    return await _select(session, "invoice_id = %s", (tenant, invoice_id))


async def _select(
    session: Transaction, condition: str, values: tuple[object, ...]
) -> tuple[PaymentView, ...]:
    query = _COLUMNS + condition + " order by moved_at, payment_id"
    found = await (await driver(session)).execute(query.encode(), values)
    return tuple(
        PaymentView(
            payment_id=payment_id,
            invoice_id=invoice_id,
            subscription_id=subscription_id,
            state=state,
            amount=Money(minor=minor, currency=currency),
            entry_id=entry_id,
            moved_at=moved_at,
        )
        for payment_id, invoice_id, subscription_id, state, minor, currency, entry_id, moved_at in (
            await found.fetchall()
        )
    )
