"""Where an answer does not fit and what is otherwise, in words, and never its value."""

import httpx
import pytest
from pydantic import ValidationError

from canonical_models.failures import ContractDrift
from connectors.misfits import misfit_of, operation_of, reading
from connectors.refusals import contract
from connectors.stripe.wire_documents import Invoice
from connectors.stripe.wire_money import Dispute
from connectors.zendesk.wire import OrganizationAnswer, TicketsPage
from tests.connectors.stripe.objects import invoice

SECRET = "Erika Mustermann"
INVOICE = invoice()
DISPUTE = {
    "id": "dp_1",
    "amount": 100,
    "created": 1,
    "currency": "eur",
    "status": "lost",
    "balance_transactions": [],
}


@pytest.mark.parametrize(
    ("model", "told", "path", "change"),
    [
        (Invoice, {"total": "12.00"}, "$.total", "was a whole number and is text now"),
        (Invoice, {"total": None}, "$.total", "was a whole number and is null now"),
        (Invoice, {"total": 12.5}, "$.total", "was a whole number and is a number with decimals"),
        (Invoice, {"lines": []}, "$.lines", "was an object and is a list now"),
        (Dispute, {"amount": {"value": SECRET}}, "$.amount", "was a whole number and is an object"),
        (Dispute, {"balance_transactions": [{"amount": 1}]}, None, "was there and is missing now"),
    ],
)
def test_what_has_changed_is_said_and_where(
    model: type[Invoice], told: dict[str, object], path: str | None, change: str
) -> None:
    whole = (INVOICE if model is Invoice else DISPUTE) | told
    with pytest.raises(ValidationError) as refused:
        model.model_validate(whole)
    found = misfit_of(refused.value)
    assert found.path == (path or "$.balance_transactions[0].created")
    assert found.change.startswith(change)
    assert SECRET not in found.change


def test_what_is_gone_is_named() -> None:
    told = {key: value for key, value in INVOICE.items() if key != "currency"}
    with pytest.raises(ValidationError) as refused:
        Invoice.model_validate(told)
    assert misfit_of(refused.value).path == "$.currency"
    assert misfit_of(refused.value).change == "was there and is missing now"


def test_a_new_word_of_a_closed_list_is_shown_and_words_of_people_are_not() -> None:
    told: dict[str, object] = INVOICE | {"status": "archived"}
    with pytest.raises(ValidationError) as refused:
        Invoice.model_validate(told)
    assert "is `archived` now" in misfit_of(refused.value).change
    with pytest.raises(ValidationError) as refused:
        Invoice.model_validate(INVOICE | {"status": SECRET})
    found = misfit_of(refused.value)
    assert found.change.endswith("and is text now")
    assert SECRET not in found.change


def test_the_failure_names_vendor_endpoint_path_and_change() -> None:
    reading(httpx.Request("GET", "https://acme.zendesk.com/api/v2/organizations/417"))
    told: dict[str, object] = {
        "organization": {"id": "417", "external_id": None, "tags": [], "fields": {}}
    }
    with (
        pytest.raises(ContractDrift) as drift,
        contract("Zendesk's answer", "support", "read the organisation", "compare its changelog"),
    ):
        OrganizationAnswer.model_validate(told)
    assert (drift.value.operation, drift.value.payload_path) == (
        "GET /api/v2/organizations/*",
        "$.organization.id",
    )
    assert drift.value.change == "was a whole number and is text now"
    assert drift.value.message == (
        "Zendesk's answer does not fit its contract at $.organization.id "
        "(GET /api/v2/organizations/*: was a whole number and is text now) when asked to read the "
        "organisation: compare its changelog"
    )


def test_what_is_new_and_not_needed_passes() -> None:
    page = {
        "tickets": [
            {
                "id": 1,
                "status": "a_new_status",
                "created_at": "2026-11-22T10:00:00Z",
                "priority": "a_new_priority",
                "new": {"x": 1},
            }
        ],
        "meta": {"has_more": False, "new": True},
        "new": [],
    }
    assert TicketsPage.model_validate(page).tickets[0].status == "a_new_status"


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/v1/invoices/in_1Qabc2", "GET /v1/invoices/*"),
        ("/v1/invoices?limit=3", "GET /v1/invoices"),
        ("/api/v2/organizations/7/tickets", "GET /api/v2/organizations/*/tickets"),
        (
            "/trueup/rest/model/account.invoice/12/post",
            "GET /trueup/rest/model/account.invoice/*/post",
        ),
    ],
)
def test_an_operation_has_no_ids(path: str, operation: str) -> None:
    assert operation_of(httpx.Request("GET", f"https://vendor{path}")) == operation
