"""Invoices and subscriptions with every member at rest, as the API shows members without value."""

from sandbox.simulators.stripe.context import new_id
from sandbox.simulators.stripe.errors import Json


def blank_invoice(customer: Json, currency: str, now: int) -> Json:
    """An empty draft for a customer."""
    empty = dict.fromkeys(
        [
            "account_name",
            "account_tax_ids",
            "application",
            "automatically_finalizes_at",
            "confirmation_secret",
            "custom_fields",
            "customer_account",
            "default_payment_method",
            "default_source",
            "description",
            "effective_at",
            "ending_balance",
            "footer",
            "from_invoice",
            "hosted_invoice_url",
            "invoice_pdf",
            "last_finalization_error",
            "latest_revision",
            "next_payment_attempt",
            "number",
            "on_behalf_of",
            "parent",
            "payments",
            "receipt_number",
            "rendering",
            "shipping_cost",
            "shipping_details",
            "statement_descriptor",
            "status_details",
            "threshold_reason",
            "webhooks_delivered_at",
        ]
    )
    zero = dict.fromkeys(
        [
            "amount_overpaid",
            "amount_paid",
            "amount_paid_off_stripe",
            "amount_shipping",
            "attempt_count",
            "post_payment_credit_notes_amount",
            "pre_payment_credit_notes_amount",
        ],
        0,
    )
    return {
        "id": new_id("in"),
        "object": "invoice",
        **empty,
        **zero,
        "account_country": "US",
        "attempted": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "created": now,
        "currency": currency,
        "customer": customer["id"],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": False,
        "metadata": {},
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "test_clock": customer["test_clock"],
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
    }


def blank_subscription(customer: Json, now: int) -> Json:
    """An active subscription without items."""
    empty = dict.fromkeys(
        [
            "application",
            "application_fee_percent",
            "billing_cycle_anchor_config",
            "billing_thresholds",
            "cancel_at",
            "canceled_at",
            "customer_account",
            "days_until_due",
            "default_payment_method",
            "default_source",
            "description",
            "ended_at",
            "latest_invoice",
            "next_pending_invoice_item_invoice",
            "on_behalf_of",
            "pause_collection",
            "pending_invoice_item_interval",
            "pending_setup_intent",
            "pending_update",
            "schedule",
            "transfer_data",
            "trial_end",
            "trial_start",
        ]
    )
    return {
        "id": new_id("sub"),
        "object": "subscription",
        **empty,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": dict.fromkeys(("comment", "feedback", "feedback_option", "reason")),
        "collection_method": "charge_automatically",
        "created": now,
        "currency": "",
        "customer": customer["id"],
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": [],
        "livemode": False,
        "metadata": {},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": now,
        "status": "active",
        "test_clock": customer["test_clock"],
        "trial_settings": None,
    }
