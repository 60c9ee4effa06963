"""The rows of the fault matrix: every write of every saga and process, and every undo, each with a
story at billing that makes it happen to a customer of its own."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from canonical_models.amendment import account_subject
from demo.looking import until
from demo.systems import Row
from runtime.embedded.facts import TARGET
from tests.fire.people import People
from tests.fire.stack import Fire
from tests.harness.both_sides import sides_of
from tests.harness.buyers import Buyer, Shop
from workflows.names import change_workflow_id

#: By what its vendor commits, of an attempt's writes; the first one where nothing is said.
Commit = Mapping[str, Any]


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


Story = Callable[[Case], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """`operation` is the ledger's name of it. `before` is what there must be, `happens` has it
    happen. `system` is asked, None where all of it is ours; `seconds` are what one call may take.
    """

    name: str
    operation: str
    system: str | None
    before: Story
    happens: Story
    commit: Commit = field(default_factory=dict)
    seconds: float | None = None
    #: Nobody but who asked for it brings it about again, where what carries it out was ended.
    asked_again: bool = False
    #: Only what happens at the wire differs from the row before.
    wire_only: bool = False
    #: Only a process can be in its way: no draft is left that anything is sent for.
    silent: bool = False
    #: What is taken back of an upgrade: all of it by an abort, access alone by a cancellation.
    undo: Literal["all", "access"] | None = None


async def _nothing(case: Case) -> None:
    del case


async def _subscribes(case: Case) -> None:
    price = await case.shop.price("Starter", 1000)
    case.sold = await case.buyer.subscribe(price, 5)
    case.of_change()


async def _subscribed(case: Case) -> None:
    await _subscribes(case)
    await case.buyer.settled()
    await case.buyer.told({"seats": 5})


async def _upgrades(case: Case) -> None:
    price = await case.shop.price("Pro", 4000)
    await case.buyer.change(case.sold, "always_invoice", price=price)


async def _upgrades_unbilled(case: Case) -> None:
    price = await case.shop.price("Pro", 4000)
    await case.buyer.change(case.sold, "create_prorations", price=price)


async def _invoiced(case: Case) -> None:
    case.issued = await case.buyer.invoice((10000, await case.shop.rate()))
    case.of_change()
    await case.buyer.settled()


async def _pays(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/pay")


async def _pays_elsewhere(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/pay", paid_out_of_band="true")


async def _gives_up(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/mark_uncollectible")


async def _voids(case: Case) -> None:
    await _post(case, f"invoices/{case.issued['id']}/void")


async def _credits(case: Case) -> None:
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


async def _paid(case: Case) -> None:
    await _invoiced(case)
    await _pays(case)
    await case.buyer.settled()


async def _refunds(case: Case) -> None:
    charge = await case.buyer.charge()
    await _post(case, "refunds", charge=charge["id"], amount=1190)


async def _disputes(case: Case) -> None:
    charge = await case.buyer.charge()
    case.asked = await _sim(case, f"charges/{charge['id']}/dispute")


async def _disputed(case: Case) -> None:
    await _paid(case)
    await _disputes(case)
    await case.buyer.settled()


async def _wins(case: Case) -> None:
    await _sim(case, f"disputes/{case.asked['id']}/close", status="won")


async def _is_given(case: Case) -> None:
    path = f"customers/{case.buyer.customer}/balance_transactions"
    await _post(case, path, amount=-1000, currency="eur")


async def _has_balance(case: Case) -> None:
    await _invoiced(case)
    await _is_given(case)
    await case.buyer.settled()


async def _invoices_against_balance(case: Case) -> None:
    await case.buyer.invoice((5000, await case.shop.rate()))


async def _moves_house(case: Case) -> None:
    """Finance is asked whether the ERP is to know."""
    await _subscribed(case)
    path = f"customers/{case.buyer.customer}"
    await _post(case, path, **{"address[line1]": "Elbchaussee 1"})
    case.asked = await case.buyer.asked("master_data_changed")
    case.workflow = change_workflow_id(case.fire.facts.tenant, account_subject(case.buyer.customer))


async def _is_approved(case: Case) -> None:
    await _decides(case, "approve")


async def _asks_for_standing(case: Case) -> None:
    invoice = case.issued["id"]
    case.workflow = f"invoices/{case.fire.facts.tenant}/{invoice}"
    # Who asks is answered late, or not at all when it is terminated: only the effect counts here.
    trueup = case.fire.world.trueup
    with contextlib.suppress(httpx.HTTPError):
        await trueup.http.post(f"/v1/invoices/{invoice}/refresh", timeout=2)


async def _target_of(case: Case) -> None:
    await _subscribed(case)
    customer = case.buyer.customer
    case.workflow = f"entitlement/{case.fire.facts.tenant}/{customer}/{TARGET}"


async def _overdue(case: Case) -> None:
    """Finance is asked how it ends."""
    await _subscribed(case)
    await case.buyer.charges("fail")
    case.issued = await case.buyer.renew(case.sold)
    await case.buyer.settled()
    await case.buyer.pass_(31)
    await case.buyer.look_again(case.sold)
    case.asked = await case.buyer.asked("payment_overdue")
    await case.buyer.changes()
    case.workflow = f"dunning/{case.fire.facts.tenant}/{case.issued['id']}"


async def _credits_debt(case: Case) -> None:
    await _decides(case, "credit")


async def _writes_off(case: Case) -> None:
    await _decides(case, "write_off")


async def _refused_at_the_end(case: Case) -> None:
    """All of an upgrade is done, and billing refuses to have it noted: a person is asked."""
    await _subscribed(case)
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
    await _upgrades(case)
    case.asked = await case.buyer.asked("billing_refused")
    await until("the upgrade in the books", lambda: _booked(case, 2))
    await case.fire.no_fault(*case.rules.pop())
    case.people.took_back.add(case.subject)


async def _booked(case: Case, count: int) -> bool | None:
    found = await sides_of(case.fire.erp, case.buyer)
    return (len(found.papers) == count and not found.differences()) or None


async def _refused_and_marked(case: Case) -> None:
    await _refused_at_the_end(case)
    case.only = f"{case.asked['change_id']}/billing.mark_undone"


async def _aborts(case: Case) -> None:
    await _decides(case, "abort")


async def _cancels(case: Case) -> None:
    await case.fire.world.trueup.ask("POST", f"/v1/changes/{case.asked['change_id']}/cancel")


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


#: Of Tryton: a document is made by REST, its buttons are pressed by JSON-RPC.
_POSTED: Commit = {"body_contains": "model.account.invoice.post"}
#: Seconds that Tryton is given for a document, whatever the connection says.
_LONG = 20.6


def _movement(name: str, kind: str, before: Story, happens: Story) -> Step:
    return Step(name, f"enter {kind}", "tryton", before, happens)


STEPS: tuple[Step, ...] = (
    Step("party", "create party", "tryton", _nothing, _subscribes),
    Step("organisation", "create organisation", "zendesk", _nothing, _subscribes),
    Step(
        "invoice", "post invoice", "tryton", _subscribed, _upgrades, commit=_POSTED, seconds=_LONG
    ),
    Step(
        "invoice: draft",
        "post invoice",
        "tryton",
        _subscribed,
        _upgrades,
        seconds=_LONG,
        wire_only=True,
    ),
    Step(
        "credit note",
        "post credit note",
        "tryton",
        _invoiced,
        _credits,
        commit=_POSTED,
        seconds=_LONG,
    ),
    Step(
        "void",
        "reverse void document",
        "tryton",
        _invoiced,
        _voids,
        commit=_POSTED,
        seconds=_LONG,
    ),
    _movement("payment", "payment", _invoiced, _pays),
    _movement("paid elsewhere", "paid elsewhere", _invoiced, _pays_elsewhere),
    _movement("set-off", "credit note", _invoiced, _credits),
    _movement("write-off", "write off", _invoiced, _gives_up),
    _movement("refund", "refund", _paid, _refunds),
    _movement("dispute", "dispute", _paid, _disputes),
    _movement("dispute won", "dispute won", _disputed, _wins),
    _movement("goodwill", "goodwill", _invoiced, _is_given),
    _movement("balance", "balance", _has_balance, _invoices_against_balance),
    Step(
        "unbilled",
        "show what is not billed yet",
        "tryton",
        _subscribed,
        _upgrades_unbilled,
        seconds=_LONG,
    ),
    Step("grants", "grant and withdraw", None, _subscribed, _upgrades),
    Step("support", "publish entitlement", "zendesk", _subscribed, _upgrades),
    Step("mark", "write back", "stripe", _subscribed, _upgrades),
    Step("master data", "carry on master data", "tryton", _moves_house, _is_approved),
    Step("target", "tell target", TARGET, _target_of, _upgrades),
    Step(
        "standing",
        "note the ERP's status",
        "stripe",
        _invoiced,
        _asks_for_standing,
        asked_again=True,
    ),
    Step("dunning: cancel", "cancel subscription", "stripe", _overdue, _credits_debt),
    Step("dunning: credit", "make invoice void", "stripe", _overdue, _credits_debt),
    Step(
        "dunning: write off",
        "make invoice uncollectible",
        "stripe",
        _overdue,
        _writes_off,
    ),
    Step(
        "undo of invoice",
        "post document.undo",
        "tryton",
        _refused_at_the_end,
        _aborts,
        commit=_POSTED,
        seconds=_LONG,
        undo="all",
    ),
    Step(
        "undo of grants", "grant and withdraw.undo", None, _refused_at_the_end, _aborts, undo="all"
    ),
    Step(
        "undo of support",
        "publish entitlement.undo",
        "zendesk",
        _refused_at_the_end,
        _aborts,
        undo="all",
    ),
    Step("undo: mark", "write back", "stripe", _refused_and_marked, _aborts, undo="all"),
    Step(
        "undo: drafts",
        "drop drafts",
        "tryton",
        _refused_at_the_end,
        _cancels,
        silent=True,
        undo="access",
    ),
)
