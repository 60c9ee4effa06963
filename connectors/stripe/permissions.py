"""What Trueup's key is asked to do, each by one request that changes nothing.

A read asks for one object. A write is sent to an object that nobody has: Stripe looks at the key's
permissions first, so one that may write is told that there is no such object.
Source: https://docs.stripe.com/keys/restricted-api-keys.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import httpx
import orjson

from canonical_models.checks import Finding, right, unknown, wrong
from connectors.looking import Looking

#: An id that Stripe never gives.
NOBODY = "trueup_check"

_REFUSED = (401, 403)


@dataclass(frozen=True)
class Permission:
    """A resource of restricted keys, as the Dashboard calls it, and a request that needs it."""

    resource: str
    path: str
    writes: bool = False
    #: What does not work without it.
    serves: str = "documents cannot be read"
    #: Test mode alone.
    simulated: bool = False

    @property
    def wanted(self) -> str:
        return f"{self.resource}: {'write' if self.writes else 'read'}"


PERMISSIONS = (
    Permission("Customers", "/v1/customers", serves="accounts cannot be read"),
    Permission("Subscriptions", "/v1/subscriptions", serves="no change can be planned"),
    Permission("Products and prices", "/v1/prices", serves="items cannot be told apart"),
    Permission("Tax rates", "/v1/tax_rates", serves="taxes cannot be told apart"),
    Permission("Invoices", "/v1/invoices"),
    Permission("Invoice items", "/v1/invoiceitems", serves="what is unbilled is not shown"),
    Permission("Credit notes", "/v1/credit_notes"),
    Permission("Invoice payments", "/v1/invoice_payments", serves="payments cannot be settled"),
    Permission("Payment intents", "/v1/payment_intents", serves="payments cannot be settled"),
    Permission("Charges and refunds", "/v1/charges", serves="payments cannot be settled"),
    Permission("Charges and refunds", "/v1/refunds", serves="refunds cannot be settled"),
    Permission("Disputes", "/v1/disputes", serves="charge-backs cannot be settled"),
    Permission("Balance", "/v1/balance", serves="clearing cannot be compared"),
    Permission(
        "Balance transactions", "/v1/balance_transactions", serves="payouts cannot be proven"
    ),
    Permission("Payouts", "/v1/payouts", serves="payouts cannot be booked"),
    Permission("Events", "/v1/events", serves="reconciliation reads everything each time"),
    Permission(
        "Test clocks",
        "/v1/test_helpers/test_clocks",
        serves="customers with a test clock cannot be read",
        simulated=True,
    ),
    Permission(
        "Subscriptions",
        f"/v1/subscriptions/{NOBODY}",
        writes=True,
        serves="billing is not told of the ERP's number, and dunning cannot end a subscription",
    ),
    Permission(
        "Invoices",
        f"/v1/invoices/{NOBODY}",
        writes=True,
        serves="billing is not told of the ERP's status, and finance cannot give an invoice up",
    ),
    Permission(
        "Credit notes",
        f"/v1/credit_notes/{NOBODY}",
        writes=True,
        serves="billing is not told of the ERP's status",
    ),
)


async def look_at_permissions(look: Looking, *, live: bool) -> tuple[Finding, ...]:
    """One finding for all that the key may, and one for each that it may not."""
    lacking: list[Finding] = []
    unseen: list[Permission] = []
    asked = [each for each in PERMISSIONS if not (live and each.simulated)]
    for each in asked:
        match await _asked(look, each):
            case True:
                continue
            case False:
                lacking.append(
                    wrong(
                        f"permission {each.wanted}",
                        f"the key is refused it: {each.serves}",
                        f"give the restricted key {each.wanted} in Stripe's Dashboard, Developers, "
                        "API keys",
                    )
                )
            case None:
                unseen.append(each)
    allowed = len(asked) - len(lacking) - len(unseen)
    found = [right("permissions", f"the key may {allowed} of the {len(asked)} things it needs to")]
    if unseen:
        found.append(
            unknown(
                "permissions",
                f"Stripe did not say whether the key may {_named(unseen)}",
                "look again; if it goes on, see Stripe's request log",
            )
        )
    return (*found[not allowed :], *lacking)


async def _asked(look: Looking, each: Permission) -> bool | None:
    """None where the answer says neither, or is not Stripe's."""
    if each.writes:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await look.ask("POST", each.path, headers=form, content=b"metadata[trueup]=")
        allowed = answer.status_code == httpx.codes.NOT_FOUND
    else:
        answer = await look.get(each.path, params={"limit": "1"} if _lists(each) else None)
        allowed = answer.status_code == httpx.codes.OK
    if not _is_stripes(answer):
        return None
    if allowed:
        return True
    return False if answer.status_code in _REFUSED else None


def _is_stripes(answer: httpx.Response) -> bool:
    """A gateway that has lost its way answers 404 as well, and something else answers 200."""
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(said, dict):
        return False
    return "object" in said if answer.is_success else isinstance(said.get("error"), dict)


def _lists(each: Permission) -> bool:
    return each.path != "/v1/balance"


def _named(some: Iterable[Permission]) -> str:
    return ", ".join(each.wanted for each in some)
