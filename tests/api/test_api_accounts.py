"""Accounts that programs bring: matched, proposed or created, and where they stand."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping
from canonical_models.policy import AccountPolicy, TenantPolicy
from operations import account_sync
from operations.context import AppContext
from persistence import mappings
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.test_api_support import away
from tests.harness.systems import Systems, refused

PROFILE = AccountProfile(
    customer_id="cus_2",
    name="Kurz & Lang GmbH",
    currency="EUR",
    address=PostalAddress(city="Bremen", country="DE"),
    tax_ids=(TaxId(kind="eu_vat", value="DE136695976"),),
)
SENT = {
    "customer_id": "cus_2",
    "name": "Kurz & Lang GmbH",
    "address": {"city": "Bremen", "country": "DE"},
    "tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}],
}
Bring = Callable[..., Any]


@pytest.fixture
def vendors() -> Systems:
    """`cus_2` is a customer in billing, and nowhere else."""
    made = Systems(policy=TenantPolicy(accounts=AccountPolicy(create=True, legal_entity="DE")))
    made.billing.accounts["cus_2"] = PROFILE
    made.support.unknown.add("cus_2")
    return made


@pytest.fixture
def bring(call: Call, context: AppContext, vendors: Systems, app: Any) -> Bring:
    """Nobody carries the change out."""
    _reach(app, context, vendors)

    async def bringing(*, status: int = 200, dry_run: bool = False, **said: Any) -> Any:
        asked = {**SENT, **said}
        answer = await call(
            "POST", "/v1/accounts", "accounts:write", json=asked, params={"dry_run": dry_run}
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    return bringing


def _reach(app: Any, context: AppContext, vendors: Systems, **otherwise: Any) -> None:
    billing, erp = otherwise.get("billing", vendors.billing), otherwise.get("erp", vendors.erp)
    tenants = {
        name: each.model_copy(update={"policy": vendors.tenant.policy})
        for name, each in context.tenants.items()
    }
    app.state.context = replace(
        context, tenants=tenants, billing=lambda _: billing, erp=lambda _: erp
    )


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what nobody carries out."""
    monkeypatch.setattr(account_sync, "PATIENCE", 0.3)


async def changes_of(database: Database, customer: str) -> int:
    async with database.transaction() as conn:
        found = await conn.execute(
            "select count(*) from changes where subject = %s", (f"account:{customer}",)
        )
        row = await found.fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize(
    ("known", "outcome", "party", "rule", "candidates"),
    [
        ([], "created", None, None, []),
        ([PartyMatch(party="C-7", by="tax_id")], "matched", "C-7", "tax_id", []),
        (
            [PartyMatch(party="C-7", by="name"), PartyMatch(party="C-9", by="name", active=False)],
            "proposed",
            None,
            None,
            [("C-7", 40, "name"), ("C-9", 20, "name, inactive")],
        ),
        (
            [PartyMatch(party="C-7", by="tax_id", contradicts=("country",))],
            "proposed",
            None,
            None,
            [("C-7", 50, "tax id, but another country")],
        ),
    ],
)
async def test_a_dry_run_says_what_would_become_of_it_and_does_nothing(  # noqa: PLR0917 - one case
    known: list[PartyMatch],
    outcome: str,
    party: str | None,
    rule: str | None,
    candidates: list[tuple[str, int, str]],
    bring: Bring,
    vendors: Systems,
    database: Database,
    call: Call,
) -> None:
    vendors.erp.known_parties = known
    said = await bring(dry_run=True, external_ids={"crm": "15"})
    assert (said["outcome"], said["party"], said["rule"]) == (outcome, party, rule)
    assert [(one["party"], one["score"], one["why"]) for one in said["candidates"]] == candidates
    assert not said["done"]
    assert said["place"]["external_ids"] == {"crm": "15"}
    assert await changes_of(database, "cus_2") == 0
    assert (await call("GET", "/v1/accounts")).json()["items"] == []
    assert vendors.erp.known_parties == known


async def test_without_a_worker_it_is_kept_and_goes_on_by_itself(
    bring: Bring, database: Database, call: Call
) -> None:
    first = await bring(status=202, external_ids={"crm": "15"})
    assert (first["outcome"], first["exception_id"]) == ("underway", None)
    # Again it is the same change that waits.
    assert (await bring(status=202))["change_id"] == first["change_id"]
    assert await changes_of(database, "cus_2") == 1
    (row,) = (await call("GET", "/v1/accounts", params={"external": "crm:15"})).json()["items"]
    assert (row["customer_id"], row["account"]) == ("cus_2", None)
    async with database.transaction() as conn:
        kept = await conn.execute("select row_to_json(p)::text from account_places p")
        (text,) = await kept.fetchone() or ("",)
    assert "Kurz" not in text
    assert "DE136695976" not in text


async def test_what_is_sent_under_a_key_is_done_once(call: Call, bring: Bring) -> None:
    key = {"idempotency-key": "first"}
    body = {**SENT, "external_ids": {"crm": "15"}}
    # The key belongs to the API key that sent it.
    answer = await call("POST", "/v1/accounts", "accounts:write", json=body, headers=key)
    assert answer.status_code == 202


async def test_what_billing_does_not_have_is_refused_and_what_differs_is_named(
    bring: Bring, vendors: Systems
) -> None:
    said = await bring(dry_run=True, name="Kurz GmbH", email="x@example.com")
    assert said["differs"] == ["name", "email"]
    vendors.script.faults["billing.account"] = [refused(RejectionCode.BILLING_REFUSED, "billing")]
    answer = await bring(status=422)
    assert "billing does not show a customer cus_2" in answer["detail"]
    assert "make it there first" in answer["remedy"]


async def test_a_party_that_only_what_was_sent_leads_to_is_proposed_and_no_twin_is_made(
    bring: Bring, vendors: Systems, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def parties(profile: AccountProfile) -> tuple[PartyMatch, ...]:
        known = PartyMatch(party="C-7", by="name")
        return (known,) if profile.name == "Old Name GmbH" else ()

    monkeypatch.setattr(vendors.erp, "parties", parties)
    said = await bring(name="Old Name GmbH")
    assert (said["outcome"], said["change_id"], said["done"]) == ("proposed", None, True)
    assert said["candidates"] == [{"party": "C-7", "score": 40, "why": "name, as it was sent"}]
    assert "nothing is made" in said["words"]
    assert await changes_of(database, "cus_2") == 0


@pytest.mark.parametrize("part", ["billing", "erp"])
async def test_a_system_that_is_away_is_told_and_the_account_waits_for_it(
    part: str,
    bring: Bring,
    app: Any,
    context: AppContext,
    vendors: Systems,
    database: Database,
) -> None:
    _reach(app, context, vendors, **{part: away(part)})
    said = await bring(status=202)
    assert said["outcome"] == "underway"
    assert "cannot be reached" in said["problem"]
    assert said["candidates"] == []
    assert await changes_of(database, "cus_2") == 1


# --- where it stands


async def test_it_stands_where_it_was_put_and_who_said_so_is_kept(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        for name in ("cus_top", "cus_mid"):
            await mappings.put(conn, "acme", _mapped(name), by="tester")
    placed = await put(call, "cus_mid", parent="cus_top", payer="cus_top")
    assert placed["changed"]
    assert not (await put(call, "cus_mid", parent="cus_top", payer="cus_top"))["changed"]
    await put(call, acme.customer, parent="cus_mid", external_ids={"crm": "15"})

    top = (await call("GET", "/v1/accounts/cus_top", "accounts:read")).json()
    assert (top["children"], top["pays_for"]) == (["cus_mid"], ["cus_mid"])
    mid = (await call("GET", "/v1/accounts/cus_mid")).json()
    assert (mid["place"]["parent"], mid["place"]["payer"]) == ("cus_top", "cus_top")
    (once,) = mid["placed"]
    assert (once["action"], once["before"], once["after"]["parent"]) == ("place", None, "cus_top")

    for query, names in (
        ({"parent": "cus_top"}, ["cus_mid"]),
        ({"payer": "cus_top"}, ["cus_mid"]),
        ({"external": "crm:15"}, [acme.customer]),
        ({"external": "crm:16"}, []),
    ):
        page = (await call("GET", "/v1/accounts", params=query)).json()
        assert [row["customer_id"] for row in page["items"]] == names
    first = (await call("GET", "/v1/accounts", params={"limit": 1})).json()
    rest = (await call("GET", "/v1/accounts", params={"cursor": first["next"]})).json()
    names = [row["customer_id"] for row in (*first["items"], *rest["items"])]
    assert names == sorted(names)
    assert {acme.customer, "cus_mid", "cus_top"} <= set(names)
    assert (await call("GET", "/v1/accounts", params={"external": "crm"})).status_code == 422

    # Support sees it, and what was said here goes before billing's metadata.
    answer = await call("GET", "/v1/support/context", params={"customer": acme.customer})
    (told,) = answer.json()["customers"]
    account = told["hierarchy"]["value"]
    assert (account["parent"], account["payer"]) == ("cus_mid", acme.customer)
    assert account["external_ids"] == {"crm": "15"}


async def test_what_cannot_stand_so_is_refused_with_why(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        for name in ("cus_a", "cus_b", "cus_c"):
            await mappings.put(conn, "acme", _mapped(name), by="tester")
    await put(call, "cus_b", parent="cus_a", payer="cus_a", external_ids={"crm": "15"})
    await put(call, "cus_c", parent="cus_b")

    cycle = await put(call, "cus_a", status=422, parent="cus_c")
    assert "cus_c under cus_b under cus_a" in cycle["detail"]
    assert "its own parent" in (await put(call, "cus_a", status=422, parent="cus_a"))["detail"]
    unknown = await put(call, "cus_a", status=422, parent="cus_none")
    assert "of whom nothing has arrived" in unknown["detail"]
    paid = await put(call, "cus_c", status=422, payer="cus_b")
    assert "cus_a pays for cus_b itself" in paid["detail"]
    pays = await put(call, "cus_a", status=422, payer="cus_c")
    assert "pays for cus_b, and so for itself" in pays["detail"]
    taken = await put(call, "cus_c", status=409, external_ids={"crm": "15"})
    assert "crm calls customer cus_b 15 already" in taken["detail"]
    assert (await put(call, "cus_none", status=404))["code"] == "not-found"
    # Who pays for itself has nobody who does.
    assert (await put(call, "cus_c", payer="cus_c"))["place"]["payer"] is None


async def test_two_that_would_stand_under_each_other_do_not(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        for name in ("cus_a", "cus_b"):
            await mappings.put(conn, "acme", _mapped(name), by="tester")
    path = "/v1/accounts/{}/place"
    answers = await asyncio.gather(
        call("PUT", path.format("cus_a"), json={"parent": "cus_b"}),
        call("PUT", path.format("cus_b"), json={"parent": "cus_a"}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_it_is_put_where_it_was_seen_alone(call: Call, acme: Ids) -> None:
    path = f"/v1/accounts/{acme.customer}"
    etag = {"if-match": (await call("GET", path)).headers["etag"]}
    first = await call("PUT", f"{path}/place", json={"external_ids": {"crm": "1"}}, headers=etag)
    assert first.status_code == 200, first.text
    late = await call("PUT", f"{path}/place", json={}, headers=etag)
    assert (late.status_code, late.json()["see"]) == (412, path)


def _mapped(customer: str) -> AccountMapping:
    return AccountMapping(
        billing_customer=customer,
        erp_party=f"P-{customer}",
        support_organization=customer,
        legal_entity="DE",
    )


async def put(call: Call, customer: str, *, status: int = 200, **said: Any) -> Any:
    answer: httpx.Response = await call(
        "PUT", f"/v1/accounts/{customer}/place", "accounts:write", json=said
    )
    assert answer.status_code == status, answer.text
    return answer.json()
