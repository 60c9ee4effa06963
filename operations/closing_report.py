"""What a report of a month says: billing's side of our records, the ERP's as it says it itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from canonical_models.closing import (
    AccountTotals,
    BookedDocument,
    CurrencyTotals,
    Entry,
    Figures,
    LedgerMonth,
    TaxTotals,
)
from canonical_models.failures import Failure, Rejection
from canonical_models.money import Money
from connectors.ports import ErpPort
from operations.errors import Invalid, Unavailable
from persistence.closing_figures import Days, Listed, Summed

_LISTS = ("late", "moved", "reversals", "unbooked")


@dataclass(frozen=True)
class Books:
    """The ERP's side, and when it was read."""

    documents: tuple[BookedDocument, ...]
    ledger: tuple[LedgerMonth, ...]
    at: datetime


@dataclass(frozen=True)
class Sides:
    """Both sides of a month, and the currencies in which they are `apart`."""

    currencies: tuple[CurrencyTotals, ...]
    accounts: tuple[AccountTotals, ...]
    taxes: tuple[TaxTotals, ...]
    lists: dict[str, tuple[Entry, ...]]
    apart: frozenset[str]


async def books_of(erp: ErpPort, days: Days) -> Books:
    """Read of the ERP now. Raises Invalid for a legal entity that it has not, Unavailable."""
    at = datetime.now(UTC)
    found: list[BookedDocument] = []
    entity, first, last = days.legal_entity, days.first, days.last
    try:
        after = None
        while True:
            page = await erp.booked(entity, first, last, after=after)
            found += page.documents
            after = page.next
            if after is None:
                break
        accounts = {name for each in found for name in each.accounts if name}
        ledger = await erp.ledger(entity, first, last, accounts) if accounts else ()
    except Rejection as refused:
        raise Invalid(str(refused), remedy="name a legal entity of the ERP") from refused
    except Failure as failure:
        raise Unavailable(
            f"the books of {entity} could not be read: {failure.message}",
            remedy="see whether the ERP is away, and close the month again",
            see=("connection", "erp"),
        ) from failure
    return Books(tuple(found), ledger, at)


def sides_of(ours: Summed, books: Books, *, closed_period: str) -> Sides:
    """Laid beside each other by currency, account and tax code."""
    mine = [each for each in books.documents if each.ours or each.key in ours.by_hand]
    mine_keys = {each.key for each in mine}
    others = [each for each in books.documents if each.key not in mine_keys]
    erp, beside = _figures(mine), _figures(others)
    currencies = sorted({*ours.issued, *ours.booked, *erp, *beside})
    totals = tuple(
        CurrencyTotals(
            currency=currency,
            issued=ours.issued.get(currency) or Figures.none(currency),
            billing=ours.booked.get(currency) or Figures.none(currency),
            erp=erp.get(currency) or Figures.none(currency),
            others=beside.get(currency) or Figures.none(currency),
        )
        for currency in currencies
    )
    accounts, taxes = _accounts(ours, mine, others), _taxes(ours, mine)
    apart = {each.currency for each in totals if each.billing != each.erp}
    apart |= {each.currency for each in accounts if each.billing != each.erp}
    apart |= {
        each.currency
        for each in taxes
        if (each.billing_base, each.billing) != (each.erp_base, each.erp)
    }
    return Sides(
        currencies=totals,
        accounts=accounts,
        taxes=taxes,
        lists={
            name: tuple(_entry(each, closed_period) for each in ours.listed if each.of == name)
            for name in _LISTS
        },
        apart=frozenset(apart),
    )


def _figures(documents: Iterable[BookedDocument]) -> dict[str, Figures]:
    sums: dict[str, Figures] = {}
    for each in documents:
        currency = each.net.currency
        before = sums.get(currency) or Figures.none(currency)
        sums[currency] = Figures(
            count=before.count + 1, net=before.net + each.net, tax=before.tax + each.tax
        )
    return sums


def _accounts(
    ours: Summed, mine: Iterable[BookedDocument], others: Iterable[BookedDocument]
) -> tuple[AccountTotals, ...]:
    told = {(currency, name or None): net for (currency, name), net in ours.accounts.items()}
    told |= {
        (currency, None): told.get((currency, None), Money.zero(currency)) + rest
        for currency, rest in _rests(
            {currency: each.net for currency, each in ours.booked.items()}, told.items()
        )
    }
    erp, beside = _by_account(mine), _by_account(others)
    return tuple(
        AccountTotals(
            account=name,
            currency=currency,
            billing=told.get((currency, name), Money.zero(currency)),
            erp=erp.get((currency, name), Money.zero(currency)),
            others=beside.get((currency, name), Money.zero(currency)),
        )
        for currency, name in _keys(told, erp, beside)
    )


def _by_account(documents: Iterable[BookedDocument]) -> dict[tuple[str, str | None], Money]:
    sums: dict[tuple[str, str | None], Money] = {}
    for each in documents:
        for name, net in each.accounts.items():
            key: tuple[str, str | None] = (net.currency, name or None)
            sums[key] = sums.get(key, Money.zero(net.currency)) + net
    return sums


def _taxes(ours: Summed, mine: Iterable[BookedDocument]) -> tuple[TaxTotals, ...]:
    told = dict(ours.taxes)
    amounts = {key: amount for key, (_, amount) in told.items()}
    whole = {currency: each.tax for currency, each in ours.booked.items()}
    for currency, rest in _rests(whole, amounts.items()):
        told[currency, None] = (Money.zero(currency), rest)
    erp: dict[tuple[str, str | None], tuple[Money, Money]] = {}
    for each in mine:
        for name, (base, amount) in each.taxes.items():
            key: tuple[str, str | None] = (amount.currency, name)
            before = erp.get(key, (Money.zero(amount.currency),) * 2)
            erp[key] = (before[0] + base, before[1] + amount)
    found = []
    for currency, code in _keys(told, erp):
        nothing = (Money.zero(currency),) * 2
        billing, theirs = told.get((currency, code), nothing), erp.get((currency, code), nothing)
        found.append(
            TaxTotals(
                code=code,
                currency=currency,
                billing_base=billing[0],
                billing=billing[1],
                erp_base=theirs[0],
                erp=theirs[1],
            )
        )
    return tuple(found)


def _rests(
    whole: dict[str, Money], parts: Iterable[tuple[tuple[str, str | None], Money]]
) -> list[tuple[str, Money]]:
    """What of each currency's whole no part tells: what billing says and nobody has confirmed."""
    left = dict(whole)
    for (currency, _), amount in parts:
        left[currency] = left.get(currency, Money.zero(currency)) - amount
    return [(currency, rest) for currency, rest in left.items() if rest]


def _keys(*sums: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    return sorted(
        {key for each in sums for key in each}, key=lambda key: (key[0], key[1] is None, key[1])
    )


def _entry(each: Listed, closed_period: str) -> Entry:
    return Entry(
        document_id=each.document_id,
        number=each.number,
        erp_number=each.erp_number,
        issued_on=each.issued_on,
        booked_on=each.booked_on,
        gross=each.gross,
        why=_why(each, closed_period),
    )


def _why(each: Listed, closed_period: str) -> str:
    match each.of:
        case "reversals" if each.void:
            return "billing has made it void"
        case "reversals":
            return f"taken back by {each.by or 'a person'}: {each.reason or 'no reason was kept'}"
        case "unbooked" if each.by is not None:
            return f"kept out by {each.by}: {each.reason}"
        case "unbooked":
            return "in no books: see the differences"
        case _ if each.given_day is not None and each.given_by is not None:
            return f"{each.given_by} has given it the day {each.given_day}"
        case _ if closed_period == "first_open_day":
            return "its month was closed, and policy books it on the first open day"
        case _:
            return "booked on a later day than its own"
