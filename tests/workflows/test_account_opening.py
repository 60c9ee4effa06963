"""A customer that nobody has mapped: its account is found or made everywhere, or finance decides,
and the change goes on in the same run."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.contracts.amendment import StepInput
from activities.preparing import Preparation
from canonical_models.commerce import AccountProfile, Customer
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping
from canonical_models.policy import AccountPolicy, TenantPolicy
from canonical_models.views import MappingView
from persistence import exceptions, mappings
from persistence.database import Database
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import (
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
)
from tests.harness.systems import Systems, lost, refused

RULES = AccountPolicy(
    create=True, legal_entities={"DE": "LE-DE", "USD": "LE-US"}, legal_entity="LE-REST"
)
PROFILE = AccountProfile(
    customer_id="cus_2",
    name="Kurz & Lang GmbH",
    currency="EUR",
    address=PostalAddress(city="Bremen", country="DE"),
    tax_ids=(TaxId(kind="eu_vat", value="DE136695976"),),
)
MAPPED = AccountMapping(
    billing_customer="cus_2",
    erp_party="C-7",
    support_organization="cus_2",
    legal_entity="LE-US",
)


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    """`cus_2` is new in billing, and nowhere else."""
    async with sagas_at_work(
        temporal.client, database, Systems(policy=TenantPolicy(accounts=RULES))
    ) as working:
        arrive(working.systems)
        yield working


def arrive(systems: Systems, profile: AccountProfile = PROFILE) -> None:
    now = subscription(item("pro", 5, key="si_9"), subscription_id="sub_9").model_copy(
        update={"customer": Customer(customer_id="cus_2")}
    )
    issued = invoice(
        line("il_9", 20000, of="sub_9"), key="in_9", customer="cus_2", bill_to=profile.billed
    )
    money = payment(20000, "pi_9", "in_9").model_copy(update={"note": "card"})
    systems.billing.snapshots["sub_9"] = snapshot(now, paid(issued, money))
    systems.billing.accounts["cus_2"] = profile
    systems.support.unknown.add("cus_2")


async def account(sagas: Sagas) -> MappingView | None:
    async with sagas.database.transaction() as conn:
        found = await mappings.page(conn, "acme", kind="account")
    return next((view for view in found if view.source == "cus_2"), None)


async def party(sagas: Sagas) -> str:
    found = await account(sagas)
    assert found is not None
    name = found.target["erp_party"]
    assert isinstance(name, str)
    return name


async def asked(sagas: Sagas, code: RejectionCode) -> tuple[Handle, str, str]:
    """The saga that waits, its exception, and what finance is told."""
    handle = await sagas.start("chg_9", "sub_9")
    waiting = await sagas.exception("chg_9", step="books")
    assert (waiting.code, waiting.subject, waiting.owner) == (code.value, "cus_2", "finance")
    assert await account(sagas) is None
    assert sagas.systems.erp.documents == []
    return handle, waiting.exception_id, waiting.message


def made(sagas: Sagas) -> list[str]:
    """The calls that made master data."""
    return [call for call in sagas.systems.script.calls if ".create_" in call]


async def test_party_and_organisation_are_made_and_the_change_posts_in_the_same_run(
    sagas: Sagas,
) -> None:
    handle = await sagas.start("chg_9", "sub_9")
    assert (await handle.result()).outcome == "completed"

    assert made(sagas) == ["erp.create_party", "support.create_organization"]
    found = await account(sagas)
    assert found is not None
    assert found.set_by == "trueup"
    assert AccountMapping.model_validate(found.target) == AccountMapping(
        billing_customer="cus_2",
        erp_party="cus_2",
        support_organization="cus_2",
        legal_entity="LE-DE",
    )
    (document,) = sagas.systems.erp.documents
    assert (document.net.minor, document.legal_entity) == (20000, "LE-DE")
    assert sagas.systems.support.shown["cus_2"].tier == "premium"
    effects = await sagas.effects("chg_9")
    assert {effects[step].state for step in ("erp.party", "support.organization")} == {"confirmed"}


async def test_personal_data_is_in_no_history_and_no_table(sagas: Sagas) -> None:
    handle = await sagas.start("chg_9", "sub_9")
    await handle.result()
    # It went where it belongs.
    assert sagas.systems.erp.billed["in_9"] == PROFILE.billed

    events = (await handle.fetch_history()).events
    known = {"history": str([event.SerializeToString() for event in events])}
    async with sagas.database.statement() as conn:
        tables = await conn.execute(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
        for (table,) in await tables.fetchall():
            found = await conn.execute(f'select t::text from "{table}" t'.encode())
            known[table] = str(await found.fetchall())
    # All of them know of the document, the change with its snapshot and its plan.
    tells = {name for name, told in known.items() if "in_9" in told}
    assert tells >= {"history", "documents", "settlements", "changes", "effects", "outbox"}
    assert "il_9" in known["changes"]
    for word in ("Kurz", "Bremen", "DE136695976"):
        assert {name for name, told in known.items() if word in told} == set()


@pytest.mark.parametrize(
    ("country", "currency", "legal_entity"),
    [("DE", "USD", "LE-DE"), ("FR", "USD", "LE-US"), (None, None, "LE-REST")],
)
async def test_the_country_decides_whose_books_then_the_currency_then_the_rest(
    sagas: Sagas, country: str | None, currency: str | None, legal_entity: str
) -> None:
    where = {"address": PostalAddress(country=country), "currency": currency}
    arrive(sagas.systems, PROFILE.model_copy(update=where))
    assert (await sagas.finish("chg_9", "sub_9")).outcome == "completed"
    assert sagas.systems.erp.documents[0].legal_entity == legal_entity


@pytest.mark.parametrize("by", ["external_id", "tax_id"])
async def test_a_party_that_is_this_customer_for_certain_is_taken(sagas: Sagas, by: str) -> None:
    sagas.systems.erp.known_parties += [
        PartyMatch(party="C-1", by="name"),
        PartyMatch(party="C-2", by=by),
    ]
    assert (await sagas.finish("chg_9", "sub_9")).outcome == "completed"
    assert await party(sagas) == "C-2"
    assert made(sagas) == ["support.create_organization"]


async def test_our_own_id_goes_before_a_tax_id(sagas: Sagas) -> None:
    sagas.systems.erp.known_parties += [
        PartyMatch(party="C-1", by="tax_id"),
        PartyMatch(party="C-2", by="external_id"),
    ]
    assert (await sagas.finish("chg_9", "sub_9")).outcome == "completed"
    assert await party(sagas) == "C-2"


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ([PartyMatch(party="C-1", by="name")], "C-1 (by name)"),
        (
            [PartyMatch(party="C-1", by="tax_id"), PartyMatch(party="C-2", by="tax_id")],
            "C-1 (by tax id), C-2 (by tax id)",
        ),
        (
            [PartyMatch(party="C-1", by="external_id", active=False)],
            "C-1 (by external id, inactive)",
        ),
        (
            [
                PartyMatch(party="C-1", by="tax_id", active=False),
                PartyMatch(party="C-2", by="name"),
            ],
            "C-1 (by tax id, inactive), C-2 (by name)",
        ),
    ],
    ids=["name", "two", "inactive", "inactive and name"],
)
async def test_who_cannot_be_told_from_others_is_for_finance(
    sagas: Sagas, known: list[PartyMatch], words: str
) -> None:
    sagas.systems.erp.known_parties += known
    handle, exception_id, message = await asked(sagas, RejectionCode.ACCOUNT_AMBIGUOUS)
    assert words in message

    sagas.systems.support.unknown.discard("cus_2")
    await sagas.resolve(handle, exception_id, Action.CORRECT, account=MAPPED)

    assert (await handle.result()).outcome == "completed"
    assert await party(sagas) == "C-7"
    assert sagas.systems.erp.documents[0].legal_entity == "LE-US"
    assert made(sagas) == []


async def test_a_wrong_vat_number_is_corrected_in_billing_and_tried_again(sagas: Sagas) -> None:
    arrive(
        sagas.systems, PROFILE.model_copy(update={"tax_ids": (TaxId(kind="eu_vat", value="DE1"),)})
    )
    handle, exception_id, message = await asked(sagas, RejectionCode.TAX_ID_INVALID)
    assert "DE1" not in message
    assert made(sagas) == []

    sagas.systems.billing.accounts["cus_2"] = PROFILE
    await sagas.resolve(handle, exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert await party(sagas) == "cus_2"


async def test_tax_ids_of_other_registries_are_left_to_the_erp(sagas: Sagas) -> None:
    arrive(
        sagas.systems, PROFILE.model_copy(update={"tax_ids": (TaxId(kind="us_ein", value="1"),)})
    )
    assert (await sagas.finish("chg_9", "sub_9")).outcome == "completed"


async def test_access_does_not_wait_for_the_account(sagas: Sagas) -> None:
    """What is bought may be used while finance finds out who it is."""
    sagas.systems.erp.known_parties.append(PartyMatch(party="C-1", by="name"))
    handle, exception_id, _ = await asked(sagas, RejectionCode.ACCOUNT_AMBIGUOUS)
    await sagas.given(("seats", 5), ("sso", 1), subscription_id="sub_9")
    # Support has nobody yet to show it of, and nobody is asked about that besides.
    assert sagas.systems.support.shown == {}
    async with sagas.database.transaction() as conn:
        assert len(await exceptions.page(conn, "acme", change_id="chg_9")) == 1

    sagas.systems.erp.known_parties.clear()
    await sagas.resolve(handle, exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert sagas.systems.support.shown["cus_2"].tier == "premium"


async def test_what_the_erp_refuses_is_tried_again_once_mended(sagas: Sagas) -> None:
    sagas.systems.script.faults["erp.create_party"] = [refused(RejectionCode.TAX_ID_INVALID)]
    handle = await sagas.start("chg_9", "sub_9")
    waiting = await sagas.exception("chg_9")
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert await party(sagas) == "cus_2"


@pytest.mark.parametrize("call", ["erp.create_party", "support.create_organization"])
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_a_lost_answer_makes_one_account(sagas: Sagas, call: str, happened: bool) -> None:
    sagas.systems.script.faults[call] = [lost(call.split(".", maxsplit=1)[0], happened=happened)]
    assert (await sagas.finish("chg_9", "sub_9")).outcome == "completed"
    assert [match.party for match in sagas.systems.erp.known_parties] == ["cus_2"]
    assert made(sagas).count(call) == (1 if happened else 2)
    assert len(sagas.systems.erp.documents) == 1
    # What had happened is known to the ledger as well.
    effects = await sagas.effects("chg_9")
    assert {effects[step].state for step in ("erp.party", "support.organization")} == {"confirmed"}


async def test_aborting_leaves_the_account_and_takes_access_back(sagas: Sagas) -> None:
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_9", "sub_9")
    waiting = await sagas.exception("chg_9", step="books")
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)

    assert (await handle.result()).outcome == "compensated"
    assert await party(sagas) == "cus_2"
    assert [match.party for match in sagas.systems.erp.known_parties] == ["cus_2"]
    assert sagas.systems.erp.documents == []
    assert await sagas.grants("sub_9") == ()
    effects = await sagas.effects("chg_9")
    assert {step: e.state for step, e in effects.items() if "sync" not in step} == {
        "erp.party": "confirmed",
        "support.organization": "confirmed",
        "entitlements.grants": "compensated",
        "support.entitlement": "compensated",
    }
    # The next change goes on with the account that is there.
    assert (await sagas.finish("chg_10", "sub_9")).outcome == "completed"
    assert made(sagas) == ["erp.create_party", "support.create_organization"]


async def test_a_plan_from_before_the_account_was_there_opens_it_again_and_asks_nobody(
    database: Database,
) -> None:
    """The answer to the first attempt is lost, and the account opened before the next one, which
    finds the plan of the first."""
    systems = Systems(policy=TenantPolicy(accounts=RULES))
    arrive(systems)
    async with database.statement() as conn:
        await conn.execute(
            "insert into changes (id, tenant, connection, subject, event_id, kind, state, epoch) "
            "values ('chg_9', 'acme', 'stripe', 'sub_9', 'chg_9', 'activation', 'running', 1)"
        )
    step = StepInput(tenant="acme", change_id="chg_9", epoch=1)
    preparation = Preparation(database)
    first = await preparation.of_subscription(systems.tenant, step, "run")
    assert (first.account_missing, first.books_question) == ("cus_2", None)
    async with database.transaction() as conn:
        await mappings.put(conn, "acme", MAPPED, by="trueup")
    again = await preparation.of_subscription(systems.tenant, step, "run")
    assert again.digest == first.digest
    assert (again.account_missing, again.books_question) == ("cus_2", None)
