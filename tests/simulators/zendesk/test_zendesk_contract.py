"""The simulator against the vendor's own OpenAPI file, where that is at hand.

The file is test data that the project does not ship: `TRUEUP_CONTRACTS` names its folder.
"""

import importlib.util
import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.simulators.zendesk.app import create_app

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = ROOT / os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts")
CONTRACT_FILE = CONTRACTS / "zendesk-subset-noprose.json"
CHECKER_FILE = CONTRACTS / "contract_httpx.py"

pytestmark = pytest.mark.skipif(
    not (CONTRACT_FILE.is_file() and CHECKER_FILE.is_file()),
    reason="no zendesk-subset-noprose.json and contract_httpx.py in TRUEUP_CONTRACTS",
)

NULLABLE = (
    *("assignee_id", "description", "external_id", "forum_topic_id", "group_id"),
    *("organization_id", "priority", "problem_id", "raw_subject", "recipient", "subject", "type"),
)


def corrected(document: dict[str, Any]) -> dict[str, Any]:
    """The vendor's file without the places where it contradicts the vendor's own reference."""
    schemas, paths = document["components"]["schemas"], document["paths"]
    # The reference documents a body for both, and so do its examples.
    organization = {"$ref": "#/components/schemas/OrganizationObject"}
    body = {"type": "object", "required": ["organization"]}
    content = {"schema": {**body, "properties": {"organization": organization}}}
    request = {"required": True, "content": {"application/json": content}}
    paths["/api/v2/organizations/{organization_id}"]["put"]["requestBody"] = request
    paths["/api/v2/organizations/create_or_update"]["post"]["requestBody"] = request
    # An update sends just what changes, and create_or_update may match by id.
    del schemas["OrganizationObject"]["required"]
    named = {"allOf": [organization, {"type": "object", "required": ["name"]}]}
    schemas["CreateOrganizationRequest"]["properties"]["organization"] = named
    # External ids are strings everywhere else.
    document["components"]["parameters"]["OrganizationExternalId"]["schema"] = {"type": "string"}
    # Values on a ticket are no field definitions, and of the type of their field.
    value = {"type": "object", "required": ["id", "value"]}
    values = {**value, "properties": {"id": {"type": "integer"}, "value": {}}}
    for name in ("TicketObject", "TicketUpdateInput"):
        schemas[name]["properties"]["custom_fields"] = {"type": "array", "items": values}
    # A checkbox is a boolean, and every field without a value is null.
    fields = schemas["OrganizationObject"]["properties"]["organization_fields"]
    fields["additionalProperties"] = {}
    # The reference shows null for what a ticket does not have.
    for name in NULLABLE:
        schemas["TicketObject"]["properties"][name]["nullable"] = True
    # A result is the whole record and its result_type.
    schemas["SearchResultObject"]["additionalProperties"] = True
    # A filter compares ids with numbers too.
    condition = schemas["SLAPolicyFilterConditionObject"]["properties"]["value"]
    condition["oneOf"].append({"type": "integer"})
    return document


def load_checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("contract_httpx", CHECKER_FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    return load_checker()


@pytest.fixture(scope="module")
def contract(checker: ModuleType) -> Any:
    return checker.Contract(corrected(json.loads(CONTRACT_FILE.read_text())), strict=True)


@pytest_asyncio.fixture
async def client(
    tmp_path: Path, checker: ModuleType, contract: Any
) -> AsyncGenerator[httpx.AsyncClient]:
    app = create_app(tmp_path / "zendesk.sqlite", token="secret")
    async with httpx.AsyncClient(
        transport=checker.AsyncContractTransport(contract, httpx.ASGITransport(app)),
        base_url="http://zendesk.test/api/v2",
        auth=("agent@example.com/token", "secret"),
    ) as client:
        yield client
    app.close()


async def test_organizations(client: httpx.AsyncClient) -> None:
    made = await client.post(
        "/organizations",
        json={
            "organization": {
                "name": "Acme",
                "external_id": "cus_1",
                "tags": ["gold"],
                "organization_fields": {"support_tier": "gold", "seats": 5},
            }
        },
    )
    assert made.status_code == 201
    path = f"/organizations/{made.json()['organization']['id']}"
    changes = {"organization": {"tags": ["silver"], "organization_fields": {"seats": 7}}}
    replies = [
        await client.put(path, json=changes),
        await client.post(
            "/organizations/create_or_update",
            json={"organization": {"external_id": "cus_1", "name": "Acme Ltd"}},
        ),
        await client.get(path),
        await client.get(f"{path}/related"),
        await client.get("/organizations/search", params={"external_id": "cus_1"}),
        await client.get("/organization_fields"),
    ]
    assert [reply.status_code for reply in replies] == [200] * len(replies)
    new = {"organization": {"name": "Other", "external_id": "cus_2"}}
    created = await client.post("/organizations/create_or_update", json=new)
    assert created.status_code == 201


async def test_tickets_search_and_policies(client: httpx.AsyncClient) -> None:
    organization = {"organization": {"name": "Acme"}}
    made = await client.post("/organizations", json=organization)
    ticket = {
        "subject": "s",
        "comment": {"body": "b", "public": False},
        "priority": "high",
        "organization_id": made.json()["organization"]["id"],
        "external_id": "saga-1",
        "custom_fields": [{"id": 1, "value": "x"}],
        "tags": ["t"],
    }
    full = await client.post("/tickets", json={"ticket": ticket}, headers={"Idempotency-Key": "k"})
    bare = await client.post("/tickets", json={"ticket": {"comment": {"body": "b"}}})
    assert (full.status_code, bare.status_code) == (201, 201)
    assert full.headers["location"] == full.json()["ticket"]["url"]
    update = {"ticket": {"comment": {"body": "n", "public": False}, "status": "solved"}}
    updated = await client.put(f"/tickets/{bare.json()['ticket']['id']}", json=update)
    assert updated.json()["audit"]["events"]
    assert len((await client.get("/tickets")).json()["tickets"]) == 2
    found = await client.get("/search", params={"query": "type:ticket status<solved"})
    assert found.json()["count"] == 1
    assert (await client.get("/search", params={"query": "Acme"})).json()["count"] == 1


async def test_policies(tmp_path: Path, client: httpx.AsyncClient) -> None:
    policy = {
        "title": "Gold",
        "filter": {"all": [{"field": "current_tags", "operator": "includes", "value": "gold"}]},
        "policy_metrics": [{"priority": "high", "metric": "first_reply_time", "target": 60}],
    }
    # Creating one is not in the contract's subset, so it goes past the checker.
    app = create_app(tmp_path / "zendesk.sqlite", token="secret")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://zendesk.test/api/v2",
        auth=("agent@example.com/token", "secret"),
    ) as unchecked:
        made = await unchecked.post("/slas/policies", json={"sla_policy": policy})
    app.close()
    shown = await client.get(f"/slas/policies/{made.json()['sla_policy']['id']}")
    assert (await client.get("/slas/policies")).json()["sla_policies"] == [
        shown.json()["sla_policy"]
    ]


async def test_the_limit_of_organization_updates(
    tmp_path: Path, checker: ModuleType, contract: Any
) -> None:
    app = create_app(tmp_path / "limited.sqlite", token="secret", per_minute=1)
    async with httpx.AsyncClient(
        transport=checker.AsyncContractTransport(contract, httpx.ASGITransport(app)),
        base_url="http://zendesk.test/api/v2",
        auth=("agent@example.com/token", "secret"),
    ) as limited:
        await limited.get("/tickets")
        reply = await limited.put("/organizations/1", json={"organization": {"name": "A"}})
    app.close()
    assert reply.status_code == 429


async def test_the_checker_checks(client: httpx.AsyncClient, checker: ModuleType) -> None:
    with pytest.raises(checker.ContractViolation, match="name"):
        await client.post("/organizations", json={"organization": {"notes": "n"}})
    with pytest.raises(checker.ContractViolation, match="suport_tier"):
        await client.post(
            "/organizations", json={"organization": {"name": "A", "suport_tier": "x"}}
        )
