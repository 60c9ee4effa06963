"""Who a customer is elsewhere: found for certain, proposed to a person, or made by policy."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.adoption import AccountStep
from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping
from canonical_models.policy import AccountPolicy, TenantPolicy
from persistence import mappings
from persistence.database import Database
from tests.adoption.golive import GoLive, before_going_live, causes, finding, in_erp, old, sold
from tests.harness.sagas import sagas_at_work

PROFILE = AccountProfile(
    customer_id="cus_2",
    name="Kurz & Lang GmbH",
    currency="EUR",
    address=PostalAddress(city="Bremen", country="DE"),
    tax_ids=(TaxId(kind="eu_vat", value="DE136695976"),),
)


def arrives(golive: GoLive, *parties: PartyMatch, organization: bool = True) -> None:
    """`cus_2` has a subscription and an open invoice, and is mapped to nobody."""
    golive.sells(sold(old(number=2), number=2))
    golive.systems.billing.accounts["cus_2"] = PROFILE
    golive.systems.erp.known_parties = [*parties]
    if not organization:
        golive.systems.support.unknown.add("cus_2")


async def mapped(golive: GoLive) -> AccountMapping | None:
    async with golive.database.statement() as conn:
        return (await mappings.accounts_now(conn, "acme", ["cus_2"])).get("cus_2")


@pytest.fixture
async def opening(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[GoLive]:
    """Which legal entity sells to whom is a rule; accounts are not made."""
    rules = AccountPolicy(legal_entities={"DE": "LE-DE"})
    async with sagas_at_work(
        temporal.client, database, before_going_live(policy=TenantPolicy(accounts=rules))
    ) as working:
        yield GoLive(working)


@pytest.fixture
async def making(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[GoLive]:
    """Accounts are made where there are none."""
    rules = AccountPolicy(create=True, legal_entities={"DE": "LE-DE"})
    async with sagas_at_work(
        temporal.client, database, before_going_live(policy=TenantPolicy(accounts=rules))
    ) as working:
        yield GoLive(working)


@pytest.mark.parametrize("by", ["external_id", "tax_id"])
async def test_who_is_certain_is_mapped(opening: GoLive, by: str) -> None:
    arrives(opening, PartyMatch(party="C-7", by=by), PartyMatch(party="C-8", by="name"))
    opening.systems.erp.documents.append(in_erp(old(number=2), party="C-7"))
    found = await opening.only()

    assert (found.findings, found.figures.account) == ((), AccountStep.FOUND)
    assert found.figures.linked == 1
    assert await mapped(opening) == AccountMapping(
        billing_customer="cus_2",
        erp_party="C-7",
        support_organization="cus_2",
        legal_entity="LE-DE",
    )
    assert await opening.agreed("sub_2")
    assert opening.written == ["support.publish"]


@pytest.mark.parametrize(
    "parties",
    [
        (PartyMatch(party="C-7", by="name"),),
        (PartyMatch(party="C-7", by="tax_id"), PartyMatch(party="C-8", by="tax_id")),
        (PartyMatch(party="C-7", by="tax_id", contradicts=("country",)),),
        (PartyMatch(party="C-7", by="external_id", active=False),),
    ],
    ids=["a name", "two of a tax id", "another country", "inactive"],
)
async def test_who_is_not_certain_is_proposed(
    making: GoLive, parties: tuple[PartyMatch, ...]
) -> None:
    arrives(making, *parties)
    one = finding(await making.only())

    assert (one.cause, one.subject, one.blocks) == ("account_ambiguous", "cus_2", True)
    assert all(match.party in one.message for match in parties)
    assert "trueup mappings set account cus_2 --party C-7 --entity CODE" in one.message
    assert await mapped(making) is None
    assert not await making.agreed("sub_2")
    assert making.written == []

    await making.maps(2)
    again = (await making.adopts("ado_2"))["cus_2"]
    assert causes(again) == ["document_missing"]
    assert await making.agreed("sub_2")


async def test_nobody_is_made_unless_the_policy_says_so(opening: GoLive) -> None:
    arrives(opening, organization=False)
    found = await opening.only()
    assert causes(found) == ["account_unmapped", "organization_unknown"]
    assert opening.written == []
    assert not await opening.agreed("sub_2")


async def test_by_policy_party_and_organisation_are_made(making: GoLive) -> None:
    arrives(making, organization=False)
    rehearsed = (await making.adopts("ado_1", rehearsal=True))["cus_2"]
    assert making.written == []
    assert rehearsed.figures.account is AccountStep.MADE

    found = (await making.adopts("ado_2"))["cus_2"]
    assert causes(found) == causes(rehearsed) == ["document_missing"]
    assert making.written == ["erp.create_party", "support.create_organization", "support.publish"]
    made = await mapped(making)
    assert made is not None
    assert made.erp_party == "cus_2"
    assert await making.agreed("sub_2")


async def test_what_is_made_waits_for_all_else(making: GoLive) -> None:
    arrives(making)
    making.sells(sold(number=2, product="unheard_of"))
    one = finding(await making.only())
    assert (one.cause, one.blocks) == ("item_unmapped", True)
    assert making.written == []


async def test_a_vat_number_that_cannot_be_right_is_asked(making: GoLive) -> None:
    arrives(making)
    wrong = (TaxId(kind="eu_vat", value="DE136695977"),)
    making.systems.billing.accounts["cus_2"] = PROFILE.model_copy(update={"tax_ids": wrong})
    assert finding(await making.only()).cause == "tax_id_invalid"
    assert making.written == []


async def test_personal_data_is_in_no_table(making: GoLive) -> None:
    arrives(making, organization=False)
    await making.adopts("ado_1")
    held = await making.tables()
    assert "Kurz" not in str(held)
    assert "Kurz" not in str(await making.found("ado_1"))


async def test_an_organisation_that_is_mapped_and_gone_blocks(golive: GoLive) -> None:
    golive.sells(sold())
    golive.systems.support.unknown.add("cus_1")
    one = finding(await golive.only())
    assert (one.cause, one.blocks) == ("organization_unknown", True)
    assert not await golive.agreed()
    assert await golive.sagas.grants() == ()
