"""What billing says is active is given, and what it has ended is taken, whatever the books ask."""

from collections.abc import Callable

import pytest

from canonical_models.commerce import BillingSnapshot, Subscription, SubscriptionStatus
from canonical_models.documents import Untold
from canonical_models.failures import RejectionCode
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import refused
from workflows.names import NEWER_CHANGE

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_2", 7500), key="in_2")
UNMAPPED = invoice(line("ii_2", 7500), line("ii_3", 1000, "new"), key="in_2")
STARTER = subscription(item("starter", 5, 1000))
PRO = item("pro", 5)
UNREADABLE = Untold(
    code=RejectionCode.DOCUMENT_INCONSISTENT.value, message="price price_x cannot be read"
)


def closed_period(sagas: Sagas, now: Subscription) -> BillingSnapshot:
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 9
    return snapshot(now, FIRST, SECOND)


def unmapped_item(_: Sagas, now: Subscription) -> BillingSnapshot:
    return snapshot(now, FIRST, UNMAPPED)


def unreadable_price(_: Sagas, now: Subscription) -> BillingSnapshot:
    return snapshot(now, FIRST).model_copy(update={"refused": {"in_2": UNREADABLE}})


behind = pytest.mark.parametrize("cause", [closed_period, unmapped_item, unreadable_price])
Cause = Callable[[Sagas, Subscription], BillingSnapshot]


@behind
async def test_access_follows_billing_behind_a_question_of_the_books(
    sagas: Sagas, cause: Cause
) -> None:
    """First what was bought is given, then what was ended is taken; in one saga, whose
    question stays the same."""
    snapshots = sagas.systems.billing.snapshots
    snapshots["sub_1"] = snapshot(STARTER, FIRST)
    assert (await sagas.finish("chg_0")).outcome == "completed"
    snapshots["sub_1"] = cause(sagas, subscription(PRO))

    handle = await sagas.start("chg_1")

    asked = await sagas.exception("chg_1", step="books")
    await sagas.given(("seats", 5), ("sso", 1))
    await sagas.shown("premium")

    snapshots["sub_1"] = cause(sagas, subscription(PRO, status=SubscriptionStatus.CANCELLED))
    await handle.signal(NEWER_CHANGE)

    await sagas.given()
    await sagas.shown(None)
    still = await sagas.exception("chg_1", step="books")
    assert (still.exception_id, still.due_at) == (asked.exception_id, asked.due_at)
    assert not any(document.external_id == "in_2" for document in sagas.systems.erp.documents)
    await handle.terminate(reason="the test has seen it")
