"""The books of a legal entity as facts: all documents to customers with what was earned by them,
what is open on customers' accounts, and what moves revenue without a document; by id, then what has
changed since.

Tryton keeps with each record when it was made and last written, by its own clock; a transaction
commits later than that, so each look for changes begins a little before the one before it ended.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from canonical_models.documents import DocumentKind
from canonical_models.money import Money
from canonical_models.reconciliation import DocumentFact, Facts
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.earned import EarnedReader, Told
from connectors.tryton.earning import MOVE, SCHEDULE
from connectors.tryton.features import FeatureProbe
from connectors.tryton.held import INVOICE
from connectors.tryton.ledger import LedgerReader
from connectors.tryton.mapping import (
    Amount,
    Coded,
    Company,
    Day,
    State,
    Wire,
    parsed,
    to_pay,
)
from connectors.tryton.references import NOT_UNBILLED, identity, noted_kind

#: As many as Tryton reads well within a second.
_PAGE = 500
#: What is read one after another; schedules book months without their documents being written.
_DOCUMENTS, _SCHEDULES, _ENTRIES = "documents", "schedules", "entries"
#: The longest that a transaction is thought to take until it commits.
_OVERLAP = timedelta(minutes=10)

_FIELDS = (
    "number",
    "reference",
    "state",
    "sequence_type_cache",
    "invoice_date",
    "party.code",
    "currency.code",
    "comment",
    "untaxed_amount",
    "tax_amount",
    "amount_to_pay",
    "create_uid.login",
    "move",
)


class _User(Wire):
    login: str


class _Listed(Wire):
    id: int
    number: str | None
    reference: str | None
    external_id: str | None = None
    state: State
    sequence_type_cache: Literal["invoice", "credit_note"] | None
    invoice_date: Day | None
    party: Coded
    currency: Coded
    comment: str | None
    untaxed_amount: Amount
    tax_amount: Amount
    amount_to_pay: Amount | None
    create_uid: _User | None
    move: int | None


class FactReader:
    """The facts of one connection."""

    def __init__(
        self,
        client: TrytonClient,
        probe: FeatureProbe,
        earned: EarnedReader,
        ledger: LedgerReader,
    ) -> None:
        self._client, self._probe = client, probe
        self._earned, self._ledger = earned, ledger

    async def page(self, company: Company, after: str | None) -> Facts:
        """Raises ValueError for what is no cursor. It says what is read, from when on is looked for
        (nothing: for all), from when on the next look is, and the last id that was told."""
        stage, since, following, place = (after or f"{_DOCUMENTS}   0").split(" ")
        requests, until = 0, None
        if not following:
            following, until = await self._now(company), await self._ledger.until(company)
            requests += 3
        match stage:
            case "documents":
                page, last = await self._documents(company, since, int(place))
            case "schedules":
                page, last = await self._scheduled(company, since, int(place))
            case "entries":
                entries, gone, last = await self._ledger.page(
                    company, _changed(since, "move.write_date"), int(place), _PAGE
                )
                page = Facts(entries=entries, gone=gone, next=None, more=False)
            case _:
                raise ValueError(f"{stage[:80]!r} is nothing that is read of an ERP")
        upcoming = f"{stage} {since} {following} {last}" if last else _next(stage, since, following)
        told = {
            "next": upcoming or f"{_DOCUMENTS} {following}  0",
            "more": upcoming is not None,
            "requests": page.requests + requests,
            "until": until,
        }
        return page.model_copy(update=told)

    async def _documents(self, company: Company, since: str, last: int) -> tuple[Facts, int | None]:
        rows = await self._rows(company, [["id", ">", last], *_changed(since)])
        return await self._told(company, rows), _last(rows)

    async def _scheduled(self, company: Company, since: str, last: int) -> tuple[Facts, int | None]:
        """Documents of which schedules have changed."""
        if not (await self._probe.features()).deferral:
            return Facts(next=None, more=False, requests=0), None
        schedules = await self._client.search(
            SCHEDULE,
            [["id", ">", last], ["company", "=", company.id], *_changed(since)],
            ("invoice_line.invoice",),
            what="schedules that have changed",
            company=company.id,
            limit=_PAGE,
        )
        documents = sorted({int(row["invoice_line"]["invoice"]) for row in schedules})
        rows = await self._rows(company, [["id", "in", documents]]) if documents else []
        return await self._told(company, rows), _last(schedules)

    async def _told(self, company: Company, rows: list[Row]) -> Facts:
        if not rows:
            return Facts(next=None, more=False)
        found = [parsed(_Listed, row, "invoice") for row in rows]
        moves = {each.id: each.move for each in found if each.move is not None}
        told = await self._earned.of(moves, company)
        documents = (self._fact(each, told) for each in found)
        return Facts(documents=tuple(documents), next=None, more=False, requests=1 + told.requests)

    async def _rows(self, company: Company, which: list[Any]) -> list[Row]:
        domain: list[Any] = [
            *which,
            ["company", "=", company.id],
            ["type", "=", "out"],
            ["state", "in", ["posted", "paid", "cancelled"]],
            # A draft that was cancelled was never a document.
            ["move", "!=", None],
            NOT_UNBILLED,
        ]
        external = ("external_id",) if (await self._probe.features()).external_ids else ()
        return await self._client.search(
            INVOICE,
            domain,
            (*_FIELDS, *external),
            what="documents and how they stand",
            company=company.id,
            limit=_PAGE,
        )

    async def _now(self, company: Company) -> str:
        """From when on the next look is: somewhat before the newest change that there is."""
        newest: list[datetime] = []
        for field in ("write_date", "create_date"):
            rows = await self._client.search(
                MOVE,
                [[field, "!=", None]],
                [field],
                what="the newest change of the books",
                company=company.id,
                order=((field, "DESC"),),
                limit=1,
            )
            newest += [_time(row[field]) for row in rows]
        return "" if not newest else (max(newest) - _OVERLAP).isoformat()

    def _fact(self, found: _Listed, told: Told) -> DocumentFact:
        currency = found.currency.code
        ours = found.create_uid is not None and found.create_uid.login == self._client.login
        known = identity(found.external_id, found.reference, ours=ours)
        noted = noted_kind(found.comment) if ours else None
        credit = found.sequence_type_cache == "credit_note"
        return DocumentFact(
            key=str(found.id),
            kind=noted or (DocumentKind.CREDIT_NOTE if credit else DocumentKind.INVOICE),
            stands=found.state != "cancelled",
            account=found.party.code,
            number=found.number,
            reference=known.external_id or None,
            billing_number=known.number,
            gross=Money.of(found.untaxed_amount + found.tax_amount, currency),
            tax=Money.of(found.tax_amount, currency),
            open=to_pay(found.amount_to_pay, found.state, currency, found.id),
            issued_on=found.invoice_date,
            ours=ours,
            corrects=str(told.corrects[found.id]) if found.id in told.corrects else None,
            earned=told.earned.get(found.id),
        )


def _next(stage: str, since: str, following: str) -> str | None:
    """What is read behind it, from its beginning; None when all is. Of a first reading schedules
    are told with their documents."""
    match stage:
        case "documents" if since:
            return f"{_SCHEDULES} {since} {following} 0"
        case "documents" | "schedules":
            return f"{_ENTRIES} {since} {following} 0"
        case _:
            return None


def _last(rows: list[Row]) -> int | None:
    """Of a whole page."""
    return int(rows[-1]["id"]) if len(rows) == _PAGE else None


def _changed(since: str, *besides: str) -> list[Any]:
    """The domain of what was made or written since then; empty for all."""
    if not since:
        return []
    at = _moment(datetime.fromisoformat(since))
    return [["OR", *([field, ">=", at] for field in ("write_date", "create_date", *besides))]]


def _moment(at: datetime) -> Row:
    """In Tryton's notation."""
    return {
        "__class__": "datetime",
        **{
            name: getattr(at, name)
            for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")
        },
    }


def _time(value: Row) -> datetime:
    """As Tryton's clock has it, which names no zone."""
    year, month, day, hour, minute, second = (
        int(value[name]) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
