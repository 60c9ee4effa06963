"""Documents of the real ERP as tests compare them: lines, taxes, and what they correct."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import Json, TrytonRpc


@dataclass(frozen=True)
class TaxRow:
    """A row of a document's taxes. Several rows of one code are one amount: sum them."""

    code: str
    base: Decimal
    amount: Decimal
    manual: bool
    legal_notice: str | None


@dataclass(frozen=True)
class Line:
    """``origin`` is the line that this one corrects, as Tryton writes it; ``amount`` is net."""

    id: int
    product: str | None
    description: str | None
    quantity: float | None
    unit_price: Decimal | None
    amount: Decimal
    account: str | None
    taxes: tuple[str, ...]
    defer_from: datetime.date | None
    defer_to: datetime.date | None
    origin: str | None


@dataclass(frozen=True)
class Document:
    """An invoice or credit note in the document's currency; ``raw`` is all that was read.

    ``corrects`` names the documents (by id) that its lines say they correct.
    """

    id: int
    number: str | None
    state: str
    reference: str | None
    invoice_date: datetime.date | None
    accounting_date: datetime.date | None
    net: Decimal
    tax: Decimal
    total: Decimal
    open: Decimal
    lines: tuple[Line, ...]
    taxes: tuple[TaxRow, ...]
    corrects: tuple[int, ...]
    raw: Json


_DOCUMENT = """
    number state reference type party.code company currency.code agent description comment
    invoice_date accounting_date payment_term_date move cancel_move
    untaxed_amount tax_amount total_amount amount_to_pay
"""
_LINE = """
    invoice type product.code description quantity unit_price amount account.code taxes
    defer_from defer_to origin
"""
_TAX = "invoice tax base amount manual legal_notice"
_LINE_OF = "account.invoice.line,"


async def read_documents(erp: ErpInstance, rpc: TrytonRpc, domain: list[Any]) -> list[Document]:
    """The documents that match, by id."""
    codes = {tax.id: code for facts in erp.companies.values() for code, tax in facts.taxes.items()}
    rows = await rpc.search("account.invoice", domain, _DOCUMENT.split())
    ids = [row["id"] for row in rows]
    lines = await rpc.search(
        "account.invoice.line", [["invoice", "in", ids], ["type", "=", "line"]], _LINE.split()
    )
    taxes = await rpc.search("account.invoice.tax", [["invoice", "in", ids]], _TAX.split())
    corrected = await _corrected(rpc, lines)
    return [
        _document(
            row,
            [line for line in lines if line["invoice"] == row["id"]],
            [tax for tax in taxes if tax["invoice"] == row["id"]],
            corrected,
            codes,
        )
        for row in rows
    ]


async def _corrected(rpc: TrytonRpc, lines: list[Json]) -> dict[str, int]:
    """The document of each line that is named as an origin."""
    origins = {row["origin"] for row in lines if (row["origin"] or "").startswith(_LINE_OF)}
    ids = [int(origin.removeprefix(_LINE_OF)) for origin in origins]
    rows = await rpc.search("account.invoice.line", [["id", "in", ids]], ["invoice"])
    return {f"{_LINE_OF}{row['id']}": row["invoice"] for row in rows}


def _document(
    row: Json,
    lines: list[Json],
    taxes: list[Json],
    corrected: dict[str, int],
    codes: dict[int, str],
) -> Document:
    found = {corrected[line["origin"]] for line in lines if line["origin"] in corrected}
    return Document(
        id=row["id"],
        number=row["number"],
        state=row["state"],
        reference=row["reference"],
        invoice_date=maybe_day(row["invoice_date"]),
        accounting_date=maybe_day(row["accounting_date"]),
        net=money(row["untaxed_amount"]),
        tax=money(row["tax_amount"]),
        total=money(row["total_amount"]),
        open=money(row["amount_to_pay"]),
        lines=tuple(_line(line, codes) for line in lines),
        taxes=tuple(
            TaxRow(
                code=codes[tax["tax"]],
                base=money(tax["base"]),
                amount=money(tax["amount"]),
                manual=bool(tax["manual"]),
                legal_notice=tax["legal_notice"],
            )
            for tax in taxes
        ),
        corrects=tuple(sorted(found)),
        raw=row,
    )


def _line(row: Json, codes: dict[int, str]) -> Line:
    return Line(
        id=row["id"],
        product=(row["product."] or {}).get("code"),
        description=row["description"],
        quantity=row["quantity"],
        unit_price=None if row["unit_price"] is None else money(row["unit_price"]),
        amount=money(row["amount"]),
        account=(row["account."] or {}).get("code"),
        taxes=tuple(codes[tax] for tax in row["taxes"]),
        defer_from=maybe_day(row["defer_from"]),
        defer_to=maybe_day(row["defer_to"]),
        origin=row["origin"],
    )


def money(value: Json | None) -> Decimal:
    """A number in Tryton's notation; null is zero."""
    return Decimal(value["decimal"]) if value else Decimal(0)


def day(value: Json) -> datetime.date:
    """A calendar day in Tryton's notation."""
    return datetime.date(value["year"], value["month"], value["day"])


def maybe_day(value: Json | None) -> datetime.date | None:
    return day(value) if value else None
