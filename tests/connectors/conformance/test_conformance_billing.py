"""What a billing platform must do besides: `BillingPort` word by word."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from canonical_models.documents import DocumentStatus
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.reconciliation import DocumentFact
from connectors.ports import BillingPort
from tests.connectors.conformance import answers, checks
from tests.connectors.conformance.billing import BILLING, BillingSystem
from tests.connectors.conformance.cases import systems
from tests.connectors.conformance.checks import connected, failing
from tests.connectors.conformance.conftest import Start


async def system_of(start: Start, name: str) -> BillingSystem:
    found = await start(name)
    assert isinstance(found, BillingSystem)
    return found


@systems("billing")
async def test_amounts_are_exact_whatever_the_digits_of_their_currency(
    start: Start, name: str
) -> None:
    system = await system_of(start, name)
    assert {len(amount.partition(".")[2]) for _, amount in system.amounts} == {0, 2, 3}
    async with connected(system) as port:
        for currency, amount in system.amounts:
            key = await system.issued(currency, Decimal(amount))
            (found,) = await port.documents([key])
            for each in (found.gross, found.net, found.remaining, found.lines[0].net):
                assert (each.currency, each.decimal) == (currency, Decimal(amount))
            assert found.tax == Money.zero(currency)


@systems("billing")
async def test_what_is_not_there_is_told_as_such(start: Start, name: str) -> None:
    system = await system_of(start, name)
    sold = await system.sold()
    async with connected(system) as port:
        with failing(system, RejectionCode.SUBSCRIPTION_UNKNOWN) as caught:
            await port.snapshot("sub_nobody")
        assert getattr(caught.value, "subject", None) == "sub_nobody"
        assert await port.documents(["in_nobody", "..", ""]) == ()
        assert await port.document_of("pi_nobody") is None
        read = await port.snapshot(sold.subscription, documents=[sold.invoice, "in_nobody"])
        for do in (port.cancel("sub_nobody", key="k"), port.account("cus_nobody")):
            with failing(system, *checks.REJECTED):
                await do
    assert read.missing == ("in_nobody",)
    assert sold.invoice in {each.document_id for each in read.documents}
    assert read.subscription.customer.customer_id == sold.customer


@systems("billing")
async def test_what_is_no_id_is_nothing(start: Start, name: str) -> None:
    await answers.no_id(await start(name), BILLING.look, None)


@systems("billing")
async def test_what_was_closed_otherwise_is_refused_in_words(start: Start, name: str) -> None:
    system = await system_of(start, name)
    paid, void = await system.sold(), await system.sold()
    async with connected(system) as port:
        other = paid.left - Money(minor=1, currency=paid.left.currency)
        with failing(system, RejectionCode.BILLING_REFUSED):
            await port.pay_elsewhere(paid.invoice, other, key=f"{paid.invoice}/1")
        assert await system.closed(paid.invoice, DocumentStatus.PAID) == 0
        await port.pay_elsewhere(paid.invoice, paid.left, key=f"{paid.invoice}/2")
        with failing(system, RejectionCode.BILLING_REFUSED):
            await port.close_invoice(paid.invoice, DocumentStatus.VOID, key=f"{paid.invoice}/3")
        await port.close_invoice(void.invoice, DocumentStatus.VOID, key=f"{void.invoice}/1")
        with failing(system, RejectionCode.BILLING_REFUSED):
            await port.pay_elsewhere(void.invoice, void.left, key=f"{void.invoice}/2")
    assert await system.closed(paid.invoice, DocumentStatus.VOID) == 0
    assert await system.closed(void.invoice, DocumentStatus.PAID) == 0


async def paged(port: BillingPort, since: datetime, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await port.document_page(since=since, after=after, limit=limit)
        assert not page.refused
        found += [each.document_id for each in page.documents]
        after = page.next
        if after is None:
            return found


@systems("billing")
async def test_pages_hold_each_document_once_the_oldest_first(start: Start, name: str) -> None:
    system = await system_of(start, name)
    since = datetime.now(UTC).replace(microsecond=0)
    mine = [await system.issued("EUR", Decimal(number)) for number in range(1, 8)]
    there = await system.made_since(since)
    assert set(mine) <= set(there)
    async with connected(system) as port:
        for limit in (2, 5, 100):
            found = await paged(port, since, limit)
            assert sorted(found) == sorted(there), limit
            assert [key for key in found if key in mine] == sorted(mine, key=there.index)
        for cursor in ("", "x", "page 7"):
            with pytest.raises(ValueError, match="cursor"):
                await port.document_page(since=since, after=cursor)


async def told(
    port: BillingPort, after: str | None = None
) -> tuple[dict[str, DocumentFact], str | None]:
    found: dict[str, DocumentFact] = {}
    while True:
        page = await port.facts(after=after)
        found |= {each.key: each for each in page.documents}
        after = page.next
        if not page.more:
            return found, after


@systems("billing")
async def test_facts_are_all_documents_then_what_has_changed(start: Start, name: str) -> None:
    system = await system_of(start, name)
    sold = await system.sold()
    async with connected(system) as port:
        facts, after = await told(port)
        assert facts[sold.invoice].gross == facts[sold.invoice].open == sold.left
        assert await told(port, after) == ({}, after)
        await port.close_invoice(sold.invoice, DocumentStatus.VOID, key=f"{sold.invoice}/1")
        changed, _ = await told(port, after)
        with pytest.raises(ValueError, match="cursor"):
            await port.facts(after="page 7")
    assert not changed[sold.invoice].stands


@systems("billing")
async def test_customers_come_page_by_page(start: Start, name: str) -> None:
    system = await system_of(start, name)
    sold = [await system.sold() for _ in range(3)]
    owned: dict[str, set[str]] = {}
    async with connected(system) as port:
        page = await port.customer_page(limit=2)
        while True:
            for each in page.customers:
                owned.setdefault(each.customer_id, set()).update(each.subscriptions)
            if page.next is None:
                break
            page = await port.customer_page(after=page.next, limit=2)
        (alone,) = (await port.customer_page(only=sold[0].customer)).customers
    for each in sold:
        assert owned[each.customer] == {each.subscription}
    assert alone.subscriptions == (sold[0].subscription,)
    assert alone.open_documents == (sold[0].invoice,)
