"""A customer's whole life through the front door, each step read from the systems themselves."""

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from demo.looking import until
from demo.systems import Row, amount
from demo.world import Account
from tests.e2e.conftest import Shop
from tests.harness.e2e_accounts import move_to, settled
from tests.harness.e2e_reading import shown
from tests.harness.e2e_stack import Front

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

ADDRESS = {
    "address[country]": "DE",
    "address[line1]": "Hafenstr. 7",
    "address[postal_code]": "20457",
    "address[city]": "Hamburg",
}


@dataclass(frozen=True)
class Customer:
    account: Account
    name: str

    @property
    def party(self) -> str:
        return self.account.party


async def signs_up(front: Front, price: str) -> Customer:
    """A new customer in Germany who pays 19 % VAT; nobody has mapped or made anything."""
    billing = front.world.billing
    begun = datetime.now(UTC).replace(microsecond=0)
    clock = await billing.make("test_helpers/test_clocks", frozen_time=int(begun.timestamp()))
    name = f"Neukunde {secrets.token_hex(4)}"
    customer = (await billing.make("customers", name=name, test_clock=clock["id"], **ADDRESS))["id"]
    rate = await billing.make("tax_rates", display_name="VAT", percentage=19, inclusive="false")
    sold = await billing.make(
        "subscriptions",
        **{
            "customer": customer,
            "items[0][price]": price,
            "items[0][quantity]": 5,
            "default_tax_rates[0]": rate["id"],
        },
    )
    account = Account(
        customer=customer,
        subscription=sold["id"],
        item=sold["items"]["data"][0]["id"],
        party=customer,
        clock=clock["id"],
    )
    return Customer(account, name)


async def erp(front: Front, model: str, domain: list[Any], *fields: str) -> list[Row]:
    found: list[Row] = await front.world.erp.ask(
        "GET",
        model,
        params=[
            ("d", base64.urlsafe_b64encode(json.dumps(domain).encode()).decode()),
            *(("f", field) for field in fields),
        ],
    )
    return found


async def documents(front: Front, customer: Customer) -> list[tuple[str, str, str]]:
    """(state, total, what is to be paid) of the customer's documents in the ERP."""
    rows = await erp(
        front,
        "account.invoice",
        [["party.code", "=", customer.party], ["type", "=", "out"]],
        *("state", "total_amount", "amount_to_pay"),
    )
    ordered = sorted(rows, key=lambda row: int(row["id"]))
    return [
        (row["state"], f"{amount(row['total_amount']):.2f}", f"{amount(row['amount_to_pay']):.2f}")
        for row in ordered
    ]


async def held(front: Front, customer: Customer) -> dict[str, int]:
    """What the product itself was told that the customer may use."""
    async with httpx.AsyncClient(trust_env=False) as http:
        url = f"{front.facts.target.url}/_sim/customers/{customer.account.customer}"
        answer = await http.get(url)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return {}
    return {entry["feature"]: entry["quantity"] for entry in answer.json()["features"]}


async def told(front: Front, customer: Customer, features: dict[str, int]) -> None:
    async def look() -> bool | None:
        return await held(front, customer) == features or None

    await until(f"{customer.account.customer} may use {features}", look)


async def charges(front: Front, customer: Customer, outcome: str) -> None:
    """How the customer's charges end from now on."""
    path = f"/_sim/customers/{customer.account.customer}/payment"
    await front.world.billing.ask("POST", path, json={"outcome": outcome})


async def look_now(front: Front, customer: Customer) -> None:
    """What `trueup subscriptions sync` does, and what comes of it."""
    await front.world.trueup.ask("POST", f"/v1/subscriptions/{customer.account.subscription}/sync")
    await settled(front, customer.account)


async def test_a_new_customer_is_opened_everywhere_and_its_payment_booked(
    front: Front, shop: Shop
) -> None:
    customer = await signs_up(front, shop.starter)
    changes = await settled(front, customer.account)

    assert {c["outcome"] for c in changes} <= {"completed", "no_change"}
    (party,) = await erp(
        front, "party.party", [["code", "=", customer.party]], "name", "identifiers.code"
    )
    assert party["name"] == customer.name
    organization = await front.world.desk.organization(customer.account.customer)
    assert organization["name"] == customer.name
    assert await documents(front, customer) == [("paid", "59.50", "0.00")]
    assert (await shown(front.world, customer.account))[0] == "standard"
    await told(front, customer, {"seats": 5})


async def test_an_invoice_is_not_paid_then_paid_late(front: Front, shop: Shop) -> None:
    customer = await signs_up(front, shop.pro)
    await settled(front, customer.account)
    await charges(front, customer, "fail")
    now = datetime.now(UTC).replace(microsecond=0)
    renewed = now + timedelta(days=32)
    await move_to(front.world, customer.account, renewed)
    await settled(front, customer.account)
    await told(front, customer, {"seats": 5, "sso": 1})
    assert await documents(front, customer) == [
        ("paid", "238.00", "0.00"),
        ("posted", "238.00", "238.00"),
    ]

    await move_to(front.world, customer.account, renewed + timedelta(days=8))
    await look_now(front, customer)
    await told(front, customer, {})
    await settled(front, customer.account)
    assert (await shown(front.world, customer.account))[0] == "standard"
    check = await front.world.trueup.ask(
        "GET",
        "/v1/entitlements/check",
        params={"customer": customer.account.customer, "feature": "sso"},
    )
    assert check["allowed"] is False
    assert "paid" in json.dumps(check["because_not"])

    billing = front.world.billing
    await charges(front, customer, "succeed")
    of = customer.account.subscription
    (invoice,) = await billing.all("invoices", subscription=of, status="open")
    await billing.make(f"invoices/{invoice['id']}/pay")
    await settled(front, customer.account)

    await told(front, customer, {"seats": 5, "sso": 1})
    assert (await shown(front.world, customer.account))[0] == "premium"
    assert await documents(front, customer) == [("paid", "238.00", "0.00")] * 2
    cases = (await front.world.trueup.ask("GET", "/v1/dunning"))["items"]
    assert invoice["id"] not in {case["case"]["invoice_id"] for case in cases}


async def test_a_refund_opens_the_invoice_again_and_billing_is_told(
    front: Front, shop: Shop
) -> None:
    customer = await signs_up(front, shop.starter)
    await settled(front, customer.account)
    billing = front.world.billing
    (invoice,) = await billing.all("invoices", subscription=customer.account.subscription)
    trueup = front.world.trueup
    await trueup.ask("POST", f"/v1/invoices/{invoice['id']}/refresh")
    noted = (await billing.read(f"invoices/{invoice['id']}"))["metadata"]
    assert noted["trueup_erp_status"] == "paid"
    assert noted["trueup_erp_number"].startswith("DE-")

    (charge,) = await billing.all("charges", customer=customer.account.customer)
    await billing.make("refunds", charge=charge["id"], amount=1950)
    await settled(front, customer.account)

    assert await documents(front, customer) == [("posted", "59.50", "19.50")]
    answer = await trueup.ask("POST", f"/v1/invoices/{invoice['id']}/refresh")
    assert answer["invoice"]["summary"]["standing"] == "part_paid"
    noted = (await billing.read(f"invoices/{invoice['id']}"))["metadata"]
    assert noted["trueup_erp_status"] == "part_paid"


async def test_a_renewal_is_posted_and_support_extended(front: Front, shop: Shop) -> None:
    customer = await signs_up(front, shop.starter)
    await settled(front, customer.account)
    before = (await shown(front.world, customer.account))[1]

    now = datetime.now(UTC).replace(microsecond=0)
    await move_to(front.world, customer.account, now + timedelta(days=32))
    changes = await settled(front, customer.account)

    assert "renewal" in {c["kind"] for c in changes if c["outcome"] == "completed"}
    assert await documents(front, customer) == [("paid", "59.50", "0.00")] * 2
    after = (await shown(front.world, customer.account))[1]
    assert before is not None
    assert after is not None
    assert after > before
    shows = await front.world.trueup.ask(
        "GET", f"/v1/subscriptions/{customer.account.subscription}"
    )
    assert shows["contract"]["renews_at"][:10] == after
