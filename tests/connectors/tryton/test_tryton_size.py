"""A long document costs little more than what the ERP itself takes for it."""

import time

import pytest

from canonical_models.ledgering import LedgerQuestion
from connectors.tryton.adapter import TrytonErp
from runtime.erp.instance import ErpInstance
from runtime.erp.rpc import TrytonRpc, date, decimal
from tests.connectors.tryton.drafts import DE_19, draft, line, tax, today

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

LINES = 250


async def alone(erp: ErpInstance) -> float:
    """Seconds that the ERP takes to make and post such a document, asked as plainly as can be."""
    facts, entity = erp.facts, erp.companies["LE-DE"]
    euro, party = facts.currencies["EUR"], facts.parties["C-1001"]
    one = {
        "type": "line",
        "product": facts.products["PRO"],
        "account": entity.revenue_account,
        "unit": facts.unit,
        "quantity": 1,
        "unit_price": decimal("0.20"),
        "currency": euro,
        "company": entity.id,
        "taxes": [["add", [entity.taxes["DE-VAT-19"].id]]],
    }
    invoice = {
        "type": "out",
        "company": entity.id,
        "party": party.id,
        "invoice_address": party.address,
        "currency": euro,
        "account": entity.receivable_account,
        "journal": entity.revenue_journal,
        "invoice_date": date(today()),
        "payment_term_date": date(today()),
        "lines": [["create", [one] * LINES]],
    }
    who = erp.credentials
    async with TrytonRpc(erp.url, erp.database, who.api_login, who.api_password) as rpc:
        began = time.perf_counter()
        (made,) = await rpc.create("account.invoice", invoice, context={"company": entity.id})
        await rpc.call("model.account.invoice.post", [made], context={"company": entity.id})
        return time.perf_counter() - began


async def test_a_long_document_takes_at_most_three_times_what_the_erp_takes(
    books: TrytonErp, erp: ErpInstance
) -> None:
    wanted = draft(
        *(line("PRO", "0.20") for _ in range(LINES)), taxes=(tax(DE_19, "50.00", "9.50"),)
    )
    question = LedgerQuestion(
        legal_entity="LE-DE", party="C-1001", currency="EUR", on=today(), items=("PRO",)
    )
    own = await alone(erp)

    began = time.perf_counter()
    await books.check(question)
    made = await books.post(wanted)
    read = await books.read(made.document_id, "LE-DE")
    taken = time.perf_counter() - began

    assert (len(read.lines), read.gross) == (LINES, wanted.gross)
    assert taken <= 3 * own, f"{taken:.1f} s, and the ERP alone {own:.1f} s"
