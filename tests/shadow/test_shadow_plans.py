"""In shadow every change is planned as it would be, and no system is written."""

import base64
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.approvals import Occasion
from canonical_models.commerce import AccountProfile
from canonical_models.failures import Rejection
from canonical_models.ledgering import PartyMatch
from canonical_models.policy import AccountPolicy, ApprovalRule, BooksPolicy, TenantPolicy
from canonical_models.preview import Comes
from canonical_models.states import ChangeOutcome
from connectors.ports import BillingPort, EntitlementTarget, ErpPort, TicketingPort
from connectors.shadow import READS, is_shadowed, shadowed
from operations import changes, shadow
from operations.context import open_context
from persistence.database import Database
from runtime.settings import load
from tests.batches.bulk import Bulk
from tests.harness import flow
from tests.harness.postgres import PostgresServer
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems, Target
from tests.harness.waiting import until
from tests.shadow.lived import (
    bills,
    company,
    content,
    items,
    lives,
    plans,
    unlike,
    working,
    written,
)
from worker import tenants

CONFIGURED = """
[database]
dsn = "postgresql://nobody"

[tenants.acme]
billing = "stripe"
erp = "tryton"
support = "zendesk"
targets = ["app"]
mode = "{mode}"

[tenants.acme.connections.stripe]
vendor = "stripe"
base_url = "http://127.0.0.1:9"
books_from = 2026-01-01
secrets = {{ api_key = "file:key" }}

[tenants.acme.connections.tryton]
vendor = "tryton"
base_url = "http://127.0.0.1:9"
secrets = {{ api_key = "file:key", password = "file:key" }}
options = {{ database = "tryton", login = "trueup" }}

[tenants.acme.connections.zendesk]
vendor = "zendesk"
base_url = "http://127.0.0.1:9"
secrets = {{ token = "file:key" }}
options = {{ email = "trueup@example.com" }}

[tenants.acme.connections.app]
vendor = "signed_http"
base_url = "http://127.0.0.1:9"
secrets = {{ signing_secret = "file:signing" }}
"""

PORTS: dict[str, tuple[type, Callable[[Systems], Any]]] = {
    "billing": (BillingPort, lambda systems: systems.billing),
    "erp": (ErpPort, lambda systems: systems.erp),
    "support": (TicketingPort, lambda systems: systems.support),
    "target": (EntitlementTarget, lambda systems: systems.targets["app"]),
}
#: Written down by hand, from what the ports say that they do.
WRITERS = {
    "billing": {"record_sync", "record_erp_status", "cancel", "close_invoice", "pay_elsewhere"},
    "erp": {
        *("post", "show_unbilled", "reverse", "drop_drafts", "extend_schedules", "settle"),
        *("deposit", "create_party", "update_party"),
    },
    "support": {"create_organization", "rename_organization", "publish"},
    "target": {"publish"},
}


def company_with_target(**changed: bool) -> Systems:
    systems = company(**changed)
    systems.targets["app"] = Target(systems.script, "app")
    return systems


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with working(temporal.client, database, company(shadow=True)) as made:
        yield made


@pytest.mark.parametrize("part", PORTS)
async def test_the_guard_walks_all_methods_of_all_ports(part: str) -> None:
    protocol, of = PORTS[part]
    systems = company_with_target()
    port, guarded = of(systems), shadowed(of(systems), part)
    methods = {
        name
        for name, _ in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods == READS[part] | WRITERS[part]
    assert not READS[part] & WRITERS[part]
    for name in WRITERS[part]:
        signature = inspect.signature(getattr(port, name))
        given = [None] * len(signature.parameters)
        with pytest.raises(Rejection, match="in shadow: nothing is written anywhere") as refused:
            await getattr(guarded, name)(*given)
        assert (refused.value.code, refused.value.subject) == ("shadowed", name)
    assert systems.script.calls == []

    def wipe(_: object) -> None:
        raise AssertionError("it was asked for")

    # What nobody has listed is refused as well, and what is not there is not there.
    type(port).wipe = wipe
    try:
        with pytest.raises(Rejection):
            await guarded.wipe()
    finally:
        delattr(type(port), "wipe")
    with pytest.raises(AttributeError):
        guarded.wipe  # noqa: B018 - asked for, to be refused


def test_settings_decide_of_every_port_that_any_program_makes(tmp_path: Path) -> None:
    """Those of the worker, and those that the API asks by."""
    (tmp_path / "key").write_text("secret", encoding="utf-8")
    signing = base64.b64encode(b"k" * 32).decode()
    (tmp_path / "signing").write_text(f"whsec_{signing}", encoding="utf-8")
    database = Database("postgresql://127.0.0.1:9/nowhere")
    for mode, guarded in (("shadow", True), ("live", False)):
        path = tmp_path / f"{mode}.toml"
        path.write_text(CONFIGURED.format(mode=mode), encoding="utf-8")
        given = load(path)
        tenant = tenants(given, database)["acme"]
        asked = open_context(given)
        ports = (tenant.billing, tenant.erp, tenant.support, tenant.targets["app"])
        others = (asked.billing("acme"), asked.erp("acme"), asked.support("acme"))
        assert {is_shadowed(port) for port in (*ports, *others)} == {guarded}
        assert tenant.shadow is guarded


def test_a_tenant_in_shadow_cannot_be_made_with_ports_that_write() -> None:
    with pytest.raises(ValueError, match="its ports would write"):
        replace(company().tenant, shadow=True)


async def test_what_is_planned_in_shadow_is_what_a_live_run_does(
    temporal: WorkflowEnvironment, database: Database, postgres: PostgresServer
) -> None:
    async with working(temporal.client, database, company()) as live:
        assert set((await lives(live.sagas)).values()) == {"completed"}
        did = await plans(database, "changes", "id")
        posted = [
            each
            for each in live.sagas.systems.erp.documents
            if not each.external_id.endswith("/void")
        ]
    with postgres.database() as dsn:
        other = Database(dsn)
        try:
            async with working(temporal.client, other, company(shadow=True)) as bulk:
                assert set((await lives(bulk.sagas)).values()) == {"shadowed"}
                assert written(bulk.sagas.systems) == []
                assert bulk.sagas.systems.erp.documents == []
                planned = await plans(other, "shadow_changes", "change_id")
                looked_for = await items(bulk.context)
                async with other.statement() as conn:
                    kept = await conn.execute(
                        "select (select count(*) from documents), (select count(*) from effects), "
                        "(select count(*) from grants), (select count(*) from subscription_states),"
                        "(select count(*) from outbox), (select count(*) from processes)"
                    )
                    assert await kept.fetchone() == (0, 0, 0, 0, 0, 0)
        finally:
            await other.close()
    assert planned.keys() == did.keys()
    assert (
        unlike(
            {id_: content(plan) for id_, plan in planned.items()},
            {id_: content(plan) for id_, plan in did.items()},
        )
        == []
    )
    # And by the books of the live run's ERP: each document, once.
    drafts = [
        step.draft for plan in planned.values() for step in plan.books.documents if step.draft
    ]
    assert {
        (each.number, each.net, each.tax, each.party, each.posting_date) for each in drafts
    } == {
        (each.billing_number, each.net, each.tax, each.party, each.posting_date) for each in posted
    }
    assert {key for key, each in looked_for.items() if each.about == "document"} == {
        *("in_1", "in_2", "in_3", "in_4", "cn_1")
    }


async def test_webhooks_are_taken_in_and_close_as_shadowed(bulk: Bulk) -> None:
    bills(bulk.sagas.systems, 1)
    await flow.receive_changes(bulk.sagas.database.dsn, [("evt_1", "sub_1"), ("evt_2", "sub_1")])

    async def closed() -> bool:
        return set((await flow.states(bulk.sagas.database)).values()) == {"shadowed"}

    await until(closed, "both are shadowed", seconds=30)
    page = await changes.list_(bulk.context, "acme", outcome=ChangeOutcome.SHADOWED)
    assert {each.subject for each in page.items} == {"sub_1"}
    detail = await changes.show(bulk.context, "acme", page.items[-1].change_id)
    assert "in shadow: planned" in detail.timeline[-1].what
    assert written(bulk.sagas.systems) == []
    shown = await shadow.show(bulk.context, "acme", page.items[-1].change_id)
    assert shown.change.comes is Comes.GOES_THROUGH
    assert shown.change.foreseen is not None
    (document,) = shown.change.foreseen.documents
    assert (document.number, str(document.gross)) == ("N-in_1", "238.00 EUR")
    assert shown.change.foreseen.features == {"seats": 5, "sso": 1}


async def test_what_would_be_asked_is_kept_and_planned_again_once_it_is_mended(bulk: Bulk) -> None:
    sagas = bulk.sagas
    unknown = subscription(item("new", 1))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        unknown, invoice(line("il_1", 5_000, product="new"), key="in_1")
    )
    settled = await sagas.finish("chg_1", documents=("in_1",))
    assert settled.outcome == "shadowed"
    assert "would ask item_unmapped" in settled.summary
    status = await shadow.status(bulk.context, "acme")
    assert [(each.code, each.subjects, each.about) for each in status.asked] == [
        ("item_unmapped", 1, "new")
    ]
    assert not status.ready
    assert "1 subscriptions or accounts would wait for a person" in status.against
    async with sagas.database.statement() as conn:
        assert (await (await conn.execute("select count(*) from exceptions")).fetchone()) == (0,)


async def test_an_approval_that_would_be_needed_is_named(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    policy = TenantPolicy(books=BooksPolicy(approvals=(ApprovalRule(on=Occasion.CHARGE),)))
    async with working(temporal.client, database, company(shadow=True, policy=policy)) as bulk:
        bills(bulk.sagas.systems, 1)
        assert (await bulk.sagas.finish("chg_1", documents=("in_1",))).outcome == "shadowed"
        found = (await shadow.show(bulk.context, "acme", "chg_1")).change
        assert found.comes is Comes.NEEDS_APPROVAL
        assert found.foreseen is not None
        assert found.foreseen.documents
        assert found.foreseen.approvals


async def test_an_account_that_would_be_opened_is_said_so(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    policy = TenantPolicy(accounts=AccountPolicy(create=True, legal_entity="LE-DE"))
    systems = company(shadow=True, policy=policy)
    systems.billing.accounts["cus_1"] = AccountProfile(
        customer_id="cus_1", name="Kurz GmbH", currency="EUR"
    )
    async with working(temporal.client, database, systems) as bulk:
        bills(systems, 1)
        async with database.transaction() as conn:
            await conn.execute("delete from mappings where kind = 'account'")
        assert (await bulk.sagas.finish("chg_1", documents=("in_1",))).outcome == "shadowed"
        found = (await shadow.show(bulk.context, "acme", "chg_1")).change
        assert (found.comes, found.code) == (Comes.UNTOLD, "party_unknown")
        # Somebody makes the party, and all that was issued meanwhile is planned for it.
        systems.erp.known_parties.append(PartyMatch(party="C-77", by="external_id"))
        assert (await bulk.sagas.finish("chg_2")).outcome == "shadowed"
        after = (await shadow.show(bulk.context, "acme", "chg_2")).change
        assert after.comes is Comes.GOES_THROUGH
        assert after.foreseen is not None
        assert [(each.number, each.party) for each in after.foreseen.documents] == [
            ("N-in_1", "C-77")
        ]
        assert (await shadow.status(bulk.context, "acme")).asked == ()
        assert written(systems) == []
