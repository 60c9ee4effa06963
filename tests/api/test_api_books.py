"""Documents of billing and the ERP side by side, what settles them, and customers' accounts."""

from datetime import timedelta
from typing import Any

import pytest

from canonical_models.documents import DocumentStatus, SettlementKind
from canonical_models.ledgering import TaxTotal
from canonical_models.records import Hold, HoldKind
from persistence import accounts, documents
from persistence.database import Database
from persistence.tables import ChangeRow
from tests.api.conftest import Call
from tests.api.seeding import Ids, exception_row
from tests.api.seeding_books import NOON, asked, enter, erp_of, euros, move, movement, post, show
from tests.harness.flow import write
from tests.harness.rows import add, row_of
from tests.harness.subscriptions import credit_note, invoice, line, vat, void

UI = "http://127.0.0.1:8233/namespaces/default/workflows"
ZERO = {"minor": 0, "currency": "EUR"}
AGREES = {"net": ZERO, "tax": ZERO, "gross": ZERO, "open": ZERO}


async def detail(call: Call, key: str) -> dict[str, Any]:
    answer = await call("GET", f"/v1/invoices/{key}", "invoices:read")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_invoice_is_shown_as_both_systems_have_it(call: Call, acme: Ids) -> None:
    found = await detail(call, acme.invoice)
    summary = found["summary"]
    both = {
        "on": "2026-11-20",
        "due_on": "2026-12-04",
        "net": {"minor": 12000, "currency": "EUR"},
        "tax": {"minor": 2280, "currency": "EUR"},
        "gross": {"minor": 14280, "currency": "EUR"},
        "open": {"minor": 10000, "currency": "EUR"},
    }
    assert summary["billing"] == {"number": acme.mark, **both}
    assert summary["erp"] == {"number": f"INV-{acme.mark}", **both}
    assert summary["difference"] == AGREES
    assert (summary["state"], summary["change_id"]) == ("posted", acme.change("done"))
    assert (summary["erp_status"], summary["erp_status_shown"]) == ("part_paid", "part_paid")
    assert isinstance(found["sources"]["erp"]["age_seconds"], float)
    assert found["taxes"] == [
        {
            "rate": "0.19",
            "codes": ["DE-19"],
            "billing": both["tax"],
            "erp": both["tax"],
            "difference": ZERO,
        }
    ]
    assert found["document"]["lines"][0]["net"] == both["net"]
    assert found["document"]["bill_to"] is None
    assert found["posted"]["document_id"] == "erp_in_acme"
    (paid,) = found["settlements"]
    assert (paid["effect"], paid["entry_number"], paid["where"]) == (
        "confirmed",
        acme.mark,
        "settled",
    )
    assert found["dunning"]["case"]["stage"] == "suspended"
    assert found["dunning"]["workflow_url"] == f"{UI}/dunning%2Facme%2Fin_acme"


async def test_a_document_is_found_by_the_number_of_either_system(
    call: Call, acme: Ids, database: Database
) -> None:
    theirs = await call("GET", f"/v1/invoices/INV-{acme.mark}", tenant="globex")
    assert theirs.status_code == 404
    for name in (acme.mark, f"INV-{acme.mark}"):
        assert (await detail(call, name))["summary"]["invoice_id"] == acme.invoice
        listed = (await call("GET", f"/v1/invoices?number={name}")).json()["items"]
        assert [row["invoice_id"] for row in listed] == [acme.invoice]
    async with database.transaction() as conn:
        twin = asked("in_twin", acme.customer, None).model_copy(update={"number": acme.mark})
        await show(conn, "acme", twin)
    several = await call("GET", f"/v1/invoices/{acme.mark}")
    assert several.status_code == 409
    assert "in_twin" in several.json()["detail"]
    assert acme.invoice in several.json()["detail"]


async def test_what_is_not_in_the_books_differs_by_all_of_it(call: Call, acme: Ids) -> None:
    summary = (await detail(call, "in_acme_alone"))["summary"]
    assert (summary["erp"], summary["subscription_id"]) == (None, None)
    assert summary["subject"] == acme.account
    assert summary["difference"]["gross"] == {"minor": 14280, "currency": "EUR"}
    assert (summary["state"], summary["legal_entity"]) == ("seen", "DE")


async def test_taxes_are_compared_rate_by_rate(call: Call, acme: Ids, database: Database) -> None:
    """Equal in sum, and wrong in both: what a total alone would hide."""
    mixed = invoice(
        line("il_a", 10000, taxes=vat(1900), of=None),
        line("il_b", 10000, taxes=vat(700, "0.07"), of=None),
        key="in_mixed",
        customer=acme.customer,
    )
    swapped = tuple(
        TaxTotal(code=code, rate=tax.rate, base=euros(10000), amount=euros(minor))
        for (code, minor), tax in zip(
            (("DE-19", 700), ("DE-7", 1900)),
            (mixed.lines[0].taxes or ())[:1] + (mixed.lines[1].taxes or ())[:1],
            strict=True,
        )
        if tax.rate is not None
    )
    async with database.transaction() as conn:
        await show(conn, "acme", mixed)
        await post(conn, "acme", mixed, erp_of(mixed, "INV-9", taxes=swapped), change="chg_9")
    found = await detail(call, "in_mixed")
    assert found["summary"]["difference"] == AGREES
    assert [(row["rate"], row["codes"], row["difference"]["minor"]) for row in found["taxes"]] == [
        ("0.07", ["DE-7"], -1200),
        ("0.19", ["DE-19"], 1200),
    ]


async def test_a_void_document_counts_for_nothing(
    call: Call, acme: Ids, database: Database
) -> None:
    document = asked("in_void", acme.customer, None)
    async with database.transaction() as conn:
        await show(conn, "acme", document)
        await post(conn, "acme", document, erp_of(document, "INV-8"), change="chg_8")
        await show(conn, "acme", void(document))
    summary = (await detail(call, "in_void"))["summary"]
    assert summary["status"] == DocumentStatus.VOID.value
    assert summary["difference"]["gross"]["minor"] == -14280
    async with database.transaction() as conn:
        await documents.reversed_(conn, "acme", "in_void", erp=None, hold=None)
    summary = (await detail(call, "in_void"))["summary"]
    assert (summary["state"], summary["difference"]) == ("reversed", AGREES)
    assert summary["erp"]["number"] == "INV-8"


async def test_a_set_off_is_entered_once_for_both_documents(
    call: Call, acme: Ids, database: Database
) -> None:
    applied = movement(
        "cn_1/applied", 2000, "in_off", kind=SettlementKind.CREDIT_NOTE, against="cn_1"
    )
    mirror = movement(
        "cn_1/applied/note", -2000, "cn_1", kind=SettlementKind.CREDIT_NOTE, against="in_off"
    )
    note = credit_note(
        line("cl_1", -2000, of=None),
        corrects="in_off",
        customer=acme.customer,
        settlements=(mirror,),
    )
    async with database.transaction() as conn:
        await show(conn, "acme", asked("in_off", acme.customer, None, settlements=(applied,)), note)
        await enter(conn, "acme", applied, "2026/9", settles="in_off")
    (one,) = (await detail(call, "in_off"))["settlements"]
    (other,) = (await detail(call, "cn_1"))["settlements"]
    assert (one["where"], one["entry_number"]) == ("settled", "2026/9")
    assert (other["where"], other["entry_id"]) == ("with_other_side", None)
    shown = (await detail(call, "cn_1"))["summary"]
    assert (shown["kind"], shown["billing"]["gross"]["minor"]) == ("credit_note", -2000)


async def test_an_invoice_says_what_its_books_wait_for(
    call: Call, acme: Ids, database: Database
) -> None:
    hold = Hold(kind=HoldKind.HELD, reason="disputed", by="anna", at=NOON)
    async with database.transaction() as conn:
        await documents.hold(conn, "acme", "in_acme_alone", hold)
        await add(conn, exception_row(acme, "exc_access", "next", track="access"))
    found = await detail(call, acme.invoice)
    assert [raised["exception_id"] for raised in found["exceptions"]] == [acme.exception]
    held = (await detail(call, "in_acme_alone"))["summary"]
    assert (held["kept_out"], held["hold"]["reason"]) == (True, "disputed")


async def test_invoices_are_filtered_and_paged(call: Call, acme: Ids, database: Database) -> None:
    async with database.transaction() as conn:
        for place in range(5):
            # All at one instant: the cursor must tell equals apart.
            made = asked(f"in_{place}", f"cus_{place % 2}", f"sub_{place}")
            await show(conn, "acme", made)
            await post(conn, "acme", made, erp_of(made, f"INV-{place}"), change="chg_1")
    await write(
        database,
        "update documents set erp_status = case document_id when 'in_4' then 'paid' "
        "else 'overdue' end where customer_id like 'cus__'",
    )

    async def keys(query: str) -> list[str]:
        seen: list[str] = []
        path = f"/v1/invoices?{query}"
        while path:
            answer = await call("GET", path, "invoices:read")
            seen += [row["invoice_id"] for row in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        return seen

    every = ["in_acme", "in_4", "in_3", "in_2", "in_1", "in_0", "in_acme_alone"]
    assert await keys("limit=2") == every
    assert await keys("customer=cus_0") == ["in_4", "in_2", "in_0"]
    assert await keys("subscription=sub_3") == ["in_3"]
    assert await keys("erp_status=overdue&customer=cus_1&limit=1") == ["in_3", "in_1"]


async def test_what_is_not_billed_is_shown_beside_what_the_erp_shows(
    call: Call, acme: Ids, database: Database
) -> None:
    path = f"/v1/subscriptions/{acme.subscription}"
    found = (await call("GET", path, "subscriptions:read")).json()["unbilled"]
    assert (found["net"], found["pending"]["lines"]) == (None, [])
    assert found["shown"]["document_id"] == "erp_draft"
    assert found["difference"]["minor"] == -3000
    pending = line("ii_1", 3500, taxes=None).model_dump_json()
    await write(
        database,
        "update changes set snapshot = jsonb_build_object('unbilled', jsonb_build_object('lines', "
        "jsonb_build_array(cast(%(line)s as jsonb)), 'expected_on', '2026-12-01')), "
        "plan = jsonb_build_object('books', jsonb_build_object('unbilled_problem', 'no item')) "
        "where id = %(change)s",
        line=pending,
        change=acme.change("waits"),
    )
    found = (await call("GET", path)).json()["unbilled"]
    assert (found["net"]["minor"], found["difference"]["minor"]) == (3500, 500)
    assert (found["problem"], found["read_by"]) == ("no item", acme.change("waits"))
    assert found["pending"]["expected_on"] == "2026-12-01"


async def test_an_account_shows_what_belongs_to_no_subscription(
    call: Call, acme: Ids, database: Database
) -> None:
    goodwill = movement("gift", 5000, None, kind=SettlementKind.GOODWILL)
    early = movement("early", 700, None)
    async with database.transaction() as conn:
        await move(conn, "acme", acme.customer, goodwill, early)
        await enter(conn, "acme", early, "2026/7", settles=None)
    path = f"/v1/accounts/{acme.customer}"
    answer = await call("GET", path, "accounts:read")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["account"]["erp_party"] == acme.mark
    assert found["master_data"]["state"] == "agreed"
    assert [row["invoice_id"] for row in found["documents"]] == ["in_acme_alone"]
    assert found["balances"] == [
        {
            "billing": {"minor": 5000, "currency": "EUR"},
            "missing": {"minor": 5000, "currency": "EUR"},
        }
    ]
    assert [row["settlement"]["settlement_id"] for row in found["open_items"]] == ["early"]
    kept = await call("GET", path, headers={"if-none-match": "*"})
    assert kept.status_code == 304

    async with database.transaction() as conn:
        await add(
            conn,
            exception_row(
                acme,
                "exc_account",
                "next",
                belongs_to=acme.account,
                code="master_data_changed",
                opened_at=NOON + timedelta(minutes=1),
            ),
        )
    asking = (await call("GET", path)).json()["master_data"]
    assert (asking["state"], asking["exception_id"]) == ("asked", "exc_account")
    async with database.transaction() as conn:
        await accounts.put(conn, "acme", acme.customer, deleted=True)
    assert (await call("GET", path)).json()["master_data"]["state"] == "deleted"


async def test_an_account_is_looked_at_whole(call: Call, acme: Ids, database: Database) -> None:
    path = f"/v1/accounts/{acme.customer}/sync"
    made = (await call("POST", path, "accounts:write")).json()
    assert not made["already"]
    assert (await call("POST", path, "accounts:write")).json() == {**made, "already": True}
    change = (await call("GET", f"/v1/changes/{made['change_id']}")).json()["change"]
    assert (change["subject"], change["kind"]) == (acme.account, "account")
    assert change["customer_id"] == acme.customer
    async with database.transaction() as conn:
        row = await row_of(conn, ChangeRow, made["change_id"])
    assert row is not None
    assert row.whole
    assert (await call("POST", path, tenant="globex")).status_code == 404
    assert (await call("POST", "/v1/accounts/cus_none/sync")).status_code == 404


@pytest.mark.parametrize("key", ["in_none", "INV-none"])
async def test_what_is_not_known_is_not_found(key: str, call: Call, acme: Ids) -> None:
    answer = await call("GET", f"/v1/invoices/{key}")
    assert answer.status_code == 404
    assert answer.json()["remedy"] == "list those known, or have the customer looked at"
    assert answer.json()["see"] == "/v1/invoices"
