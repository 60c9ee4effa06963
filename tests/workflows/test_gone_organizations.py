"""Organisations that people have deleted or merged at the desk."""

import pytest
from temporalio.client import Client

from canonical_models.commerce import SubscriptionStatus
from canonical_models.entitlement import MergedOrganization
from canonical_models.exceptions import Action
from canonical_models.failures import CredentialsRefused, RejectionCode, Team
from canonical_models.mapping import AccountMapping
from canonical_models.mends import Form
from operations import exceptions
from operations.context import AppContext
from operations.engine import Engine
from persistence import support_contributions
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Planned

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_1", -2500, "starter"), line("ii_2", 10000), key="in_2")
STARTER = snapshot(subscription(item("starter", 5, 1000)), FIRST)
PRO = snapshot(subscription(item("pro", 5)), FIRST, SECOND)
ENDED = snapshot(subscription(item("starter", 5, 1000), status=SubscriptionStatus.CANCELLED), FIRST)
HEIR = MergedOrganization(organization_id="org-cus_heir", external_id="cus_heir")


async def shown_then_gone(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    assert (await sagas.finish("chg_0")).outcome == "completed"
    sagas.systems.support.unknown.add("cus_1")


async def form_of(sagas: Sagas, exception_id: str) -> Form:
    """As every door shows it."""

    async def no_engine() -> Client:
        raise AssertionError("a form is read without it")

    context = AppContext(
        sagas.database,
        Engine(no_engine, namespace="default"),
        support=lambda _: sagas.systems.support,
    )
    return (await exceptions.show(context, "acme", exception_id)).form


async def test_a_customer_who_has_ended_needs_none(sagas: Sagas) -> None:
    await shown_then_gone(sagas)
    sagas.systems.billing.snapshots["sub_1"] = ENDED

    settled = await sagas.finish("chg_1")

    assert settled.outcome == "completed"
    assert await sagas.grants() == ()
    assert "support.merged_into" not in sagas.systems.script.calls
    async with sagas.database.transaction() as conn:
        asked = await support_contributions.asked_for(conn, "acme", "cus_1")
    assert all(each.tier is None and not each.features for each in asked)


async def test_one_that_was_merged_is_a_proposal_that_a_person_takes(sagas: Sagas) -> None:
    await shown_then_gone(sagas)
    sagas.systems.support.merged["org-cus_1"] = HEIR
    sagas.systems.billing.snapshots["sub_1"] = PRO
    handle = await sagas.start("chg_1")

    waiting = await sagas.exception("chg_1")

    assert (waiting.code, waiting.owner) == (RejectionCode.ORGANIZATION_UNKNOWN, Team.SUPPORT)
    assert "into cus_heir (org-cus_heir)" in waiting.message
    assert "support_organization cus_heir" in waiting.message

    # The form of its case is filled in with it, whatever the desk says a moment later.
    for _ in range(2):
        (given,) = (await form_of(sagas, waiting.exception_id)).inputs
        assert given.known == {"billing_customer": "cus_1"}
        assert given.proposed == {
            "erp_party": "C-1001",
            "support_organization": "cus_heir",
            "legal_entity": "LE-DE",
        }
        assert given.why == "support has merged cus_1 into cus_heir"
        sagas.systems.support.merged.clear()

    account = AccountMapping.model_validate({**given.known, **given.proposed}, strict=False)
    await sagas.resolve(handle, waiting.exception_id, Action.CORRECT, account=account)
    assert (await handle.result()).outcome == "completed"
    assert sagas.systems.support.shown["cus_heir"].tier == "premium"


async def test_one_without_an_external_id_has_to_be_given_one(sagas: Sagas) -> None:
    await shown_then_gone(sagas)
    nameless = HEIR.model_copy(update={"external_id": None})
    sagas.systems.support.merged["org-cus_1"] = nameless
    sagas.systems.billing.snapshots["sub_1"] = PRO
    await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert "has no external id: give it one" in waiting.message
    (given,) = (await form_of(sagas, waiting.exception_id)).inputs
    assert (given.proposed, given.why) == ({}, None)


@pytest.mark.parametrize("tells", [True, False])
async def test_one_that_was_deleted_is_asked_as_before(sagas: Sagas, tells: bool) -> None:
    """Also where the desk does not let us see what was merged."""
    await shown_then_gone(sagas)
    if not tells:
        refused = Planned(lambda: CredentialsRefused("admins alone may see it", system="support"))
        sagas.systems.script.faults["support.merged_into"] = [refused, refused]
    sagas.systems.billing.snapshots["sub_1"] = PRO
    await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert "has no organisation cus_1" in waiting.message
    (given,) = (await form_of(sagas, waiting.exception_id)).inputs
    assert given.proposed == {}
    if not tells:
        # Once it lets us see it, the next who looks is told.
        sagas.systems.support.merged["org-cus_1"] = HEIR
        (given,) = (await form_of(sagas, waiting.exception_id)).inputs
        assert given.proposed["support_organization"] == "cus_heir"


async def test_one_that_goes_between_the_look_and_the_write(sagas: Sagas) -> None:
    """The same words, whenever it is found out; and of one who has ended, the same silence."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    assert (await sagas.finish("chg_0")).outcome == "completed"
    script, support = sagas.systems.script, sagas.systems.support
    support.merged["org-cus_1"] = HEIR

    def goes(name: str) -> None:
        if name == "support.publish":
            support.unknown.add("cus_1")

    script.on_call = goes
    sagas.systems.billing.snapshots["sub_1"] = PRO
    await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert waiting.code == RejectionCode.ORGANIZATION_UNKNOWN
    assert "into cus_heir (org-cus_heir)" in waiting.message
