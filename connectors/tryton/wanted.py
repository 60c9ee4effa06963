"""A document that is to be made in Tryton, compared with drafts that are there already. Pure."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from canonical_models.money import Money
from connectors.tryton.agreement import TaxTarget, matches
from connectors.tryton.client import Row
from connectors.tryton.held import Held
from connectors.tryton.lines import Line
from connectors.tryton.mapping import Company, day
from connectors.tryton.taxes import Taxes


@dataclass(frozen=True)
class Header:
    """What a document says besides its lines, by Tryton's ids. `identifier` None leaves the party's
    tax identifier to Tryton, `number` is billing's where it is to be the ERP's too."""

    party: int
    address: int
    identifier: int | None
    currency: int
    account: int
    journal: int
    invoice_date: date
    accounting_date: date
    due_on: date
    reference: str
    comment: str | None = None
    agent: int | None = None
    number: str | None = None
    payment_term: int | None = None

    @classmethod
    def read(cls, held: Held) -> "Header | None":
        """None for a draft that is not ours to finish: it has no dates or no journal."""
        if not (held.journal and held.invoice_date and held.accounting_date):
            return None
        return cls(
            party=held.party.id,
            address=held.invoice_address,
            identifier=held.party_tax_identifier,
            currency=held.currency.id,
            account=held.account,
            journal=held.journal,
            invoice_date=held.invoice_date,
            accounting_date=held.accounting_date,
            due_on=held.payment_term_date or held.invoice_date,
            reference=held.reference or "",
            comment=held.comment or None,
            agent=held.agent,
            number=held.external_number,
            payment_term=held.payment_term,
        )

    def values(self) -> Row:
        values: Row = {
            "party": self.party,
            "invoice_address": self.address,
            "currency": self.currency,
            "account": self.account,
            "journal": self.journal,
            "invoice_date": day(self.invoice_date),
            "accounting_date": day(self.accounting_date),
            # A term would count from the date; without one the date is the day it is due.
            "payment_term": None,
            "payment_term_date": day(self.due_on),
            "reference": self.reference,
            "comment": self.comment,
        }
        values |= {} if self.identifier is None else {"party_tax_identifier": self.identifier}
        values |= {} if self.agent is None else {"agent": self.agent}
        values |= {} if self.number is None else {"external_number": self.number}
        return values


@dataclass(frozen=True)
class Wanted:
    """A document to be made. `nets` are those of its charging lines, in their order; `credit` is
    whether Tryton will number it as a credit note. `answered` are the warnings that are meant.
    `limit` is how much of its tax may be rounding, None whatever it is. `explain` raises what keeps
    it from being posted, if it knows."""

    header: Header
    lines: tuple[Line, ...]
    nets: tuple[Money, ...]
    targets: dict[int, TaxTarget]
    taxes: Taxes
    credit: bool
    explain: Callable[[], Awaitable[object]]
    answered: frozenset[str] = frozenset()
    limit: Money | None = None

    def differences(self, held: Held) -> tuple[str, ...]:
        """What of a draft is not as it should be; nothing where it may be finished."""
        found = Header.read(held)
        if found is None:
            return ("dates or journal",)
        if self.header.identifier is None:
            found = replace(found, identifier=None)
        differing = [
            name
            for name in Header.__dataclass_fields__
            if getattr(found, name) != getattr(self.header, name)
        ]
        if tuple(map(Line.read, held.lines)) != self.lines:
            differing.append("lines")
        if any(row.manual for row in held.taxes) and not matches(held, self.targets):
            differing.append("taxes")
        return tuple(differing)


@dataclass(frozen=True)
class Key:
    """What documents are told apart by."""

    external_id: str
    legal_entity: str
    company: Company

    @property
    def what(self) -> str:
        return f"document {self.external_id}"


def line_seconds(lines: int) -> float:
    """Seconds that Tryton may take for the lines of a document, beyond those of any request. Far
    fewer than `SECONDS_A_LINE`, by which the time lengthens until a write can no longer land."""
    return 0.3 * lines
