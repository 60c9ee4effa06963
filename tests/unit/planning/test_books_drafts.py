"""What the document of the ERP says: dates, periods, lines, references, words of metadata."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from canonical_models.documents import DocumentKind
from canonical_models.mapping import DEFAULT_ITEM, ItemMapping
from canonical_models.policy import BooksPolicy, EntityBooks, TenantPolicy
from planning.term import service_days
from tests.unit.planning.answers import drafted, plan, terms, the_step
from tests.unit.planning.cases import (
    ACCOUNT,
    ITEMS,
    VAT_19,
    books,
    document,
    eur,
    seen,
    taxed,
    utc,
)

BERLIN = "Europe/Berlin"


def test_a_document_is_told_with_all_that_it_says() -> None:
    """3 x 40.00 less 20.00, 19 % of 100.00."""
    sold = taxed(
        quantity=Decimal(3),
        discount=eur(2000),
        period_start=utc("2026-11-16T10:00"),
        period_end=utc("2026-12-16T10:00"),
    )
    draft = drafted(
        books(seen(document(sold, due_at=utc("2026-11-30T23:30"), url="https://pay/7")))
    )
    assert (draft.external_id, draft.kind, draft.number) == ("in_1", DocumentKind.INVOICE, "INV-7")
    assert (draft.legal_entity, draft.party, draft.currency) == ("LE-DE", "C-1001", "EUR")
    assert (draft.issued_on, draft.posting_date) == (date(2026, 11, 16), date(2026, 11, 16))
    assert (draft.due_on, draft.url) == (date(2026, 11, 30), "https://pay/7")
    assert (draft.net, draft.tax, draft.gross) == (eur(10000), eur(1900), eur(11900))
    assert (draft.corrects, draft.bill_to, draft.late_number) == (None, None, "next_date")
    assert (draft.agent, draft.purchase_order, draft.memo) == (None, None, None)
    (told,) = draft.lines
    assert (told.line_id, told.item, told.description) == ("il_1", "PRO", "line il_1")
    assert (told.quantity, told.net, told.discount) == (Decimal(3), eur(10000), eur(2000))
    assert (told.tax_codes, told.corrects, told.dimensions) == (("VAT 19 %",), None, {})
    assert (told.service_from, told.service_to) == (date(2026, 11, 16), date(2026, 12, 15))


def test_lines_keep_billings_order() -> None:
    draft = drafted(books(seen(document(taxed("z"), taxed("a"), taxed("m")))))
    assert [told.line_id for told in draft.lines] == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("entity", "account", "tenant", "issued", "due"),
    [
        # 23:30 in UTC on the 30th is the 1st in Berlin, and still the 30th in New York.
        (None, None, None, "2026-10-30", "2026-10-31"),
        (None, None, BERLIN, "2026-10-31", "2026-11-01"),
        (None, BERLIN, "America/New_York", "2026-10-31", "2026-11-01"),
        ("America/New_York", BERLIN, BERLIN, "2026-10-30", "2026-10-31"),
    ],
)
def test_days_begin_where_the_entity_is(
    entity: str | None, account: str | None, tenant: str | None, issued: str, due: str
) -> None:
    """The day of the invoice, whenever it is read."""
    of_entity = {"LE-DE": EntityBooks(time_zone=entity)} if entity else {}
    given = books(
        seen(document(taxed(), issued_at=utc("2026-10-30T23:30"), due_at=utc("2026-10-31T23:30"))),
        policy=TenantPolicy(time_zone=tenant, books=BooksPolicy(entities=of_entity)),
        account=ACCOUNT.model_copy(update={"time_zone": account}),
        today=date(2026, 11, 4),
    )
    draft = drafted(given)
    assert str(draft.issued_on) == issued
    assert str(draft.posting_date) == issued
    assert str(draft.due_on) == due


def test_the_books_may_take_another_day_than_billings() -> None:
    found = plan(books(seen(document(taxed()))), terms(VAT_19, day=date(2026, 12, 1)))
    draft = the_step(found).draft
    assert draft is not None
    assert (draft.issued_on, draft.posting_date) == (date(2026, 11, 16), date(2026, 12, 1))


@pytest.mark.parametrize(
    ("start", "end", "zone", "days"),
    [
        ("2026-11-01", "2026-12-01", None, ("2026-11-01", "2026-11-30")),
        ("2026-11-16", "2026-12-16", None, ("2026-11-16", "2026-12-15")),
        ("2026-11-30", "2026-12-02", None, ("2026-11-30", "2026-12-01")),
        ("2026-11-30", "2026-12-01", None, ("2026-11-30", "2026-11-30")),
        ("2026-01-01", "2027-01-01", None, ("2026-01-01", "2026-12-31")),
        ("2025-11-02", "2026-11-30", None, ("2025-11-02", "2026-11-29")),
        # What begins and ends at once has no period, also on the first of a month.
        ("2026-12-01", "2026-12-01", None, None),
        ("2026-12-01T10:00", "2026-12-01T18:00", None, None),
        # Midnight in UTC is within the first day in Berlin, so the day before its end is the last.
        ("2026-11-01", "2026-12-01", BERLIN, ("2026-11-01", "2026-11-30")),
        ("2026-10-31T23:00", "2026-11-30T23:00", BERLIN, ("2026-11-01", "2026-11-30")),
        ("2026-10-31T22:30", "2026-11-30T22:30", BERLIN, ("2026-10-31", "2026-11-29")),
    ],
)
def test_the_days_of_service(
    start: str, end: str, zone: str | None, days: tuple[str, str] | None
) -> None:
    found = service_days(utc(start), utc(end), zone)
    assert (found and (str(found[0]), str(found[1]))) == days


@pytest.mark.parametrize(
    "changes",
    [
        {"period_start": utc("2026-11-16"), "period_end": None},
        {"period_start": None, "period_end": utc("2026-12-16")},
        {"period_start": utc("2026-11-16"), "period_end": utc("2026-11-16")},
    ],
)
def test_what_has_no_period_has_no_days(changes: dict[str, Any]) -> None:
    (told,) = drafted(books(seen(document(taxed(**changes))))).lines
    assert (told.service_from, told.service_to) == (None, None)


@pytest.mark.parametrize("deferrable", [True, False])
def test_every_line_says_its_service_period(*, deferrable: bool) -> None:
    """Also where nothing is deferred, as of a month, or of an item that the ERP does not
    spread."""
    sold = taxed(period_start=utc("2026-11-01"), period_end=utc("2026-12-01"))
    (told,) = drafted(books(seen(document(sold))), deferrable=deferrable).lines
    assert (told.service_from, told.service_to) == (date(2026, 11, 1), date(2026, 11, 30))


def test_service_days_are_the_entitys() -> None:
    sold = taxed(period_start=utc("2026-11-15T23:30"), period_end=utc("2026-12-15T23:30"))
    (told,) = drafted(books(seen(document(sold)), policy={"time_zone": BERLIN})).lines
    assert (told.service_from, told.service_to) == (date(2026, 11, 16), date(2026, 12, 15))


NAMED = {
    "agent": "partner",
    "purchase_order": "po",
    "memo": "note",
    "dimensions": {"department": "dept", "project": "proj"},
}


def test_metadata_reach_the_document() -> None:
    around = {"partner": "P-1", "po": "PO-9", "note": "of the customer", "dept": "sales"}
    found = document(
        taxed("a", metadata={"dept": "it", "proj": "x"}),
        taxed("b", metadata={"proj": ""}),
        metadata={"note": "of the document"},
    )
    draft = drafted(books(seen(found), metadata=around, policy=NAMED))
    assert (draft.agent, draft.purchase_order, draft.memo) == ("P-1", "PO-9", "of the document")
    assert [told.dimensions for told in draft.lines] == [
        {"department": "it", "project": "x"},
        {"department": "sales"},
    ]


def test_what_the_metadata_do_not_say_is_left_open() -> None:
    draft = drafted(books(seen(document(taxed())), policy=NAMED, metadata={"po": ""}))
    assert (draft.agent, draft.purchase_order, draft.memo) == (None, None, None)
    assert draft.lines[0].dimensions == {}


def test_billings_own_purchase_order_goes_first_and_long_words_are_cut() -> None:
    long = {"po": "1" * 200, "note": "n" * 600, "partner": "p" * 300}
    own = document(taxed(), purchase_order="PO-1")
    assert drafted(books(seen(own), policy=NAMED, metadata=long)).purchase_order == "PO-1"
    draft = drafted(books(seen(document(taxed())), policy=NAMED, metadata=long))
    assert (draft.purchase_order, draft.memo) == ("1" * 140, "n" * 500)
    assert draft.agent == "p" * 255


def test_late_numbers_go_by_the_entitys_policy() -> None:
    policy = {"late_number": "billing_number"}
    assert drafted(books(seen(document(taxed())), policy=policy)).late_number == "billing_number"


def test_the_first_key_that_is_mapped_names_the_item() -> None:
    items = ITEMS | {
        "price_9": ItemMapping(item="price_9", erp_item="BY-PRICE"),
        "region=eu": ItemMapping(item="region=eu", erp_item="BY-REGION"),
        DEFAULT_ITEM: ItemMapping(item=DEFAULT_ITEM, erp_item="SUNDRY"),
    }
    found = document(
        taxed("a", price="price_9", metadata={"region": "eu"}),
        taxed("b", price="price_8", metadata={"region": "eu"}),
        taxed("c", price="price_8"),
        taxed("d", item="unheard"),
        taxed("e", item="nameless"),
    )
    step = the_step(plan(books(seen(found), items=items)))
    assert step.draft is not None
    assert [told.item for told in step.draft.lines] == [
        "BY-PRICE",
        "BY-REGION",
        "PRO",
        "SUNDRY",
        "SUNDRY",
    ]
    assert step.defaulted == ("nameless", "unheard")


def test_an_item_that_nobody_mapped_is_asked_for_by_its_first_key() -> None:
    found = plan(books(seen(document(taxed(item="new", price="price_new")))))
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("item_unmapped", "price_new")
    assert "billing item price_new has no ERP item: map it, or" in found.refused.message
