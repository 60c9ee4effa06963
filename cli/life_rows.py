"""Tables that several commands show: invoices, payments, dunning cases, grants held back."""

from collections.abc import Iterable

from cli.desk import state
from cli.output import show_rows
from operations.dunning import CaseView
from operations.entitlements import HeldBack
from operations.invoices import InvoiceSummary
from persistence.oversight import EnteredPayment


def show_invoices(invoices: Iterable[InvoiceSummary]) -> None:
    show_rows(
        (
            (
                found.invoice.invoice_id,
                found.invoice.number,
                found.invoice.total,
                found.invoice.paid,
                state(found.standing),
                ", ".join(found.numbers) or None,
                found.due_on,
                found.open,
            )
            for found in invoices
        ),
        ("invoice", "number", "total", "paid", "in the ERP", "ERP numbers", "due", "open"),
        empty="no invoices",
    )


def show_payments(payments: Iterable[EnteredPayment]) -> None:
    show_rows(
        (
            (
                found.payment_id,
                found.moved_at,
                found.amount,
                found.state.replace("_", " "),
                found.entry_number or found.entry_id,
                state(found.entry),
                found.url,
            )
            for found in payments
        ),
        ("payment", "moved", "amount", "what", "ERP entry", "state", "link"),
        empty="no payments",
    )


def show_cases(cases: Iterable[CaseView]) -> None:
    show_rows(
        (
            (
                found.case.invoice_id,
                state(found.case.stage.value),
                found.unpaid,
                found.case.overdue_since,
                found.exception_id,
                found.workflow_url,
            )
            for found in cases
        ),
        ("dunning of", "stage", "unpaid", "overdue since", "exception", "link"),
        empty="nothing is asked for in vain",
    )


def show_held_back(held: Iterable[HeldBack]) -> None:
    """Nothing at all where nothing is held back."""
    rows = [
        (
            found.grant.feature,
            found.grant.quantity,
            f"{found.grant.source.value} {found.grant.source_id}",
            found.why,
        )
        for found in held
    ]
    if rows:
        show_rows(rows, ("held back", "quantity", "of", "why"))
