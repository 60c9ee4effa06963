"""The campaign's own means: each thing that may be wrong is seen, and a story is the same again and
found with less of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.demo.systems import Billing
from tests.fire.access import GRACE_SECONDS, Billed, expected
from tests.fire.invariants import (
    _balance_kept_out,
    _has_a_reason,
    _may_be_unshown,
    of_all,
    sync_metadata,
)
from tests.fire.people import NOBODY, People
from tests.fire.seen import Seen
from tests.fire.shrinking import shortest
from tests.fire.story import Blow, LifePlan, Story, written
from tests.fire.story_run import Told
from tests.fire.violation import Violation
from tests.harness.both_sides import Issued, Sides
from tests.harness.buyers import Buyer
from tests.harness.erp_documents import Document

ZERO = Decimal(0)


def paper(key: int, **given: Any) -> Document:
    found = Document(
        id=key,
        number=f"DE-{key}",
        state="posted",
        reference=f"INV-{key}",
        invoice_date=None,
        accounting_date=None,
        net=ZERO,
        tax=ZERO,
        total=ZERO,
        open=ZERO,
        lines=(),
        taxes=(),
        corrects=(),
        raw={"company": 1, "party.": {"code": "cus_1"}},
    )
    return replace(found, **given)


def move(key: int, **given: Any) -> dict[str, Any]:
    known = {"id": key, "number": str(key), "state": "posted", "origin": None, "company": 1}
    return {**known, "description": f"pi_{key}", **given}


def change(key: str, **given: Any) -> dict[str, Any]:
    known = {"id": key, "subject": f"sub_{key}", "customer_id": "cus_1", "kind": "upgrade"}
    state = {"state": "settled", "summary": None, "held": False}
    return {**known, **state, **given}


def effect(key: str, state: str, **result: Any) -> dict[str, Any]:
    known = {"key": key, "state": state, "change_id": "chg_1", "customer_id": "cus_1"}
    return {**known, "result": result, "error": None, "writes_set": None}


QUIET = Seen(
    papers=[paper(1)],
    external_ids={1: "in_1"},
    moves=[move(1)],
    parties=[{"code": "cus_1", "name": "Buyer 1", "active": True}],
    owed={},
    organizations=[{"id": 7, "external_id": "cus_1", "organization_fields": {}}],
    told={},
    deliveries=[
        {"event": "evt_1", "type": "invoice.paid", "state": "delivered", "last_status": 202}
    ],
    inbox={"evt_1": "dispatched"},
    effects=[
        effect("document:acme/in_1", "confirmed", document_id="1", number="DE-1"),
        effect("settlement:acme/pi_1", "confirmed", entry_id="1"),
        effect("party:acme/cus_1", "confirmed", party="cus_1"),
        effect("chg_1/support.entitlement", "confirmed", organization_id="7"),
        effect("document:acme/in_2", "compensated"),
    ],
    changes=[change("1")],
    questions=[],
    differences=[],
)
ASKED = {
    "id": "exc_1",
    "change_id": "2",
    "state": "open",
    "owner": "finance",
    "due_at": datetime.now(UTC),
    "code": "item_unmapped",
    "belongs_to": "sub_2",
    "customer_id": "cus_1",
}


def test_nothing_is_wrong_with_what_agrees() -> None:
    assert of_all(QUIET) == []
    waits = replace(QUIET, changes=[change("2", state="waiting")], questions=[ASKED])
    behind = [*waits.changes, change("3", state="pending", subject="sub_2")]
    assert of_all(replace(waits, changes=behind)) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"papers": [paper(1), paper(2, reference="INV-1")]}, "document (1, 'INV-1') is there 2"),
        ({"papers": [paper(1), paper(2, state="draft")]}, "left over as draft"),
        ({"moves": [move(1), move(2, description="pi_1")]}, "movement 1/pi_1 is there 2 times"),
        ({"moves": [move(1), move(2, state="draft")]}, "movement 1/pi_2 (id 2) is left over"),
        ({"organizations": QUIET.organizations * 2}, "organisation cus_1 is there 2 times"),
        (
            {"parties": [*QUIET.parties, {"code": "P-9", "name": "Buyer 1", "active": True}]},
            "party Buyer 1 is there 2 times",
        ),
        ({"inbox": {}}, "was acknowledged and is not there"),
        ({"inbox": {"evt_1": "received"}}, "event evt_1 is received at rest"),
        ({"changes": [change("1", state="running")]}, "is running at rest"),
        ({"changes": [change("1", state="waiting")]}, "waits and nobody is asked"),
        ({"changes": [change("1", state="pending")]}, "is pending and nothing is before it"),
        ({"questions": [{**ASKED, "due_at": None}]}, "has no owner or no time"),
        ({"papers": []}, "the ERP has no posted document 1"),
        ({"moves": [move(1, state="draft", origin="x,1")]}, "the ERP has no posted move 1"),
        ({"parties": []}, "the ERP has no party cus_1"),
        ({"organizations": []}, "support has no organisation 7"),
        ({"external_ids": {1: "in_2"}}, "it stands in the ERP as DE-1"),
        ({"effects": [effect("document:acme/in_1", "uncertain")]}, "is uncertain at rest"),
    ],
)
def test_what_is_wrong_is_seen(wrong: dict[str, Any], said: str) -> None:
    found = of_all(replace(QUIET, **wrong))
    assert [str(one) for one in found if said in str(one)] != [], found


class Shown:
    """Billing, where every subscription shows this."""

    def __init__(self, state: str | None) -> None:
        self._metadata = {} if state is None else {"trueup_state": state}

    async def read(self, path: str) -> dict[str, Any]:
        assert path == "subscriptions/sub_1"
        return {"metadata": self._metadata}


def write_back(state: str, minute: int, *, writes: str = "sync") -> dict[str, Any]:
    told = effect(f"chg_{minute}/billing.sync", "confirmed")
    at = datetime(2026, 11, 1, 12, minute, tzinfo=UTC)
    of = {"system": "billing", "subject": "sub_1", "confirmed_at": at, "result": {"state": state}}
    return {**told, **of, "writes_set": f"{writes}:acme/sub_1"}


async def test_billing_shows_what_was_written_there_last() -> None:
    seen = replace(QUIET, effects=[write_back("synchronised", 2), write_back("compensated", 1)])

    async def wrong(shown: str | None, of: Seen = seen) -> list[str]:
        return [str(one) for one in await sync_metadata(cast("Billing", Shown(shown)), of)]

    assert await wrong("synchronised") == []
    assert "shows compensated, written was synchronised" in (await wrong("compensated"))[0]
    assert "shows None, written was synchronised" in (await wrong(None))[0]
    # A set of another name would else be looked at by nobody.
    renamed = replace(QUIET, effects=[write_back("synchronised", 1, writes="mark")])
    assert "writes 'mark' to billing, which nobody looks at" in (await wrong(None, renamed))[0]


def test_a_cancelled_movement_is_not_there_twice() -> None:
    moves = [move(1), move(2), move(3, description="pi_2"), move(4, origin="account.move,2")]
    assert of_all(replace(QUIET, moves=moves)) == []


def test_a_seed_always_tells_the_same() -> None:
    assert written(7, 20, 10) == written(7, 20, 10)
    assert written(7, 20, 10) != written(8, 20, 10)
    killed = [blow.on for blow in written(7, 20, 10).blows if blow.what == "kill"]
    assert len(set(killed)) == 10


def bad_when(story: Story, culprit: Callable[[Story], bool]) -> Told:
    wrong = [Violation("wrong", "cus_3")] if culprit(story) else []
    lived = {f"cus_{life.seed % 100_000}": life for life in story.lives}
    return Told(story, wrong, lived, {})


def test_the_shortest_story_keeps_what_matters() -> None:
    """The fourth life's second deed and the kill of the worker."""

    def culprit(story: Story) -> bool:
        deeds = {life.seed: life.deeds for life in story.lives}
        return 1 in deeds.get(100_003, ()) and any(blow.on == "worker" for blow in story.blows)

    lives = tuple(LifePlan(100_000 + number, (0, 1, 2)) for number in range(8))
    blows = tuple(
        Blow(place / 10, "kill", on, "", place)
        for place, on in enumerate(["api", "worker", "postgres", "tryton", "stripe"])
    )
    whole = Story(1, lives, blows)
    runs: list[Story] = []

    def again(story: Story) -> Told:
        runs.append(story)
        return bad_when(story, culprit)

    said = shortest(bad_when(whole, culprit), again, lambda _: None, runs=40)
    assert "1 lives, 2 deeds, 1 blows" in said[0]
    assert [line for line in said if "kill worker" in line] != []
    few: list[Story] = []

    def counted(story: Story) -> Told:
        few.append(story)
        return bad_when(story, culprit)

    shortest(bad_when(whole, culprit), counted, lambda _: None, runs=2)
    assert (len(few), len(runs) <= 40) == (2, True)


NOW = 1_700_000_000


def item(key: str, product: str, quantity: int) -> dict[str, Any]:
    return {"id": key, "quantity": quantity, "price": {"product": product}}


def line(of: str, minor: int = 1000) -> dict[str, Any]:
    details = {"subscription_item": of, "subscription": "sub_1"}
    return {"amount": minor, "parent": {"subscription_item_details": details}}


def invoice(key: str, *lines: dict[str, Any], paid: int = 0, left: int = 1000) -> dict[str, Any]:
    status = "open" if left else "paid"
    amounts = {"amount_paid": paid, "amount_remaining": left}
    return {"id": key, "status": status, **amounts, "lines": {"data": list(lines)}}


def sells(
    *invoices: dict[str, Any], status: str = "active", ends: int | None = None, **refused: int
) -> Billed:
    items = {"data": [item("si_1", "prod_pro", 3), item("si_2", "prod_new", 1)]}
    until = {"pause_collection": None, "cancel_at": ends}
    sold = {"id": "sub_1", "status": status, "items": items, **until}
    return Billed(NOW, [sold], [*invoices], [], [], refused, {}, NOW + 1000)


PRODUCTS = {"prod_pro": "Pro"}


def test_access_is_what_is_sold() -> None:
    found = expected(sells(), PRODUCTS, NOBODY)
    assert (found.most, found.certain, *found.tiers) == ({"seats": 3, "sso": 1}, True, "premium")
    refused = [{"seats": 3}, {"seats": 3, "sso": 1, "more": 1}]
    assert all(found.refuses(features) for features in refused)
    assert not found.refuses({"seats": 3, "sso": 1})
    ended = expected(sells(status="canceled"), PRODUCTS, NOBODY)
    assert (ended.most, *ended.tiers) == ({}, None)


def test_a_debt_takes_away_what_it_is_for_after_the_grace() -> None:
    over, within = NOW - GRACE_SECONDS, NOW - GRACE_SECONDS + 1
    held = expected(sells(invoice("in_1", line("si_1")), in_1=over), PRODUCTS, NOBODY)
    assert (held.most, *held.tiers, held.certain) == ({}, "standard", True)
    kept = expected(sells(invoice("in_1", line("si_1")), in_1=within), PRODUCTS, NOBODY)
    assert (kept.least, kept.certain) == ({"seats": 3, "sso": 1}, True)


def test_where_money_meets_a_debt_both_answers_are_taken() -> None:
    over = NOW - GRACE_SECONDS
    debt = invoice("in_1", line("si_1"))
    paid = invoice("in_2", line("si_1"), paid=1000, left=0)
    found = expected(sells(debt, paid, in_1=over), PRODUCTS, NOBODY)
    assert (found.least, found.most) == ({}, {"seats": 3, "sso": 1})
    assert found.tiers == {"standard", "premium"}
    assert found.refuses({"seats": 4})
    assert not found.refuses({})
    later = People(extended={"in_1"})
    assert not expected(sells(debt, in_1=over), PRODUCTS, later).certain


def test_an_end_that_only_our_own_clock_has_passed_is_in_doubt() -> None:
    later = expected(sells(ends=NOW + 1001), PRODUCTS, NOBODY)
    assert later.certain
    found = expected(sells(ends=NOW + 1000), PRODUCTS, NOBODY)
    assert (found.least, found.most) == ({}, {"seats": 3, "sso": 1})


@pytest.mark.parametrize("sign", [1, -1], ids=["invoice", "credit note"])
@pytest.mark.parametrize(("stands", "right"), [(-40, True), (0, True), (-41, False), (1, False)])
def test_no_more_than_was_paid_stands_as_what_took_a_document_back(
    stands: int, right: bool, sign: int
) -> None:
    issued = Issued(
        number="A-1",
        key="in_1",
        gross=Decimal(100 * sign),
        tax={},
        open=Decimal(60 * sign),
        void=False,
        issued=date(2026, 11, 1),
        raw={"object": "invoice", "parent": None},
    )
    sides = SimpleNamespace(
        buyer=SimpleNamespace(customer="cus_1"),
        papers={"A-1": SimpleNamespace(state="paid")},
        counter=[SimpleNamespace(reference="in_1/undo", open=Decimal(stands * sign))],
    )
    known = {"owner": "finance", "by": "Jane", "exception_id": None}
    assert _has_a_reason(issued, known, {}, People(), cast("Sides", sides)) is right


@pytest.mark.parametrize(
    ("owed", "took_back", "right"),
    [("0", True, True), ("0", False, False), ("-9.90", False, True), ("-9.90", True, False)],
)
def test_balance_is_kept_out_by_a_persons_word_and_to_the_cent(
    owed: str, took_back: bool, right: bool
) -> None:
    buyer = cast("Buyer", SimpleNamespace(customer="cus_1", currency="eur", entity="LE-DE"))
    people = People(took_back={"account:cus_1"} if took_back else set())
    money = {"minor": 990, "currency": "EUR"}
    listed = [
        {"about": "balance", "customer_id": "cus_1", "owner": "operations", "difference": money}
    ]
    sides = Sides(
        buyer=buyer,
        issued=[],
        papers={},
        counter=[],
        drafts=[],
        owed=Decimal(owed),
        debts=Decimal(0),
        balance=Decimal("9.90"),
        pending=Decimal(0),
    )
    assert (not sides.in_total(_balance_kept_out(buyer, listed, people))) is right


@pytest.mark.parametrize(
    ("code", "state", "drafts", "right"),
    [
        ("item_unmapped", "open", [], True),
        ("item_unmapped", "resolved", [], False),
        ("item_unmapped", "open", [paper(1)], False),
        ("amount_mismatch", "open", [], False),
    ],
)
def test_what_is_not_billed_yet_is_kept_out_by_an_item_that_is_asked_for(
    code: str, state: str, drafts: list[Document], right: bool
) -> None:
    sides = SimpleNamespace(buyer=SimpleNamespace(customer="cus_1"), drafts=drafts)
    question = {"code": code, "state": state, "customer_id": "cus_1", "track": "access"}
    seen = SimpleNamespace(questions=[question], changes=[])
    assert _may_be_unshown(cast("Sides", sides), cast("Seen", seen), NOBODY) is right
