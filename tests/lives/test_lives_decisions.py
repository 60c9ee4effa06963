"""Every decision that a question takes, at every point at which a process can ask one: the same
process goes on with it. What ends an overdue invoice is in test_lives_dunning.py."""

from collections.abc import Iterator
from typing import Any

import pytest

from canonical_models.commerce import BillingSnapshot
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.mends import decisions_of
from canonical_models.process import ProcessKind
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from persistence import exceptions
from tests.harness.deciding import taken
from tests.harness.lives import TENANT, Life
from tests.harness.subscriptions import ACCOUNT, item
from tests.harness.systems import refused
from tests.lives.test_lives_dunning import at_the_end, unpaid
from tests.lives.test_lives_entitlement import app, subscribed, told
from tests.lives.test_lives_renewal import begun, forecast, passes

pytestmark = pytest.mark.slow


def each(code: RejectionCode, *, but: tuple[Action, ...] = ()) -> Iterator[Any]:
    for action in decisions_of(code):
        if action not in but:
            yield pytest.param(action, id=action.value)


async def decide(life: Life, asked: ExceptionView, action: Action) -> None:
    """With all that it needs, and it closes."""
    decision = Resolution(
        exception_id=asked.exception_id,
        action=action,
        by="tester",
        note="so be it",
        account=ACCOUNT if action is Action.CORRECT else None,
    )
    await taken(life.database, TENANT, decision)
    async with life.database.transaction() as conn:
        found = await exceptions.get(conn, TENANT, asked.exception_id)
    assert found is not None
    assert found.state is not ExceptionState.OPEN


# To keep a document out of the books is of a document that is there; a forecast has none yet.
@pytest.mark.parametrize("action", [*each(RejectionCode.PERIOD_CLOSED, but=(Action.SKIP,))])
async def test_of_a_forecast(life: Life, action: Action) -> None:
    await begun(life)
    life.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await passes(life, 352)
    asked = await life.exception("period_closed")

    await decide(life, asked, action)

    await forecast(life, "blocked" if action is Action.ABORT else "ready")
    await life.no_exception()


@pytest.mark.parametrize("action", [*each(RejectionCode.TARGET_REFUSED)])
async def test_of_a_target_that_refuses(life: Life, action: Action) -> None:
    await subscribed(life)
    await told(life, {"seats": 5, "sso": 1})
    life.systems.script.faults["app.publish"] = [refused(RejectionCode.TARGET_REFUSED, "app")]
    life.change(items=(item("pro", 7),))
    await life.look()
    asked = await life.exception("target_refused")

    await decide(life, asked, action)

    if action is Action.ABORT:
        assert app(life).features("cus_1") == {"seats": 5, "sso": 1}
        life.change(items=(item("pro", 8),))
        await life.look()
    await told(life, {"seats": 7 if action is Action.RETRY else 8, "sso": 1})
    await life.no_exception()


@pytest.mark.parametrize("action", [*each(RejectionCode.SUBSCRIPTION_UNKNOWN)])
async def test_of_an_overdue_invoice_that_cannot_be_looked_at(
    life: Life, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unpaid(life)
    gone = [refused(RejectionCode.SUBSCRIPTION_UNKNOWN, "billing")]
    reads = life.systems.billing.snapshot

    async def once_gone(key: str, **asked: Any) -> BillingSnapshot:
        # The process alone asks of its invoice and of nothing before.
        if gone and asked.get("documents") == ["in_1"] and asked.get("since") is None:
            raise gone.pop().failure()
        return await reads(key, **asked)

    monkeypatch.setattr(life.systems.billing, "snapshot", once_gone)
    await passes_overdue(life, 7)
    asked = await life.exception("subscription_unknown")
    assert asked.workflow_id == "dunning/acme/in_1"

    await decide(life, asked, action)

    if action is Action.RETRY:
        await life.stage("in_1", "suspended")
    else:
        ended = await life.handle(ProcessKind.DUNNING, "in_1").result()
        assert ended.startswith("given up: ")
        await life.no_exception()


@pytest.mark.parametrize("action", [*each(RejectionCode.BILLING_REFUSED)])
async def test_of_an_end_that_billing_refuses(life: Life, action: Action) -> None:
    await at_the_end(life)
    asked = await life.exception("payment_overdue")
    life.systems.script.faults["billing.cancel"] = [
        refused(RejectionCode.BILLING_REFUSED, "billing")
    ]
    await decide(life, asked, Action.WRITE_OFF)
    refusal = await life.exception("billing_refused")
    assert refusal.workflow_id == "dunning/acme/in_1"

    await decide(life, refusal, action)

    if action is Action.ABORT:
        # What was decided is not carried out, so it is asked again how the debt ends.
        again = await life.exception("payment_overdue")
        assert again.exception_id != asked.exception_id
        await decide(life, again, Action.WRITE_OFF)
    await life.no_exception()
    assert (await life.stage("in_1", "closed")).outcome == "write_off"


async def passes_overdue(life: Life, days: float) -> None:
    await life.passes(days, ProcessKind.DUNNING, "in_1")
