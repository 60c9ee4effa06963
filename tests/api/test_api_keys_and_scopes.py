"""Who may ask what: keys, scopes, and a tenant that no request can choose."""

import hashlib
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.keys import SCOPES
from persistence import keys
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids, key_of

#: Every operation with a path that exists for acme, and the scope it needs.
OPERATIONS = (
    ("GET", "/v1/changes", "changes:read"),
    ("GET", "/v1/changes/chg_acme_done", "changes:read"),
    ("GET", "/v1/changes/chg_acme_done/order", "changes:read"),
    ("POST", "/v1/changes/chg_acme_next/hold", "changes:write"),
    ("POST", "/v1/changes/chg_acme_next/release", "changes:write"),
    ("POST", "/v1/changes/chg_acme_next/cancel", "changes:write"),
    ("POST", "/v1/changes/chg_acme_waits/signal", "changes:write"),
    ("GET", "/v1/subscriptions", "subscriptions:read"),
    ("GET", "/v1/subscriptions/sub_acme", "subscriptions:read"),
    ("GET", "/v1/subscriptions/sub_acme/orders", "subscriptions:read"),
    ("POST", "/v1/subscriptions/sub_acme/sync", "subscriptions:write"),
    ("POST", "/v1/amendments/preview", "subscriptions:read"),
    ("GET", "/v1/renewals?within_days=3660", "subscriptions:read"),
    ("GET", "/v1/dunning", "subscriptions:read"),
    ("GET", "/v1/accounts", "accounts:read"),
    ("POST", "/v1/accounts", "accounts:write"),
    ("PUT", "/v1/accounts/cus_acme/place", "accounts:write"),
    ("GET", "/v1/accounts/cus_acme", "accounts:read"),
    ("POST", "/v1/accounts/cus_acme/sync", "accounts:write"),
    ("GET", "/v1/invoices", "invoices:read"),
    ("GET", "/v1/invoices/in_acme", "invoices:read"),
    ("POST", "/v1/invoices/in_acme/refresh", "invoices:write"),
    ("POST", "/v1/invoices/refresh", "invoices:write"),
    ("POST", "/v1/invoices/in_acme_alone/hold", "invoices:decide"),
    ("POST", "/v1/invoices/in_acme_alone/skip", "invoices:decide"),
    ("POST", "/v1/invoices/in_acme_alone/take-back", "invoices:decide"),
    ("POST", "/v1/invoices/in_acme_alone/release", "invoices:decide"),
    ("POST", "/v1/invoices/in_acme_alone/link", "invoices:decide"),
    ("POST", "/v1/invoices/in_acme_alone/correct", "invoices:decide"),
    ("GET", "/v1/differences", "invoices:read"),
    ("POST", "/v1/reconciliations", "invoices:write"),
    ("POST", "/v1/reconciliations/repair", "subscriptions:write"),
    ("GET", "/v1/reconciliations/latest", "invoices:read"),
    ("GET", "/v1/reconciliations/differences", "invoices:read"),
    ("GET", "/v1/shadow", "changes:read"),
    ("POST", "/v1/shadow/look", "invoices:write"),
    ("GET", "/v1/shadow/items", "changes:read"),
    ("GET", "/v1/shadow/changes/chg_acme_done", "changes:read"),
    ("POST", "/v1/shadow/trials", "batches:write"),
    ("GET", "/v1/shadow/trials/tri_acme", "batches:read"),
    ("GET", "/v1/cash", "invoices:read"),
    ("POST", "/v1/cash/look", "invoices:write"),
    ("GET", "/v1/cash/payouts", "invoices:read"),
    ("GET", "/v1/periods", "periods:read"),
    ("GET", "/v1/periods/LE-acme/2026-01", "periods:read"),
    ("GET", "/v1/periods/LE-acme/2026-01/report", "periods:read"),
    ("POST", "/v1/periods/LE-acme/2026-01/close", "periods:close"),
    ("POST", "/v1/periods/LE-acme/2026-01/reopen", "periods:close"),
    ("POST", "/v1/periods/LE-acme/2026-01/differences/dif_acme/accept", "periods:close"),
    ("POST", "/v1/periods/LE-acme/2026-01/differences/dif_acme/withdraw", "periods:close"),
    ("GET", "/v1/connections", "exceptions:read"),
    ("GET", "/v1/exceptions", "exceptions:read"),
    ("GET", "/v1/exceptions/exc_acme_open", "exceptions:read"),
    ("POST", "/v1/exceptions/exc_acme_open/resolve", "exceptions:write"),
    ("GET", "/v1/exceptions/exc_acme_open/abort", "exceptions:read"),
    ("POST", "/v1/exceptions/exc_acme_done/reopen", "invoices:decide"),
    ("POST", "/v1/exceptions/exc_acme_open/assign", "exceptions:write"),
    ("POST", "/v1/exceptions/exc_acme_open/tags", "exceptions:write"),
    ("POST", "/v1/exceptions/exc_acme_open/comments", "exceptions:write"),
    ("GET", "/v1/causes", "exceptions:read"),
    ("GET", f"/v1/causes/{Ids('acme').cause}", "exceptions:read"),
    ("POST", f"/v1/causes/{Ids('acme').cause}/assign", "exceptions:write"),
    ("POST", f"/v1/causes/{Ids('acme').cause}/tags", "exceptions:write"),
    ("POST", f"/v1/causes/{Ids('acme').cause}/comments", "exceptions:write"),
    ("POST", "/v1/exceptions/exc_acme_open/preview", "exceptions:read"),
    ("POST", "/v1/causes/4c1d2e3f5a6b7c8d/preview", "exceptions:write"),
    ("GET", "/v1/previews/pre_acme", "exceptions:read"),
    ("POST", "/v1/causes/4c1d2e3f5a6b7c8d/releases", "exceptions:write"),
    ("GET", "/v1/releases/rel_acme", "exceptions:read"),
    ("POST", "/v1/releases/rel_acme/joined", "exceptions:write"),
    ("POST", "/v1/releases/rel_acme/add", "exceptions:write"),
    ("GET", "/v1/releases/rel_acme/approval", "exceptions:read"),
    ("POST", "/v1/releases/rel_acme/approve", "exceptions:write"),
    ("GET", "/v1/releases/rel_acme/undo", "exceptions:read"),
    ("POST", "/v1/releases/rel_acme/undo", "invoices:decide"),
    ("GET", "/v1/inbox", "inbox:read"),
    ("GET", "/v1/inbox/rcp_acme", "inbox:read"),
    ("POST", "/v1/inbox/rcp_acme/replay", "inbox:write"),
    ("POST", "/v1/inbox/replays/preview", "inbox:write"),
    ("POST", "/v1/inbox/replays", "inbox:write"),
    ("POST", "/v1/backfills", "backfill:write"),
    ("GET", "/v1/backfills/bfl_acme", "batches:read"),
    ("GET", "/v1/batches", "batches:read"),
    ("GET", "/v1/batches/bat_acme", "batches:read"),
    ("GET", "/v1/batches/bat_acme/items", "batches:read"),
    ("POST", "/v1/batches/bat_acme/pause", "batches:write"),
    ("POST", "/v1/batches/bat_acme/resume", "batches:write"),
    ("POST", "/v1/batches/bat_acme/stop", "batches:write"),
    ("GET", "/v1/mappings", "mappings:read"),
    ("GET", "/v1/mappings/account/cus_acme", "mappings:read"),
    ("PUT", "/v1/mappings", "mappings:write"),
    ("POST", "/v1/mappings/preview", "mappings:write"),
    ("GET", "/v1/entitlements?customer=cus_acme", "entitlements:read"),
    ("GET", "/v1/entitlements/check?customer=cus_acme&feature=seats", "entitlements:read"),
    ("GET", "/v1/grants?customer=cus_acme", "entitlements:read"),
    ("POST", "/v1/grants", "entitlements:write"),
    ("GET", "/v1/grants/owned-by-acme", "entitlements:read"),
    ("DELETE", "/v1/grants/owned-by-acme", "entitlements:write"),
    ("POST", "/v1/grants/owned-by-acme/suspend", "entitlements:write"),
    ("POST", "/v1/grants/owned-by-acme/restore", "entitlements:write"),
    ("GET", "/v1/support/context?customer=cus_acme", "support:read"),
    ("POST", "/v1/targets/check", "entitlements:read"),
    ("POST", "/v1/targets/publish", "entitlements:write"),
    ("GET", "/v1/events", "events:read"),
    ("GET", "/v1/streams", "streams:read"),
    ("POST", "/v1/streams", "streams:write"),
    ("GET", "/v1/streams/crm-acme", "streams:read"),
    ("GET", "/v1/streams/crm-acme/deliveries", "streams:read"),
    ("POST", "/v1/streams/crm-acme/pause", "streams:write"),
    ("POST", "/v1/streams/crm-acme/resume", "streams:write"),
    ("POST", "/v1/streams/crm-acme/rotate", "streams:write"),
    ("POST", "/v1/streams/crm-acme/test", "streams:write"),
    ("POST", "/v1/streams/crm-acme/deliveries/1/resend", "streams:write"),
    ("POST", "/v1/streams/crm-acme/resend", "streams:write"),
    ("DELETE", "/v1/streams/crm-acme", "streams:write"),
    ("GET", "/v1/audit", "audit:read"),
    ("GET", "/v1/numbers", "changes:read"),
)


@pytest.fixture
def dsn(module_dsn: str) -> str:
    """One database for all: these tests change nothing that another looks at."""
    return module_dsn


def test_every_operation_is_in_the_list(app: FastAPI) -> None:
    found = [
        (path, method)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/v1")
    ]
    assert len(found) == len(OPERATIONS)


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
async def test_an_operation_needs_a_key_and_its_scope(
    method: str, path: str, scope: str, call: Call, api: httpx.AsyncClient, acme: Ids
) -> None:
    nobody = await api.request(method, path)
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert nobody.json()["remedy"]

    others = set(SCOPES) - {scope, "admin"}
    refused = await call(method, path, *others)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert f'scope="{scope}"' in refused.headers["www-authenticate"]

    for enough in (scope, "admin"):
        answer = await call(method, path, enough)
        assert answer.status_code not in (401, 403)
        # Without a body a write is refused for that, and reads are answered.
        assert answer.status_code < 500 or answer.json()["code"] == "unavailable"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer tu_wrong",
        "Basic dXNlcjpwYXNz",
        "Bearer \udc00".encode("utf-8", "surrogatepass"),
        "Bearer tu_" + "x" * 5000,
        b"Bearer tu_\xff\x00\xfe",
    ],
)
async def test_a_key_that_is_none_is_refused(header: str | bytes, api: httpx.AsyncClient) -> None:
    raw = header if isinstance(header, bytes) else header.encode()
    answer = await api.get("/v1/changes", headers=[(b"authorization", raw)])
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert "tu_wrong" not in answer.text


async def test_a_revoked_key_is_refused_at_once(api: httpx.AsyncClient, database: Database) -> None:
    key = await key_of(database, "acme", "admin")
    bearer = {"authorization": f"Bearer {key}"}
    assert (await api.get("/v1/changes", headers=bearer)).status_code == 200
    async with database.transaction() as conn:
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        assert await keys.revoke(conn, "acme", name)
    assert (await api.get("/v1/changes", headers=bearer)).status_code == 401


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_no_key_ever_sees_another_tenants_rows(
    data: st.DataObject, call: Call, acme: Ids, globex: Ids
) -> None:
    asking, other = data.draw(st.permutations([acme, globex]))
    owner = data.draw(st.sampled_from([acme, globex]))
    path, parameters = data.draw(_requests(owner))
    answer = await call("GET", path, tenant=asking.tenant, params=parameters)
    assert other.mark not in answer.text
    if owner is other:
        single = path.startswith("/v1/shadow/changes/") or (
            path.count("/") == 3 and not path.endswith(("/check", "/payouts", "/items"))
        )
        assert answer.status_code == (404 if single else 200)
        if not single:
            found = answer.json()
            assert not found.get("items") or all(
                other.tenant not in str(row) for row in found["items"]
            )
    else:
        assert answer.status_code == 200


def _requests(owner: Ids) -> st.SearchStrategy[tuple[str, dict[str, str | int]]]:
    """Any GET that asks for what `owner` has, by id or by filter."""
    some = st.sampled_from
    page: dict[str, Any] = {"limit": st.integers(1, 200)}
    change_ids = some([owner.change(name) for name in ("done", "waits", "next")])
    singles = st.one_of(
        change_ids.map(lambda key: f"/v1/changes/{key}"),
        some([owner.exception, owner.resolved]).map(lambda key: f"/v1/exceptions/{key}"),
        st.just(f"/v1/causes/{owner.cause}"),
        st.just(f"/v1/shadow/changes/{owner.change('done')}"),
        st.just(f"/v1/subscriptions/{owner.subscription}"),
        st.just(f"/v1/invoices/{owner.invoice}"),
        st.just(f"/v1/accounts/{owner.customer}"),
    )
    lists: dict[str, dict[str, Any]] = {
        "/v1/changes": {
            "state": some(["settled", "pending"]),
            "outcome": some(["completed", "cancelled"]),
            "lost": some(["true", "false"]),
            "subscription": owner.subscription,
        },
        "/v1/differences": {"customer": owner.customer, "owner": some(["finance", "operations"])},
        "/v1/exceptions": {"state": some(["open", "all"]), "change": change_ids},
        "/v1/causes": {"state": some(["open", "closed"]), "owner": some(["finance"])},
        "/v1/inbox": {"status": some(["received", "dispatched"])},
        "/v1/mappings": {"kind": some(["account", "item"])},
        "/v1/subscriptions": {"customer": owner.customer},
        "/v1/accounts": {"parent": owner.customer, "external": f"crm:{owner.mark}"},
        "/v1/invoices": {
            "customer": owner.customer,
            "subscription": owner.subscription,
            "erp_status": some(["posted", "part_paid"]),
            "number": some([owner.mark, f"INV-{owner.mark}"]),
        },
        "/v1/dunning": {},
        "/v1/periods": {},
        "/v1/shadow/items": {
            "customer": owner.customer,
            "state": some(["agrees", "differs"]),
            "differs": some(["tax", "amount"]),
        },
        "/v1/cash/payouts": {"state": some(["seen", "booked"])},
        "/v1/renewals": {"within_days": st.integers(0, 3660)},
        "/v1/events": {},
    }
    listing = [
        st.tuples(
            st.just(path),
            st.fixed_dictionaries(
                {},
                optional={
                    name: value if isinstance(value, st.SearchStrategy) else st.just(value)
                    for name, value in {**filters, **page}.items()
                },
            ),
        )
        for path, filters in lists.items()
    ]
    received = st.just(f"/v1/inbox/{owner.receipt}")
    entitled: dict[str, str | int] = {"customer": owner.customer}
    feature: dict[str, str | int] = {"feature": "seats"}
    return st.one_of(
        st.tuples(singles, st.just({})),
        st.tuples(received, some([{}, {"raw": "true"}])),
        st.tuples(st.just("/v1/entitlements"), st.just(entitled)),
        st.tuples(st.just("/v1/entitlements/check"), st.just(entitled | feature)),
        st.tuples(st.just("/v1/grants"), st.just({"customer": owner.customer})),
        *listing,
    )
