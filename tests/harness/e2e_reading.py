"""What billing, ERP and support hold of an account, each read from the system itself."""

import asyncio
import base64
import json

from demo.systems import Row, amount
from demo.world import Account, World

_FIELDS = ("number", "reference", "state", "untaxed_amount", "lines.note", "lines.amount")
_UNDO = "/undo"


async def billed(world: World, account: Account) -> dict[str, int]:
    """Billing's own amounts in cents by line: those of final invoices, and those that wait."""
    pending = await world.billing.all("invoiceitems", customer=account.customer, pending="true")
    found = {item["id"]: item["amount"] for item in pending}
    for invoice in await world.billing.all("invoices", subscription=account.subscription):
        if invoice["status"] in ("draft", "void"):
            continue
        for line in await world.billing.all(f"invoices/{invoice['id']}/lines"):
            found[line_id(line)] = line["amount"]
    return {key: cents for key, cents in found.items() if cents}


def line_id(line: Row) -> str:
    """What a line is called for life: the invoice item that it comes from, else its own id."""
    parent = line["parent"]
    details = parent["subscription_item_details"] or parent["invoice_item_details"] or {}
    return str(details.get("invoice_item") or line["id"])


async def documents(world: World, account: Account) -> list[Row]:
    """The ERP's documents of the account's changes, oldest first; its party may have others."""
    ours = {entry["change_id"] for entry in await world.trueup.changes(account.subscription)}
    domain = [["party.code", "=", account.party], ["type", "=", "out"]]
    found = await world.erp.ask(
        "GET",
        "account.invoice",
        params=[
            ("d", base64.urlsafe_b64encode(json.dumps(domain).encode()).decode()),
            *(("f", field) for field in _FIELDS),
        ],
    )
    mine = [paper for paper in found if change_of(paper) in ours]
    return sorted(mine, key=lambda paper: int(paper["id"]))


def change_of(paper: Row) -> str:
    """The change that a document was posted for, or that it reverses."""
    return str(paper["reference"]).removesuffix(_UNDO)


async def posted(world: World, account: Account) -> list[tuple[str, int]]:
    """(billing line, cents) of every ERP line of the account, less what was reversed; sorted."""
    papers = await documents(world, account)
    assert all(paper["state"] in ("posted", "paid") and paper["number"] for paper in papers)
    undone = {change_of(paper) for paper in papers if paper["reference"].endswith(_UNDO)}
    return sorted(
        (line["note"], int(amount(line["amount"]) * 100))
        for paper in papers
        if change_of(paper) not in undone
        for line in paper["lines"]
    )


async def balance(world: World, account: Account) -> int:
    """Cents over all documents of the account, reversals included."""
    papers = await documents(world, account)
    return int(sum(amount(paper["untaxed_amount"]) for paper in papers) * 100)


async def shown(world: World, account: Account) -> tuple[str | None, str | None]:
    """(tier, last day of the contract) as support sees them."""
    fields = (await world.desk.organization(account.customer))["organization_fields"]
    end = fields.get("trueup_contract_end")
    return fields.get("trueup_support_tier"), end[:10] if end else None


async def agreed(world: World, account: Account) -> None:
    """ERP and billing agree to the cent, each line once; and billing carries the mark of it."""
    theirs, ours, total, subscription = await asyncio.gather(
        billed(world, account),
        posted(world, account),
        balance(world, account),
        world.billing.read(f"subscriptions/{account.subscription}"),
    )
    assert ours == sorted(theirs.items())
    assert total == sum(theirs.values())
    assert subscription["metadata"]["trueup_state"] == "synchronised"
