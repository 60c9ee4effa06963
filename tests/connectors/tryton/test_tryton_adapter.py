"""The ERP port against a real Tryton: checks, postings, undo, and answers that got lost."""

import asyncio
from datetime import date
from decimal import Decimal

import httpx
import pytest

from canonical_models.failures import (
    CredentialsRefused,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from canonical_models.ledgering import DocumentKind, DocumentState, LedgerQuestion
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from runtime.erp.bookkeeping import bookkeeper
from runtime.erp.instance import ErpInstance
from simulators.child import running_child
from tests.connectors.tryton.conftest import config
from tests.connectors.tryton.drafts import draft, today

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


def question(**changes: object) -> LedgerQuestion:
    asked = {
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "currency": "EUR",
        "posting_date": today(),
        "items": ("PRO",),
    }
    return LedgerQuestion.model_validate(asked | changes)


@pytest.mark.parametrize(
    ("party", "entity", "rate"),
    [
        ("C-1001", "LE-DE", "0.19"),
        ("C-1002", "LE-DE", "0"),
        ("C-1003", "LE-US", "0.0825"),
    ],
)
async def test_the_tax_is_the_one_that_tryton_determines(
    books: TrytonErp, party: str, entity: str, rate: str
) -> None:
    answer = await books.check(question(party=party, legal_entity=entity))

    assert [tax.rate for tax in answer.taxes] == [Decimal(rate)]
    assert answer.legal_entity.code == entity


@pytest.mark.parametrize(
    ("changes", "code", "subject"),
    [
        ({"party": "C-9999"}, RejectionCode.PARTY_UNKNOWN, "C-9999"),
        ({"legal_entity": "LE-FR"}, RejectionCode.LEGAL_ENTITY_UNKNOWN, "LE-FR"),
        ({"currency": "BRL"}, RejectionCode.CURRENCY_MISMATCH, "BRL"),
        ({"items": ("NOPE",)}, RejectionCode.ITEM_NOT_POSTABLE, "NOPE"),
        ({"items": ("UNMAPPED",)}, RejectionCode.ITEM_NOT_POSTABLE, "UNMAPPED"),
        ({"posting_date": date(2019, 5, 1)}, RejectionCode.PERIOD_CLOSED, "LE-DE 2019-05"),
    ],
)
async def test_what_would_not_post_is_refused_before_anything_is_written(
    books: TrytonErp, changes: dict[str, object], code: RejectionCode, subject: str
) -> None:
    with pytest.raises(Rejection) as refused:
        await books.check(question(**changes))

    assert (refused.value.reason, refused.value.subject) == (code, subject)


async def test_a_blocked_customer_is_refused(books: TrytonErp, erp: ErpInstance) -> None:
    async with bookkeeper(erp) as keeper:
        await keeper.set_party_active("C-1008", active=False)
        try:
            with pytest.raises(Rejection) as refused:
                await books.check(question(party="C-1008"))
        finally:
            await keeper.set_party_active("C-1008", active=True)

    assert refused.value.reason is RejectionCode.CUSTOMER_BLOCKED


async def test_an_upgrade_is_posted_to_the_minor_unit_and_found_again(books: TrytonErp) -> None:
    wanted = draft(("STARTER", -2533), ("PRO", 10001))

    document = await books.post(wanted)

    assert document.state is DocumentState.POSTED
    assert document.net == Money(minor=7468, currency="EUR")
    assert document.tax == Money(minor=1419, currency="EUR")
    assert document.number is not None
    assert await books.find(wanted.reference, "LE-DE") == (document,)
    assert await books.read(document.document_id, "LE-DE") == document


async def test_posting_again_answers_the_same_document(books: TrytonErp) -> None:
    wanted = draft(("PRO", 500))

    first, second = await books.post(wanted), await books.post(wanted)

    assert first == second


async def test_two_who_post_at_once_leave_one_posted_document(books: TrytonErp) -> None:
    wanted = draft(("PRO", 700))

    results = await asyncio.gather(books.post(wanted), books.post(wanted), return_exceptions=True)
    documents = await books.find(wanted.reference, "LE-DE")

    posted = [entry for entry in documents if entry.state is DocumentState.POSTED]
    assert len(posted) == 1
    assert any(result == posted[0] for result in results)


async def test_a_document_is_reversed_once_by_a_credit_note(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 12345)))
    undo = f"{document.reference}/undo"

    reversal = await books.reverse(document, reference=undo, posting_date=today())
    again = await books.reverse(document, reference=undo, posting_date=today())

    assert reversal == again
    assert reversal.kind is DocumentKind.CREDIT_MEMO
    assert reversal.total == -document.total
    assert reversal.reverses == document.document_id
    assert len(await books.find(undo, "LE-DE")) == 1


@pytest.mark.parametrize(
    ("currency", "minor"), [("JPY", 1234), ("KWD", 1234567), ("USD", 99), ("EUR", -4200)]
)
async def test_every_exponent_posts_exactly(books: TrytonErp, currency: str, minor: int) -> None:
    document = await books.post(draft(("PRO", minor), party="C-1007", currency=currency))

    assert document.net == Money(minor=minor, currency=currency)


async def test_a_period_that_closes_in_between_is_named_as_the_cause(
    books: TrytonErp, erp: ErpInstance
) -> None:
    await books.post(draft(("PRO", 100), party="C-1003", entity="LE-US", currency="USD"))
    wanted = draft(("PRO", 100), party="C-1003", entity="LE-US", currency="USD")
    async with bookkeeper(erp) as keeper:
        await keeper.close_period("LE-US", today())
        try:
            # What was checked a moment ago is still remembered: the ERP itself refuses.
            with pytest.raises(Rejection) as refused:
                await books.post(wanted)
        finally:
            await keeper.reopen_period("LE-US", today())
    finished = await books.post(wanted)

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED
    assert finished.state is DocumentState.POSTED
    assert len(await books.find(wanted.reference, "LE-US")) == 1


@pytest.mark.parametrize("path", [r"/account\.invoice(\?|$)", r"/account\.invoice/\d+/post"])
async def test_a_lost_answer_is_uncertain_and_the_next_try_finds_what_happened(
    erp: ErpInstance, path: str
) -> None:
    arguments = ("--upstream", erp.url)
    async with running_child("simulators.faultproxy", *arguments) as proxy:
        lost = {"method": "POST", "path_regex": path, "action": "drop_after", "times": 1}
        async with httpx.AsyncClient(base_url=proxy.url) as control:
            (await control.post("/_proxy/faults", json=[lost])).raise_for_status()
        books = TrytonErp.connect(config(erp, proxy.url))
        wanted = draft(("PRO", 321))
        with pytest.raises(UncertainWrite):
            await books.post(wanted)
        document = await books.post(wanted)
        documents = await books.find(wanted.reference, "LE-DE")
        await books.close()

    assert document.state is DocumentState.POSTED
    assert documents == (document,)


async def test_wrong_keys_and_a_server_that_is_gone_are_told_apart(erp: ErpInstance) -> None:
    stranger = config(erp).model_copy(update={"secrets": {}})
    with pytest.raises(KeyError, match="api_key"):
        TrytonErp.connect(stranger)
    wrong = erp.model_copy(
        update={"credentials": erp.credentials.model_copy(update={"api_key": "0" * 64})}
    )
    refused, gone = (
        TrytonErp.connect(config(wrong)),
        TrytonErp.connect(config(erp, "http://127.0.0.1:9")),
    )
    with pytest.raises(CredentialsRefused):
        await refused.find("x", "LE-DE")
    with pytest.raises(TransientFailure):
        await gone.find("x", "LE-DE")
    await refused.close()
    await gone.close()
