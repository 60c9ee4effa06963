"""Documents as Tryton holds them: read whole in few requests, however many lines they have."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import ErpDocument, ErpLine, TaxTotal
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.held import INVOICE, Held, fields
from connectors.tryton.lines import LINE, WireLine, service_period, words
from connectors.tryton.mapping import STATES, Company, parsed
from connectors.tryton.references import Identity, identity, noted_kind
from connectors.tryton.taxes import TaxBook, Taxes

#: As many ids as an address of 8 KiB holds with ease.
CHUNK = 400


class Documents:
    """Reads documents of customers, those of suppliers never."""

    def __init__(self, client: TrytonClient, probe: FeatureProbe, book: TaxBook) -> None:
        self._client, self._probe, self._book = client, probe, book

    def identity(self, held: Held) -> Identity:
        return identity(held.external_id, held.reference, ours=self.ours(held))

    def ours(self, held: Held) -> bool:
        return held.create_uid is not None and held.create_uid.login == self._client.login

    async def search(self, domain: list[Any], *, what: str, company: Company) -> tuple[Held, ...]:
        """Of one legal entity, by id."""
        return await self.search_all(
            [["company", "=", company.id], domain], what=what, company=company
        )

    async def search_all(
        self, domain: list[Any], *, what: str, company: Company
    ) -> tuple[Held, ...]:
        """Of all legal entities that our user may see."""
        rows = await self._client.search(
            INVOICE,
            [["type", "=", "out"], *domain],
            await self.fields(),
            what=what,
            company=company.id,
        )
        return tuple(self.held(row) for row in rows)

    async def get(self, document_id: str | int, *, company: Company) -> Held:
        """Raises Rejection (document_conflict) for an id that is not there any more."""
        what = f"document {document_id}"
        found: tuple[Held, ...] = ()
        if str(document_id).isdecimal():
            domain = [["id", "=", int(document_id)]]
            found = await self.search(domain, what=what, company=company)
        if not found:
            raise Rejection(
                RejectionCode.DOCUMENT_CONFLICT,
                f"the ERP has no {what} any more, or not in this legal entity: somebody deleted "
                "it, or it was moved; look in the ERP's own log",
                system=SYSTEM,
                subject=str(document_id),
            )
        return found[0]

    async def fields(self) -> tuple[str, ...]:
        return fields(await self._probe.features())

    def held(self, row: Row) -> Held:
        return parsed(Held, {**row, "timestamp": row.get("_timestamp")}, "invoice")

    async def whole(
        self, held: Sequence[Held], legal_entity: str, company: Company
    ) -> tuple[ErpDocument, ...]:
        """In canonical words, with what they correct and what corrects them."""
        needed = {tax.tax for entry in held for tax in entry.taxes if tax.tax}
        taxes = await self._book.of(legal_entity, company, needed)
        corrected = await self._corrected(held, company)
        credits_ = await self._credits([entry.id for entry in held if entry.booked], company)
        return tuple(
            self._document(entry, legal_entity, taxes, corrected, credits_.get(entry.id, ()))
            for entry in held
        )

    async def _corrected(
        self, held: Sequence[Held], company: Company
    ) -> dict[int, tuple[int | None, str | None]]:
        """Document and billing's line id of each line that is corrected."""
        wanted = sorted({line.corrects for entry in held for line in entry.lines if line.corrects})
        found: dict[int, tuple[int | None, str | None]] = {}
        for start in range(0, len(wanted), CHUNK):
            rows = await self._client.search(
                LINE,
                [["id", "in", wanted[start : start + CHUNK]]],
                ["invoice", "note"],
                what="the lines that are corrected",
                company=company.id,
            )
            found |= {int(row["id"]): (row["invoice"], row["note"]) for row in rows}
        return found

    async def _credits(self, ids: list[int], company: Company) -> dict[int, tuple[str, ...]]:
        """The booked documents that correct each, by the origin of their lines."""
        found: dict[int, tuple[str, ...]] = {}
        if not ids:
            return found
        rows = await self._client.search(
            INVOICE,
            [
                ["lines.origin.invoice.id", "in", ids, LINE],
                ["state", "in", ["posted", "paid"]],
            ],
            ["origin_invoices"],
            what="what corrects documents",
            company=company.id,
        )
        for row in rows:
            for corrected in row["origin_invoices"]:
                found[corrected] = (*found.get(corrected, ()), str(row["id"]))
        return found

    def _document(
        self,
        held: Held,
        legal_entity: str,
        taxes: Taxes,
        corrected: dict[int, tuple[int | None, str | None]],
        credits_: tuple[str, ...],
    ) -> ErpDocument:
        known = self.identity(held)
        named = Counter(
            document
            for line in held.lines
            if line.corrects
            for document, _ in (corrected.get(line.corrects, (None, None)),)
            if document is not None
        )
        return ErpDocument(
            document_id=str(held.id),
            external_id=known.external_id,
            legal_entity=legal_entity,
            party=held.party.code,
            currency=held.currency.code,
            number=held.number,
            billing_number=known.number,
            kind=(noted_kind(held.comment) if self.ours(held) else None) or held.kind,
            state=STATES[held.state],
            document_date=held.invoice_date,
            posting_date=held.move.date if held.move else held.accounting_date or held.invoice_date,
            period=held.move.period.name if held.move else None,
            due_on=held.due_on,
            lines=tuple(_line(held, line, taxes, corrected) for line in held.charges),
            taxes=tuple(
                TaxTotal(
                    code=taxes.name(tax),
                    rate=taxes.rate(tax),
                    base=held.money(base),
                    amount=held.money(amount),
                )
                for tax, (base, amount) in held.tax_sums().items()
            ),
            rounding=held.rounding,
            net=held.money(held.untaxed_amount),
            tax=held.money(held.tax_amount),
            open=held.open,
            corrects=str(named.most_common(1)[0][0]) if named else None,
            credits=credits_,
            ours=self.ours(held),
        )


def _line(
    held: Held,
    line: WireLine,
    taxes: Taxes,
    corrected: dict[int, tuple[int | None, str | None]],
) -> ErpLine:
    period = service_period(line)
    return ErpLine(
        line_id=line.note,
        item=line.product.code if line.product else None,
        account=(line.account.code or line.account.name) if line.account else None,
        description=words(line.description or ""),
        net=held.net(line),
        tax_codes=tuple(taxes.name(tax) for tax in line.taxes),
        service_from=period[0] if period else None,
        service_to=period[1] if period else None,
        corrects=corrected.get(line.corrects, (None, None))[1] if line.corrects else None,
    )
