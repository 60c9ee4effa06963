"""What is left for a person: told with the figures of both sides, and nothing is done about it."""

from collections.abc import Callable
from typing import Any

import pytest

from canonical_models.failures import RejectionCode
from canonical_models.ledgering import DocumentState, ErpDocument
from persistence import adoption_reports
from tests.adoption.golive import GoLive, causes, eur, finding, in_erp, old, sold
from tests.harness.systems import refused


async def test_items_are_told_once_each_with_their_customers(golive: GoLive) -> None:
    numbers = range(2, 6)
    await golive.maps(*numbers)
    for number in numbers:
        golive.sells(sold(number=number, product="unheard_of" if number > 2 else "pro"))
    found = await golive.adopts("ado_1")

    assert [causes(found[f"cus_{number}"]) for number in numbers] == [
        [],
        ["item_unmapped"],
        ["item_unmapped"],
        ["item_unmapped"],
    ]
    async with golive.database.statement() as conn:
        (counted,) = await adoption_reports.items(conn, "acme", "ado_1")
        (cause,) = await adoption_reports.causes(conn, "acme", "ado_1")
    assert (counted.item, counted.customers) == ("price_unheard_of_4000", 3)
    assert (cause.cause, cause.findings, cause.customers) == ("item_unmapped", 3, 3)
    assert await golive.agreed("sub_2")
    assert not await golive.agreed("sub_3")


Change = Callable[[ErpDocument], ErpDocument]


def says(**changed: Any) -> Change:
    return lambda found: found.model_copy(update=changed)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (says(net=eur(19900), open=eur(19900)), "gross, open amount"),
        (says(net=eur(19000), tax=eur(1000)), "tax"),
        (says(party="C-2002"), "party"),
        (says(open=eur(0)), "gross, open amount"),
    ],
    ids=["gross", "tax", "party", "open"],
)
async def test_a_document_that_says_something_else_is_told_with_both_sides(
    golive: GoLive, change: Change, what: str
) -> None:
    golive.sells(sold(old()))
    theirs = change(in_erp(old()))
    if what == "gross, open amount" and theirs.gross == old().gross:
        # Settled in the ERP by hand.
        golive.systems.erp.documents.append(in_erp(old()))
        golive.systems.erp.pay_by_hand("700", 20000)
        what = "open amount"
    else:
        golive.systems.erp.documents.append(theirs)
    one = finding(await golive.only())

    assert (one.cause, one.subject, one.blocks) == ("document_differs", "in_old", False)
    assert f"another {what}: " in one.message
    assert one.billing is not None
    assert one.billing.startswith("N-in_old of C-1001: 200.00 EUR with tax 0.00 EUR")
    assert one.erp is not None
    assert one.erp.startswith(f"R-700 of {theirs.party}: {theirs.gross}")
    assert await golive.linked() is None
    # It is recorded all the same, and belongs to the process before.
    assert (await golive.sagas.record("in_old")).state.value == "before_cutover"
    # Documents do not keep the customer's access waiting.
    assert await golive.agreed()


@pytest.mark.parametrize("why", ["never made", "a draft", "no number"])
async def test_a_document_that_is_not_there_is_told(golive: GoLive, why: str) -> None:
    document = old().model_copy(update={"number": None} if why == "no number" else {})
    golive.sells(sold(document))
    if why == "no number":
        golive.systems.erp.documents.append(in_erp(document))
    found = await golive.only()
    one = finding(found)
    assert (one.cause, one.subject) == ("document_missing", "in_old")
    assert (found.figures.documents, found.figures.linked) == (1, 0)


async def test_a_number_that_several_have_is_told(golive: GoLive) -> None:
    golive.sells(sold(old()))
    golive.systems.erp.documents += [in_erp(old()), in_erp(old(), "701")]
    one = finding(await golive.only())
    assert one.cause == "document_ambiguous"
    assert one.erp is not None
    assert "R-700" in one.erp
    assert "R-701" in one.erp


async def test_a_cancelled_namesake_does_no_harm(golive: GoLive) -> None:
    """What people took back carries the number still."""
    golive.sells(sold(old()))

    async def with_cancelled(number: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        del number, legal_entity
        return (
            in_erp(old(), "699", state=DocumentState.CANCELLED),
            in_erp(old()),
        )

    golive.systems.erp.find_number = with_cancelled  # type: ignore[method-assign]  # one answer
    assert (await golive.only()).findings == ()
    assert await golive.linked() == "700"


async def test_a_document_of_the_erp_stands_for_one(golive: GoLive) -> None:
    twin = old("in_twin").model_copy(update={"number": "N-in_old"})
    golive.sells(sold(old(), twin))
    golive.systems.erp.documents.append(in_erp(old()))
    found = await golive.only()
    one = finding(found)
    assert one.cause == "document_taken"
    assert found.figures.linked == 1
    assert sorted([await golive.linked("in_old") or "", await golive.linked("in_twin") or ""]) == [
        "",
        "700",
    ]


@pytest.mark.parametrize(
    ("call", "blocks"),
    [
        ("billing.snapshot", True),
        ("billing.account_snapshot", True),
        ("erp.find_number", False),
        ("erp.open_items", False),
        ("support.publish", True),
    ],
)
async def test_a_refusal_is_left_to_people_and_keeps_no_other_customer_waiting(
    golive: GoLive, call: str, blocks: bool
) -> None:
    golive.sells(sold(old()))
    golive.systems.erp.documents.append(in_erp(old()))
    golive.systems.script.faults[call] = [refused(RejectionCode.DOCUMENT_INCONSISTENT)]
    one = finding(await golive.only())
    assert (one.cause, one.blocks) == ("document_inconsistent", blocks)
    assert await golive.agreed() is not blocks
    assert (await golive.only("ado_2")).findings == ()
    assert await golive.agreed()
    assert await golive.linked() == "700"
