"""Data of a customer through the front door, from its first webhook to its end; then erased."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.harness.buyers import Shop
from tests.harness.e2e_stack import Front
from tests.harness.planted import places_of

pytestmark = [pytest.mark.erp, pytest.mark.timeout(600)]

NAME, OTHER_NAME = "Quirin Zwiebelstetter", "Quirin Zwiebelstetter-Ohm"
EMAIL, STREET, VAT_ID = "quirin@zwiebelstetter.example", "Wunderlichgasse 77", "DE136695976"
PERSONAL = ("Zwiebelstetter", "zwiebelstetter", STREET, VAT_ID)
#: What the lines of his documents say: it stays with the documents.
LINE = "Onboarding in the Zillertal"

#: Where what is in the lines of documents may stand: see `persistence.personal`.
OF_DOCUMENTS = {"documents.document", "documents.posted", "effects.result", "changes.proof"}


def trueup(front: Front, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--state", str(front.facts.state), *arguments, "-o", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
async def test_what_is_personal_of_a_customer_is_found_and_erased(front: Front, shop: Shop) -> None:
    dsn, said = front.facts.postgres_dsn, f"{NAME} has called"
    buyer = await shop.buyer(
        said={
            "name": NAME,
            "email": EMAIL,
            "address[line1]": STREET,
            "tax_id_data[0][type]": "eu_vat",
            "tax_id_data[0][value]": VAT_ID,
            "metadata[contact]": NAME,
        }
    )
    billing, ask = buyer.world.billing, buyer.world.trueup.ask
    sold = await buyer.subscribe(
        await shop.price("Pro", 4000), 5, **{"metadata[contact]": NAME, "description": NAME}
    )
    await buyer.settled()
    draft = await buyer.draft((5000, await shop.rate()), **{"metadata[contact]": NAME})
    for line in await billing.all(f"invoices/{draft}/lines"):
        item = line["parent"]["invoice_item_details"]["invoice_item"]
        await billing.make(f"invoiceitems/{item}", description=LINE)
    issued = await billing.make(f"invoices/{draft}/finalize", auto_advance="false")
    await buyer.settled()
    body = {"customer_id": buyer.customer, "feature": "beta", "reason": said}
    grant = (await ask("POST", "/v1/grants", json=body))["grant"]["grant_id"]
    await billing.make(f"customers/{buyer.customer}", name=OTHER_NAME)
    question = await buyer.asked("master_data_changed")
    await buyer.decide(question, "approve", note=said)
    await buyer.settled()
    await billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()

    goes_on = trueup(front, "privacy", "erase", buyer.customer, "--dry-run")["goes_on"]
    assert goes_on == {"subscriptions": [sold["id"]]}
    await ask("DELETE", f"/v1/grants/{grant}")
    await billing.ask("DELETE", f"/v1/subscriptions/{sold['id']}")
    await buyer.settled()

    before = places_of(dsn, *PERSONAL)
    assert {"inbox.body", "exceptions.note", "grants.reason"} <= before
    assert places_of(dsn, LINE) - {"inbox.body", "changes.plan", "changes.snapshot"} <= OF_DOCUMENTS

    erased = trueup(front, "privacy", "erase", buyer.customer)
    assert erased["done"]
    assert places_of(dsn, *PERSONAL) == set()
    # Nothing but what it says that it keeps, and why.
    left = places_of(dsn, LINE)
    assert left <= OF_DOCUMENTS
    kept = {one["table"]: one["why"] for one in erased["kept"]}
    assert {place.partition(".")[0] for place in left} <= kept.keys()
    assert "kept for as long as books are" in kept["documents"]
    assert erased["histories"]["kept_days"] > 0
    again = trueup(front, "privacy", "erase", buyer.customer)
    assert again["places"] == []

    # The books are as they were: what stays is enough to compare both sides by.
    shown = await ask("GET", f"/v1/invoices/{issued['id']}")
    assert shown["summary"]["state"] == "posted"
    differing = await ask("GET", "/v1/differences", params={"customer": buyer.customer})
    assert differing["items"] == []
