"""What happens to the customers of the fault matrix, at billing's front door and by people: what
there must be before a step, and what makes it happen."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

import httpx

from canonical_models.amendment import account_subject
from sandbox.demo.observed import until
from sandbox.demo.systems import Row
from sandbox.embedded.facts import TARGET
from tests.fire.people import People
from tests.fire.stack import Fire
from tests.harness.both_sides import sides_of
from tests.harness.buyers import Buyer, Shop
from workflows.names import change_workflow_id


@dataclass
class Case:
    """One cell at work. `workflow` is what carries the step out; `about` tells its effect."""

    fire: Fire
    shop: Shop
    buyer: Buyer
    people: People = field(default_factory=People)
    sold: Row = field(default_factory=dict)
    issued: Row = field(default_factory=dict)
    asked: Row = field(default_factory=dict)
    #: Rules of proxies that the story has set and takes off again: (system, id).
    rules: list[tuple[str, int]] = field(default_factory=list)
    #: Instead of the customer and what it has.
    only: str | None = None
    workflow: str = ""

    @property
    def about(self) -> list[str]:
        if self.only is not None:
            return [self.only]
        return [self.buyer.customer, *(one["id"] for one in (self.sold, self.issued) if one)]

    @property
    def subject(self) -> str:
        return str(self.sold["id"]) if self.sold else account_subject(self.buyer.customer)

    def of_change(self) -> None:
        """The step is one of the saga of this customer's subscription, else of its account."""
        self.workflow = change_workflow_id(self.fire.facts.tenant, self.subject)


async def nothing(case: Case) -> None:
    del case


async def subscribes(case: Case) -> None:
    price = await case.shop.price("Starter", 1000)
    case.sold = await case.buyer.subscribe(price, 5)
    case.of_change()


async def subscribed(case: Case) -> None:
    await subscribes(case)
    await case.buyer.settled()
    await case.buyer.told({"seats": 5})


async def upgrades(case: Case) -> None:
    price = await case.shop.price("Pro", 4000)
    await case.buyer.change(case.sold, "always_invoice", price=price)


async def upgrades_unbilled(case: Case) -> None:
    price = await case.shop.price("Pro", 4000)
    await case.buyer.change(case.sold, "create_prorations", price=price)


async def invoiced(case: Case) -> None:
    case.issued = await case.buyer.invoice((10000, await case.shop.rate()))
    case.of_change()
    await case.buyer.settled()


async def pays(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/pay")


async def pays_elsewhere(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/pay", paid_out_of_band="true")


async def gives_up(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/mark_uncollectible")


async def voids(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/void")


async def is_credited(case: Case) -> None:
    (line,) = await case.shop.front.world.billing.all(f"invoices/{case.issued['id']}/lines")
    await _post(
        case,
        "credit_notes",
        **{
            "invoice": case.issued["id"],
            "lines[0][type]": "invoice_line_item",
            "lines[0][invoice_line_item]": line["id"],
            "lines[0][amount]": 5000,
        },
    )


async def paid(case: Case) -> None:
    await invoiced(case)
    await pays(case)
    await case.buyer.settled()


async def refunds(case: Case) -> None:
    charge = await case.buyer.charge()
    await _post(case, "refunds", charge=charge["id"], amount=1190)


async def disputes(case: Case) -> None:
    charge = await case.buyer.charge()
    case.asked = await _sim(case, f"charges/{charge['id']}/dispute")


async def disputed(case: Case) -> None:
    await paid(case)
    await disputes(case)
    await case.buyer.settled()


async def wins(case: Case) -> None:
    await _sim(case, f"disputes/{case.asked['id']}/close", status="won")


async def is_given(case: Case) -> None:
    path = f"customers/{case.buyer.customer}/balance_transactions"
    await _post(case, path, amount=-1000, currency="eur")


async def has_balance(case: Case) -> None:
    await invoiced(case)
    await is_given(case)
    await case.buyer.settled()


async def invoices_against_balance(case: Case) -> None:
    await case.buyer.invoice((5000, await case.shop.rate()))


async def moves_house(case: Case) -> None:
    """Finance is asked whether the ERP is to know."""
    await subscribed(case)
    path = f"customers/{case.buyer.customer}"
    await _post(case, path, **{"address[line1]": "Elbchaussee 1"})
    case.asked = await case.buyer.asked("master_data_changed")
    case.workflow = change_workflow_id(case.fire.facts.tenant, account_subject(case.buyer.customer))


async def is_approved(case: Case) -> None:
    await _decides(case, "approve")


async def asks_for_erp_status(case: Case) -> None:
    invoice = case.issued["id"]
    case.workflow = f"invoices/{case.fire.facts.tenant}/{invoice}"
    # Who asks is answered late, or not at all when it is terminated: only the effect counts here.
    trueup = case.fire.world.trueup
    with contextlib.suppress(httpx.HTTPError):
        await trueup.http.post(f"/v1/invoices/{invoice}/refresh", timeout=2)


async def target_of(case: Case) -> None:
    await subscribed(case)
    customer = case.buyer.customer
    case.workflow = f"entitlement/{case.fire.facts.tenant}/{customer}/{TARGET}"


async def overdue(case: Case) -> None:
    """Finance is asked how it ends."""
    await subscribed(case)
    await case.buyer.charges("fail")
    case.issued = await case.buyer.renew(case.sold)
    await case.buyer.settled()
    await case.buyer.pass_(31)
    await case.buyer.look_again(case.sold)
    case.asked = await case.buyer.asked("payment_overdue")
    await case.buyer.changes()
    case.workflow = f"dunning/{case.fire.facts.tenant}/{case.issued['id']}"


async def credits_debt(case: Case) -> None:
    await _decides(case, "credit")


async def writes_off(case: Case) -> None:
    await _decides(case, "write_off")


async def refused_at_the_end(case: Case) -> None:
    """All of an upgrade is done, and billing refuses to have it noted: a person is asked. It
    refuses until that person has decided: news that comes late would have it tried again."""
    await subscribed(case)
    body = '{"error": {"type": "invalid_request_error", "message": "refused by a test"}}'
    rule = await case.fire.fault(
        "stripe",
        method="POST",
        path_regex=f"/subscriptions/{case.sold['id']}$",
        action="status",
        status=400,
        body=body,
        times=None,
    )
    case.rules.append(("stripe", rule["id"]))
    await upgrades(case)
    case.asked = await case.buyer.asked("billing_refused")
    await until("the upgrade in the books", lambda: _booked(case, 2))
    case.people.took_back.add(case.subject)


async def _booked(case: Case, count: int) -> bool | None:
    found = await sides_of(case.fire.erp, case.buyer)
    return (len(found.papers) == count and not found.differences()) or None


async def refused_and_synced(case: Case) -> None:
    await refused_at_the_end(case)
    case.only = f"{case.asked['change_id']}/billing.sync_undone"


async def aborts(case: Case) -> None:
    await _refused_no_more(case)
    await _decides(case, "abort")


async def cancels(case: Case) -> None:
    await _refused_no_more(case)
    await case.fire.world.trueup.ask("POST", f"/v1/changes/{case.asked['change_id']}/cancel")


async def _refused_no_more(case: Case) -> None:
    while case.rules:
        await case.fire.no_fault(*case.rules.pop())


async def _decides(case: Case, action: str) -> None:
    """What asks answers once it has acted, which it may not live to; and it asks anew where there
    is news meanwhile."""
    decided = {"action": action, "note": "by a test"}

    async def taken() -> bool | None:
        for one in await case.buyer.questions():
            if one["code"] != case.asked["code"]:
                continue
            path = f"/v1/exceptions/{one['exception_id']}/resolve"
            try:
                answer = await case.fire.world.trueup.http.post(path, json=decided, timeout=5)
            except httpx.TimeoutException:
                return True
            return answer.is_success or answer.is_server_error or None
        return None

    await until(f"{action} taken", taken)


async def _post(case: Case, path: str, **fields: Any) -> Row:
    return await case.shop.front.world.billing.make(path, **fields)


async def _sim(case: Case, path: str, **said: Any) -> Row:
    return dict(await case.shop.front.world.billing.ask("POST", f"/_sim/{path}", json=said))
