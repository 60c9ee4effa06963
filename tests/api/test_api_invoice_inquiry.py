"""One invoice as both systems say it now: asked of them, and with each away."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from canonical_models.documents import SettlementKind
from canonical_models.ledgering import SettlementDraft
from operations import support_fresh
from operations.context import AppContext
from persistence import breakers, documents
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.seeding_books import BOOKS_FROM, asked, erp_of, euros, movement
from tests.api.test_api_support import away
from tests.harness.systems import Systems

PAGE = "https://invoice.stripe.com/i/acct_1/in_acme"
Reach = Callable[..., None]


@pytest.fixture
def vendors(acme: Ids) -> Systems:
    """Paid whole meanwhile, which billing and the ERP both say, and nobody here has read."""
    paid = (movement("pi_acme", 14280, acme.invoice),)
    document = asked(acme.invoice, acme.customer, acme.subscription, settlements=paid)
    document = document.model_copy(
        update={
            "number": acme.mark,
            "remaining": euros(0),
            "url": PAGE,
            "pdf_url": f"{PAGE}/pdf",
        }
    )
    now = Systems()
    now.billing.loose = [document]
    now.erp.documents = [erp_of(document, f"INV-{acme.mark}")]
    today = datetime.now(UTC).date()
    now.erp.entries = [
        SettlementDraft(
            external_id="pi_acme",
            kind=SettlementKind.PAYMENT,
            legal_entity="DE",
            party="1007",
            amount=document.gross,
            value_date=today,
            posting_date=today,
            document=f"erp_{acme.invoice}",
        )
    ]
    return now


@pytest.fixture
def reach(context: AppContext, vendors: Systems, app: Any) -> Reach:
    def reached(**otherwise: Any) -> None:
        def of(part: str) -> Callable[[str], Any]:
            port = otherwise.get(part, getattr(vendors, part))
            return lambda _tenant: port

        app.state.context = replace(context, billing=of("billing"), erp=of("erp"))

    reached()
    return reached


async def shown(call: Call, key: str, **query: Any) -> Any:
    answer = await call("GET", f"/v1/invoices/{key}", "invoices:read", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-cache"
    return answer.json()


async def test_kept_it_says_when_and_fresh_it_is_as_it_is_now(
    call: Call, acme: Ids, reach: Reach
) -> None:
    kept = await shown(call, acme.invoice)
    assert kept["summary"]["erp_status"] == "part_paid"
    assert kept["links"]["pdf"] is None
    for source in ("billing", "erp"):
        assert kept["sources"][source]["age_seconds"] >= 0
        assert kept["sources"][source]["problem"] is None

    begun = datetime.now(UTC)
    found = await shown(call, acme.invoice, fresh=True)
    summary = found["summary"]
    assert (summary["erp_status"], summary["erp"]["open"]["minor"]) == ("paid", 0)
    assert (
        summary["billing"]["gross"]
        == summary["erp"]["gross"]
        == {
            "minor": 14280,
            "currency": "EUR",
        }
    )
    assert summary["billing"]["open"]["minor"] == 0
    assert found["links"] == {
        "billing": PAGE,
        "pdf": f"{PAGE}/pdf",
        "erp": "http://127.0.0.1/erp/812",
    }
    for source in ("billing", "erp"):
        assert datetime.fromisoformat(found["sources"][source]["as_of"]) >= begun
    # By its number, too; and looking writes nothing: what is kept is as it was.
    again = (await shown(call, acme.mark, fresh=True))["summary"]
    assert again == {**summary, "erp_status_at": again["erp_status_at"]}
    assert (await shown(call, acme.invoice))["summary"] == kept["summary"]


@pytest.mark.parametrize("part", ["billing", "erp"])
async def test_who_is_away_is_told_as_it_was_read_with_its_age(
    part: str, call: Call, acme: Ids, reach: Reach
) -> None:
    kept = await shown(call, acme.invoice)
    reach(**{part: away(part)})
    found = await shown(call, acme.invoice, fresh=True)
    other = "billing" if part == "erp" else "erp"
    assert "cannot be reached" in found["sources"][part]["problem"]
    assert found["sources"][part]["as_of"] == kept["sources"][part]["as_of"]
    assert found["sources"][part]["age_seconds"] >= kept["sources"][part]["age_seconds"]
    assert found["sources"][other]["problem"] is None
    # Never a mixture: the side that is away is whole as it was.
    assert found["summary"][part] == kept["summary"][part]
    assert found["summary"][other]["open"]["minor"] == 0
    if part == "erp":
        assert found["summary"]["erp_status"] == "part_paid"
        assert found["posted"] == kept["posted"]
    else:
        assert found["document"] == kept["document"]


async def test_who_is_slow_or_shows_it_no_more_is_no_answer(
    call: Call, acme: Ids, vendors: Systems, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await shown(call, acme.invoice)
    vendors.billing.loose.clear()
    found = await shown(call, acme.invoice, fresh=True)
    gone = f"billing shows no final document {acme.invoice} any more"
    assert found["sources"]["billing"]["problem"] == gone
    assert found["document"] == kept["document"]

    monkeypatch.setattr(support_fresh, "PATIENCE", 0.05)
    vendors.script.seconds = 60
    found = await shown(call, acme.invoice, fresh=True)
    assert found["sources"]["erp"]["problem"] == "the ERP gave no answer within 0.05 seconds"
    assert found["summary"] == kept["summary"]


async def test_what_workers_found_away_is_said_without_asking(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await breakers.opened(conn, "acme", "billing", reason="ConnectError", probe_in=60)
    found = await shown(call, acme.invoice)
    assert "billing has been away since" in found["sources"]["erp"]["problem"]
    assert found["summary"]["erp_status"] == "part_paid"


async def test_what_is_not_posted_is_not_asked_of_the_erp(
    call: Call, acme: Ids, reach: Reach, database: Database
) -> None:
    alone = asked("in_alone_now", acme.customer, None)
    async with database.transaction() as conn:
        await documents.seen(conn, "acme", "billing", [alone], books_from=BOOKS_FROM)
    reach(erp=away("erp"))
    found = await shown(call, "in_alone_now", fresh=True)
    assert (found["summary"]["erp"], found["posted"], found["links"]["erp"]) == (None, None, None)
    assert found["sources"]["erp"] == {"as_of": None, "age_seconds": None, "problem": None}
