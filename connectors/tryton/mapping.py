"""Between Tryton's records and canonical models. Pure."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from canonical_models.failures import ContractDrift
from canonical_models.ledgering import (
    Document,
    DocumentKind,
    DocumentLine,
    DocumentState,
)
from canonical_models.money import Money
from connectors.tryton.errors import SYSTEM

#: What is read of an invoice, wherever one is read.
INVOICE_FIELDS = (
    "number",
    "reference",
    "state",
    "untaxed_amount",
    "tax_amount",
    "currency.code",
)

#: What a reversal takes over from the document that it reverses: ids of other records.
HEADER_FIELDS = ("party", "invoice_address", "payment_term", "currency", "account", "journal")

LINE_FIELDS = (
    "lines.id",
    "lines.currency",
    "lines.product",
    "lines.account",
    "lines.unit",
    "lines.quantity",
    "lines.unit_price",
    "lines.description",
    "lines.taxes",
)

Row = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)

_STATES = {
    "draft": DocumentState.DRAFT,
    "validated": DocumentState.DRAFT,
    "posted": DocumentState.POSTED,
    "paid": DocumentState.PAID,
    "cancelled": DocumentState.CANCELLED,
}


def _number(value: Any) -> Any:
    return Decimal(value["decimal"]) if isinstance(value, dict) and "decimal" in value else value


def _calendar(value: Any) -> Any:
    if isinstance(value, dict) and {"year", "month", "day"} <= value.keys():
        return f"{value['year']:0>4}-{value['month']:0>2}-{value['day']:0>2}"
    return value


Amount = Annotated[Decimal, BeforeValidator(_number)]
Day = Annotated[date, BeforeValidator(_calendar)]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Coded(Wire):
    """A record that is named by its code, such as a currency or a country."""

    code: str


class _Line(Wire):
    id: int
    currency: int
    product: int
    account: int
    unit: int | None
    quantity: float
    unit_price: Amount
    description: str | None
    taxes: tuple[int, ...]


class _Invoice(Wire):
    id: int
    number: str | None = None
    reference: str | None = None
    state: str
    untaxed_amount: Amount
    tax_amount: Amount
    currency: Coded


class _FullInvoice(Wire):
    lines: tuple[_Line, ...]


class Company(Wire):
    """A legal entity by its id, with its books' currency."""

    id: int
    currency: Coded


class _Address(Wire):
    id: int
    invoice: bool = False


class Party(Wire):
    """A customer in the context of one company."""

    id: int
    active: bool
    addresses: tuple[_Address, ...]
    account_receivable: int | None
    customer_payment_term: int | None

    @property
    def invoice_address(self) -> int:
        """The address marked for invoices, else the first."""
        marked = [address.id for address in self.addresses if address.invoice]
        return (marked or [self.addresses[0].id])[0]


class Tax(Wire):
    id: int
    name: str
    type: str
    rate: Amount | None


class Terms(Wire):
    """How one product is invoiced to one party: account, unit and taxes by Tryton's ids."""

    product: int
    account: int
    unit: int
    taxes: tuple[int, ...]


def document(row: Row, legal_entity: str, *, reverses: str | None = None) -> Document:
    """Raises ContractDrift with the path of what does not fit."""
    wire = parsed(_Invoice, row, "invoice")
    net = Money.of(wire.untaxed_amount, wire.currency.code)
    return Document(
        document_id=str(wire.id),
        legal_entity=legal_entity,
        reference=wire.reference or "",
        number=wire.number,
        kind=DocumentKind.CREDIT_MEMO if net.minor < 0 else DocumentKind.INVOICE,
        state=document_state(wire.state, wire.id),
        net=net,
        tax=Money.of(wire.tax_amount, wire.currency.code),
        reverses=reverses,
    )


def document_state(word: str, invoice: int) -> DocumentState:
    """Raises ContractDrift for a word that Tryton 8.2 does not have."""
    if word not in _STATES:
        raise ContractDrift(
            f"the ERP's invoice {invoice} is in a state that is not known: {word[:40]}",
            system=SYSTEM,
            payload_path="$.state",
        )
    return _STATES[word]


def line(entry: DocumentLine, terms: Terms, company: Company) -> Row:
    """One unit at the exact amount; a credit is minus one unit, as in Tryton's own credit notes."""
    return {
        **_line(company, terms.product, terms.account, terms.unit, terms.taxes),
        "description": entry.description,
        "note": entry.line_id,
        "quantity": 1 if entry.net.minor >= 0 else -1,
        "unit_price": decimal(abs(entry.net).decimal),
    }


def reversed_lines(row: Row, company: Company) -> list[Row]:
    """The lines of an invoice with their signs turned, each with its origin."""
    wire = parsed(_FullInvoice, row, "invoice")
    return [
        {
            **_line(company, entry.product, entry.account, entry.unit, entry.taxes),
            "currency": entry.currency,
            "description": entry.description,
            "quantity": -entry.quantity,
            "unit_price": decimal(entry.unit_price),
            "origin": f"account.invoice.line,{entry.id}",
        }
        for entry in wire.lines
    ]


def parsed(model: type[Model], row: Row, what: str) -> Model:
    try:
        return model.model_validate(row)
    except ValidationError as fault:
        path = ".".join(str(part) for part in fault.errors(include_input=False)[0]["loc"])
        raise ContractDrift(
            f"the ERP's {what} {row.get('id')} does not read as one: {path}",
            system=SYSTEM,
            payload_path=f"$.{path}",
        ) from fault


def decimal(value: Decimal) -> Row:
    """An exact number in Tryton's notation."""
    return {"__class__": "Decimal", "decimal": str(value)}


def day(value: date) -> Row:
    """A calendar day in Tryton's notation."""
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}


def _line(
    company: Company, product: int, account: int, unit: int | None, taxes: tuple[int, ...]
) -> Row:
    return {
        "type": "line",
        "company": company.id,
        "product": product,
        "account": account,
        "unit": unit,
        "taxes": [["add", list(taxes)]],
    }
