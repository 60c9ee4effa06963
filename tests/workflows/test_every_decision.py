"""Every decision that a question takes, at every point at which the saga of a change or of an
account can ask one: the same saga goes on with it, and the systems agree afterwards."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.amendment import account_subject
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.mends import decisions_of
from canonical_models.policy import TenantPolicy
from canonical_models.records import HoldKind
from persistence.database import Database
from tests.harness.deciding import decided
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import (
    ACCOUNT,
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
)
from tests.harness.systems import Systems, refused

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = paid(invoice(line("ii_2", 7500), key="in_2"), payment(7500, of="in_2"))
BEFORE, AFTER = {("seats", 5)}, {("seats", 5), ("sso", 1)}

#: Each call that can be refused, and as what; once access was given or not, and with books posted
#: before it or not.
POINTS = {
    "erp.check": RejectionCode.PERIOD_CLOSED,
    "erp.post": RejectionCode.DOCUMENT_REFUSED,
    "erp.settle": RejectionCode.PAYMENT_REFUSED,
    "support.publish": RejectionCode.SUPPORT_REFUSED,
    "billing.record_sync": RejectionCode.BILLING_REFUSED,
}
SEVERAL = [
    pytest.param(TenantPolicy(), id="at_once"),
    pytest.param(TenantPolicy(access="after_posting"), id="after", marks=pytest.mark.slow),
]


#: An account has no access to give, and its documents are told to nobody but the ERP.
OF_ACCOUNTS = ("erp.check", "erp.post", "erp.settle")


def decisions(points: Iterable[str]) -> Iterator[Any]:
    for call in points:
        for action in decisions_of(POINTS[call]):
            if action is Action.SKIP and call != "erp.post":
                # Of one document, which is the same wherever it is refused.
                continue
            yield pytest.param(call, action, id=f"{call}-{action.value}")


@pytest.fixture(params=SEVERAL)
async def sagas(
    request: pytest.FixtureRequest, temporal: WorkflowEnvironment, database: Database
) -> AsyncIterator[Sagas]:
    """`starter` has been sold and agreed; `pro` has been bought and paid since."""
    async with sagas_at_work(temporal.client, database, Systems(policy=request.param)) as working:
        billing = working.systems.billing
        billing.snapshots["sub_1"] = snapshot(subscription(item("starter", 5, 1000)), FIRST)
        assert (await working.finish("chg_0")).outcome == "completed"
        billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 5)), FIRST, SECOND)
        yield working


@pytest.mark.parametrize(("call", "action"), [*decisions(POINTS)])
async def test_the_saga_goes_on_with_it_and_all_agree(
    sagas: Sagas, call: str, action: Action
) -> None:
    sagas.systems.script.faults[call] = [refused(POINTS[call])]
    handle = await sagas.start("chg_1")
    await decide(sagas, handle, call, action, "in_2")

    outcome = (await handle.result()).outcome
    change = await sagas.change("chg_1")
    assert (change.state, change.outcome) == ("settled", outcome)
    held = {(grant.feature, grant.quantity) for grant in await sagas.grants()}
    kept_out = (await sagas.record("in_2")).hold
    if action is Action.ABORT:
        # Where the plan was refused, nothing of the document was begun that is kept out.
        planned = call != "erp.check"
        assert outcome == "compensated" or (outcome == "cancelled" and not planned)
        assert held == BEFORE
        assert (kept_out is not None) is planned
        assert standing(sagas) == 0
        return
    assert outcome == "completed"
    assert held == AFTER
    if action is Action.SKIP:
        assert standing(sagas) == 0
        assert kept_out is not None
        assert kept_out.kind is HoldKind.SKIPPED
        return
    assert standing(sagas) == 7500
    assert [entry.amount.minor for entry in sagas.systems.erp.entries] == [7500]


@pytest.mark.parametrize("sagas", SEVERAL[:1], indirect=True)
@pytest.mark.parametrize(("call", "action"), [*decisions(OF_ACCOUNTS)])
async def test_an_account_goes_on_with_it(sagas: Sagas, call: str, action: Action) -> None:
    alone = invoice(line("il_9", 1900, of=None), key="in_9")
    sagas.systems.billing.loose.append(paid(alone, payment(1900, key="pi_9", of="in_9")))
    sagas.systems.script.faults[call] = [refused(POINTS[call])]
    handle = await sagas.start("chg_1", account_subject("cus_1"), documents=("in_9",))
    await decide(sagas, handle, call, action, "in_9")

    outcome = (await handle.result()).outcome
    planned = call != "erp.check"
    kept_out = (await sagas.record("in_9")).hold if planned or action is Action.SKIP else None
    if action in (Action.ABORT, Action.SKIP):
        assert outcome == (
            "completed" if action is Action.SKIP else "compensated" if planned else "cancelled"
        )
        assert standing(sagas, "in_9") == 0
        assert (kept_out is not None) is (planned or action is Action.SKIP)
        return
    assert outcome == "completed"
    assert standing(sagas, "in_9") == 1900
    assert [entry.amount.minor for entry in sagas.systems.erp.entries] == [1900]


async def decide(sagas: Sagas, handle: Handle, call: str, action: Action, document: str) -> None:
    """What has been asked since this call was refused, with all that the decision needs."""
    asked = await sagas.exception("chg_1")
    assert asked.code == POINTS[call].value
    brought: dict[str, Any] = {}
    if action is Action.CORRECT:
        brought["account"] = ACCOUNT
    if action is Action.SKIP:
        brought["document"] = DocumentCorrection(document_id=document, by="tester")
    decision = Resolution(
        exception_id=asked.exception_id, action=action, by="tester", note="so be it", **brought
    )
    await decided(sagas.database, "acme", handle, decision)


def standing(sagas: Sagas, document: str = "in_2") -> int:
    """What the ERP holds of the document, with all that takes it back."""
    mine = [each for each in sagas.systems.erp.documents if each.external_id.startswith(document)]
    return sum(each.net.minor for each in mine)
