"""Balances at the cutover are agreed on, and never posted."""

import pytest

from canonical_models.amendment import account_subject
from canonical_models.documents import Settlement, SettlementKind
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from tests.adoption.golive import BEFORE, GoLive, causes, eur, sold
from tests.harness.subscriptions import AS_OF


async def test_the_balance_is_compared_as_it_stood_at_the_cutover(golive: GoLive) -> None:
    """What has moved since is ours to enter, on neither side."""
    golive.sells(sold())
    given = Settlement(
        settlement_id="cbtxn_1", kind=SettlementKind.GOODWILL, amount=eur(2500), at=AS_OF
    )
    golive.systems.billing.movements.append(given)
    found = await golive.only()
    assert found.findings == ()
    assert found.figures.balances == ()
    assert await golive.asked() == [(account_subject("cus_1"), [], True, 4)]


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_balance_of_before_is_agreed_on_and_never_posted(
    golive: GoLive, agrees: bool
) -> None:
    golive.sells(sold())
    old_credit = Settlement(
        settlement_id="cbtxn_0", kind=SettlementKind.GOODWILL, amount=eur(2500), at=BEFORE
    )
    golive.systems.billing.movements.append(old_credit)
    if agrees:
        golive.systems.erp.entries.append(by_hand(2500))
    found = await golive.only()
    (side,) = found.figures.balances
    assert (side.billing, side.erp) == (eur(2500), eur(2500 if agrees else 0))
    assert causes(found) == ([] if agrees else ["balance_differs"])
    # What waits for finance does not keep the customer's access waiting.
    assert await golive.agreed()
    assert "erp.settle" not in golive.written


def by_hand(minor: int) -> SettlementDraft:
    """The opening balance, as finance enters it."""
    return SettlementDraft(
        external_id="opening",
        kind=SettlementKind.BALANCE,
        legal_entity="LE-DE",
        party="C-1001",
        amount=Money(minor=minor, currency="EUR"),
        value_date=BEFORE.date(),
        posting_date=BEFORE.date(),
    )
