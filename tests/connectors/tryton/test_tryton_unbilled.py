"""What is not billed yet, in a real Tryton: one draft that says so and cannot be posted."""

import secrets

import pytest

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DraftLine, UnbilledDraft, UnbilledShown
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.rpc import TrytonRpcError
from tests.connectors.tryton.drafts import People, line
from tests.harness.erp import Books

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


def unbilled(*lines: DraftLine, **fields: object) -> UnbilledDraft:
    given = {
        "external_id": f"sub_{secrets.token_hex(5)}/unbilled",
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "currency": "EUR",
        "lines": lines,
    }
    return UnbilledDraft.model_validate(given | fields)


async def drafts_of(ledger: Books, wanted: UnbilledDraft) -> list[tuple[str, str]]:
    """State and party of all that is shown of it, in every legal entity."""
    found = await ledger.documents(reference=f"not billed yet: {wanted.external_id}")
    return [(document.state, document.raw["party."]["code"]) for document in found]


async def test_it_is_a_set_that_is_replaced_and_gone_when_empty(
    books: TrytonErp, ledger: Books
) -> None:
    before = await ledger.trial_balance("LE-DE")
    wanted = unbilled(line("PRO", "950.00"), line("HANDBOOK", "-3.00"))
    edited = wanted.model_copy(update={"lines": (line("PRO", "900.00"),)})

    first = await books.show_unbilled(wanted)
    same = await books.show_unbilled(wanted)
    second = await books.show_unbilled(edited)

    assert first == same == UnbilledShown(document_id=first.document_id, net=wanted.net)
    assert second == UnbilledShown(document_id=first.document_id, net=edited.net)
    assert first.document_id is not None
    shown = await ledger.document(int(first.document_id))
    assert (shown.state, shown.number, shown.raw["description"]) == (
        "draft",
        None,
        "NOT BILLED YET",
    )
    assert [entry.product for entry in shown.lines] == ["PRO"]
    assert [row.code for row in shown.taxes] == ["DE-VAT-19"]
    assert await books.find(wanted.external_id, "LE-DE") == ()
    assert await books.statuses((first.document_id,), "LE-DE") == ()
    assert await ledger.trial_balance("LE-DE") == before

    empty = await books.show_unbilled(wanted.model_copy(update={"lines": ()}))
    assert empty == UnbilledShown(document_id=None, net=Money.zero("EUR"))
    assert await drafts_of(ledger, wanted) == []


async def test_it_moves_with_party_and_legal_entity(
    books: TrytonErp, ledger: Books, people: People
) -> None:
    wanted = unbilled(line("PRO", "10.00"))
    await books.show_unbilled(wanted)
    party = await people.customer()
    await books.show_unbilled(wanted.model_copy(update={"party": party}))
    assert await drafts_of(ledger, wanted) == [("draft", party)]

    moved = unbilled(
        line("PRO", "10.00", currency="USD"),
        external_id=wanted.external_id,
        legal_entity="LE-US",
        party="C-1003",
        currency="USD",
    )
    shown = await books.show_unbilled(moved)

    assert await drafts_of(ledger, wanted) == [("draft", "C-1003")]
    assert shown.net == moved.net


@pytest.mark.parametrize("button", ["validate_invoice", "cancel"])
async def test_what_people_do_to_it_is_mended(
    books: TrytonErp, ledger: Books, people: People, button: str
) -> None:
    wanted = unbilled(line("PRO", "10.00"))
    shown = await books.show_unbilled(wanted)
    assert shown.document_id is not None
    await people.press(int(shown.document_id), button)

    again = await books.show_unbilled(wanted)

    assert again == shown
    assert await drafts_of(ledger, wanted) == [("draft", "C-1001")]


async def test_it_cannot_be_posted_and_posted_on_purpose_it_is_a_question(
    books: TrytonErp, ledger: Books, people: People
) -> None:
    wanted = unbilled(line("PRO", "10.00"))
    shown = await books.show_unbilled(wanted)
    assert shown.document_id is not None
    draft = int(shown.document_id)
    with pytest.raises(TrytonRpcError, match="2099"):
        await people.insist(draft, "post")

    await people.write(draft, invoice_date=None)
    await people.press(draft, "post")
    with pytest.raises(Rejection) as refused:
        await books.show_unbilled(wanted)
    await people.credit(shown.document_id, refund=True)
    again = await books.show_unbilled(wanted)

    assert refused.value.reason is RejectionCode.UNBILLED_POSTED
    assert again.document_id != shown.document_id
    assert again.net == wanted.net
