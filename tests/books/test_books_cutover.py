"""Going live: what the process before has booked is found, never booked again, and settled."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree, sides_of
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import Front
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(240)]

#: The stack's books begin with last year.
CUTOVER = datetime(datetime.now(UTC).year - 1, 1, 1, tzinfo=UTC)


async def test_what_was_open_at_the_cutover_is_linked_and_then_settled_like_any_other(
    erp: ErpInstance, shop: Shop, front: Front
) -> None:
    buyer = await shop.buyer(begun=CUTOVER.replace(year=CUTOVER.year - 1, month=12, day=20))
    async with people_of(erp) as people:
        await buyer.map(party=await people.party("Of the process before"), entity="LE-DE")
        issued = await buyer.invoice((10000, await shop.rate()))
        await buyer.changes()
        missing = await adopted(front, "--customer", buyer.customer)
        assert causes(missing) == {"document_missing"}
        day = CUTOVER.date().replace(day=3)
        made = await people.sold(buyer.party, issued["number"], Decimal(100), "DE-VAT-19", day)

    rehearsed = await adopted(front, "--customer", buyer.customer)
    assert causes(rehearsed) == set()
    assert [paper.id for paper in (await sides_of(erp, buyer)).papers.values()] == [made]
    applied = await adopted(front, "--apply", "--customer", buyer.customer)
    assert causes(applied) == set()

    await buyer.move_to(CUTOVER.replace(month=2))
    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()
    found = await agree(erp, buyer)
    (paper,) = found.papers.values()
    assert (paper.id, paper.open) == (made, Decimal(0))


async def test_what_differs_is_told_with_both_sides_and_nothing_is_booked(
    erp: ErpInstance, shop: Shop, front: Front
) -> None:
    buyer = await shop.buyer(begun=CUTOVER.replace(year=CUTOVER.year - 1, month=12, day=20))
    async with people_of(erp) as people:
        await buyer.map(party=await people.party("Of the process before"), entity="LE-DE")
        issued = await buyer.invoice((10000, await shop.rate()))
        await buyer.changes()
        day = CUTOVER.date().replace(day=3)
        made = await people.sold(buyer.party, issued["number"], Decimal(90), "DE-VAT-19", day)
    told = await adopted(front, "--customer", buyer.customer)
    assert causes(told) == {"document_differs"}
    assert "119.00" in json.dumps(told)
    assert "107.10" in json.dumps(told)
    assert [paper.id for paper in (await sides_of(erp, buyer)).papers.values()] == [made]


async def adopted(front: Front, *arguments: str) -> Mapping[str, Any]:
    """The report of `trueup adopt`; it exits with 1 exactly where something is left for people."""
    state = str(front.facts.state)
    run = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", "cli", "--state", state, "adopt", *arguments),
            *("--tenant", "acme", "-o", "json"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    assert run.returncode == (1 if causes(report) else 0), run.stderr
    return report


def causes(report: Mapping[str, Any]) -> set[str]:
    return {each["cause"] for each in report["causes"]}
