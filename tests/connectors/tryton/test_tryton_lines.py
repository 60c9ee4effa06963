"""What of documents needs no Tryton: prices, words, names, standings, and what refusals mean."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.documents import DocumentKind
from canonical_models.failures import ContractDrift, RejectionCode, TransientFailure
from canonical_models.ledgering import DocumentState
from canonical_models.money import Money
from connectors.tryton.errors import Warned, rpc_refusal
from connectors.tryton.lines import (
    WireLine,
    crosses_a_month,
    described,
    priced,
    service_period,
    words,
)
from connectors.tryton.mapping import decimal
from connectors.tryton.references import (
    Identity,
    identity,
    issue_note,
    literal,
    noted_kind,
    reference_of,
)
from connectors.tryton.statuses import erp_status
from tests.connectors.tryton.drafts import line


@given(
    minor=st.integers(-(10**9), 10**9),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    quantity=st.none() | st.decimals(-1000, 1000, places=1),
)
def test_quantity_and_price_are_the_net(
    minor: int, currency: str, quantity: Decimal | None
) -> None:
    net = Money(minor=minor, currency=currency)

    units, price = priced(net, quantity)

    assert Decimal(units) * price == net.decimal
    assert units == int(units)
    assert price == round(price, 4)
    assert price >= 0


@pytest.mark.parametrize(
    ("net", "quantity", "units", "price"),
    [
        ("30.09", "3", 3, "10.03"),
        ("-30.09", "3", -3, "10.03"),
        ("10.00", "8", 8, "1.25"),
        ("0.01", "1000", 1, "0.01"),
        ("25.18", "3", 1, "25.18"),
        ("10.00", "2.5", 1, "10.00"),
        ("0.00", "4", 4, "0"),
        ("-5.00", None, -1, "5.00"),
    ],
)
def test_billings_quantity_is_shown_where_it_gives_the_net(
    net: str, quantity: str | None, units: int, price: str
) -> None:
    found = priced(Money.of(net, "EUR"), Decimal(quantity) if quantity else None)

    assert found == (units, Decimal(price))


def test_what_tryton_has_no_field_for_stands_below_the_words() -> None:
    entry = line(
        "PRO",
        "9.00",
        description="Seats\nof two teams",
        service_from=date(2026, 3, 1),
        service_to=date(2026, 3, 31),
        discount=Money.of("1.00", "EUR"),
        dimensions={"team": "red"},
    )

    text = described(entry)

    assert text.split("\n")[2:] == [
        "Service period 2026-03-01 to 2026-03-31",
        "Discount 1.00 EUR",
        "Dimension team: red",
    ]
    assert words(text) == entry.description
    wire = WireLine(id=1, type="line", description=text)
    assert service_period(wire) == (date(2026, 3, 1), date(2026, 3, 31))
    assert words("Discount for friends") == "Discount for friends"
    assert service_period(WireLine(id=1, type="line", description=None)) is None


@pytest.mark.parametrize(
    ("first", "last", "crosses"),
    [
        (date(2026, 1, 1), date(2026, 1, 31), False),
        (date(2026, 1, 31), date(2026, 2, 1), True),
        (date(2026, 12, 15), date(2027, 1, 14), True),
        (date(2026, 2, 1), date(2026, 1, 31), False),
    ],
)
def test_only_what_crosses_a_months_end_is_deferred(first: date, last: date, crosses: bool) -> None:
    assert crosses_a_month(first, last) is crosses


@pytest.mark.parametrize("own_field", [True, False])
@pytest.mark.parametrize("number", ["INV-7", "INV (7)", None])
def test_a_document_is_known_by_what_it_was_called(own_field: bool, number: str | None) -> None:
    reference = reference_of("in_1", number, own_field=own_field)
    field = "in_1" if own_field else None

    assert identity(field, reference, ours=True) == Identity("in_1", number)


def test_what_people_typed_is_a_number_of_billings() -> None:
    assert identity(None, "INV-7", ours=False) == Identity("", "INV-7")
    assert identity(None, None, ours=False) == Identity("", None)
    assert literal("a_b%c\\") == "a\\_b\\%c\\\\"


@pytest.mark.parametrize("kind", list(DocumentKind))
def test_the_kind_is_read_from_the_note(kind: DocumentKind) -> None:
    note = issue_note(kind, "INV-7", date(2026, 1, 2))

    assert "2026-01-02" in note
    assert noted_kind(f"{note}\nBilling's whatever") is kind
    assert noted_kind("Purchase order Billing's invoice") is None
    assert noted_kind(None) is None


def _due(day: int | None, reconciliation: int | None) -> dict[str, object]:
    on = day and {"__class__": "date", "year": 2026, "month": 3, "day": day}
    return {"id": 1, "maturity_date": on, "reconciliation": reconciliation}


def invoice(*lines: dict[str, object], state: str = "posted") -> dict[str, object]:
    return {
        "id": 7,
        "number": "DE-7",
        "state": state,
        "invoice_date": {"__class__": "date", "year": 2026, "month": 2, "day": 1},
        "currency": {"code": "JPY"},
        "untaxed_amount": decimal(Decimal(1000)),
        "tax_amount": decimal(Decimal(190)),
        "amount_to_pay": decimal(Decimal(500)),
        "lines_to_pay": list(lines),
    }


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        ([_due(9, None), _due(4, None), _due(1, 8)], date(2026, 3, 4)),
        ([_due(9, 8), _due(4, 8)], date(2026, 3, 4)),
        ([_due(None, None)], None),
        ([], None),
    ],
)
def test_a_document_is_due_when_its_first_open_line_is(
    lines: list[dict[str, object]], due: date | None
) -> None:
    now = erp_status(invoice(*lines))

    assert (now.state, now.due_on, now.document_date) == (
        DocumentState.POSTED,
        due,
        date(2026, 2, 1),
    )
    assert (now.net.minor, now.tax.minor, now.gross.minor, now.open.minor) == (1000, 190, 1190, 500)


def test_a_state_that_tryton_does_not_have_is_drift() -> None:
    with pytest.raises(ContractDrift) as drift:
        erp_status(invoice(state="sent"))

    assert drift.value.payload_path == "$.state"


def test_a_warning_says_which_it_is() -> None:
    key = "9601eb2379ee3701cec28ab388a5f3c1.account.invoice eu_vat valid"

    warned = rpc_refusal("UserWarning", [key, "The tax identifier", "has not"], "document in_1")
    refused = rpc_refusal("UserError", ["No.", "Never.", None], "document in_1")

    assert isinstance(warned, Warned)
    assert warned.name == "account.invoice eu_vat valid"
    assert warned.reason is RejectionCode.DOCUMENT_REFUSED
    assert "The tax identifier has not" in warned.message
    assert "No. Never." in refused.message
    assert isinstance(rpc_refusal("ConcurrencyException", ["x"], "it"), TransientFailure)
    assert isinstance(rpc_refusal("KeyError", [], "it"), ContractDrift)


@pytest.mark.parametrize("state", ["draft", "paid", "cancelled"])
def test_of_what_is_not_posted_nothing_is_open(state: str) -> None:
    assert not erp_status(invoice(state=state) | {"amount_to_pay": None}).open


def test_what_the_erp_does_not_say_of_a_posted_document_is_not_zero() -> None:
    with pytest.raises(ContractDrift) as drift:
        erp_status(invoice() | {"amount_to_pay": None})
    assert "posted invoice 7" in drift.value.message
    assert drift.value.payload_path == "$.amount_to_pay"
