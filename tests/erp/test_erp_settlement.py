"""What customers owe is settled, written off, opened again and credited by the connector's user."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.erp.rpc import Json, TrytonRpcError, date
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest
from tests.erp.rest import Rest
from tests.harness.erp import Books

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

TODAY = datetime.datetime.now(tz=datetime.UTC).date()


@dataclass(frozen=True)
class Sale:
    """100.00 of one item, to a customer of the company, with its tax."""

    company: str
    party: str
    tax: str
    gross: str

    @property
    def owed(self) -> Decimal:
        return Decimal(self.gross)


SOLD = pytest.mark.parametrize(
    "sale",
    [
        Sale("LE-DE", "C-1001", "DE-VAT-19", "119.00"),
        Sale("LE-US", "C-1003", "US-SALES-825", "108.25"),
    ],
    ids=lambda sale: sale.company,
)
BOTH = pytest.mark.parametrize("company", ["LE-DE", "LE-US"])


async def invoiced(client: Rest, sale: Sale) -> int:
    line = client.line("PRO", 1, "100", sale.tax)
    document: int = (await client.posted_of(sale.party, line))["id"]
    return document


async def credit(clerk: Clerk, company: str, document: int, *, refund: bool) -> Json:
    return await clerk.wizard(
        "account.invoice.credit",
        "credit",
        {"start": {"with_refund": refund, "with_refund_allowed": True}},
        model="account.invoice",
        ids=[document],
        company=company,
    )


async def paid(
    clerk: Clerk, company: str, party: str, amount: str, *, role: str = "clearing"
) -> Json:
    """Enter money that came in."""
    return await clerk.entry(
        company, TODAY, (role, amount, None), ("receivable", f"-{amount}", party)
    )


async def write_off(clerk: Clerk, company: str, lines: list[int], reason: str) -> None:
    method = clerk.erp.companies[company].write_off_methods["WOFF"]
    await clerk.reconcile(company, lines, date=date(TODAY), writeoff=method, description=reason)


async def unreconcile(clerk: Clerk, company: str, lines: list[int]) -> None:
    await clerk.wizard(
        "account.move.unreconcile_lines",
        "unreconcile",
        {},
        model="account.move.line",
        ids=lines,
        company=company,
    )


@SOLD
async def test_a_payment_settles_its_document_once(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    sale: Sale,
) -> None:
    before = await books.receivable_of(sale.party, sale.company)
    clearing = (await books.trial_balance(sale.company)).get("1.1.5", Decimal(0))
    document = await invoiced(rest(sale.company), sale)
    assert await books.receivable_of(sale.party, sale.company) == before + sale.owed
    assert document in {one.id for one in await books.open_documents(sale.party)}
    payment = await paid(clerk, sale.company, sale.party, sale.gross)
    lines = [*await clerk.receivable(sale.company, document), *payment["receivable"]]

    await clerk.reconcile(sale.company, lines)

    found = await books.document(document)
    assert (found.state, found.open) == ("paid", Decimal(0))
    assert await books.receivable_of(sale.party, sale.company) == before
    assert document not in {one.id for one in await books.open_documents(sale.party)}
    assert (await books.trial_balance(sale.company))["1.1.5"] == clearing + sale.owed
    with pytest.raises(TrytonRpcError) as refusal:
        await clerk.reconcile(sale.company, lines)
    assert refusal.value.kind == "UserError"


@SOLD
async def test_what_is_missing_is_written_off_only_by_a_method(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    sale: Sale,
) -> None:
    lost = (await books.trial_balance(sale.company)).get("5.2.3", Decimal(0))
    document = await invoiced(rest(sale.company), sale)
    payment = await paid(clerk, sale.company, sale.party, "100.00")
    lines = [*await clerk.receivable(sale.company, document), *payment["receivable"]]

    with pytest.raises(TrytonRpcError) as refusal:
        await clerk.reconcile(sale.company, lines)
    await write_off(clerk, sale.company, lines, "The rest")

    assert refusal.value.kind == "UserError"
    assert (await books.document(document)).state == "paid"
    rest_of_it = sale.owed - 100
    assert (await books.trial_balance(sale.company))["5.2.3"] == lost + rest_of_it


@SOLD
async def test_a_write_off_is_taken_back_and_the_debt_paid(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    sale: Sale,
) -> None:
    client = rest(sale.company)
    before = (await books.trial_balance(sale.company)).get("5.2.3", Decimal(0))
    owed = await books.open_items(sale.party, sale.company)
    document = await invoiced(client, sale)
    lines = await clerk.receivable(sale.company, document)
    await write_off(clerk, sale.company, lines, "Uncollectible")
    assert (await books.document(document)).state == "paid"
    (written_off,) = await client.search(
        "account.move",
        [["journal.code", "=", "WOFF"], ["company", "=", client.company.id]],
        ["state"],
        order=(("id", "DESC"),),
        limit=1,
    )

    name = await clerk.warned(lambda: unreconcile(clerk, sale.company, lines))

    assert name == "delete.write-off"
    assert (await books.document(document)).state == "posted"
    await unreconcile(clerk, sale.company, lines)  # once more changes nothing
    await cancel(clerk, sale.company, written_off["id"])
    assert (await books.trial_balance(sale.company)).get("5.2.3", Decimal(0)) == before
    assert await books.open_items(sale.party, sale.company) == [*owed, sale.owed]
    payment = await paid(clerk, sale.company, sale.party, sale.gross, role="bank")
    await clerk.reconcile(sale.company, [*lines, *payment["receivable"]])
    assert (await books.document(document)).state == "paid"
    assert await books.open_items(sale.party, sale.company) == owed


@SOLD
async def test_a_credit_with_refund_ends_the_document(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    sale: Sale,
) -> None:
    before = await books.receivable_of(sale.party, sale.company)
    document = await invoiced(rest(sale.company), sale)

    made = await credit(clerk, sale.company, document, refund=True)

    note = await books.document(_made(made))
    assert (await books.document(document)).state == "cancelled"
    assert (note.state, note.total) == ("paid", -sale.owed)
    assert note.corrects == (document,)
    assert await books.receivable_of(sale.party, sale.company) == before
    with pytest.raises(TrytonRpcError):
        await credit(clerk, sale.company, document, refund=True)


@SOLD
async def test_a_credit_without_refund_is_a_draft_that_can_be_deleted(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    sale: Sale,
) -> None:
    client = rest(sale.company)
    document = await invoiced(client, sale)
    draft = _made(await credit(clerk, sale.company, document, refund=False))
    assert (await books.document(draft)).state == "draft"

    first = await client.http.delete(f"account.invoice/{draft}")
    second = await client.http.delete(f"account.invoice/{draft}")
    posted = await client.http.delete(f"account.invoice/{document}")

    assert first.is_success
    assert second.status_code == httpx.codes.NOT_FOUND
    assert posted.status_code == httpx.codes.BAD_REQUEST
    assert (await books.document(document)).state == "posted"


@SOLD
async def test_our_own_credit_names_the_lines_it_corrects(
    rest: MakeRest, books: Books, sale: Sale
) -> None:
    client = rest(sale.company)
    document = await invoiced(client, sale)
    (line,) = (await books.document(document)).lines

    note = await client.posted_of(
        sale.party, client.line("PRO", -1, "25", sale.tax, origin=f"account.invoice.line,{line.id}")
    )

    found = await books.document(note["id"])
    assert found.number is not None
    assert "-CN" in found.number
    assert (found.corrects, found.net) == ((document,), Decimal("-25.00"))
    seen = await client.search(
        "account.invoice",
        [["lines.origin.invoice.id", "=", document, "account.invoice.line"]],
        ["number"],
    )
    assert [row["id"] for row in seen] == [note["id"]]


@SOLD
async def test_goodwill_stands_on_account_and_pays_a_document(
    rest: MakeRest,
    clerk: Clerk,
    books: Books,
    sale: Sale,
) -> None:
    owed = await books.open_items(sale.party, sale.company)
    gift = await clerk.entry(
        sale.company,
        TODAY,
        ("goodwill", sale.gross, None),
        ("receivable", f"-{sale.gross}", sale.party),
    )
    assert await books.open_items(sale.party, sale.company) == [*owed, -sale.owed]
    document = await invoiced(rest(sale.company), sale)

    await clerk.reconcile(
        sale.company, [*await clerk.receivable(sale.company, document), *gift["receivable"]]
    )

    assert (await books.document(document)).state == "paid"
    assert await books.open_items(sale.party, sale.company) == owed


@BOTH
async def test_books_balance_and_reach_back_by_day(
    rest: MakeRest, clerk: Clerk, books: Books, company: str
) -> None:
    before = await books.trial_balance(company)
    long_ago = TODAY.replace(year=TODAY.year - 1, day=1)
    await clerk.entry(company, long_ago, ("bank", "7.00", None), ("payment_fees", "-7.00", None))

    now = await books.trial_balance(company)
    then = await books.trial_balance(company, until=long_ago - datetime.timedelta(days=1))

    assert sum(now.values()) == 0
    assert now["5.2.4"] == before.get("5.2.4", Decimal(0)) - 7
    assert then.get("5.2.4", Decimal(0)) == before.get("5.2.4", Decimal(0))
    assert sum(then.values()) == 0


async def cancel(clerk: Clerk, company: str, move: int) -> None:
    await clerk.wizard(
        "account.move.cancel",
        "cancel",
        {"default": {"description": "Taken back", "reversal": True}},
        model="account.move",
        ids=[move],
        company=company,
    )


def _made(answer: Json) -> int:
    """The document that a wizard opens."""
    found: Any = answer["actions"][0][1]["res_id"]
    number: int = found[0] if isinstance(found, list) else found
    return number
