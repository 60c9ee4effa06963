"""Our requests against the vendor's own OpenAPI file, where that is at hand.

The file is test data that the project does not ship: `TRUEUP_CONTRACTS` names its folder.
"""

import importlib.util
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from connectors.zendesk.adapter import ZendeskTicketing

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = ROOT / os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts")
CONTRACT_FILE = CONTRACTS / "zendesk-subset-noprose.json"
CHECKER_FILE = CONTRACTS / "contract_httpx.py"

pytestmark = pytest.mark.skipif(
    not (CONTRACT_FILE.is_file() and CHECKER_FILE.is_file()),
    reason="no zendesk-subset-noprose.json and contract_httpx.py in TRUEUP_CONTRACTS",
)

ORGANIZATION_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["organization"],
                "properties": {"organization": {"$ref": "#/components/schemas/OrganizationObject"}},
            }
        }
    },
}

#: Where the vendor's file contradicts the vendor's reference: an update has a body and sends
#: just what changes, external ids are strings, lists have cursors, an empty field is null.
OVERLAY = {
    "paths": {
        "/api/v2/organizations/{organization_id}": {
            "put": {"requestBody": ORGANIZATION_BODY},
        },
        "/api/v2/organizations/create_or_update": {
            "post": {"requestBody": ORGANIZATION_BODY},
        },
        "/api/v2/organization_fields": {
            "parameters": [{"name": "page", "in": "query", "schema": {"type": "object"}}]
        },
    },
    "components": {
        "parameters": {"OrganizationExternalId": {"schema": {"type": "string"}}},
        "schemas": {
            "OrganizationObject": {
                "required": [],
                "properties": {
                    "organization_fields": {
                        "additionalProperties": {
                            "oneOf": [{"type": kind} for kind in ("string", "number", "null")]
                        }
                    }
                },
            }
        },
    },
}


@pytest.fixture(scope="module")
def checker() -> Any:
    spec = importlib.util.spec_from_file_location("contract_httpx", CHECKER_FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def contract(checker: Any) -> Any:
    document = json.loads(CONTRACT_FILE.read_text())
    return checker.Contract(checker.merge(document, OVERLAY), strict=True)


class Noted(httpx.AsyncBaseTransport):
    """Passes on what the checker let through, and keeps it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.seen: list[tuple[str, str]] = []
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.method, request.url.path))
        if request.content:
            assert json.loads(request.content)
        return await self._inner.handle_async_request(request)


@pytest.fixture
async def noted() -> AsyncIterator[Noted]:
    async with httpx.AsyncHTTPTransport(trust_env=False) as inner:
        yield Noted(inner)


async def test_the_vendor_accepts_what_we_send(
    checker: Any,
    contract: Any,
    noted: Noted,
    connect: Callable[..., ZendeskTicketing],
    strict_zendesk_url: str,
    organization: Callable[..., Awaitable[dict[str, Any]]],
) -> None:
    # Defining fields is not in the contract's subset, so it goes past the checker.
    await connect(strict_zendesk_url).ensure_fields()
    support = connect(strict_zendesk_url, transport=checker.AsyncContractTransport(contract, noted))
    made = await organization(strict_zendesk_url, tags=["vip"])
    wanted = SupportEntitlement(
        organization=made["external_id"],
        tier="gold",
        contract_end=datetime(2027, 1, 1, tzinfo=UTC),
        features=("sso",),
    )

    assert await support.ensure_fields() == ()
    for entitlement in (wanted, wanted.model_copy(update={"tier": None, "contract_end": None})):
        assert (await support.publish(entitlement)).entitlement == entitlement
    assert await support.organization("cus_nobody") is None

    search = ("GET", "/api/v2/organizations/search")
    update = ("PUT", f"/api/v2/organizations/{made['id']}")
    fields = ("GET", "/api/v2/organization_fields")
    assert noted.seen == [fields, search, update, search, update, search]


async def test_the_vendor_accepts_how_we_create(
    checker: Any,
    contract: Any,
    noted: Noted,
    connect: Callable[..., ZendeskTicketing],
    zendesk_url: str,
) -> None:
    support = connect(zendesk_url, transport=checker.AsyncContractTransport(contract, noted))
    profile = AccountProfile(customer_id="cus_contract", name="Contract & Söhne")

    made = await support.create_organization("cus_contract", profile)

    assert await support.create_organization("cus_contract", profile) == made
    search = ("GET", "/api/v2/organizations/search")
    create = ("POST", "/api/v2/organizations/create_or_update")
    assert noted.seen == [search, search, create, search]


async def test_the_vendor_accepts_how_open_tickets_follow(
    contract: Any, connect: Callable[..., ZendeskTicketing]
) -> None:
    """The list of an organisation's tickets is not in the contract's subset: the write alone is
    checked."""
    now = "2026-11-22T10:00:00Z"
    held = {"tier": "silver", **dict.fromkeys(("trueup_contract_end", "trueup_features"))}
    one = {"id": 7, "external_id": "cus_1", "tags": [], "organization_fields": held}
    ticket = {"id": 9, "status": "open", "created_at": now, "updated_at": now}
    written: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT" and "tickets" in request.url.path:
            written.append(request)
            return httpx.Response(200, json={})
        if request.url.path.endswith("/tickets"):
            meta = {"has_more": False}
            tagged = {**ticket, "tags": ["sla_silver", "vip"]} if not written else ticket
            return httpx.Response(200, json={"tickets": [tagged], "meta": meta})
        if request.method == "PUT":
            return httpx.Response(200, json={"organization": one})
        return httpx.Response(200, json={"organizations": [one]})

    support = connect(
        "https://acme.zendesk.com",
        transport=httpx.MockTransport(answer),
        open_tickets="follow",
        tier_field="tier",
    )
    await support.publish(SupportEntitlement(organization="cus_1", tier="gold", contract_end=None))
    (request,) = written
    contract.request(request)
    assert json.loads(request.content)["ticket"] == {
        "tags": ["vip", "sla_gold"],
        "safe_update": True,
        "updated_stamp": now,
    }


async def test_the_checker_checks(checker: Any, contract: Any) -> None:
    address = "https://acme.zendesk.com/api/v2/organizations/1"
    wrong = httpx.Request(
        "PUT",
        address,
        json={"organization": {"organisation_fields": {}}},
        headers={"authorization": "Basic x"},
    )
    with pytest.raises(checker.ContractViolation, match="organisation_fields"):
        contract.request(wrong)
