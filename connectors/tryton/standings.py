"""Where documents stand with the customer, as Tryton says."""

from collections.abc import Sequence

from canonical_models.ledgering import DocumentStanding
from canonical_models.money import Money
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.mapping import Amount, Coded, Company, Day, Wire, document_state, parsed

#: As many ids as an address of 8 KiB holds with ease.
CHUNK = 400

_FIELDS = (
    "number",
    "state",
    "invoice_date",
    "currency.code",
    "total_amount",
    "amount_to_pay",
    "lines_to_pay.maturity_date",
    "lines_to_pay.reconciliation",
)


class _Due(Wire):
    maturity_date: Day | None
    reconciliation: int | None


class _Standing(Wire):
    id: int
    number: str | None
    state: str
    invoice_date: Day | None
    currency: Coded
    total_amount: Amount
    amount_to_pay: Amount | None
    lines_to_pay: tuple[_Due, ...]


async def standings(
    client: TrytonClient, document_ids: Sequence[str], company: Company
) -> tuple[DocumentStanding, ...]:
    """In the order given, each once; ids that are unknown are left out."""
    wanted = list(dict.fromkeys(int(key) for key in document_ids if key.isdecimal()))
    found: dict[int, DocumentStanding] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await client.search(
            "account.invoice",
            [
                ["id", "in", wanted[start : start + CHUNK]],
                ["company", "=", company.id],
                ["type", "=", "out"],
            ],
            _FIELDS,
            what="how documents stand",
            company=company.id,
        )
        found |= {int(row["id"]): standing(row) for row in rows}
    return tuple(found[key] for key in wanted if key in found)


def standing(row: Row) -> DocumentStanding:
    """`sent` is not known: Tryton prints every customer invoice when it is posted, and keeps no
    word of what becomes of the paper. `due_on` is the earliest day of what is not settled, else of
    all."""
    wire = parsed(_Standing, row, "invoice")
    loose = [line for line in wire.lines_to_pay if line.reconciliation is None]
    days = [line.maturity_date for line in loose or wire.lines_to_pay if line.maturity_date]
    currency = wire.currency.code
    return DocumentStanding(
        document_id=str(wire.id),
        number=wire.number,
        state=document_state(wire.state, wire.id),
        sent=None,
        issued_on=wire.invoice_date,
        due_on=min(days, default=None),
        total=Money.of(wire.total_amount, currency),
        open=Money.of(wire.amount_to_pay or 0, currency),
    )
