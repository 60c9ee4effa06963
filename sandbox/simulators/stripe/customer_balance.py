"""The customer's invoice balance: a ledger for each currency.

https://docs.stripe.com/invoicing/customer/balance. Amounts are minor units; negative is credit that
the next invoice uses up, positive is a debt that it asks for as well.
"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.money import ACCOUNT_CURRENCY


def balance_in(customer: Json, currency: str) -> int:
    """The balance in a currency; `balance` of a customer is the one in its own currency."""
    if currency == customer["currency"]:
        return int(customer["balance"])
    return int(customer.get("_balances", {}).get(currency, 0))


def credit_by_currency(customer: Json) -> dict[str, int]:
    """`invoice_credit_balance`, whose sign is the other way round: positive is credit."""
    others = {key: -value for key, value in customer.get("_balances", {}).items()}
    if customer["currency"]:
        others[customer["currency"]] = -customer["balance"]
    return others


def set_balance(customer: Json, wanted: int) -> int:
    """Set the balance in the customer's own currency; returns by how much it changed.

    A balance needs a currency, and the account's is taken where the customer has none yet.
    """
    if wanted and customer["currency"] is None:
        customer["currency"] = ACCOUNT_CURRENCY
    change = wanted - int(customer["balance"])
    customer["balance"] = wanted
    return change


def record(
    ctx: Context, customer: Json, amount: int, kind: str, currency: str, **about: object
) -> Json:
    """Store the transaction of a change that the customer's balance shows already.

    `about` are further members of the transaction, such as the `invoice` that caused it.
    """
    transaction: Json = {
        "id": new_id("cbtxn"),
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": ctx.now(customer["id"]),
        "credit_note": None,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "description": None,
        "ending_balance": balance_in(customer, currency),
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        **about,
    }
    ctx.store.put(transaction)
    return transaction


def post(
    ctx: Context, customer: Json, amount: int, kind: str, currency: str, **about: object
) -> Json:
    """Change the balance by `amount`, with its transaction and `customer.updated`.

    `about` is as in `record`; returns the stored transaction.
    """
    before = ctx.view(customer)
    change_by(customer, amount, currency)
    ctx.save(customer, before, "customer.updated")
    return record(ctx, customer, amount, kind, currency, **about)


def change_by(customer: Json, amount: int, currency: str) -> None:
    """Change the balance in place; a customer without a currency takes this one."""
    if customer["currency"] is None:
        customer["currency"] = currency
    ending = balance_in(customer, currency) + amount
    if currency == customer["currency"]:
        customer["balance"] = ending
    else:
        customer["_balances"] = customer.get("_balances", {}) | {currency: ending}
