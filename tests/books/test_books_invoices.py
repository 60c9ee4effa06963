"""Invoices: whole, dated by billing, taxed by billing, found by billing's number."""

from decimal import Decimal

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree
from tests.harness.buyers import Shop

pytestmark = [pytest.mark.erp, pytest.mark.timeout(180)]


@pytest.mark.slow
async def test_an_invoice_is_one_document_and_its_payment_settles_it(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()

    found = await agree(erp, buyer)
    (issued,) = found.issued
    paper = found.paper(issued.number)
    assert (paper.net, paper.tax, paper.total, paper.open) == (
        Decimal("100.00"),
        Decimal("19.00"),
        Decimal("119.00"),
        Decimal(0),
    )
    assert (paper.invoice_date, paper.accounting_date) == (issued.issued, issued.issued)
    (line,) = paper.lines
    assert (line.product, line.account, line.taxes) == ("PRO", "4.2.2", ("DE-VAT-19",))


@pytest.mark.slow
async def test_pending_prorations_are_booked_as_they_are_billed_and_not_before(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.pass_(10)
    await buyer.change(sold, "create_prorations", quantity=3)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert len(found.papers) == 1
    (draft,) = found.drafts
    assert (draft.state, draft.number, draft.net) == ("draft", None, found.pending)
    assert found.pending > 100

    pending = await buyer.world.billing.all("invoiceitems", customer=buyer.customer, pending="true")
    for item in pending:
        await buyer.world.billing.make(f"invoiceitems/{item['id']}", amount=0)
    # Billing tells nobody that a pending item was edited.
    await buyer.look_again(sold)
    await buyer.settled()
    assert (await agree(erp, buyer)).pending == 0

    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.drafts == []
    assert [found.paper(one.number).net for one in found.issued] == [100, 300]
