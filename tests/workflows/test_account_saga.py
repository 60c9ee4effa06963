"""What billing changes of a customer reaches the ERP and support before the next document is
posted: by itself, or after finance has said yes, as the policy of the books has it."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty, PostalAddress, TaxId
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import BooksPolicy, TenantPolicy
from canonical_models.states import ChangeState
from persistence import accounts, changes, exceptions
from persistence.database import Database
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems, refused

WHO = account_subject("cus_1")
BEFORE = AccountProfile(
    customer_id="cus_1",
    name="Kurz & Lang GmbH",
    currency="EUR",
    address=PostalAddress(city="Bremen", country="DE"),
    tax_ids=(TaxId(kind="eu_vat", value="DE136695976"),),
)
#: Another VAT id, name and country.
NOW = BEFORE.model_copy(
    update={
        "name": "Kurz BV",
        "address": PostalAddress(city="Utrecht", country="NL"),
        "tax_ids": (TaxId(kind="eu_vat", value="NL4495445B01"),),
    }
)
LATER = NOW.model_copy(update={"name": "Kurz Holding BV"})

FIRST = invoice(line("il_1", 5000), key="in_1", bill_to=BEFORE.billed)


@pytest.fixture(params=["ask"])
async def sagas(
    request: pytest.FixtureRequest, temporal: WorkflowEnvironment, database: Database
) -> AsyncIterator[Sagas]:
    """`cus_1` was told to ERP and support as BEFORE, and its first invoice is posted."""
    policy = TenantPolicy(books=BooksPolicy(master_data=request.param))
    async with sagas_at_work(temporal.client, database, Systems(policy=policy)) as working:
        shows(working, BEFORE)
        assert (await working.finish("chg_0")).outcome == "completed"
        assert await told(working) == BEFORE.billed.digest
        assert working.systems.erp.updated == []
        yield working


def policy(master_data: Literal["ask", "update"]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sagas", [master_data], indirect=True)


def shows(sagas: Sagas, profile: AccountProfile, *more: BilledParty) -> None:
    """Billing has the customer so, and after the first invoice one that names each of these."""
    issued = [
        invoice(line(f"il_{place}", 1000), key=f"in_{place}", bill_to=party)
        for place, party in enumerate(more, 2)
    ]
    now = snapshot(subscription(item("pro", 5)), FIRST, *issued)
    sagas.systems.billing.snapshots["sub_1"] = now
    sagas.systems.billing.accounts["cus_1"] = profile


async def told(sagas: Sagas) -> str:
    async with sagas.database.transaction() as conn:
        found = await accounts.get(conn, "acme", "cus_1")
    return found.profile_digest if found else ""


def carried_on(sagas: Sagas) -> list[str]:
    """The names that the ERP was told, of which support shows the last."""
    names = [profile.name for profile in sagas.systems.erp.updated]
    assert sagas.systems.support.names == ({"cus_1": names[-1]} if names else {})
    return names


def posted(sagas: Sagas) -> list[tuple[str, str | None]]:
    """Each document with the name on it."""
    billed = sagas.systems.erp.billed
    return [(key, party.name if party else None) for key, party in billed.items()]


async def asked(sagas: Sagas, handle: Handle, change: str) -> str:
    waiting = await sagas.exception(change, step="books")
    assert (waiting.code, waiting.subject) == ("master_data_changed", "cus_1")
    assert waiting.owner == "finance"
    assert "ERP party C-1001" in waiting.message
    for word in ("Kurz", "Utrecht", "NL4495445B01"):
        assert word not in waiting.message
    return waiting.exception_id


async def test_what_has_changed_is_asked_and_carried_on_once_approved(sagas: Sagas) -> None:
    shows(sagas, NOW)
    handle = await sagas.start("chg_1", WHO, trigger=ChangeKind.ACCOUNT)
    exception_id = await asked(sagas, handle, "chg_1")
    assert carried_on(sagas) == []

    await sagas.resolve(handle, exception_id, Action.APPROVE)

    assert (await handle.result()).outcome == "completed"
    assert carried_on(sagas) == ["Kurz BV"]
    assert await told(sagas) == NOW.billed.digest
    change = await sagas.change("chg_1")
    assert (change.kind, change.summary) == (
        ChangeKind.ACCOUNT,
        "name, address or tax ids have changed",
    )
    assert (await sagas.finish("chg_2", WHO)).outcome == "no_change"


async def test_the_next_change_is_asked_again(sagas: Sagas) -> None:
    await test_what_has_changed_is_asked_and_carried_on_once_approved(sagas)
    shows(sagas, LATER)
    handle = await sagas.start("chg_3", WHO)
    await asked(sagas, handle, "chg_3")
    assert carried_on(sagas) == ["Kurz BV"]


async def test_a_yes_is_to_what_billing_has_then(sagas: Sagas) -> None:
    """It changes once more between the yes and the act: that is asked about."""
    shows(sagas, NOW)
    handle = await sagas.start("chg_1", WHO)
    first = await asked(sagas, handle, "chg_1")
    reads = sagas.systems.script.calls.count("billing.account")

    def changes_once_more(call: str) -> None:
        # Read for the plan, and for the act.
        if sagas.systems.script.calls.count("billing.account") == reads + 2:
            sagas.systems.billing.accounts["cus_1"] = LATER

    sagas.systems.script.on_call = changes_once_more
    await sagas.resolve(handle, first, Action.APPROVE)

    second = await asked(sagas, handle, "chg_1")
    assert second != first
    assert carried_on(sagas) == []
    await sagas.resolve(handle, second, Action.APPROVE)
    assert (await handle.result()).outcome == "completed"
    assert carried_on(sagas) == ["Kurz Holding BV"]


async def test_a_customer_that_changes_back_needs_nobody(sagas: Sagas) -> None:
    shows(sagas, NOW)
    handle = await sagas.start("chg_1", WHO)
    exception_id = await asked(sagas, handle, "chg_1")
    shows(sagas, BEFORE)
    await sagas.resolve(handle, exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert carried_on(sagas) == []


async def test_aborting_leaves_the_party_as_it_is(sagas: Sagas) -> None:
    shows(sagas, NOW)
    handle = await sagas.start("chg_1", WHO)
    await sagas.resolve(handle, await asked(sagas, handle, "chg_1"), Action.ABORT)
    assert (await handle.result()).outcome == "cancelled"
    assert carried_on(sagas) == []
    assert await told(sagas) == BEFORE.billed.digest


@policy("update")
async def test_by_policy_it_is_carried_on_without_asking(sagas: Sagas) -> None:
    shows(sagas, NOW)
    assert (await sagas.finish("chg_1", WHO)).outcome == "completed"
    assert carried_on(sagas) == ["Kurz BV"]
    assert await told(sagas) == NOW.billed.digest


@policy("update")
async def test_what_the_erp_refuses_is_asked_and_done_once_mended(sagas: Sagas) -> None:
    shows(sagas, NOW)
    sagas.systems.script.faults["erp.update_party"] = [refused(RejectionCode.TAX_ID_INVALID)]
    handle = await sagas.start("chg_1", WHO)
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, carried_on(sagas)) == ("tax_id_invalid", [])
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert carried_on(sagas) == ["Kurz BV"]


@policy("update")
async def test_a_document_that_is_quicker_than_its_event_updates_the_party_first(
    sagas: Sagas,
) -> None:
    """An invoice names what the change of the account has not carried on yet."""
    shows(sagas, NOW, NOW.billed)
    assert (await sagas.finish("chg_1")).outcome == "completed"

    calls = sagas.systems.script.calls
    update = calls.index("erp.update_party")
    assert "erp.post" in calls[update:]
    assert calls[:update].count("erp.post") == 1
    assert carried_on(sagas) == ["Kurz BV"]
    assert posted(sagas) == [("in_1", "Kurz & Lang GmbH"), ("in_2", "Kurz BV")]
    assert (await sagas.finish("chg_2", WHO)).outcome == "no_change"


async def test_a_document_that_is_quicker_than_its_event_asks_first(sagas: Sagas) -> None:
    shows(sagas, NOW, NOW.billed)
    handle = await sagas.start("chg_1")
    exception_id = await asked(sagas, handle, "chg_1")
    assert posted(sagas) == [("in_1", "Kurz & Lang GmbH")]

    await sagas.resolve(handle, exception_id, Action.APPROVE)

    assert (await handle.result()).outcome == "completed"
    assert carried_on(sagas) == ["Kurz BV"]
    assert posted(sagas) == [("in_1", "Kurz & Lang GmbH"), ("in_2", "Kurz BV")]
    assert (await sagas.finish("chg_2", WHO)).outcome == "no_change"


async def test_two_that_ask_the_same_are_both_answered_and_the_next_change_is_asked_again(
    sagas: Sagas,
) -> None:
    """The account's own change and a document's ask for one yes each; neither yes is kept for what
    comes later."""
    shows(sagas, NOW, NOW.billed)
    handles = [await sagas.start("chg_1", WHO), await sagas.start("chg_2")]
    questions = [
        await asked(sagas, handle, change)
        for handle, change in zip(handles, ("chg_1", "chg_2"), strict=True)
    ]
    for handle, question in zip(handles, questions, strict=True):
        await sagas.resolve(handle, question, Action.APPROVE)
        assert (await handle.result()).outcome == "completed"
    assert carried_on(sagas) == ["Kurz BV"]

    shows(sagas, LATER, NOW.billed)
    handle = await sagas.start("chg_3", WHO)
    await asked(sagas, handle, "chg_3")
    assert carried_on(sagas) == ["Kurz BV"]


async def test_an_old_document_that_names_old_data_changes_nothing(sagas: Sagas) -> None:
    """It was issued before the customer moved, and is heard of late."""
    shows(sagas, NOW)
    handle = await sagas.start("chg_1", WHO)
    await sagas.resolve(handle, await asked(sagas, handle, "chg_1"), Action.APPROVE)
    await handle.result()

    shows(sagas, NOW, BEFORE.billed)
    assert (await sagas.finish("chg_2")).outcome == "completed"

    assert carried_on(sagas) == ["Kurz BV"]
    assert posted(sagas)[-1] == ("in_2", "Kurz & Lang GmbH")


async def test_the_account_waits_for_no_subscription(sagas: Sagas) -> None:
    """Its questions are its own: a subscription's change goes on meanwhile."""
    shows(sagas, NOW)
    handle = await sagas.start("chg_1", WHO)
    exception_id = await asked(sagas, handle, "chg_1")
    shows(sagas, NOW, BEFORE.billed)

    assert (await sagas.finish("chg_2")).outcome == "completed"

    assert posted(sagas)[-1] == ("in_2", "Kurz & Lang GmbH")
    async with sagas.database.transaction() as conn:
        (still,) = await exceptions.page(conn, "acme")
        (waiting,) = await changes.page(conn, "acme", state=ChangeState.WAITING)
    assert (still.exception_id, waiting.change_id) == (exception_id, "chg_1")
