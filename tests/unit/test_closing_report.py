"""Both sides of a month laid beside each other: what is apart, and why what is listed stands where
it does. The sums are those of the documents in each case, added up by hand."""

from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from canonical_models.closing import BookedDocument, BookedPage, Figures, LedgerMonth
from canonical_models.failures import ContractDrift, Failure, Rejection, RejectionCode
from canonical_models.money import Money
from connectors.ports import ErpPort
from operations.closing_report import Books, books_of, sides_of
from operations.errors import Invalid, Unavailable
from persistence.closing_figures import Days, Listed, Summed

DAYS = Days("acme", "LE-DE", "Europe/Berlin", date(2026, 11, 1), date(2026, 11, 30))
AT = datetime(2026, 12, 1, tzinfo=UTC)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def booked(key: str, net: int, tax: int = 0, **said: Any) -> BookedDocument:
    return BookedDocument(
        **{
            "key": key,
            "number": key,
            "ours": True,
            "net": eur(net),
            "tax": eur(tax),
            "accounts": {"8400": eur(net)},
            "taxes": {"DE-19": (eur(net), eur(tax))} if tax else {},
            **said,
        }
    )


def ours(**said: Any) -> Summed:
    return Summed(
        **{
            "issued": {},
            "booked": {},
            "accounts": {},
            "taxes": {},
            "by_hand": frozenset(),
            "listed": (),
            **said,
        }
    )


def books(*documents: BookedDocument) -> Books:
    return Books(documents, (), AT)


def figures(count: int, net: int, tax: int = 0) -> Figures:
    return Figures(count=count, net=eur(net), tax=eur(tax))


class Shelf:
    """Of an ERP what is read at a close: these pages, or this failure."""

    def __init__(self, *pages: BookedPage, failing: Failure | None = None) -> None:
        self._pages = pages
        self._failing = failing
        self.asked: list[object] = []

    async def booked(self, *days: object, after: str | None = None) -> BookedPage:
        self.asked.append((*days, after))
        if self._failing is not None:
            raise self._failing
        return self._pages[int(after or 0)]

    async def ledger(self, *asked: object) -> tuple[LedgerMonth, ...]:
        self.asked.append(asked[-1])
        return ()


async def read(shelf: Shelf) -> Books:
    return await books_of(cast("ErpPort", shelf), DAYS)


async def test_the_books_are_read_page_by_page_to_their_end() -> None:
    shelf = Shelf(
        BookedPage(documents=(booked("1", 100),), next="1"),
        BookedPage(documents=(booked("2", 200, accounts={"": eur(200)}),), next=None),
    )
    found = await read(shelf)
    assert [each.key for each in found.documents] == ["1", "2"]
    days = ("LE-DE", DAYS.first, DAYS.last)
    # An account without a name is none to ask the ledger about.
    assert shelf.asked == [(*days, None), (*days, "1"), {"8400"}]


@pytest.mark.parametrize(
    ("failing", "raised", "words"),
    [
        (
            Rejection(RejectionCode.LEGAL_ENTITY_UNKNOWN, "no company LE-DE", system="erp"),
            Invalid,
            "no company LE-DE",
        ),
        (ContractDrift("another form", system="erp"), Unavailable, "books of LE-DE could not be"),
    ],
)
async def test_books_that_cannot_be_read_close_nothing(
    failing: Failure, raised: type[Exception], words: str
) -> None:
    with pytest.raises(raised, match=words):
        await read(Shelf(failing=failing))


def test_sides_that_say_the_same_are_not_apart() -> None:
    sides = sides_of(
        ours(
            issued={"EUR": figures(2, 300, 57)},
            booked={"EUR": figures(2, 300, 57)},
            accounts={("EUR", "8400"): eur(300)},
            taxes={("EUR", "DE-19"): (eur(300), eur(57))},
        ),
        books(booked("1", 100, 19), booked("2", 200, 38), booked("9", 7, ours=False)),
        closed_period="ask",
    )
    assert sides.apart == frozenset()
    (sums,) = sides.currencies
    assert (sums.erp, sums.billing, sums.others) == (
        figures(2, 300, 57),
        figures(2, 300, 57),
        figures(1, 7),
    )
    (account,) = sides.accounts
    assert (account.billing, account.erp, account.others) == (eur(300), eur(300), eur(7))
    (tax,) = sides.taxes
    assert (tax.billing_base, tax.billing, tax.erp_base, tax.erp) == (
        *(eur(300), eur(57)),
        *(eur(300), eur(57)),
    )


def test_what_a_person_made_by_hand_and_linked_counts_as_ours() -> None:
    sums = ours(booked={"EUR": figures(1, 100)}, accounts={("EUR", "8400"): eur(100)})
    made = booked("9", 100, ours=False)
    assert sides_of(sums, books(made), closed_period="ask").apart == {"EUR"}
    linked = ours(
        booked={"EUR": figures(1, 100)},
        accounts={("EUR", "8400"): eur(100)},
        by_hand=frozenset({"9"}),
    )
    assert sides_of(linked, books(made), closed_period="ask").apart == frozenset()


def test_the_same_sum_on_another_account_or_another_code_is_apart() -> None:
    sums = ours(
        booked={"EUR": figures(1, 100, 19)},
        accounts={("EUR", "8400"): eur(100)},
        taxes={("EUR", "DE-19"): (eur(100), eur(19))},
    )
    moved = sides_of(
        sums, books(booked("1", 100, 19, accounts={"8300": eur(100)})), closed_period=""
    )
    assert moved.apart == {"EUR"}
    assert [(each.account, each.billing, each.erp) for each in moved.accounts] == [
        ("8300", eur(0), eur(100)),
        ("8400", eur(100), eur(0)),
    ]
    recoded = booked("1", 100, 19, taxes={"NL-21": (eur(100), eur(19))})
    coded = sides_of(sums, books(recoded), closed_period="ask")
    assert coded.apart == {"EUR"}
    assert [(each.code, each.billing, each.erp) for each in coded.taxes] == [
        ("DE-19", eur(19), eur(0)),
        ("NL-21", eur(0), eur(19)),
    ]


def test_what_nobody_has_confirmed_is_told_without_account_and_code() -> None:
    """Billing says 100 and 19, of which the ERP has confirmed 60 and 10."""
    sides = sides_of(
        ours(
            booked={"EUR": figures(1, 100, 19)},
            accounts={("EUR", "8400"): eur(60), ("EUR", None): eur(15)},
            taxes={("EUR", "DE-19"): (eur(60), eur(10))},
        ),
        books(),
        closed_period="ask",
    )
    assert [(each.account, each.billing) for each in sides.accounts] == [
        ("8400", eur(60)),
        (None, eur(40)),
    ]
    assert [(each.code, each.billing_base, each.billing) for each in sides.taxes] == [
        ("DE-19", eur(60), eur(10)),
        (None, eur(0), eur(9)),
    ]
    assert sides.apart == {"EUR"}


def test_a_currency_of_one_side_alone_is_apart_and_does_not_touch_another() -> None:
    dollars = Money(minor=500, currency="USD")
    foreign = {"net": dollars, "tax": Money.zero("USD"), "accounts": {"8400": dollars}}
    strange = booked("7", 0).model_copy(update=foreign)
    sides = sides_of(
        ours(booked={"EUR": figures(1, 100)}, accounts={("EUR", "8400"): eur(100)}),
        books(booked("1", 100), strange),
        closed_period="ask",
    )
    assert [each.currency for each in sides.currencies] == ["EUR", "USD"]
    assert sides.apart == {"USD"}


def listed(of: str, **said: Any) -> Listed:
    return Listed(
        **{
            "of": of,
            "document_id": "in_1",
            "number": "A-1",
            "erp_number": "R-1",
            "issued_on": date(2026, 10, 31),
            "booked_on": date(2026, 11, 2),
            "gross": eur(119),
            "void": False,
            "reason": None,
            "by": None,
            "given_day": None,
            "given_by": None,
            **said,
        }
    )


@pytest.mark.parametrize(
    ("entry", "policy", "why"),
    [
        (listed("reversals", void=True), "ask", "billing has made it void"),
        (listed("reversals", by="anna", reason="twice"), "ask", "taken back by anna: twice"),
        (listed("reversals"), "ask", "taken back by a person: no reason was kept"),
        (listed("unbooked", by="fay", reason="disputed"), "ask", "kept out by fay: disputed"),
        (listed("unbooked"), "ask", "in no books: see the differences"),
        (
            listed("late", given_day=date(2026, 11, 2), given_by="jane"),
            "first_open_day",
            "jane has given it the day 2026-11-02",
        ),
        (
            listed("late"),
            "first_open_day",
            "its month was closed, and policy books it on the first open day",
        ),
        (listed("moved"), "ask", "booked on a later day than its own"),
    ],
)
def test_what_is_listed_says_why(entry: Listed, policy: str, why: str) -> None:
    sides = sides_of(ours(listed=(entry,)), books(), closed_period=policy)
    (shown,) = sides.lists[entry.of]
    assert (shown.why, shown.document_id, shown.booked_on) == (why, "in_1", entry.booked_on)
    assert sum(len(each) for each in sides.lists.values()) == 1
