"""Movements that are entered again, by two at once, or against what people did in the ERP."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from canonical_models.documents import SettlementKind as Kind
from canonical_models.failures import Rejection, RejectionCode, UncertainWrite
from canonical_models.ledgering import SettlementDraft
from connectors.tryton.settlements import SettlementAccounts, Settlements
from sandbox.erp.bookkeeping import Bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc
from tests.connectors.tryton.accounts import (
    Desk,
    Posted,
    desk,
    desk_of,
    keeper,
    movement,
    today,
)

__all__ = ["desk", "keeper"]

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

CREATE = {"method": "POST", "path_regex": r"/account\.move(\?|$)"}
POST = {"method": "POST", "path_regex": r"/account\.move/\d+/post"}
LINK = {"method": "PUT", "path_regex": r"/account\.invoice/\d+"}
RECONCILE = {"method": "POST", "body_contains": "reconcile_lines.execute"}


@pytest.fixture(params=["plain", "module"])
def either(
    request: pytest.FixtureRequest, erp: ErpInstance, erp_with_module: ErpInstance
) -> ErpInstance:
    """Tryton as it comes, and with the optional module."""
    return {"plain": erp, "module": erp_with_module}[request.param]


async def _again(
    erp: ErpInstance, fault: dict[str, str], action: str, wanted: SettlementDraft
) -> None:
    """Enter with an answer (or the request) lost once, then twice more."""
    async with desk_of(erp, {**fault, "action": action, "times": 1}) as unlucky:
        with pytest.raises(UncertainWrite):
            await unlucky.settle(wanted)
        second, third = await unlucky.settle(wanted), await unlucky.settle(wanted)
        found = await unlucky.settlements.find(wanted.external_id, wanted.legal_entity)

    assert second == third
    assert found == (second,)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["drop_after", "drop_before"])
@pytest.mark.parametrize("fault", [CREATE, POST, LINK, RECONCILE])
async def test_a_lost_answer_leaves_one_movement_and_a_paid_document(
    desk: Desk, erp: ErpInstance, fault: dict[str, str], action: str
) -> None:
    document = await desk.document(11900)

    await _again(erp, fault, action, movement(11900, document))

    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(document.party) == []
    assert await desk.drafts(document.party) == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", [CREATE, POST, LINK])
async def test_a_lost_answer_opens_a_document_once(
    desk: Desk, erp: ErpInstance, fault: dict[str, str]
) -> None:
    note = await desk.document(-5000)
    await desk.settle(movement(-5000, note, kind=Kind.REFUND))

    await _again(erp, fault, "drop_after", movement(2000, note, kind=Kind.REFUND))

    assert await desk.standing(note) == [("posted", -2000)]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [CREATE, POST, LINK, RECONCILE])
async def test_a_lost_answer_sets_a_credit_note_off_once(
    desk: Desk, erp: ErpInstance, fault: dict[str, str]
) -> None:
    invoice = await desk.document(11900)
    note = await desk.document(-5000, corrects=invoice)

    wanted = movement(5000, invoice, against=note, kind=Kind.CREDIT_NOTE)
    await _again(erp, fault, "drop_after", wanted)

    assert await desk.standing(invoice, note) == [("posted", 6900), ("paid", 0)]
    assert await desk.settlements.open_items(invoice.party, "LE-DE") == ()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [CREATE, POST, LINK, RECONCILE])
async def test_a_lost_answer_parts_money_that_came_first_once(
    desk: Desk, erp: ErpInstance, fault: dict[str, str]
) -> None:
    party = await desk.customer()
    money = movement(15000, party=party)
    await desk.settle(money)
    document = await desk.document(11900, party=party)

    await _again(erp, fault, "drop_after", money.model_copy(update={"document": document.id}))
    (rest,) = await desk.settlements.open_items(party, "LE-DE")

    assert rest.amount.minor == -3100
    assert await desk.standing(document) == [("paid", 0)]


@pytest.mark.slow
async def test_four_who_enter_at_once_leave_one_movement(either: ErpInstance) -> None:
    async with desk_of(either) as desk:
        document = await desk.document(11900)
        wanted = movement(5000, document)

        entries = await asyncio.gather(*(desk.settle(wanted) for _ in range(4)))

        assert await desk.settlements.find(wanted.external_id, "LE-DE") == (entries[0],)
        assert set(entries) == {entries[0]}
        assert await desk.standing(document) == [("posted", 6900)]
        assert await desk.drafts(document.party) == 0


@pytest.mark.slow
async def test_the_module_keeps_the_reference_in_a_field_of_its_own(
    erp_with_module: ErpInstance,
) -> None:
    async with desk_of(erp_with_module) as desk:
        document = await desk.document(11900)
        draft = movement(11900, document, value_date=today() - timedelta(days=1))
        party = document.party

        entry = await desk.settle(draft)
        stray = await desk.settle(movement(-700, kind=Kind.REFUND, party=party, about="DE-1"))
        (row,) = await desk.client.search(
            "account.move", [["id", "=", int(entry.entry_id)]], ("external_id",), what="the move"
        )
        (item,) = await desk.settlements.open_items(party, "LE-DE")

        assert row["external_id"] == draft.external_id == entry.external_id
        assert await desk.settlements.find(draft.external_id, "LE-DE") == (entry,)
        assert await desk.settlements.find(draft.external_id, "LE-US") == ()
        assert (item.external_id, item.amount.minor) == (stray.external_id, 700)


@pytest.mark.slow
async def test_a_draft_that_says_something_else_is_made_anew(
    desk: Desk, erp: ErpInstance, keeper: Bookkeeper
) -> None:
    """The draft was for a document that somebody has paid by hand meanwhile."""
    document = await desk.document(11900)
    wanted = movement(11900, document)
    async with desk_of(erp, {**POST, "action": "drop_before", "times": 1}) as unlucky:
        with pytest.raises(UncertainWrite):
            await unlucky.settle(wanted)
    await keeper.pay(document.id, "LE-DE", "100")

    entry = await desk.settle(wanted)
    (rest,) = await desk.settlements.open_items(document.party, "LE-DE")

    assert entry.amount == wanted.amount
    assert rest.amount.minor == -10000
    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.drafts(document.party) == 0


@pytest.mark.slow
async def test_a_draft_does_not_stay_where_it_can_be_posted_no_more(
    desk: Desk, erp: ErpInstance, keeper: Bookkeeper
) -> None:
    document = await desk.document(11900)
    wanted = movement(11900, document, kind=Kind.WRITE_OFF)
    async with desk_of(erp, {**POST, "action": "drop_before", "times": 1}) as unlucky:
        with pytest.raises(UncertainWrite):
            await unlucky.settle(wanted)
    left = await desk.drafts(document.party)
    await keeper.pay(document.id, "LE-DE", "119")

    with pytest.raises(Rejection, match="settled it otherwise"):
        await desk.settle(wanted)

    assert left == 1
    assert await desk.drafts(document.party) == 0
    assert await desk.standing(document) == [("paid", 0)]


@pytest.mark.slow
async def test_a_copy_that_people_make_of_a_movement_is_theirs(
    desk: Desk, erp: ErpInstance
) -> None:
    document = await desk.document(11900)
    wanted = movement(5000, document)
    entry = await desk.settle(wanted)
    login, password = erp.credentials.admin_login, erp.credentials.admin_password
    async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
        await rpc.call("model.account.move.copy", [int(entry.entry_id)])

    again = await desk.settle(wanted)

    assert again == entry
    assert await desk.drafts(document.party) == 1
    assert await desk.standing(document) == [("posted", 6900)]


@pytest.mark.slow
async def test_a_payment_made_by_hand_counts(desk: Desk, keeper: Bookkeeper) -> None:
    document = await desk.document(11900)
    await keeper.pay(document.id, "LE-DE", "100")

    await desk.settle(movement(1900, document))

    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(document.party) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.WRITE_OFF, Kind.BALANCE, Kind.CREDIT_NOTE])
async def test_paper_does_not_settle_what_is_not_open(
    desk: Desk, keeper: Bookkeeper, kind: Kind
) -> None:
    """What billing gives up was paid in the ERP: nobody books a loss of it."""
    document = await desk.document(11900)
    note = await desk.document(-11900, corrects=document)
    await keeper.pay(document.id, "LE-DE", "100")
    wanted = movement(
        11900, document, kind=kind, against=note if kind is Kind.CREDIT_NOTE else None
    )

    with pytest.raises(Rejection, match=r"19\.00 EUR of 119\.00 EUR is open") as refused:
        await desk.settle(wanted)

    assert refused.value.reason is RejectionCode.PAYMENT_REFUSED
    assert await desk.settlements.find(wanted.external_id, "LE-DE") == ()
    assert await desk.standing(document, note) == [("posted", 1900), ("posted", -11900)]


async def _cancel_move(erp: ErpInstance, move: str, company: str) -> None:
    """What a bookkeeper does to a move that should not be."""
    login, password = erp.credentials.admin_login, erp.credentials.admin_password
    context = {
        "company": erp.companies[company].id,
        "active_model": "account.move",
        "active_id": int(move),
        "active_ids": [int(move)],
    }
    async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
        await rpc.wizard(
            "account.move.cancel",
            ("cancel", {"default": {"description": None, "reversal": True}}),
            context=context,
        )


@pytest.mark.slow
async def test_a_movement_that_was_cancelled_by_hand_is_told(desk: Desk, erp: ErpInstance) -> None:
    document = await desk.document(11900)
    wanted = movement(5000, party=document.party)
    entry = await desk.settle(wanted)
    await _cancel_move(erp, entry.entry_id, "LE-DE")

    with pytest.raises(Rejection, match="somebody has cancelled there") as refused:
        await desk.settle(wanted.model_copy(update={"document": document.id}))

    assert refused.value.subject == wanted.external_id
    assert await desk.settlements.find(wanted.external_id, "LE-DE") == ()
    assert await desk.standing(document) == [("posted", 11900)]


async def _credited_by_hand(desk: Desk, document: Posted) -> None:
    """Tryton's own credit note, with refund: the original is cancelled."""
    key = int(document.id)
    await desk.client.wizard(
        "account.invoice.credit",
        "credit",
        {"start": {"with_refund": True, "with_refund_allowed": True, "invoice_date": None}},
        model="account.invoice",
        ids=[key],
        what="a credit note",
        company=(await desk.company()).id,
    )


@pytest.mark.slow
@pytest.mark.parametrize("entered", [True, False])
async def test_a_document_that_was_taken_back_by_hand_is_told(desk: Desk, *, entered: bool) -> None:
    document = await desk.document(11900)
    wanted = movement(5000, document)
    if entered:
        await desk.settle(wanted)
    await _credited_by_hand(desk, document)
    before = await desk.books.receivable_of(document.party, "LE-DE")

    with pytest.raises(Rejection, match=r"cancelled in the ERP|taken back there") as refused:
        await desk.settle(wanted)
    with pytest.raises(Rejection, match="taken back by hand"):
        await desk.settle(movement(-5000, document, kind=Kind.BALANCE))

    assert refused.value.reason is RejectionCode.PAYMENT_REFUSED
    assert await desk.books.receivable_of(document.party, "LE-DE") == before


@pytest.mark.slow
async def test_money_that_was_settled_otherwise_by_hand_is_told(desk: Desk) -> None:
    party = await desk.customer()
    money = movement(5000, party=party)
    await desk.settle(money)
    other, document = [await desk.document(minor, party=party) for minor in (5000, 5000)]
    lines = await desk.client.search(
        "account.move.line",
        [
            ["party.code", "=", party],
            ["account.type.receivable", "=", True],
            ["OR", ["credit", "=", 50], ["move.origin", "=", f"account.invoice,{other.id}"]],
        ],
        ("id",),
        what="the lines",
    )
    await desk.client.wizard(
        "account.move.reconcile_lines",
        "reconcile",
        {"writeoff": {}},
        model="account.move.line",
        ids=[row["id"] for row in lines],
        what="by hand",
        company=(await desk.company()).id,
    )

    with pytest.raises(Rejection, match="settled something else with it"):
        await desk.settle(money.model_copy(update={"document": document.id}))

    assert await desk.standing(other, document) == [("paid", 0), ("posted", 5000)]


@pytest.mark.parametrize("changes", [{"minor": 4000}, {"elsewhere": True}])
async def test_what_was_entered_as_something_else_is_told(
    desk: Desk, changes: dict[str, Any]
) -> None:
    wanted = movement(5000, party=await desk.customer())
    await desk.settle(wanted)
    party = await desk.customer() if changes.get("elsewhere") else wanted.party
    other = movement(changes.get("minor", 5000), party=party, external_id=wanted.external_id)

    with pytest.raises(Rejection, match="was entered in the ERP before"):
        await desk.settle(other)

    assert await desk.account(wanted.party) == ["-50"]


@pytest.mark.slow
async def test_a_movement_is_not_entered_for_a_second_document(desk: Desk) -> None:
    one = await desk.document(11900)
    other = await desk.document(11900, party=one.party)
    wanted = movement(11900, one)
    await desk.settle(wanted)

    with pytest.raises(Rejection, match="for another document"):
        await desk.settle(wanted.model_copy(update={"document": other.id}))

    assert await desk.standing(one, other) == [("paid", 0), ("posted", 11900)]


async def test_a_closed_period_is_told(desk: Desk, keeper: Bookkeeper) -> None:
    last_month = today().replace(day=1) - timedelta(days=1)
    document = await desk.document(10825, entity="LE-US", currency="USD")
    wanted = movement(10825, document, posting_date=last_month)
    await keeper.close_period("LE-US", last_month)
    try:
        with pytest.raises(Rejection) as refused:
            await desk.settle(wanted)
    finally:
        await keeper.reopen_period("LE-US", last_month)
    entry = await desk.settle(wanted)

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED
    assert refused.value.subject == f"LE-US {last_month:%Y-%m}"
    assert await desk.settlements.find(wanted.external_id, "LE-US") == (entry,)


@pytest.mark.slow
async def test_a_journal_that_is_closed_is_told(desk: Desk, keeper: Bookkeeper) -> None:
    last_month = today().replace(day=1) - timedelta(days=1)
    party = await desk.customer()
    us: dict[str, Any] = {"party": party, "entity": "LE-US", "currency": "USD"}
    await desk.settle(movement(100, posting_date=last_month, **us))
    wanted = movement(200, posting_date=last_month, **us)
    await keeper.close_journal("LE-US", last_month, "CARD")
    try:
        with pytest.raises(Rejection) as refused:
            await desk.settle(wanted)
    finally:
        await keeper.reopen_journals("LE-US", last_month)
    await desk.settle(wanted)

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED
    assert await desk.drafts(party) == 0


async def test_a_day_without_a_period_is_told(desk: Desk) -> None:
    with pytest.raises(Rejection) as refused:
        await desk.settle(movement(100, posting_date=date(2019, 5, 1)))

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED


@pytest.mark.parametrize(
    ("accounts", "kind", "said"),
    [
        ({"bank_journal": "CASH"}, Kind.PAYMENT, "with a journal CASH"),
        ({"bank_journal": 999}, Kind.REFUND, "with a journal 999"),
        ({"write_off_journal": "BANK"}, Kind.WRITE_OFF, "with a journal BANK"),
        ({"paid_elsewhere_journal": "CASH"}, Kind.PAID_ELSEWHERE, "with a journal CASH"),
        ({"general_journal": "NONE"}, Kind.BALANCE, "no journal NONE"),
        ({}, Kind.GOODWILL, "no goodwill account is named"),
        ({"goodwill_account": "9.9.9"}, Kind.GOODWILL, r"no goodwill account 9\.9\.9"),
    ],
)
async def test_an_account_that_is_not_there_is_told(
    desk: Desk, accounts: dict[str, Any], kind: Kind, said: str
) -> None:
    named = SettlementAccounts.model_validate(accounts)
    settlements = Settlements(desk.client, desk.master, accounts=named)
    document = await desk.document(-100 if kind is Kind.REFUND else 100)
    of = None if kind is Kind.GOODWILL else document
    wanted = movement(document.minor, of, kind=kind, party=document.party)

    with pytest.raises(Rejection, match=said) as refused:
        await settlements.settle(wanted)

    assert refused.value.reason is RejectionCode.PAYMENT_REFUSED
    assert await desk.drafts(document.party) == 0


async def test_methods_are_found_by_their_type_where_none_is_named(
    desk: Desk, keeper: Bookkeeper
) -> None:
    settlements = Settlements(desk.client, desk.master, accounts=SettlementAccounts())
    document = await desk.document(300)

    moves = [
        await settlements.settle(movement(100, document, kind=kind))
        for kind in (Kind.PAYMENT, Kind.PAID_ELSEWHERE, Kind.WRITE_OFF)
    ]

    assert [await keeper.booked(move.entry_id) for move in moves] == [
        {"1.1.1": "1", "1.2.1": "-1"},
        {"1.1.1": "1", "1.2.1": "-1"},
        {"1.2.1": "-1", "5.2.3": "1"},
    ]
