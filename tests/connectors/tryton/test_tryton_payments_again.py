"""Payments that are entered again: lost answers, twins, and what the ERP refuses in between."""

import asyncio
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from canonical_models.failures import Rejection, RejectionCode, UncertainWrite
from canonical_models.ledgering import Document, EntryKind, PaymentDraft
from connectors.config import ConnectionConfig
from connectors.tryton.adapter import TrytonErp
from runtime.erp.bookkeeping import bookkeeper
from runtime.erp.instance import ErpInstance
from simulators.child import running_child
from tests.connectors.tryton.conftest import config
from tests.connectors.tryton.drafts import draft, payment, state_and_open, today

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

CREATE = {"method": "POST", "path_regex": r"/account\.move(\?|$)"}
POST = {"method": "POST", "path_regex": r"/account\.move/\d+/post"}
# Slow: after the entry is posted nothing can be doubled any more.
LINK, RECONCILE = (
    pytest.param(fault, marks=pytest.mark.slow)
    for fault in (
        {"method": "PUT", "path_regex": r"/account\.invoice/\d+"},
        {"method": "POST", "body_contains": "reconcile_lines.execute"},
    )
)


async def _entered_again(
    erp: ErpInstance, fault: dict[str, str], wanted: PaymentDraft, action: str
) -> None:
    """Enter with an answer (or the request) lost once, then again, then once more."""
    async with running_child("simulators.faultproxy", "--upstream", erp.url) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url) as control:
            lost = {**fault, "action": action, "times": 1}
            (await control.post("/_proxy/faults", json=[lost])).raise_for_status()
        books = TrytonErp.connect(config(erp, proxy.url))
        with pytest.raises(UncertainWrite):
            await books.enter(wanted)
        second, third = await books.enter(wanted), await books.enter(wanted)
        found = await books.find_entries(wanted.reference, wanted.legal_entity)
        await books.close()

    assert second == third
    assert found == (second,)


async def _paid(books: TrytonErp) -> Document:
    document = await books.post(draft(("PRO", 10000)))
    await books.enter(payment(11900, document))
    return document


@pytest.mark.parametrize("action", ["drop_after", "drop_before"])
@pytest.mark.parametrize("fault", [CREATE, POST, LINK, RECONCILE])
async def test_a_lost_answer_leaves_one_entry_and_a_paid_document(
    books: TrytonErp, erp: ErpInstance, fault: dict[str, str], action: str
) -> None:
    document = await books.post(draft(("PRO", 10000)))

    await _entered_again(erp, fault, payment(11900, document), action)

    assert await state_and_open(books, document) == [("paid", 0)]


@pytest.mark.parametrize("action", ["drop_after", "drop_before"])
@pytest.mark.parametrize("fault", [CREATE, POST, LINK])
async def test_a_lost_answer_opens_a_document_once(
    books: TrytonErp, erp: ErpInstance, fault: dict[str, str], action: str
) -> None:
    document = await _paid(books)

    wanted = payment(-5000, document, kind=EntryKind.CHARGEBACK)
    await _entered_again(erp, fault, wanted, action)

    assert await state_and_open(books, document) == [("posted", 5000)]


async def test_two_who_enter_at_once_leave_one_entry(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 10000)))
    wanted = payment(11900, document)

    await asyncio.gather(books.enter(wanted), books.enter(wanted), return_exceptions=True)
    entry = await books.enter(wanted)

    assert await books.find_entries(wanted.reference, "LE-DE") == (entry,)
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_what_was_paid_by_hand_meanwhile_stays_on_the_account(
    books: TrytonErp, erp: ErpInstance
) -> None:
    document = await books.post(draft(("PRO", 10000)))
    wanted = payment(11900, document)
    async with running_child("simulators.faultproxy", "--upstream", erp.url) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url) as control:
            lost = {**POST, "action": "drop_before", "times": 1}
            (await control.post("/_proxy/faults", json=[lost])).raise_for_status()
        unlucky = TrytonErp.connect(config(erp, proxy.url))
        with pytest.raises(UncertainWrite):
            await unlucky.enter(wanted)
        await unlucky.close()
    async with bookkeeper(erp) as keeper:
        await keeper.pay(document.document_id, "LE-DE", "119")

    entry = await books.enter(wanted)

    assert entry.amount == wanted.amount
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_a_closed_period_is_told(books: TrytonErp, erp: ErpInstance) -> None:
    last_month = today().replace(day=1) - timedelta(days=1)
    document = await books.post(
        draft(("PRO", 10000), party="C-1003", entity="LE-US", currency="USD")
    )
    wanted = payment(10825, document, party="C-1003", entity="LE-US", currency="USD", on=last_month)
    async with bookkeeper(erp) as keeper:
        await keeper.close_period("LE-US", last_month)
        try:
            with pytest.raises(Rejection) as refused:
                await books.enter(wanted)
        finally:
            await keeper.reopen_period("LE-US", last_month)
    entry = await books.enter(wanted)

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED
    assert refused.value.subject == f"LE-US {last_month:%Y-%m}"
    assert await books.find_entries(wanted.reference, "LE-US") == (entry,)


async def test_a_journal_that_is_closed_is_told(books: TrytonErp, erp: ErpInstance) -> None:
    last_month = today().replace(day=1) - timedelta(days=1)
    books_of: dict[str, Any] = {"party": "C-1003", "entity": "LE-US", "currency": "USD"}
    await books.enter(payment(100, on=last_month, **books_of))
    wanted = payment(200, on=last_month, **books_of)
    async with bookkeeper(erp) as keeper:
        await keeper.close_journal("LE-US", last_month, "BANK")
        try:
            with pytest.raises(Rejection) as refused:
                await books.enter(wanted)
        finally:
            await keeper.reopen_journals("LE-US", last_month)
    await books.enter(wanted)

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED


async def test_a_day_without_a_period_is_told(books: TrytonErp) -> None:
    with pytest.raises(Rejection) as refused:
        await books.enter(payment(100, on=date(2019, 5, 1)))

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED


async def test_a_blocked_customer_can_still_pay(books: TrytonErp, erp: ErpInstance) -> None:
    document = await books.post(draft(("PRO", 10000), party="C-1006"))
    async with bookkeeper(erp) as keeper:
        await keeper.set_party_active("C-1006", active=False)
        try:
            await books.enter(payment(10000, document, party="C-1006"))
        finally:
            await keeper.set_party_active("C-1006", active=True)

    assert await state_and_open(books, document) == [("paid", 0)]


def _with_options(erp: ErpInstance, **options: object) -> ConnectionConfig:
    plain = config(erp)
    return plain.model_copy(update={"options": {**plain.options, **options}})


@pytest.mark.parametrize(
    ("option", "journal", "kind", "found"),
    [
        ("bank_journal", "BANK", EntryKind.RECEIPT, True),
        ("write_off_journal", "WOFF", EntryKind.WRITE_OFF, True),
        ("bank_journal", "CASH", EntryKind.RECEIPT, False),
        ("bank_journal", 999, EntryKind.REFUND, False),
        ("write_off_journal", "BANK", EntryKind.WRITE_OFF, False),
    ],
)
async def test_the_journal_may_be_named(
    erp: ErpInstance, option: str, journal: str | int, kind: EntryKind, *, found: bool
) -> None:
    books = TrytonErp.connect(_with_options(erp, **{option: journal}))
    try:
        if found:
            await books.enter(payment(100, kind=kind))
        else:
            with pytest.raises(Rejection, match=f"with a journal {journal}") as refused:
                await books.enter(payment(100, kind=kind))
            assert refused.value.reason is RejectionCode.PAYMENT_REFUSED
    finally:
        await books.close()
