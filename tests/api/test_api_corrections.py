"""A correction that could not mend its exception is refused before any saga hears of it."""

from typing import Any

import pytest

from canonical_models.amendment import Amendment, AmendmentPlan, ChangeKind
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids, exception_row
from tests.api.seeding_books import NOON
from tests.harness.flow import write
from tests.harness.rows import add
from tests.harness.subscriptions import invoice, line, snapshot, subscription
from tests.harness.subscriptions import item as subscribed

#: What is right is kept for the engine, which is away here.
TAKEN = 202


async def answer(call: Call, key: str, decision: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    found = await call("POST", f"/v1/exceptions/{key}/resolve", json=decision)
    said: dict[str, Any] = found.json()
    return found.status_code, said


@pytest.fixture
async def asked(database: Database, acme: Ids) -> Ids:
    """A question about the tax of the account's document, another about a closed period."""
    async with database.transaction() as conn:
        for key, code in (("exc_tax", "tax_mismatch"), ("exc_period", "period_closed")):
            await add(
                conn,
                exception_row(
                    acme, key, key, code=code, subject="in_acme_alone", belongs_to=acme.account
                ),
            )
    await write(
        database,
        "update exceptions set workflow_id = 'account/acme/cus_acme' where code = 'tax_mismatch'",
    )
    return acme


async def test_a_document_is_corrected_by_its_tax_code(call: Call, asked: Ids) -> None:
    document = {"document_id": "in_acme_alone", "tax_code": "DE-RC"}
    status, said = await answer(call, "exc_tax", {"action": "retry", "document": document})
    assert (status, said["detail"]) == (422, "`retry` carries no correction")
    status, _ = await answer(call, "exc_tax", {"action": "correct", "document": document})
    assert status == TAKEN


@pytest.mark.parametrize(
    "document",
    [
        {"document_id": "in_acme_alone"},
        {"document_id": "in_acme_alone", "by": "the-cfo"},
        {"document_id": "in_acme", "tax_code": "DE-RC"},
        {"document_id": "in_none", "tax_code": "DE-RC"},
        {"document_id": "in_globex_alone", "tax_code": "DE-RC"},
    ],
)
async def test_a_correction_of_another_document_or_of_nothing_is_refused(
    document: dict[str, Any], call: Call, asked: Ids, globex: Ids
) -> None:
    status, said = await answer(call, "exc_tax", {"action": "correct", "document": document})
    assert status == 422
    assert said["remedy"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("exc_tax", "send `document` with document_id in_acme_alone and the ERP's tax_code"),
        ("exc_period", "send `document` with the document_id and a posting_date that is open"),
        ("exc_acme_open", "`name=value` of its metadata and `*` for all others"),
    ],
)
async def test_what_is_missing_is_said_by_cause(
    key: str, words: str, call: Call, asked: Ids
) -> None:
    status, said = await answer(call, key, {"action": "correct"})
    assert status == 422
    assert words in said["remedy"]


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("ai", TAKEN),
        ("*", TAKEN),
        ("price_ai", TAKEN),
        ("channel=partner", TAKEN),
        ("channel=other", 422),
        ("pro", 422),
    ],
)
async def test_an_item_is_mended_by_any_key_that_names_it(
    key: str, status: int, call: Call, acme: Ids, database: Database
) -> None:
    """The seeded exception waits for item `ai`."""
    charged = line("il_1", 100, "ai").model_copy(
        update={"price": "price_ai", "metadata": {"channel": "partner"}}
    )
    seen = snapshot(subscription(subscribed("pro")), invoice(charged))
    await write(
        database,
        "update changes set snapshot = cast(%(seen)s as jsonb), plan = cast(%(plan)s as jsonb) "
        "where id = %(id)s",
        seen=seen.model_dump_json(),
        plan=_plan(acme),
        id=acme.change("waits"),
    )
    decision = {"action": "correct", "item": {"item": key, "erp_item": "AI"}}
    assert (await answer(call, acme.exception, decision))[0] == status


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("account_unmapped", "send `account` with billing_customer, erp_party, support_organi"),
        ("document_conflict", "send `document` with document_id cus_acme and, as `link`, the ERP"),
        ("document_refused", "send `account`, `item` or `document`; mend the data in the other"),
    ],
)
async def test_a_correction_that_brings_nothing_is_told_what_its_cause_needs(
    code: str, words: str, call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(conn, exception_row(acme, "exc_1", "other", code=code, subject="cus_acme"))
    status, said = await answer(call, "exc_1", {"action": "correct"})
    assert (status, said["detail"]) == (422, "a correction needs what was missing")
    assert said["remedy"].startswith(words)


def account(customer: str) -> dict[str, Any]:
    return {
        "billing_customer": customer,
        "erp_party": "17",
        "support_organization": "org_1",
        "legal_entity": "LE-DE",
    }


async def test_an_account_is_mapped_for_the_customer_who_waits_and_no_other(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        row = exception_row(acme, "exc_1", "other", code="account_unmapped", subject=acme.customer)
        await add(conn, row)
    other = {"action": "correct", "account": account("cus_other")}
    status, said = await answer(call, "exc_1", other)
    assert (status, "waits for a mapping of cus_acme" in said["detail"]) == (422, True)
    item = {"action": "correct", "item": {"item": "pro", "erp_item": "PRO"}}
    status, said = await answer(call, "exc_1", item)
    assert (status, "is not mended by `item`" in said["detail"]) == (422, True)
    status, _ = await answer(call, "exc_1", {"action": "correct", "account": account("cus_acme")})
    assert status == TAKEN
    # What held before it is kept beside it.
    async with database.statement() as conn:
        found = await conn.execute(
            "select before #> '{account,erp_party}' from decisions where target_id = 'exc_1'"
        )
        assert await found.fetchone() == (acme.mark,)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ({"note": "by hand"}, "`skip` is of one document, and brings nothing else"),
        (
            {
                "note": "by hand",
                "document": {"document_id": "in_acme_alone"},
                "item": {"item": "pro", "erp_item": "PRO"},
            },
            "`skip` is of one document, and brings nothing else",
        ),
        (
            {"document": {"document_id": "in_acme_alone"}},
            "a document that is skipped is not corrected",
        ),
        (
            {"note": "by hand", "document": {"document_id": "in_acme_alone", "tax_code": "X"}},
            "a document that is skipped is not corrected",
        ),
        (
            {"note": "by hand", "document": {"document_id": "in_acme"}},
            "and the correction is of another one",
        ),
    ],
)
async def test_a_skip_is_of_one_document_that_waits_and_says_why(
    decision: dict[str, Any], words: str, call: Call, asked: Ids
) -> None:
    status, said = await answer(call, "exc_tax", {"action": "skip", **decision})
    assert (status, words in said["detail"]) == (422, True), said
    whole = {"action": "skip", "note": "by hand", "document": {"document_id": "in_acme_alone"}}
    assert (await answer(call, "exc_tax", whole))[0] == TAKEN


async def test_changed_master_data_is_approved(call: Call, acme: Ids, database: Database) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            exception_row(acme, "exc_master", "waits", code="master_data_changed", track="access"),
        )
    shown = (await call("GET", "/v1/exceptions/exc_master", "exceptions:read")).json()
    assert shown["decisions"] == ["approve", "retry", "abort"]
    assert shown["exception"]["track"] == "access"
    assert (await answer(call, "exc_master", {"action": "correct"}))[0] == 422
    assert (await answer(call, "exc_master", {"action": "approve"}))[0] == TAKEN


def _plan(ids: Ids) -> str:
    plan = AmendmentPlan(
        change_id=ids.change("waits"),
        subject=ids.subscription,
        amendment=Amendment(
            kind=ChangeKind.UPGRADE,
            summary="",
            customer_id=ids.customer,
            effective_at=NOON,
        ),
    )
    return plan.model_dump_json()
