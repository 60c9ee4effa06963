"""A month end on the real Tryton: what is sealed is what the general ledger and billing's own
invoices say, and what comes after it is dated elsewhere."""

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cli.output import ExitCode
from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc
from sandbox.erp.rpc import date as erp_date
from tests.harness.both_sides import agree, sides_of
from tests.harness.buyers import TEXAS, Buyer, Shop, major
from tests.harness.erp_documents import money
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(400)]

YEAR = datetime.now(UTC).year - 1
FEBRUARY, MARCH = f"{YEAR}-02", f"{YEAR}-03"
FIRST, LAST = date(YEAR, 3, 1), date(YEAR, 3, 31)


def at(month: int, day: int) -> datetime:
    return datetime(YEAR, month, day, 12, tzinfo=UTC)


async def close(shop: Shop, entity: str, period: str, **said: Any) -> Row:
    """The answer, or the problem."""
    path = f"/v1/periods/{entity}/{period}/close"
    answer = await shop.front.world.trueup.http.post(path, json=said)
    assert answer.status_code in (200, 409), answer.text
    found: Row = answer.json()
    return found


async def typed(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    """What the command line answers."""
    return await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", "cli", "--state", str(shop.front.facts.state)),
            *(*words, "--tenant", "acme"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(autouse=True)
async def opened_again(shop: Shop) -> AsyncIterator[None]:
    """The books are those of other tests, too, which book into these months."""
    yield
    trueup = shop.front.world.trueup
    for period in (await trueup.ask("GET", "/v1/periods"))["items"]:
        if period["state"] == "closed":
            path = f"/v1/periods/{period['legal_entity']}/{period['period']}/reopen"
            await trueup.ask("POST", path, json={"reason": "the test is over"})


async def closed(shop: Shop, entity: str, period: str) -> Row:
    done = await close(shop, entity, period)
    assert done.get("outcome") in ("closed", "unchanged"), done
    return done


async def general_ledger(erp: ErpInstance, entity: str, accounts: list[str]) -> dict[str, Decimal]:
    """Credit less debit of the month by account, as Tryton's own general ledger shows it."""
    login, password = erp.credentials.admin_login, erp.credentials.admin_password
    async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
        rows = await rpc.call(
            "model.account.general_ledger.account.search_read",
            [["account.code", "in", accounts]],
            0,
            None,
            None,
            ["account.code", "debit", "credit"],
            context={
                "company": erp.companies[entity].id,
                "posted": True,
                "from_date": erp_date(FIRST),
                "to_date": erp_date(LAST),
            },
        )
    return {row["account."]["code"]: money(row["credit"]) - money(row["debit"]) for row in rows}


async def deals_of(erp: ErpInstance, entity: str, account: str) -> dict[str, Decimal]:
    """Credit less debit of the month by the currency of the deal, from the posted entries."""
    facts = erp.companies[entity]
    login, password = erp.credentials.admin_login, erp.credentials.admin_password
    async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
        rows = await rpc.search(
            "account.move.line",
            [
                ["move.company", "=", facts.id],
                ["move.state", "=", "posted"],
                ["move.date", ">=", erp_date(FIRST)],
                ["move.date", "<=", erp_date(LAST)],
                ["account.code", "=", account],
            ],
            ["debit", "credit", "amount_second_currency", "second_currency.code"],
            company=facts.id,
        )
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        second = row.get("second_currency.")
        if second:
            found[second["code"]] -= money(row["amount_second_currency"])
        else:
            found[facts.currency] += money(row["credit"]) - money(row["debit"])
    return dict(found)


def summed(invoices: list[Row]) -> dict[str, tuple[Decimal, Decimal]]:
    """Net and tax by currency, as billing's own invoices say them."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for one in invoices:
        currency = one["currency"]
        net, tax = found.get(currency.upper(), (Decimal(0), Decimal(0)))
        taxed = one["total"] - one["total_excluding_tax"]
        found[currency.upper()] = (
            net + major(one["total_excluding_tax"], currency),
            tax + major(taxed, currency),
        )
    return found


def amount(said: Row) -> Decimal:
    return major(said["minor"], said["currency"].lower())


def against_billing(report: Row, *, issued: list[Row], booked: list[Row]) -> None:
    """What was booked in the month by billing's own invoices, and what it issued of it in euro."""
    sold = summed(booked)
    totals = {each["currency"]: each for each in report["currencies"]}
    assert totals.keys() == sold.keys()
    for currency, (net, tax) in sold.items():
        for side in ("billing", "erp"):
            told = totals[currency][side]
            assert (amount(told["net"]), amount(told["tax"])) == (net, tax), (currency, side)
        taxed = [amount(one["erp"]) for one in report["taxes"] if one["currency"] == currency]
        assert sum(taxed) == tax
    told = totals["EUR"]["issued"]
    assert (amount(told["net"]), told["count"]) == (summed(issued)["EUR"][0], len(issued))


async def against_the_ledger(erp: ErpInstance, report: Row) -> None:
    """By Tryton's own general ledger, and its entries by the currency of their deals."""
    codes = [each["account"] for each in report["ledger"]]
    ledger = {
        each["account"]: amount(each["credit"]) - amount(each["debit"]) for each in report["ledger"]
    }
    assert ledger == await general_ledger(erp, "LE-DE", codes)
    for code in codes:
        ours = {
            each["currency"]: amount(each["erp"]) + amount(each["others"])
            for each in report["accounts"]
            if each["account"] == code
        }
        assert await deals_of(erp, "LE-DE", code) == ours, code


async def taken_back(erp: ErpInstance, buyer: Buyer) -> date | None:
    """The day of the books on which the buyer's document was reversed."""
    (counter,) = (
        paper
        for paper in (await sides_of(erp, buyer)).counter
        if (paper.reference or "").rstrip(")").endswith("/void")
    )
    return counter.accounting_date


async def refused_and_accepted(shop: Shop, number: str) -> None:
    """What was made by hand for the document of that number keeps the month open."""
    told = await typed(shop, "close", "LE-DE", MARCH)
    assert told.returncode == ExitCode.CONFLICT, told.stderr
    assert f"trueup periods accept LE-DE {MARCH} dif_" in told.stderr
    refused = await close(shop, "LE-DE", MARCH)
    (stands,) = refused["facts"]["standing"]
    assert (stands["about"], stands["number"], stands["next"]) == (
        "document",
        number,
        "in_erp",
    )
    assert stands["decided"] is None
    path = f"/v1/periods/LE-DE/{MARCH}/differences/{stands['difference_id']}/accept"
    await shop.front.world.trueup.ask("POST", path, json={"reason": "the customer was promised it"})


async def printed_and_unchanged(shop: Shop, report: Row, number: str) -> None:
    """The page has it, the chain holds, and whoever closes it again gets the same."""
    page = await shop.front.world.trueup.http.get(
        f"/v1/periods/LE-DE/{MARCH}/report", headers={"accept": "text/html"}
    )
    assert page.headers["content-type"].startswith("text/html")
    assert number in page.text
    again = await typed(shop, "close", "LE-DE", MARCH, "-o", "json")
    assert again.returncode == 0, again.stderr
    said = json.loads(again.stdout)
    assert (said["outcome"], said["report"]) == ("unchanged", report)
    sealed = await typed(shop, "audit", "verify", "-o", "json")
    assert sealed.returncode == 0, sealed.stdout


async def came_late(shop: Shop, rate: str) -> Row:
    """Issued in the month that is closed by now, and given a day of March by finance."""
    buyer = await shop.buyer(begun=at(2, 20))
    issued = await buyer.invoice((3000, rate))
    asked = await buyer.asked("period_closed")
    assert FEBRUARY in asked["message"]
    day = {"document_id": issued["id"], "posting_date": f"{MARCH}-03"}
    await buyer.decide(asked, "correct", document=day)
    await buyer.settled()
    return issued


async def test_a_month_end(erp: ErpInstance, shop: Shop) -> None:
    trueup, billing = shop.front.world.trueup, shop.front.world.billing
    standard, reduced = await shop.rate(), await shop.rate("7")
    # February is closed first, so that what is issued in it comes late.
    buyer = await shop.buyer(begun=at(2, 10))
    await buyer.invoice((2000, standard))
    await buyer.settled()
    february = await closed(shop, "LE-DE", FEBRUARY)
    assert february["period"]["version"] == 1

    issued_late = await came_late(shop, standard)
    await buyer.move_to(at(3, 5))
    products = [shop.products["Pro"], shop.products["Handbook"]]
    both = await buyer.invoice((10000, standard), (5000, reduced), products=products)
    paid = await buyer.invoice((1234, standard))
    await billing.make(f"invoices/{paid['id']}/pay")
    abroad = await shop.buyer(begun=at(3, 8), currency="jpy")
    yen = await abroad.invoice((1234, standard))
    await buyer.settled()
    await abroad.settled()

    # A second document for one of them, by hand in Tryton.
    async with people_of(erp) as people:
        await people.sold(buyer.party, both["number"], Decimal(100), "DE-VAT-19", date(YEAR, 3, 9))
    await refused_and_accepted(shop, both["number"])
    done = await closed(shop, "LE-DE", MARCH)
    report = done["report"]

    against_billing(report, issued=[both, paid], booked=[both, paid, yen, issued_late])
    taxes = {(each["code"], each["currency"]): amount(each["erp"]) for each in report["taxes"]}
    assert taxes[erp.companies["LE-DE"].taxes["DE-VAT-7"].name, "EUR"] == Decimal("3.50")
    await against_the_ledger(erp, report)
    assert [(each["number"], each["booked_on"]) for each in report["late"]] == [
        (issued_late["number"], f"{MARCH}-03")
    ]
    (kept,) = report["differences"]
    assert kept["decided"]["reason"] == "the customer was promised it"

    # Sealed, to be printed, and the same again.
    await printed_and_unchanged(shop, report, both["number"])

    # What is taken back afterwards is asked about, and stands in the open month.
    await buyer.move_to(at(3, 20))
    await billing.make(f"invoices/{both['id']}/void")
    asked = await buyer.asked("period_closed")
    await buyer.decide(
        asked, "correct", document={"document_id": both["id"], "posting_date": f"{YEAR}-04-02"}
    )
    await buyer.settled()
    assert await taken_back(erp, buyer) == date(YEAR, 4, 2)

    reopened = await trueup.ask(
        "POST", f"/v1/periods/LE-DE/{MARCH}/reopen", json={"reason": "a late credit"}
    )
    assert (reopened["state"], reopened["close_id"]) == ("open", done["period"]["close_id"])
    second = await closed(shop, "LE-DE", MARCH)
    assert (second["report"]["version"], second["report"]["before"]) == (
        2,
        done["period"]["close_id"],
    )


async def test_by_policy_what_comes_after_a_close_gets_the_first_open_day(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer(begun=at(3, 6), currency="usd", address=TEXAS)
    buyer.entity = "LE-US"
    sales_tax = await shop.rate("8.25", country="US")
    issued = await buyer.invoice((10000, sales_tax))
    await buyer.settled()
    # The ERP's own period stays open.
    await closed(shop, "LE-US", MARCH)
    later = await buyer.invoice((5000, sales_tax))
    await buyer.world.billing.make(f"invoices/{issued['id']}/void")
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.paper(later["number"]).accounting_date == date(YEAR, 4, 1)
    assert await taken_back(erp, buyer) == date(YEAR, 4, 1)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        await shop.front.world.trueup.ask(
            "POST", f"/v1/periods/LE-US/{FEBRUARY}/reopen", json={"reason": "never closed"}
        )
