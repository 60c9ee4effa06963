"""Where documents stand with the customer, as Tryton says."""

from collections.abc import Sequence

from canonical_models.ledgering import ErpStatus
from canonical_models.money import Money
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.documents import CHUNK
from connectors.tryton.held import INVOICE, DueLine
from connectors.tryton.mapping import (
    STATES,
    Amount,
    Coded,
    Company,
    Day,
    State,
    Wire,
    parsed,
    to_pay,
)
from connectors.tryton.references import NOT_UNBILLED

_FIELDS = (
    "number",
    "state",
    "invoice_date",
    "currency.code",
    "untaxed_amount",
    "tax_amount",
    "amount_to_pay",
    "lines_to_pay.maturity_date",
    "lines_to_pay.reconciliation",
)


class _Status(Wire):
    id: int
    number: str | None
    state: State
    invoice_date: Day | None
    currency: Coded
    untaxed_amount: Amount
    tax_amount: Amount
    amount_to_pay: Amount | None
    lines_to_pay: tuple[DueLine, ...]


async def statuses(
    client: TrytonClient, document_ids: Sequence[str], company: Company
) -> tuple[ErpStatus, ...]:
    """In the order given, each once; ids that are unknown, and what is not billed, are left out."""
    wanted = list(dict.fromkeys(int(key) for key in document_ids if key.isdecimal()))
    found: dict[int, ErpStatus] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await client.search(
            INVOICE,
            [
                ["id", "in", wanted[start : start + CHUNK]],
                ["company", "=", company.id],
                ["type", "=", "out"],
                NOT_UNBILLED,
            ],
            _FIELDS,
            what="how documents stand",
            company=company.id,
        )
        found |= {int(row["id"]): erp_status(row) for row in rows}
    return tuple(found[key] for key in wanted if key in found)


def erp_status(row: Row) -> ErpStatus:
    """`due_on` is the earliest day of what is not settled, else of all."""
    wire = parsed(_Status, row, "invoice")
    loose = [line for line in wire.lines_to_pay if line.reconciliation is None]
    days = [line.maturity_date for line in loose or wire.lines_to_pay if line.maturity_date]
    currency = wire.currency.code
    return ErpStatus(
        document_id=str(wire.id),
        number=wire.number,
        state=STATES[wire.state],
        document_date=wire.invoice_date,
        due_on=min(days, default=None),
        net=Money.of(wire.untaxed_amount, currency),
        tax=Money.of(wire.tax_amount, currency),
        open=to_pay(wire.amount_to_pay, wire.state, currency, wire.id),
    )
