"""Documents in an ERP that has the optional module: ids that are unique, numbers of billing's."""

import asyncio
from datetime import date

import pytest

from canonical_models.ledgering import DocumentState
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc
from tests.connectors.tryton.conftest import config
from tests.connectors.tryton.drafts import People, number_of, seats, today
from tests.harness.erp import books_of

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

LAST_YEAR = today().year - 1


async def test_a_late_document_keeps_its_date_under_billings_number(
    books_with_module: TrytonErp, erp_with_module: ErpInstance
) -> None:
    books, day = books_with_module, date(LAST_YEAR, 3, 2)
    latest = await books.post(seats(issued_on=date(LAST_YEAR, 5, 10)))
    wanted = seats(issued_on=day, late_number="billing_number")

    made = await books.post(wanted)

    assert (made.number, made.document_date, made.posting_date) == (wanted.number, day, day)
    assert (made.external_id, made.billing_number) == (wanted.external_id, wanted.number)
    assert latest.number is not None
    assert latest.number.startswith("DE-")
    async with books_of(erp_with_module) as ledger:
        assert (await ledger.document(number_of(made))).reference == wanted.number
    assert wanted.number is not None
    assert await books.find(wanted.external_id, "LE-DE") == (made,)
    assert await books.find_number(wanted.number, "LE-DE") == (made,)

    # Undone and posted again, it cannot have its number twice: the date gives way.
    undo = f"{wanted.external_id}/void"
    reversal = await books.reverse(made.document_id, "LE-DE", reference=undo, on=day)
    again = await books.post(wanted.model_copy(update={"external_id": f"{wanted.external_id}~2"}))
    assert await books.find(undo, "LE-DE") == (reversal,)
    assert (again.document_date, again.posting_date) == (latest.document_date, day)
    assert again.billing_number == wanted.number


async def test_four_who_post_at_once_leave_one_document(
    books_with_module: TrytonErp, erp_with_module: ErpInstance
) -> None:
    wanted = seats()
    others = [TrytonErp.connect(config(erp_with_module)) for _ in range(4)]

    made = await asyncio.gather(*(other.post(wanted) for other in others))
    for other in others:
        await other.close()

    (found,) = await books_with_module.find(wanted.external_id, "LE-DE")
    assert found.state is DocumentState.POSTED
    assert {document.document_id for document in made} == {found.document_id}


async def test_a_draft_that_is_taken_back_frees_its_id(
    books_with_module: TrytonErp, erp_with_module: ErpInstance
) -> None:
    books, who = books_with_module, erp_with_module.credentials
    made = await books.post(seats())
    wanted = seats()
    async with TrytonRpc(
        erp_with_module.url, erp_with_module.database, who.admin_login, who.admin_password
    ) as rpc:
        people = People(erp_with_module, rpc)
        left = await people.duplicate(made.document_id)
        await people.write(left, external_id=wanted.external_id, external_number=wanted.number)
        await people.press(left, "validate_invoice")

    posted = await books.post(wanted)

    assert posted.document_id != str(left)
    assert await books.find(wanted.external_id, "LE-DE") == (posted,)
    assert (await books.read(str(left), "LE-DE")).state is DocumentState.CANCELLED
