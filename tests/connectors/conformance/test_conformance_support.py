"""What a support platform must do besides: `TicketingPort` word by word."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import RejectionCode
from connectors.ports import TicketingPort
from tests.connectors.conformance import answers
from tests.connectors.conformance.cases import systems
from tests.connectors.conformance.checks import connected, failing
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.support import (
    SUPPORT,
    SupportSystem,
    known,
    newcomer,
    wanted,
)


async def system_of(start: Start, name: str) -> SupportSystem:
    found = await start(name)
    assert isinstance(found, SupportSystem)
    return found


@systems("support")
async def test_who_is_not_there_is_told_as_such(start: Start, name: str) -> None:
    system, nobody = await system_of(start, name), newcomer()
    gone = await known(system)
    await system.deleted_by_hand(gone)
    async with connected(system) as port:
        for each in (nobody.external_id, gone):
            assert await port.organization(each) is None
            assert await port.desk(each) is None
            await port.rename_organization(each, nobody.profile)
            with failing(system, RejectionCode.ORGANIZATION_UNKNOWN) as caught:
                await port.publish(wanted(each))
            assert getattr(caught.value, "subject", None) == each
    assert await system.named(nobody.profile.name) == 0


@systems("support")
async def test_what_is_no_id_is_nobodys(start: Start, name: str) -> None:
    await answers.no_id(await start(name), SUPPORT.look, None)


@systems("support")
async def test_an_organisation_of_the_same_name_is_not_taken_over(start: Start, name: str) -> None:
    system, mine = await system_of(start, name), newcomer()
    await system.made_by_hand(mine.profile.name, None)
    renamed = await known(system)
    async with connected(system) as port:
        with failing(system, RejectionCode.ACCOUNT_AMBIGUOUS):
            await port.create_organization(mine.external_id, mine.profile)
        with failing(system, RejectionCode.ACCOUNT_AMBIGUOUS):
            await port.rename_organization(renamed, mine.profile)
    assert await system.shown(mine.external_id) == []
    assert await system.named(mine.profile.name) == 1


@systems("support")
async def test_one_that_is_found_keeps_its_name(start: Start, name: str) -> None:
    system = await system_of(start, name)
    key = await known(system)
    (before,) = await system.shown(key)
    async with connected(system) as port:
        await port.create_organization(key, AccountProfile(customer_id=key, name="Another"))
    assert await system.shown(key) == [before]


@systems("support")
async def test_publishing_sets_all_that_is_shown(start: Start, name: str) -> None:
    """Times to the second whatever their zone, features each once, and what is not said is gone."""
    system = await system_of(start, name)
    key = await known(system)
    kabul = timezone(timedelta(hours=4, minutes=30))
    full = SupportEntitlement(
        organization=key,
        tier="platinum",
        contract_end=datetime(2030, 2, 28, 23, 59, 59, tzinfo=kabul),
        features=("sso", "chat", "sso"),
    )
    async with connected(system) as port:
        answered = await port.publish(full)
        (shown,) = await system.shown(key)
        assert (shown.tier, shown.features) == ("platinum", ("chat", "sso"))
        assert shown.contract_end == datetime(2030, 2, 28, 19, 29, 59, tzinfo=UTC)
        looked = await port.organization(key)
        assert looked == answered
        assert looked.entitlement.contract_end == full.contract_end
        await port.publish(SupportEntitlement(organization=key, tier=None, contract_end=None))
        empty = await port.organization(key)
    (shown,) = await system.shown(key)
    assert (shown.tier, shown.contract_end, shown.features) == (None, None, ())
    assert empty is not None
    told = empty.entitlement
    assert (told.tier, told.contract_end, told.features) == (None, None, ())


@systems("support")
async def test_the_desk_shows_open_cases(start: Start, name: str) -> None:
    system = await system_of(start, name)
    key = await known(system)
    async with connected(system) as port:
        before = await port.desk(key)
        await system.case_by_hand(key, "Printer on fire")
        desk = await port.desk(key)
    assert before is not None
    assert before.cases == ()
    assert desk is not None
    assert [each.subject for each in desk.cases] == ["Printer on fire"]
    assert desk.organization.entitlement.organization == key


async def told(
    port: TicketingPort, after: str | None = None
) -> tuple[dict[str, SupportEntitlement], set[str], str | None]:
    """All pages from there on: what is shown, what is gone, and where to go on."""
    shown: dict[str, SupportEntitlement] = {}
    gone: set[str] = set()
    while True:
        page = await port.facts(after=after)
        shown |= {each.organization: each for each in page.organizations}
        gone |= set(page.gone)
        after = page.next
        if not page.more:
            return shown, gone, after


@systems("support")
async def test_facts_are_what_a_look_tells_then_what_has_changed(start: Start, name: str) -> None:
    system = await system_of(start, name)
    keys = [await known(system) for _ in range(5)]
    async with connected(system) as port:
        await port.publish(wanted(keys[0]))
        await system.settled()
        everybody, _, after = await told(port)
        looked = [await port.organization(key) for key in keys]
        assert [everybody[key] for key in keys] == [each.entitlement for each in looked]
        await port.publish(wanted(keys[1]))
        await system.deleted_by_hand(keys[2])
        await system.settled()
        changed, gone, _ = await told(port, after)
        for cursor in ("page 7", "-", "1.5"):
            with pytest.raises(ValueError, match=r"\S"):
                await port.facts(after=cursor)
    assert changed[keys[1]] == wanted(keys[1])
    assert keys[2] in gone
    # A page may tell some of the one before again, and nobody who has not changed since.
    assert not {keys[3], keys[4]} & gone
