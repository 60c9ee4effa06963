"""A month of a legal entity, closed: what was booked on both sides, where they differ and why that
stands.

Amounts are signed as in `documents`: credits are negative. A month is written as `2027-01`, and its
days are those of the legal entity's zone.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Literal

import rfc8785
from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money

#: As `2027-01`.
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"

#: What a report may say otherwise without that anything has changed.
_OF_ITS_MAKING = {"version", "before", "closed_at", "closed_by", "note", "reopened", "read"}


class PeriodState(StrEnum):
    """OPEN is also what nobody has closed yet. While it is CLOSING nothing is dated into it."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


#: The months of a legal entity that are not open, by which an ERP's adapter dates nothing into
#: them.
ClosedMonths = Callable[[str], Awaitable[Mapping[str, PeriodState]]]


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"


def month_after(day: date) -> date:
    """The first day of the next month."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


class BookedDocument(Canonical):
    """A document to a customer as the ERP has it booked on a day of the month. `accounts` are the
    nets of its lines, `taxes` base and amount by tax code; both as it says them itself."""

    key: Identifier
    number: str | None
    ours: bool
    net: Money
    tax: Money
    accounts: dict[str, Money]
    taxes: dict[str, tuple[Money, Money]]


class BookedPage(Canonical):
    """`next` is where to go on; None at the end."""

    documents: tuple[BookedDocument, ...]
    next: str | None


class LedgerMonth(Canonical):
    """What the ERP's general ledger has moved on an account within the month, whatever moved it, in
    the currency of the books."""

    account: str
    debit: Money
    credit: Money


class Figures(Canonical):
    """Sums of documents of one currency."""

    count: int = 0
    net: Money
    tax: Money

    @property
    def gross(self) -> Money:
        return self.net + self.tax

    @classmethod
    def none(cls, currency: str) -> "Figures":
        return cls(net=Money.zero(currency), tax=Money.zero(currency))


class CurrencyTotals(Canonical):
    """`issued` is what billing issued in the month, whatever became of it; `billing` what of
    billing's was booked in the month, by billing's own figures, less what was taken back in it.
    `erp` is the same as the ERP says it, and `others` what other people have booked there to
    customers."""

    currency: Currency
    issued: Figures
    billing: Figures
    erp: Figures
    others: Figures


class AccountTotals(Canonical):
    """Nets by revenue account. `account` None is what nobody has told an account of."""

    account: str | None
    currency: Currency
    billing: Money
    erp: Money
    others: Money


class TaxTotals(Canonical):
    """By the ERP's tax code; None is what nobody has told a code of."""

    code: str | None
    currency: Currency
    billing_base: Money
    billing: Money
    erp_base: Money
    erp: Money


class Entry(Canonical):
    """One document in a list of a report. `issued_on` is billing's day, `booked_on` that of the
    books; None where it is in none. `why` is in words."""

    document_id: Identifier
    number: str | None
    erp_number: str | None
    issued_on: date
    booked_on: date | None
    gross: Money
    why: str


class Decided(Canonical):
    """Why a difference may stand. `kind` is `accepted` where finance has accepted this very
    difference, `decided` where somebody, or a rule, has decided the document so."""

    kind: Literal["accepted", "decided"]
    by: str
    reason: str
    at: Instant | None = None
    decision_id: str | None = None


class Next(StrEnum):
    """What is done about a difference that nobody has decided: wait for what is under way, answer
    the question that is open, have it set right by its saga, undo it in the ERP; each but the first
    may be accepted instead. ACCEPT is of sums, of which nothing else can be done here."""

    WAIT = "wait"
    ANSWER = "answer"
    REPAIR = "repair"
    IN_ERP = "in_erp"
    ACCEPT = "accept"


class PeriodDifference(Canonical):
    """Where both sides of the month do not say the same. `about`, `key` and `what` as of a
    difference; `total` is about the sums of a currency, which no difference explains. `content` is
    a digest of what differs: an acceptance is of that alone. `decided` None keeps the month open.
    """

    difference_id: Identifier
    about: str
    key: str
    what: str
    number: str | None = None
    erp_number: str | None = None
    customer_id: str | None = None
    subject: str | None = None
    expected: str | None = None
    found: str | None = None
    billing: Money | None = None
    erp: Money | None = None
    cause: str
    sentence: str
    owner: str
    next: Next
    exception_id: str | None = None
    change_id: str | None = None
    content: str
    decided: Decided | None = None

    @property
    def named(self) -> str:
        return self.number or self.erp_number or self.key


def difference_id(about: str, key: str, what: str) -> str:
    """The same for the same difference, whatever its amounts."""
    return f"dif_{_digest({'about': about, 'key': key, 'what': what})[:20]}"


def content_of(**said: Any) -> str:
    """Of all that differs, so that an acceptance is of nothing else."""
    return _digest({name: _plain(value) for name, value in said.items()})


class Reading(Canonical):
    """The comparison that the report stands on: which, when it began, what it read, and what it did
    not compare. `books_at` is when the ERP's own sums were read, after it."""

    run_id: str
    began_at: Instant
    books_at: Instant
    facts: dict[str, int]
    not_compared: tuple[str, ...]


class Reopened(Canonical):
    by: str
    at: Instant
    reason: str


class CloseReport(Canonical):
    """What is sealed of a month, as canonical JSON (RFC 8785).

    `version` counts from 1 for each month; `before` is the report that it replaces and `reopened`
    why. `late` was booked in the month and issued before it, `moved` was issued in it and booked
    later, `reversals` were taken back in it, `unbooked` was issued in it and is in no books.
    """

    format: Literal["trueup.close/1"] = "trueup.close/1"
    tenant: str
    legal_entity: Identifier
    period: str = Field(pattern=MONTH)
    zone: str
    first: date
    last: date
    version: int = Field(ge=1)
    before: str | None = None
    reopened: Reopened | None = None
    closed_by: str
    closed_at: Instant
    note: str = ""
    closed_period: str
    read: Reading
    books_currency: Currency | None
    currencies: tuple[CurrencyTotals, ...]
    accounts: tuple[AccountTotals, ...]
    ledger: tuple[LedgerMonth, ...]
    taxes: tuple[TaxTotals, ...]
    late: tuple[Entry, ...] = ()
    moved: tuple[Entry, ...] = ()
    reversals: tuple[Entry, ...] = ()
    unbooked: tuple[Entry, ...] = ()
    differences: tuple[PeriodDifference, ...] = ()

    def canonical(self) -> bytes:
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @property
    def substance(self) -> str:
        """SHA-256 of what it says of the month, whoever made it and when."""
        said = self.model_dump(mode="json", exclude=_OF_ITS_MAKING)
        said["not_compared"] = list(self.read.not_compared)
        return hashlib.sha256(rfc8785.dumps(said)).hexdigest()


class PeriodView(Canonical):
    """Where a month stands. `by` and `at` are of who closed, reopened, or is closing it; `close_id`
    is the newest report, which a reopened month keeps. `standing` is what kept it open when it was
    last to be closed, at `tried_at`."""

    legal_entity: str
    period: str
    state: PeriodState
    by: str
    at: Instant
    version: int = 0
    close_id: str | None = None
    digest: str | None = None
    reopened: Reopened | None = None
    tried_at: Instant | None = None
    standing: tuple[PeriodDifference, ...] = ()


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(said))).hexdigest()


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Canonical) else value
