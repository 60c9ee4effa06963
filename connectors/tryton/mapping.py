"""Between Tryton's notation and canonical values: numbers, days, states, and what is read of master
data. Pure."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from canonical_models.failures import ContractDrift
from canonical_models.ledgering import DocumentState
from canonical_models.money import Money
from connectors.refusals import contract
from connectors.tryton.errors import SYSTEM

Row = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)

#: What is sold: services alone are earned over time.
ProductType = Literal["goods", "assets", "service"]
#: Those of documents in Tryton 8.2: another one is contract drift, since money depends on it.
State = Literal["draft", "validated", "posted", "paid", "cancelled"]
STATES: dict[State, DocumentState] = {
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


def to_pay(amount: Decimal | None, state: State, currency: str, invoice: int) -> Money:
    """What is open of an invoice. Tryton 8.2 says it of posted ones alone: of others nothing is to
    be paid, yet or any more. Raises ContractDrift for a posted one of which it is not said."""
    if amount is None and state == "posted":
        raise ContractDrift(
            f"the ERP does not say what is open of its posted invoice {invoice}",
            system=SYSTEM,
            payload_path="$.amount_to_pay",
        )
    return Money.of(amount or 0, currency)


def parsed(model: type[Model], row: Row, what: str) -> Model:
    """Raises ContractDrift with the path of what does not fit, and without what was there."""
    key = row.get("id")
    named = f"{what} {key}" if isinstance(key, int) else what
    with contract(f"the ERP's {named}", SYSTEM, "read it", "compare the ERP's version"):
        return model.model_validate(row)


def decimal(value: Decimal) -> Row:
    """An exact number in Tryton's notation."""
    return {"__class__": "Decimal", "decimal": str(value)}


def day(value: date) -> Row:
    """A calendar day in Tryton's notation."""
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
