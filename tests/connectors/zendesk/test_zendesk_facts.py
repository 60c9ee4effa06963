"""What organisations show, by the export of what has changed."""

from collections.abc import Callable
from itertools import count

import httpx
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from connectors.zendesk.adapter import ZendeskTicketing

AGENT = ("sync@example.com/token", "t0ken")
_NUMBERS = count(1)


async def test_organisations_are_told_as_they_are_then_what_has_changed(
    zendesk_url: str, connect: Callable[..., ZendeskTicketing]
) -> None:
    support = connect(zendesk_url)
    names = [f"facts-{next(_NUMBERS)}" for _ in range(3)]
    for name in names:
        await support.create_organization(name, AccountProfile(customer_id=name, name=name))
    wanted = SupportEntitlement(
        organization=names[0], tier="premium", contract_end=None, features=("chat", "sso")
    )
    await support.publish(wanted)

    # Nothing of the last minute is told.
    early = (await support.facts()).organizations
    assert not {each.organization for each in early} & set(names)
    await _later(zendesk_url)
    page = await support.facts()
    shown = {each.organization: each for each in page.organizations}
    assert shown[names[0]] == wanted
    assert shown[names[1]].tier is None
    assert not page.more

    # An agent changes one, and deletes another.
    await support.publish(wanted.model_copy(update={"organization": names[1]}))
    async with httpx.AsyncClient(base_url=zendesk_url, auth=AGENT, trust_env=False) as agent:
        path = "/api/v2/organizations"
        answer = await agent.get(f"{path}/search", params={"external_id": names[2]})
        (found,) = answer.json()["organizations"]
        (await agent.delete(f"{path}/{found['id']}")).raise_for_status()
    await _later(zendesk_url)
    again = await support.facts(after=page.next)
    told = {each.organization: each.tier for each in again.organizations}
    assert told[names[1]] == "premium"
    assert again.gone == (names[2],)
    assert int(again.next or 0) > int(page.next or 0)
    with pytest.raises(ValueError, match="invalid literal"):
        await support.facts(after="page 7")


async def _later(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as clock:
        (await clock.post("/_sim/clock", json={"advance_seconds": 120})).raise_for_status()
