"""Taxes: each kind of customer has its rule, and documents take billing's amounts to the cent."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.erp.rpc import Json, decimal
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest
from tests.erp.rest import Rest, amount
from tests.harness.erp import Books
from tests.harness.erp_books import TaxTotal

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

NONE = TaxTotal(Decimal(0), Decimal(0))


async def with_difference(client: Rest, party: str, line: Json, difference: str) -> int:
    """A draft whose tax differs from Tryton's own by a row of base zero beside the computed one."""
    draft = await client.drafted(party, line)
    (row,) = await client.search(
        "account.invoice.tax", [["invoice", "=", draft]], ["tax", "account", "manual"]
    )
    assert not row["manual"]
    added = await client.http.post(
        "account.invoice.tax",
        json={
            "invoice": draft,
            "tax": row["tax"],
            "account": row["account"],
            "description": "Rounding",
            "base": decimal("0.00"),
            "amount": decimal(difference),
            "manual": True,
        },
        params={"f": ["id"]},
    )
    assert added.status_code == httpx.codes.OK, added.text
    return draft


async def change(books: Books, company: str, before: dict[str, TaxTotal]) -> dict[str, TaxTotal]:
    """What was added to each tax code since."""
    now = await books.tax_by_code(company)
    found = {
        code: TaxTotal(
            total.base - before.get(code, NONE).base, total.tax - before.get(code, NONE).tax
        )
        for code, total in now.items()
    }
    return {code: total for code, total in found.items() if total != NONE}


@pytest.mark.parametrize(
    ("company", "party", "tax", "computed", "difference"),
    [
        ("LE-DE", "C-1001", "DE-VAT-19", "19.02", "-0.01"),
        ("LE-US", "C-1003", "US-SALES-825", "8.26", "0.01"),
    ],
)
async def test_billings_tax_is_taken_and_taken_back_whole(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    company: str,
    party: str,
    tax: str,
    computed: str,
    difference: str,
) -> None:
    client = rest(company)
    before = await books.tax_by_code(company)
    draft = await with_difference(client, party, client.line("PRO", 1, "100.10", tax), difference)

    posted = await client.post(draft)

    assert posted.status_code == httpx.codes.OK, posted.text
    billed = Decimal(computed) + Decimal(difference)
    assert amount(posted.json()["tax_amount"]) == billed
    document = await books.document(draft)
    assert sorted((row.code, row.base, row.amount, row.manual) for row in document.taxes) == [
        (tax, Decimal(0), Decimal(difference), True),
        (tax, Decimal("100.10"), Decimal(computed), False),
    ]
    assert await change(books, company, before) == {tax: TaxTotal(Decimal("100.10"), billed)}

    await clerk.wizard(
        "account.invoice.credit",
        "credit",
        {"start": {"with_refund": True, "with_refund_allowed": True}},
        model="account.invoice",
        ids=[draft],
        company=company,
    )

    assert (await books.document(draft)).state == "cancelled"
    assert await change(books, company, before) == {}


async def test_rows_of_a_draft_are_changed_and_deleted(rest: MakeRest) -> None:
    client = rest("LE-DE")
    line = client.line("PRO", 1, "100.10", "DE-VAT-19")
    draft = await with_difference(client, "C-1001", line, "0.01")
    domain = [["invoice", "=", draft], ["manual", "=", True]]
    (row,) = await client.search("account.invoice.tax", domain, ["amount"])
    path = f"account.invoice.tax/{row['id']}"

    changed = await client.http.put(
        path, json={"amount": decimal("-0.02")}, params={"f": ["amount"]}
    )
    totals = await client.search("account.invoice", [["id", "=", draft]], ["tax_amount"])
    deleted = await client.http.delete(path)

    assert amount(changed.json()["amount"]) == Decimal("-0.02")
    assert amount(totals[0]["tax_amount"]) == Decimal("19.00")
    assert deleted.is_success
    assert await client.search("account.invoice.tax", domain, ["amount"]) == []
    assert (await client.http.delete(f"account.invoice/{draft}")).is_success
    assert await client.search("account.invoice", [["id", "=", draft]], ["state"]) == []


@pytest.mark.parametrize(
    ("company", "party", "kind", "taxes"),
    [
        ("LE-DE", "C-1001", "domestic", {"PRO": "DE-VAT-19", "HANDBOOK": "DE-VAT-7"}),
        ("LE-DE", "C-1002", "eu_business", {"PRO": "DE-RC-0", "HANDBOOK": "DE-RC-0"}),
        ("LE-DE", "C-1009", "eu_consumer/FR", {"PRO": "DE-OSS-FR-20", "HANDBOOK": "DE-OSS-FR-55"}),
        ("LE-DE", "C-1010", "eu_consumer/AT", {"PRO": "DE-OSS-AT-20", "HANDBOOK": "DE-OSS-AT-10"}),
        ("LE-DE", "C-1008", "third_country", {"PRO": "DE-EXPORT-0", "HANDBOOK": "DE-EXPORT-0"}),
        ("LE-US", "C-1003", "domestic", {"PRO": "US-SALES-825", "HANDBOOK": "US-SALES-825"}),
        ("LE-US", "C-1004", "exempt", {"PRO": "US-SALES-0", "HANDBOOK": "US-SALES-0"}),
        ("LE-US", "C-1009", "third_country", {"PRO": "US-EXPORT-0", "HANDBOOK": "US-EXPORT-0"}),
    ],
)
async def test_each_kind_of_customer_is_taxed_by_its_rule_and_no_other_way(
    rest: MakeRest, books: Books, company: str, party: str, kind: str, taxes: dict[str, str]
) -> None:
    client = rest(company)
    facts, customer = client.company, client.erp.facts.parties[party]
    rule = facts.rule_kinds[kind]
    assert customer.tax_rules.get(company, facts.rule_kinds["domestic"]) == rule
    (known,) = await client.search(
        "account.tax.rule", [["id", "=", facts.tax_rules[rule]]], ["company"]
    )
    assert known["company"] == facts.id
    before = await books.tax_by_code(company)

    lines = [client.line(product, 1, "100", tax) for product, tax in taxes.items()]
    document = await client.posted_of(party, *lines)

    expected: dict[str, TaxTotal] = {}
    for tax in taxes.values():
        sofar = expected.get(tax, NONE)
        one = Decimal(100) * Decimal(facts.taxes[tax].rate)
        expected[tax] = TaxTotal(sofar.base + 100, sofar.tax + one)
    assert await change(books, company, before) == expected
    assert amount(document["tax_amount"]) == sum(total.tax for total in expected.values())
    rows = (await books.document(document["id"])).taxes
    assert {row.code: row.legal_notice for row in rows} == {
        code: facts.taxes[code].legal_notice for code in expected
    }
    # Everything else that the company charges is refused: a warning, which REST gives as 400.
    for other in set(facts.taxes) - set(taxes.values()):
        draft = await client.drafted(party, client.line("PRO", 1, "100", other))
        answer = await client.post(draft)
        assert answer.status_code == httpx.codes.BAD_REQUEST, other


async def test_two_rates_that_are_swapped_are_refused(rest: MakeRest) -> None:
    client = rest("LE-DE")
    swapped: list[Any] = [
        client.line("PRO", 1, "50", "DE-VAT-7"),
        client.line("HANDBOOK", 1, "50", "DE-VAT-19"),
    ]

    answer = await client.post(await client.drafted("C-1001", *swapped))

    assert answer.status_code == httpx.codes.BAD_REQUEST


async def test_a_new_party_takes_the_rule_of_its_kind(rest: MakeRest) -> None:
    client = rest("LE-DE")
    rule = client.company.tax_rules["DE-DOMESTIC"]

    made = await client.http.post(
        "party.party",
        json={"name": "Made by a connector", "code": "TAX-1", "customer_tax_rule": rule},
        params={"f": ["code", "customer_tax_rule"]},
    )
    again = await client.http.post("party.party", json={"name": "Again", "code": "TAX-1"})

    assert made.json()["customer_tax_rule"] == rule
    assert again.status_code == httpx.codes.BAD_REQUEST
    elsewhere = await rest("LE-US").search(
        "party.party", [["code", "=", "TAX-1"]], ["customer_tax_rule"]
    )
    assert elsewhere[0]["customer_tax_rule"] is None
