"""Tryton numbers customers' documents in the order of their dates, per legal entity, year and kind:
an earlier date than the last one used is refused, whoever used it."""

from datetime import date

from connectors.tryton.client import TrytonClient
from connectors.tryton.mapping import Company, Day, Wire, day, parsed

_INVOICE = "account.invoice"


class _Period(Wire):
    start_date: Day
    end_date: Day


class _Sequences(Wire):
    period: _Period | None
    out_invoice_sequence: int
    out_credit_note_sequence: int

    def of(self, on: date) -> bool:
        return self.period is None or self.period.start_date <= on <= self.period.end_date


class Numbering:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client

    async def last_date(
        self, accounting_date: date, company: Company, *, credit: bool
    ) -> date | None:
        """The latest date on a document that the sequence has numbered; None where it is new.

        The sequence is chosen by the day of the books; `credit` is for what Tryton counts as a
        credit note.
        """
        rows = await self._client.search(
            "account.fiscalyear.invoice_sequence",
            [
                ["company", "=", company.id],
                ["fiscalyear.start_date", "<=", day(accounting_date)],
                ["fiscalyear.end_date", ">=", day(accounting_date)],
            ],
            [
                "period.start_date",
                "period.end_date",
                "out_invoice_sequence",
                "out_credit_note_sequence",
            ],
            what="the number sequences",
            company=company.id,
            order=(("sequence", "ASC"), ("id", "ASC")),
        )
        sequences = (parsed(_Sequences, row, "number sequence") for row in rows)
        found = next((entry for entry in sequences if entry.of(accounting_date)), None)
        if found is None:
            return None
        sequence = found.out_credit_note_sequence if credit else found.out_invoice_sequence
        numbered = await self._client.search(
            _INVOICE,
            [["sequence", "=", sequence], ["company", "=", company.id]],
            ["invoice_date"],
            what="the last number",
            company=company.id,
            order=(("invoice_date", "DESC"),),
            limit=1,
        )
        return parsed(_Numbered, numbered[0], "invoice").invoice_date if numbered else None

    async def with_number(self, number: str, company: Company) -> list[int]:
        """The documents that have a number of billing's as their own, or are to have it. Only for
        an ERP with the optional module."""
        rows = await self._client.search(
            _INVOICE,
            [
                ["company", "=", company.id],
                ["type", "=", "out"],
                ["OR", ["external_number", "=", number], ["number", "=", number]],
            ],
            ["state"],
            what=f"number {number}",
            company=company.id,
        )
        return [int(row["id"]) for row in rows]


class _Numbered(Wire):
    invoice_date: Day | None
