"""What only an answer made by hand can be: of another shape, of gateways, of versions long gone."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, Verdict
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.request_tracker.adapter import RequestTrackerTicketing
from connectors.request_tracker.checking import RequestTrackerConnection

NAMES = ("Trueup customer", "Trueup support tier", "Trueup contract end", "Trueup features")
EXPECTED = Expected(webhook_path="/webhooks/acme/rt")


def config(**options: Any) -> ConnectionConfig:
    return ConnectionConfig(
        name="desk",
        vendor="request_tracker",
        base_url="https://rt.example.com",
        secrets={"token": SecretStr("hidden")},
        options=options,
    )


def field(number: int, name: str, **changed: Any) -> dict[str, Any]:
    of = "RT::Catalog-RT::Asset"
    most = "0" if name.endswith("features") else "1"
    return {
        "id": str(number),
        "Name": name,
        "Type": "Freeform",
        "MaxValues": most,
        "UniqueValues": "1" if name.endswith("customer") else "0",
        "Disabled": "0",
        "LookupType": of,
        **changed,
    }


def asset(
    number: int, external_id: str | None = "cus_1", values: dict[str, Any] | None = None
) -> dict[str, Any]:
    held = {"Trueup customer": [external_id] if external_id else [], **(values or {})}
    shown = [{"id": "1", "name": name, "values": each} for name, each in held.items()]
    catalog = {"id": "2", "type": "catalog"}
    return {"id": str(number), "Status": "new", "Catalog": catalog, "CustomFields": shown}


def server(
    assets: list[dict[str, Any]] | None = None,
    fields: list[dict[str, Any]] | None = None,
    **more: Any,
) -> httpx.MockTransport:
    """Answers by path, below REST 2."""
    known = fields if fields is not None else [field(i, name) for i, name in enumerate(NAMES, 3)]
    answers: dict[str, Any] = {
        "rt": {"Version": "5.0.3"},
        "catalogs": {"items": [{"id": "2", "Name": "Customers", "Disabled": "0"}]},
        "catalog/2/customfields": {"items": known},
        "customfields": {"items": known},
        "assets": {"items": assets or [], "total": len(assets or [])},
        **{key.replace("__", "/"): value for key, value in more.items()},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/REST/2.0/")
        if path not in answers:
            return httpx.Response(404, json={"message": "Not Found"})
        told = answers[path]
        return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)

    return httpx.MockTransport(answer)


def connected(transport: httpx.MockTransport, **options: Any) -> RequestTrackerTicketing:
    return RequestTrackerTicketing.connect(config(**options), transport=transport)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Trueup support tier": ["gold", "silver"]}, "one value"),
        ({"Trueup support tier": ["gold plated"]}, "made of identifiers"),
        ({"Trueup support tier": [{"content": "x"}]}, "text"),
        ({"Trueup contract end": ["soon"]}, "a time in RFC 3339"),
        ({"Trueup features": ["two words"]}, "made of identifiers"),
    ],
)
async def test_a_field_that_people_have_filled_otherwise(values: Any, words: str) -> None:
    support = connected(server([asset(1, values=values)]))
    with pytest.raises(ContractDrift, match=words) as caught:
        await support.organization("cus_1")
    (name,) = values
    assert caught.value.payload_path == f"$.CustomFields.{name}"
    assert "then retry" in caught.value.message


async def test_what_people_may_write_and_is_understood() -> None:
    values = {
        "Trueup support tier": [" gold "],
        "Trueup contract end": ["2027-01-31"],
        "Trueup features": ["b", "", None, "a"],
    }
    shown = await connected(server([asset(1, values=values)])).organization("cus_1")
    assert shown is not None
    assert shown.entitlement == SupportEntitlement(
        organization="cus_1",
        tier="gold",
        contract_end=datetime(2027, 1, 31, tzinfo=UTC),
        features=("a", "b"),
    )


async def test_a_search_that_has_left_its_condition_out_is_not_believed() -> None:
    support = connected(server([asset(1, "cus_2"), asset(2, None)]))
    with pytest.raises(Rejection, match="was taken away") as caught:
        await support.organization("cus_1")
    assert caught.value.reason is RejectionCode.SUPPORT_REFUSED
    assert caught.value.subject == "cus_1"


async def test_one_that_another_request_made_meanwhile_is_found_by_its_name() -> None:
    answers = iter(([], [{**asset(7), "Name": "Acme"}]))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/assets"):
            return httpx.Response(200, json={"items": next(answers)})
        return server().handler(request)  # type: ignore[return-value] # it is no coroutine

    support = connected(httpx.MockTransport(answer))
    profile = AccountProfile(customer_id="cus_1", name="Acme")
    assert (await support.create_organization("cus_1", profile)).organization_id == "7"


async def test_a_tier_that_would_read_as_none_is_refused() -> None:
    wanted = SupportEntitlement(organization="cus_1", tier="0", contract_end=None)
    with pytest.raises(Rejection, match="called 0") as caught:
        await connected(server([asset(1)])).publish(wanted)
    assert caught.value.reason is RejectionCode.SUPPORT_REFUSED


async def test_an_answer_of_another_shape_names_the_path() -> None:
    support = connected(server(catalogs={"items": [{"id": "x"}]}))
    with pytest.raises(ContractDrift) as caught:
        await support.organization("cus_1")
    assert caught.value.payload_path == "$.items[0].id"


async def test_a_list_of_tickets_that_need_not_be_whole() -> None:
    ticket = {"id": "9", "Status": "open", "Due": "1970-01-01T00:00:00Z", "Priority": None}
    desk = await connected(server([asset(1)], tickets={"items": [ticket]})).desk("cus_1")
    assert desk is not None
    assert not desk.complete, "the token's user may not see every queue"
    (case,) = desk.cases
    assert (case.deadlines, case.priority, case.subject) == ((), None, None)

    many = {"items": [ticket] * 100, "total": 900}
    desk = await connected(server([asset(1)], tickets=many)).desk("cus_1")
    assert desk is not None
    assert (len(desk.cases), desk.complete) == (500, False)


async def look(transport: httpx.MockTransport, **options: Any) -> dict[str, Finding]:
    asked = RequestTrackerConnection.connect(config(**options), transport=transport)
    async with asked as connection:
        return {one.looked_at: one for one in await connection.check(EXPECTED)}


def refused(status: int) -> httpx.Response:
    return httpx.Response(status, json={"message": "no"})


@pytest.mark.parametrize(
    ("change", "looked_at", "verdict"),
    [
        ({"rt": {"Version": "4.4.6"}}, "version", Verdict.WRONG),
        ({"rt": {"Version": "five"}}, "version", Verdict.UNKNOWN),
        ({"rt": refused(404)}, "credentials", Verdict.UNKNOWN),
        ({"rt": refused(401)}, "credentials", Verdict.WRONG),
        ({"catalogs": {"items": []}}, "catalog", Verdict.WRONG),
        ({"catalog__2__customfields": refused(403)}, "custom fields", Verdict.WRONG),
        ({"asset": refused(400)}, "making assets", Verdict.RIGHT),
        ({"asset": refused(403)}, "making assets", Verdict.WRONG),
        ({"asset": refused(201)}, "making assets", Verdict.UNKNOWN),
        ({"assets": {"items": []}}, "seeing assets", Verdict.UNKNOWN),
    ],
)
async def test_what_a_look_finds(change: Any, looked_at: str, verdict: Verdict) -> None:
    found = (await look(server(**change)))[looked_at]
    assert found.verdict is verdict
    assert verdict is Verdict.RIGHT or found.next_step


@pytest.mark.parametrize(
    ("number", "changed", "words"),
    [
        (0, {"UniqueValues": "0"}, "made twice"),
        (1, {"Type": "Date"}, "does not hold"),
        (2, {"Disabled": "1"}, "is disabled"),
        (3, {"MaxValues": "1"}, "does not hold"),
    ],
)
async def test_a_custom_field_that_does_not_do(number: int, changed: Any, words: str) -> None:
    fields = [field(i, name) for i, name in enumerate(NAMES, 3)]
    fields[number] = {**fields[number], **changed}
    found = (await look(server(fields=fields)))[f"custom field {NAMES[number]}"]
    assert found.verdict is Verdict.WRONG
    assert words in found.meaning


async def test_a_field_that_cannot_be_applied_from_here_is_left_to_people() -> None:
    """The page of the administration answers, and the field is not applied afterwards."""
    page = httpx.Response(200, text="<html>Possible cross-site request forgery</html>")
    more: dict[str, Any] = {"/Admin/CustomFields/Objects.html": page}
    transport = server(catalog__2__customfields={"items": []}, **more)
    asked = RequestTrackerConnection.connect(config(), transport=transport)
    async with asked as connection:
        steps = await connection.setup(EXPECTED, keep=str)
    assert [step.done for step in steps] == [False] * 4
    assert steps[0].what == (
        "apply the custom field Trueup customer to the catalog Customers, by hand, at "
        "https://rt.example.com/Admin/CustomFields/Objects.html?id=3"
    )


async def test_a_catalog_that_is_disabled_is_not_set_up() -> None:
    off = {"items": [{"id": 2, "Name": "Customers", "Disabled": 1}]}
    assert (await look(server(catalogs=off)))["catalog"].verdict is Verdict.WRONG
    asked = RequestTrackerConnection.connect(config(), transport=server(catalogs=off))
    async with asked as connection:
        with pytest.raises(ValueError, match="is disabled"):
            await connection.setup(EXPECTED, keep=None)
