"""Payment intents, charges, refunds and disputes with every member at rest."""

from sandbox.simulators.stripe.context import new_id
from sandbox.simulators.stripe.errors import Json

_PURPOSES = {
    "subscription_create": "Subscription creation",
    "subscription_cycle": "Subscription update",
    "subscription_update": "Subscription update",
}
_APPROVED = {
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "seller_message": "Payment complete.",
    "type": "authorized",
}
_DECLINED = {
    "network_status": "declined_by_network",
    "reason": "generic_decline",
    "risk_level": "normal",
    "seller_message": "The bank did not return any further details with this decline.",
    "type": "issuer_declined",
}
DECLINE = {
    "code": "card_declined",
    "decline_code": "generic_decline",
    "message": "Your card was declined.",
    "type": "card_error",
}
_DAYS_TO_ANSWER = 7


def blank_intent(invoice: Json, amount: int, now: int) -> Json:
    """An intent to collect `amount` (minor units) of an invoice, not yet attempted."""
    key = new_id("pi")
    empty = dict.fromkeys(
        [
            "application",
            "application_fee_amount",
            "automatic_payment_methods",
            "canceled_at",
            "cancellation_reason",
            "customer_account",
            "excluded_payment_method_types",
            "last_payment_error",
            "latest_charge",
            "next_action",
            "on_behalf_of",
            "payment_method",
            "payment_method_configuration_details",
            "processing",
            "receipt_email",
            "review",
            "setup_future_usage",
            "shipping",
            "source",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ]
    )
    return {
        "id": key,
        "object": "payment_intent",
        **empty,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{key}_{new_id('secret')}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": _purpose(invoice),
        "livemode": False,
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def _purpose(invoice: Json) -> str:
    return _PURPOSES.get(invoice["billing_reason"], "Payment for Invoice")


def blank_charge(intent: Json, customer: Json, now: int, *, paid: bool) -> Json:
    """One attempt to take the whole of an intent from the customer's card."""
    amount = intent["amount"]
    empty = dict.fromkeys(
        [
            "application",
            "application_fee",
            "application_fee_amount",
            "balance_transaction",
            "calculated_statement_descriptor",
            "failure_balance_transaction",
            "on_behalf_of",
            "payment_method",
            "payment_method_details",
            "receipt_email",
            "receipt_number",
            "receipt_url",
            "review",
            "shipping",
            "source",
            "source_transfer",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ]
    )
    return {
        "id": new_id("ch"),
        "object": "charge",
        **empty,
        "amount": amount,
        "amount_captured": amount if paid else 0,
        "amount_refunded": 0,
        "billing_details": {
            "address": customer["address"],
            "email": customer["email"],
            "name": customer["name"],
            "phone": customer["phone"],
            "tax_id": None,
        },
        "captured": paid,
        "created": now,
        "currency": intent["currency"],
        "customer": customer["id"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": None if paid else DECLINE["code"],
        "failure_message": None if paid else DECLINE["message"],
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "outcome": dict(_APPROVED if paid else _DECLINED),
        "paid": paid,
        "payment_intent": intent["id"],
        "refunded": False,
        "status": "succeeded" if paid else "failed",
    }


def blank_refund(charge: Json, amount: int, now: int) -> Json:
    """Money of a charge on its way back; card refunds succeed at once."""
    empty = dict.fromkeys(
        [
            "balance_transaction",
            "destination_details",
            "reason",
            "receipt_number",
            "source_transfer_reversal",
            "transfer_reversal",
        ]
    )
    return {
        "id": new_id("re"),
        "object": "refund",
        **empty,
        "amount": amount,
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "status": "succeeded",
    }


def blank_dispute(charge: Json, amount: int, now: int) -> Json:
    """A charge-back that waits for the merchant's answer."""
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + _DAYS_TO_ANSWER * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": None,
        "reason": "general",
        "status": "needs_response",
        "_customer": charge["customer"],
    }
