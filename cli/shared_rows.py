"""Tables that several commands show: documents, what settles them, changes, dunning cases, grants
held back."""

from collections.abc import Iterable

from canonical_models.views import ChangeView
from cli.command import state
from cli.output import show_rows
from operations.dunning import CaseView
from operations.entitlements import HeldBack
from operations.movements import SettlementView
from operations.sides import InvoiceSummary


def show_invoices(invoices: Iterable[InvoiceSummary], *, empty: str = "no invoices") -> None:
    """Both sides of each, and what is between them."""
    show_rows(
        (
            (
                found.invoice_id,
                found.billing.number,
                found.billing.gross,
                found.billing.open,
                found.erp.number or found.erp_id if found.erp else None,
                found.erp.gross if found.erp else None,
                found.erp.open if found.erp else None,
                found.difference.gross if found.difference else None,
                erp_status_words(found),
            )
            for found in invoices
        ),
        (
            "invoice",
            "number",
            "billing gross",
            "open",
            "ERP number",
            "ERP gross",
            "ERP open",
            "difference",
            "in the ERP",
        ),
        empty=empty,
    )


def erp_status_words(found: InvoiceSummary) -> str:
    """Where it stands, or why it does not."""
    if found.kept_out and found.hold is not None:
        until = f" until {found.hold.until}" if found.hold.until else ""
        held = f"{found.hold.kind.value}{until}"
        return f"{found.erp_status}, {held}" if found.state == "posted" else held
    if found.state in ("reversed", "before_cutover"):
        return found.state.replace("_", " ")
    return found.erp_status


def show_changes(changes: Iterable[ChangeView], *, empty: str = "no changes") -> None:
    """Of one subject."""
    show_rows(
        (
            (
                change.change_id,
                change.received_at,
                change.kind.value,
                state(change.outcome or change.state),
                change.summary,
            )
            for change in changes
        ),
        ("change", "received", "kind", "state", "summary"),
        empty=empty,
    )


def show_settlements(settlements: Iterable[SettlementView]) -> None:
    show_rows(
        (
            (
                found.settlement.settlement_id,
                found.settlement.at,
                found.settlement.amount,
                found.settlement.kind.value.replace("_", " "),
                found.settlement.document_id or found.settlement.about,
                found.entry_number or found.entry_id,
                state(found.where.replace("_", " ")),
                found.url,
            )
            for found in settlements
        ),
        ("movement", "moved", "amount", "what", "of", "ERP entry", "state", "link"),
        empty="nothing has been settled",
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
        empty="no invoice is overdue",
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
