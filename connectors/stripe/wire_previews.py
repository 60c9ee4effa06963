"""An invoice that Stripe only thinks of, as it travels with the subscription that it is of.

Source: https://docs.stripe.com/api/invoices/create_preview.
"""

from typing import Any

from pydantic import model_validator

from connectors.stripe.wire import Wire
from connectors.stripe.wire_documents import Invoice
from connectors.stripe.wire_subscriptions import Subscription


class Preview(Wire):
    """Read with `expand[]` of `parent.subscription_details.subscription` and what is in that. The
    subscription is as it is: Stripe shows no changed one."""

    invoice: Invoice
    subscription: Subscription

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, told: Any) -> Any:
        try:
            details = told["parent"]["subscription_details"]
            held = details["subscription"]
            named = {
                **told["parent"],
                "subscription_details": {**details, "subscription": held["id"]},
            }
        except (KeyError, TypeError):
            raise ValueError("it shows no subscription in $.parent.subscription_details") from None
        return {"invoice": {**told, "parent": named}, "subscription": held}
