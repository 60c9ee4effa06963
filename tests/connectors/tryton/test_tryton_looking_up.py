"""What people look up in the real Tryton: by a part of a code or name, with what is blocked."""

import pytest

from canonical_models.looked_up import LookedUp
from canonical_models.mends import LookUp
from connectors.tryton.looking_up import LookingUp
from tests.connectors.tryton.accounts import Desk, desk, keeper

__all__ = ["desk", "keeper"]

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_what_it_has_is_found_by_a_part_of_code_or_name(desk: Desk) -> None:
    looking = LookingUp(desk.client, desk.master)

    async def found(kind: LookUp, text: str, entity: str | None = "LE-DE") -> tuple[LookedUp, ...]:
        return await looking.find(kind, text, legal_entity=entity, limit=20)

    code = await desk.customer()
    (party,) = await found(LookUp.PARTY, code[4:].upper())
    assert (party.id, party.name, party.blocked) == (code, code, None)
    rows = await desk.client.search("party.party", [["code", "=", code]], ("id",), what="it")
    await desk.client.rpc(
        "model.party.party.write", [rows[0]["id"]], {"active": False}, what="it", writes=True
    )
    (party,) = await found(LookUp.PARTY, code[4:])
    assert party.blocked == "it is deactivated"

    entities = await found(LookUp.LEGAL_ENTITY, "", None)
    assert {each.id for each in entities} >= {"LE-DE", "LE-US"}
    items = await found(LookUp.ERP_ITEM, "")
    assert items
    assert [each for each in await found(LookUp.ERP_ITEM, items[0].name) if each == items[0]]
    taxes = await found(LookUp.TAX_CODE, "19")
    assert taxes
    assert all("19" in f"{each.id} {each.name}" for each in taxes)
    posted = await desk.document(5000)
    documents = await desk.client.search(
        "account.invoice", [["id", "=", int(posted.id)]], ("number",), what="it"
    )
    number = documents[0]["number"]
    assert {each.blocked for each in await found(LookUp.ERP_DOCUMENT, number)} == {None}
    # A sign that a search knows is but a sign, and what is none of the ERP's it does not have.
    assert await found(LookUp.PARTY, "100%_") == ()
    assert await found(LookUp.TIER, "premium") == ()
