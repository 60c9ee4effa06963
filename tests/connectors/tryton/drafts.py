"""Documents to post in the real Tryton, and customers of one test alone."""

import secrets
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from canonical_models.documents import DocumentKind
from canonical_models.ledgering import DocumentDraft, DraftLine, ErpDocument, TaxTotal
from canonical_models.money import Money
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc, TrytonRpcError

DE_19 = ("VAT 19 %", "0.19")
DE_7 = ("VAT 7 %", "0.07")
FR_20 = ("VAT France 20 %", "0.20")
US_SALES = ("Sales tax 8.25 %", "0.0825")


def today() -> date:
    return datetime.now(UTC).date()


def line(item: str, net: str, *, currency: str = "EUR", **fields: Any) -> DraftLine:
    given = {
        "line_id": f"il_{secrets.token_hex(4)}",
        "item": item,
        "description": f"Seats of {item}",
        "net": Money.of(net, currency),
    }
    return DraftLine.model_validate(given | fields)


def tax(code: tuple[str, str], base: str, amount: str, *, currency: str = "EUR") -> TaxTotal:
    name, rate = code
    return TaxTotal(
        code=name,
        rate=Decimal(rate),
        base=Money.of(base, currency),
        amount=Money.of(amount, currency),
    )


def draft(*lines: DraftLine, taxes: tuple[TaxTotal, ...] = (), **fields: Any) -> DocumentDraft:
    token = secrets.token_hex(5)
    on = fields.get("issued_on", today())
    given = {
        "external_id": f"in_{token}",
        "kind": DocumentKind.INVOICE,
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "currency": "EUR",
        "number": f"INV-{token}",
        "issued_on": on,
        "posting_date": on,
        "lines": lines,
        "taxes": taxes,
    }
    return DocumentDraft.model_validate(given | fields)


def seats(net: str = "100.00", amount: str = "19.00", **fields: Any) -> DocumentDraft:
    """One line of the item PRO at 19 %, or as `fields` say."""
    return draft(line("PRO", net), taxes=(tax(DE_19, net, amount),), **fields)


def us_seats(net: str = "100.00", amount: str = "8.25", **fields: Any) -> DocumentDraft:
    """The same in the other legal entity, whose months the tests close."""
    given = {"legal_entity": "LE-US", "party": "C-1003", "currency": "USD"}
    return draft(
        line("PRO", net, currency="USD"),
        taxes=(tax(US_SALES, net, amount, currency="USD"),),
        **(given | fields),
    )


def number_of(document: ErpDocument) -> int:
    return int(document.document_id)


class People:
    """What the ERP's own people do by hand to documents, as its administrator."""

    def __init__(self, erp: ErpInstance, rpc: TrytonRpc) -> None:
        self._erp, self._rpc = erp, rpc

    async def press(self, document: int, button: str) -> None:
        await self._rpc.call(f"model.account.invoice.{button}", [document], context={"company": 1})

    async def insist(self, document: int, button: str) -> None:
        """Press it, and every warning away."""
        while True:
            try:
                return await self.press(document, button)
            except TrytonRpcError as refused:
                if refused.kind != "UserWarning":
                    raise
                await self._rpc.call("model.res.user.warning.skip", refused.details[0], False)

    async def write(self, document: int, **values: Any) -> None:
        await self._rpc.write("account.invoice", [document], values, company=1)

    async def credit(self, document: str, *, refund: bool) -> int:
        """The credit note that the client's wizard makes, posted with a refund."""
        answer = await self._rpc.wizard(
            "account.invoice.credit",
            ("credit", {"start": {"with_refund": refund, "with_refund_allowed": True}}),
            context={
                "company": 1,
                "active_model": "account.invoice",
                "active_id": int(document),
                "active_ids": [int(document)],
            },
        )
        found = answer["actions"][0][1]["res_id"]
        return int(found[0] if isinstance(found, list) else found)

    async def duplicate(self, document: str) -> int:
        copies: list[int] = await self._rpc.call(
            "model.account.invoice.copy", [int(document)], {}, context={"company": 1}
        )
        return copies[0]

    async def give_tax_rule(self, party: str, rule: str) -> None:
        """Let the rule (by code) hold for the party (by code) in LE-DE."""
        (row,) = await self._rpc.search("party.party", [["code", "=", party]], ["code"])
        found = self._erp.companies["LE-DE"].tax_rules[rule]
        await self._rpc.write("party.party", [row["id"]], {"customer_tax_rule": found}, company=1)

    async def configure(self, field: str, value: int | None) -> int | None:
        """Set a field of the accounting configuration; what it was before."""
        (row,) = await self._rpc.search("account.configuration", [], [field], company=1)
        await self._rpc.write("account.configuration", [row["id"]], {field: value}, company=1)
        before: int | None = row[field]
        return before

    async def named(self, document: str) -> tuple[str | None, str | None]:
        """City and tax id that a document shows."""
        (row,) = await self._rpc.search(
            "account.invoice",
            [["id", "=", int(document)]],
            ["invoice_address.city", "party_tax_identifier.code"],
        )
        identifier = row["party_tax_identifier."]
        return row["invoice_address."]["city"], identifier and identifier["code"]

    async def customer(self) -> str:
        """A customer without documents."""
        code = f"C-{secrets.token_hex(5)}"
        await self._rpc.create(
            "party.party",
            {"code": code, "name": code, "addresses": [["create", [{"city": "Ulm"}]]]},
        )
        return code
