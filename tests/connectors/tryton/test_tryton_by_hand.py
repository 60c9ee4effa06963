"""Money that people enter in a real Tryton for documents: told apart from all else that settles
them, and not entered again when billing says that it was paid elsewhere."""

from decimal import Decimal

import pytest

from canonical_models.documents import SettlementKind as Kind
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.accounts import Desk, Posted, desk, movement, today
from tests.harness.erp_people import ErpPeople, people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

__all__ = ["desk"]


async def settled(desk: Desk, hand: ErpPeople, document: Posted, move: int) -> None:
    row = await desk.client.read(
        "account.invoice", document.id, ("move",), what="its move", company=1
    )
    await hand.reconcile(int(row["move"]), move)


async def received(hand: ErpPeople, document: Posted, amount: str, role: str = "bank") -> int:
    sum_ = Decimal(amount)
    return await hand.entry(today(), (role, sum_, None), ("receivable", -sum_, document.party))


async def test_money_that_people_have_entered_is_adopted_once(erp: ErpInstance, desk: Desk) -> None:
    document = await desk.document(11900)
    given_up = await desk.document(11900, party=document.party)
    part = await desk.document(11900, party=document.party)
    ours = await desk.document(11900, party=document.party)
    async with people_of(erp) as hand:
        move = await received(hand, document, "119")
        assert await desk.settlements.paid_by_hand(document.id, "LE-DE") == ()
        await settled(desk, hand, document, move)
        # A loss is no money, and a part is not all of it.
        await settled(desk, hand, given_up, await received(hand, given_up, "119", "bad_debt"))
        await received(hand, part, "50")
    await desk.settle(movement(11900, ours))

    (paid,) = await desk.settlements.paid_by_hand(document.id, "LE-DE")
    assert (paid.amount.minor, paid.entry_id) == (11900, str(move))
    for other in (given_up, part, ours):
        assert await desk.settlements.paid_by_hand(other.id, "LE-DE") == ()

    # Billing says that it was paid elsewhere: that is what people have entered.
    said = movement(11900, document, kind=Kind.PAID_ELSEWHERE)
    for _ in range(2):
        entry = await desk.settle(said)
        assert (entry.entry_id, entry.external_id) == (str(move), said.external_id)
    assert await desk.settlements.find(said.external_id, "LE-DE") == ()
    assert await desk.standing(document) == [("paid", 0)]
    # Of what no money has settled, or not all of it, the movement is entered.
    for other, minor in ((given_up, 11900), (part, 6900)):
        entered = await desk.settle(movement(minor, other, kind=Kind.PAID_ELSEWHERE))
        assert entered.ours
    assert await desk.standing(given_up, part) == [("paid", 0), ("posted", 5000)]
