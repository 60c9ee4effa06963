"""What people decide of one document: it is held, skipped, released, or is one that they have made
by hand; and what only they can decide, since it has changed after it was final."""

from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from canonical_models.documents import BillingDocument
from canonical_models.exceptions import Action, DocumentCorrection
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import ErpDocument
from canonical_models.money import Money
from canonical_models.records import Hold, HoldKind, RecordState
from persistence import documents, outbox
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import (
    AS_OF,
    credit_note,
    invoice,
    item,
    line,
    paid,
    payment,
    posted_by_hand,
    snapshot,
    subscription,
)
from tests.harness.systems import refused

PRO = subscription(item("pro", 5))
FIRST = invoice(line("il_1", 20000))
SECOND = invoice(line("il_2", 700), key="in_2")


def shows(sagas: Sagas, *found: BillingDocument) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, *found)


def posted(sagas: Sagas) -> list[tuple[str, int]]:
    return [(d.external_id, d.net.minor) for d in sagas.systems.erp.documents]


def entries(sagas: Sagas) -> list[tuple[str, str | None]]:
    return [(e.external_id, e.document) for e in sagas.systems.erp.entries]


async def decides(sagas: Sagas, document_id: str, hold: Hold | None) -> None:
    async with sagas.database.transaction() as conn:
        assert await documents.hold(conn, "acme", document_id, hold)


async def told_of(sagas: Sagas, kind: str) -> list[dict[str, Any]]:
    """What was published of this kind, oldest first."""
    async with sagas.database.transaction() as conn:
        found = await outbox.page(conn, "acme", limit=500)
    return [each.data for _, each in found if each.type == f"io.trueup.{kind}"]


def kept_out(kind: HoldKind = HoldKind.HELD) -> Hold:
    return Hold(kind=kind, reason="agreed otherwise", by="Jane", at=AS_OF)


async def by_hand(sagas: Sagas, of: BillingDocument, **differs: object) -> ErpDocument:
    """A document that people have posted for it in the ERP, with lines of their own."""
    made = posted_by_hand(of, "MAN-7", **differs)
    sagas.systems.erp.documents.append(made)
    return made


async def closed_period(sagas: Sagas) -> tuple[Handle, str]:
    """The first change finds that the ERP does not take its document."""
    shows(sagas, FIRST)
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")
    assert waiting.code == "period_closed"
    return handle, waiting.exception_id


def link(document_id: str, name: str) -> DocumentCorrection:
    return DocumentCorrection(document_id=document_id, link=name, by="Jane")


@pytest.mark.parametrize("name", ["MAN-7", "77"], ids=["number", "id"])
async def test_a_document_made_by_hand_is_adopted_where_it_says_the_same(
    sagas: Sagas, name: str
) -> None:
    handle, exception_id = await closed_period(sagas)
    shows(sagas, paid(FIRST, payment(20000)))
    await by_hand(sagas, FIRST)

    await sagas.resolve(handle, exception_id, Action.CORRECT, document=link("in_1", name))

    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [("", 20000)]
    record = await sagas.record("in_1")
    assert (record.state, record.linked_by) == (RecordState.POSTED, "Jane")
    assert record.posted is not None
    assert (record.posted.document_id, record.party) == ("77", "C-1001")
    # Its money settles the document that is there.
    assert entries(sagas) == [("pi_1", "77")]
    # Who follows invoices wants the ERP's number, whoever has made the document there.
    (told,) = await told_of(sagas, "invoice.posted.v1")
    assert (told["invoice_id"], told["document_id"], told["number"]) == ("in_1", "77", "MAN-7")
    assert (told["change_id"], told["net"]["minor"]) == ("chg_1", 20000)
    assert sagas.systems.billing.synced["sub_1"].erp_document == "MAN-7"
    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "no_change"


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        (
            {"net": Money(minor=19999, currency="EUR")},
            "net: planned 200.00 EUR, found 199.99 EUR",
        ),
        ({"party": "C-9"}, "party: planned C-1001, found C-9"),
        ({"tax": Money(minor=1, currency="EUR")}, "tax: planned 0.00 EUR, found 0.01 EUR"),
    ],
    ids=["net", "party", "tax"],
)
async def test_one_that_says_something_else_is_refused_with_both_sides(
    sagas: Sagas, differs: dict[str, object], words: str
) -> None:
    handle, exception_id = await closed_period(sagas)
    made = await by_hand(sagas, FIRST, **differs)

    await sagas.resolve(handle, exception_id, Action.CORRECT, document=link("in_1", "MAN-7"))

    waiting = await sagas.exception("chg_1", step="books")
    assert (waiting.code, waiting.subject) == ("outcome_mismatch", "in_1")
    assert words in waiting.message
    assert not (await sagas.record("in_1")).in_books

    # People mend the document that they have made.
    sagas.systems.erp.documents[:] = [
        made.model_copy(update={"net": FIRST.net, "tax": FIRST.tax, "party": "C-1001"})
    ]
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert (await sagas.record("in_1")).in_books


async def test_what_nobody_knows_is_not_linked(sagas: Sagas) -> None:
    handle, exception_id = await closed_period(sagas)
    await sagas.resolve(handle, exception_id, Action.CORRECT, document=link("in_1", "MAN-8"))
    waiting = await sagas.exception("chg_1", step="books")
    assert waiting.code == "document_conflict"
    await sagas.resolve(handle, waiting.exception_id, Action.CORRECT, document=link("in_1", "77"))
    waiting = await sagas.exception("chg_1", step="books")
    await by_hand(sagas, FIRST)
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


async def test_one_document_of_the_erp_stands_for_one_of_billing(sagas: Sagas) -> None:
    handle, exception_id = await closed_period(sagas)
    await by_hand(sagas, FIRST)
    await sagas.resolve(handle, exception_id, Action.CORRECT, document=link("in_1", "77"))
    await handle.result()
    twin = invoice(line("il_3", 20000), key="in_3")
    shows(sagas, FIRST, twin)
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_2")
    waiting = await sagas.exception("chg_2", step="books")

    await sagas.resolve(handle, waiting.exception_id, Action.CORRECT, document=link("in_3", "77"))

    waiting = await sagas.exception("chg_2", step="books")
    assert waiting.code == "document_conflict"
    assert "stands for another document of billing than N-in_3" in waiting.message
    assert not (await sagas.record("in_3")).in_books


async def test_a_late_link_holds_back_neither_what_came_before_nor_what_follows(
    sagas: Sagas,
) -> None:
    """It is decided beside any question, as the next change of the document finds it."""
    shows(sagas, FIRST)
    await sagas.finish("chg_0")
    shows(sagas, FIRST, SECOND)
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.DOCUMENT_REFUSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    await handle.result()
    await by_hand(sagas, SECOND)
    async with sagas.database.transaction() as conn:
        assert await documents.hold(conn, "acme", "in_2", None)
        assert await documents.correct(conn, "acme", link("in_2", "MAN-7"))

    assert (await sagas.finish("chg_2", documents=("in_2",))).outcome == "completed"

    assert posted(sagas) == [("in_1", 20000), ("", 700)]
    assert (await sagas.record("in_2")).linked_by == "Jane"


async def test_what_was_linked_is_only_unlinked_by_an_abort(sagas: Sagas) -> None:
    handle, exception_id = await closed_period(sagas)
    shows(sagas, paid(FIRST, payment(20000)))
    await by_hand(sagas, FIRST)
    sagas.systems.script.faults["erp.settle"] = [refused(RejectionCode.PAYMENT_REFUSED)]
    await sagas.resolve(handle, exception_id, Action.CORRECT, document=link("in_1", "77"))
    waiting = await sagas.exception("chg_1", step="books")
    assert waiting.code == "payment_refused"

    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)

    assert (await handle.result()).outcome == "compensated"
    # The ERP's document is other people's: it stays as they have made it.
    assert posted(sagas) == [("", 20000)]
    assert "erp.reverse" not in sagas.systems.script.calls
    record = await sagas.record("in_1")
    assert not record.in_books
    assert record.hold is not None
    assert record.hold.kind is HoldKind.ABORTED


@pytest.mark.parametrize("kind", [HoldKind.HELD, HoldKind.SKIPPED])
async def test_what_is_kept_out_is_left_out_until_it_is_released(
    sagas: Sagas, kind: HoldKind
) -> None:
    handle, exception_id = await closed_period(sagas)
    await decides(sagas, "in_1", kept_out(kind))
    shows(sagas, paid(FIRST, payment(20000)), SECOND)

    await sagas.resolve(handle, exception_id, Action.RETRY)

    # All else goes on, its own money included, which stands on the account.
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [("in_2", 700)]
    assert entries(sagas) == [("pi_1", None)]
    await sagas.given(("seats", 5), ("sso", 1))
    async with sagas.database.statement() as conn:
        differing = await documents.differences(conn, "acme")
    assert [record.document.document_id for record in differing] == ["in_1"]
    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "no_change"

    await decides(sagas, "in_1", None)
    assert (await sagas.finish("chg_3", documents=("in_1",))).outcome == "completed"

    assert posted(sagas) == [("in_2", 700), ("in_1", 20000)]
    assert entries(sagas) == [("pi_1", "2")]
    async with sagas.database.statement() as conn:
        assert await documents.differences(conn, "acme") == ()


async def test_a_credit_note_stays_out_with_what_it_corrects(sagas: Sagas) -> None:
    handle, exception_id = await closed_period(sagas)
    await decides(sagas, "in_1", kept_out())
    note = credit_note(line("cl_1", -500).model_copy(update={"corrects": "il_1"}), corrects="in_1")
    shows(sagas, FIRST, note)
    await sagas.resolve(handle, exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == []

    await decides(sagas, "in_1", None)
    assert (await sagas.finish("chg_2", documents=("in_1", "cn_1"))).outcome == "completed"
    assert posted(sagas) == [("in_1", 20000), ("cn_1", -500)]
    assert sagas.systems.erp.documents[1].corrects == "1"


async def test_a_final_document_that_has_changed_is_asked_about_with_both_sides(
    sagas: Sagas,
) -> None:
    shows(sagas, FIRST)
    await sagas.finish("chg_0")
    edited = invoice(line("il_1", 19000))
    shows(sagas, edited)

    handle = await sagas.start("chg_1", documents=("in_1",))
    waiting = await sagas.exception("chg_1")

    assert (waiting.code, waiting.subject) == ("document_changed", "in_1")
    assert "posted as N-in_1 over 200.00 EUR, and is now N-in_1 over 190.00 EUR" in waiting.message
    assert posted(sagas) == [("in_1", 20000)]

    # Mended in billing: nothing is left to do.
    shows(sagas, FIRST)
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [("in_1", 20000)]


async def differing(sagas: Sagas) -> list[str]:
    async with sagas.database.statement() as conn:
        return [each.document.document_id for each in await documents.differences(conn, "acme")]


async def left_as_posted(sagas: Sagas, edited: BillingDocument) -> None:
    """`in_1` was posted, has changed in billing, and finance has said no to that."""
    shows(sagas, FIRST)
    await sagas.finish("chg_0")
    shows(sagas, edited)
    handle = await sagas.start("chg_1", documents=("in_1",))
    waiting = await sagas.exception("chg_1")
    assert waiting.code == "document_changed"
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    await handle.result()


async def test_aborted_a_changed_document_stays_as_posted_and_nobody_is_asked_again(
    sagas: Sagas,
) -> None:
    edited = invoice(line("il_1", 19000))
    await left_as_posted(sagas, edited)
    record = await sagas.record("in_1")
    assert record.in_books
    assert record.hold is not None
    assert (record.hold.kind, record.hold.by) == (HoldKind.HELD, "tester")
    assert record.hold.reason == "aborted by tester"
    assert await differing(sagas) == ["in_1"]

    # All else goes on, its own money included.
    shows(sagas, paid(edited, payment(19000)), SECOND)
    assert (await sagas.finish("chg_2", documents=("in_1", "in_2"))).outcome == "completed"
    assert posted(sagas) == [("in_1", 20000), ("in_2", 700)]
    assert entries(sagas) == [("pi_1", "1")]
    assert await differing(sagas) == ["in_1"]

    # Released, it is asked again.
    await decides(sagas, "in_1", None)
    await sagas.start("chg_3", documents=("in_1",))
    assert (await sagas.exception("chg_3")).code == "document_changed"


async def test_mended_in_billing_it_is_held_no_more(sagas: Sagas) -> None:
    await left_as_posted(sagas, invoice(line("il_1", 19000)))
    shows(sagas, FIRST)
    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "no_change"
    assert (await sagas.record("in_1")).hold is None
    assert await differing(sagas) == []

    shows(sagas, invoice(line("il_1", 18000)))
    await sagas.start("chg_3", documents=("in_1",))
    assert (await sagas.exception("chg_3")).code == "document_changed"


async def test_one_that_changes_between_plan_and_posting_is_not_posted_as_planned(
    sagas: Sagas,
) -> None:
    shows(sagas, FIRST)
    script = sagas.systems.script

    def edits(call: str) -> None:
        if call == "billing.documents":
            shows(sagas, invoice(line("il_1", 19000)))
            script.on_call = None

    script.on_call = edits
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")
    assert (waiting.code, waiting.subject) == ("document_changed", "in_1")
    assert posted(sagas) == []

    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [("in_1", 19000)]


async def test_cancelling_leaves_a_linked_document_linked(sagas: Sagas) -> None:
    handle, exception_id = await closed_period(sagas)
    shows(sagas, paid(FIRST, payment(20000)))
    await by_hand(sagas, FIRST)
    sagas.systems.script.faults["erp.settle"] = [refused(RejectionCode.PAYMENT_REFUSED)]
    await sagas.resolve(handle, exception_id, Action.CORRECT, document=link("in_1", "77"))
    await sagas.exception("chg_1", step="books")

    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert (await sagas.record("in_1")).in_books
    assert posted(sagas) == [("", 20000)]
