"""Lines that billing takes back after they were posted are credited, once, and can be undone."""

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import BillingSnapshot
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import DocumentKind
from persistence import lines
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import item, line, snapshot, subscription
from tests.harness.systems import lost, refused

PRO = subscription(item("pro", 5))
ON_INVOICE = line("il_1", 20000).model_copy(update={"invoice_id": "in_1"})
PENDING = line("ii_2", 700)


def shows(sagas: Sagas, found: BillingSnapshot) -> None:
    sagas.systems.billing.snapshots["sub_1"] = found


def voided(*line_ids: str) -> BillingSnapshot:
    return snapshot(PRO).model_copy(update={"voided": line_ids})


def posted(sagas: Sagas) -> list[int]:
    return [document.net.minor for document in sagas.systems.erp.documents]


async def sold(sagas: Sagas) -> None:
    """One line on an invoice and one that waits, both posted."""
    shows(sagas, snapshot(PRO, ON_INVOICE, PENDING))
    assert (await sagas.finish("chg_0")).outcome == "completed"
    assert posted(sagas) == [20700]


async def carried(sagas: Sagas) -> dict[str, tuple[str, str | None]]:
    """(state, invoice) of every line that a document carries or carried."""
    async with sagas.database.statement() as raw:
        found = await raw.execute("select line_id, state, invoice_id from posted_lines order by id")
        return {row[0]: (row[1], row[2]) for row in await found.fetchall()}


async def test_the_lines_of_a_void_invoice_are_credited_by_the_next_change(sagas: Sagas) -> None:
    await sold(sagas)
    shows(sagas, voided("il_1").model_copy(update={"lines": (PENDING,)}))

    assert (await sagas.finish("chg_1")).outcome == "completed"

    assert posted(sagas) == [20700, -20000]
    assert sagas.systems.erp.documents[-1].kind is DocumentKind.CREDIT_MEMO
    change = await sagas.change("chg_1")
    assert change.kind is ChangeKind.BILLED
    # It belongs to the invoice whose line it takes back.
    assert (await carried(sagas))["il_1~"] == ("posted", "in_1")
    async with sagas.database.statement() as raw:
        documents = await lines.documents_of(raw, "acme", ["in_1"])
    assert [document for document, _ in documents["in_1"]] == ["1", "2"]


async def test_it_is_not_credited_twice(sagas: Sagas) -> None:
    await sold(sagas)
    shows(sagas, voided("il_1").model_copy(update={"lines": (PENDING,)}))
    await sagas.finish("chg_1")

    assert (await sagas.finish("chg_2")).outcome == "no_change"
    shows(sagas, voided("il_1").model_copy(update={"lines": (PENDING, line("ii_3", 100))}))
    assert (await sagas.finish("chg_3")).outcome == "completed"

    assert posted(sagas) == [20700, -20000, 100]


async def test_a_deleted_pending_line_is_credited_too(sagas: Sagas) -> None:
    await sold(sagas)
    shows(sagas, snapshot(PRO, ON_INVOICE))

    assert (await sagas.finish("chg_1")).outcome == "completed"

    assert posted(sagas) == [20700, -700]
    assert (await sagas.finish("chg_2")).outcome == "no_change"


async def test_a_line_that_has_gone_onto_a_draft_or_out_of_sight_is_not(sagas: Sagas) -> None:
    await sold(sagas)
    shows(sagas, snapshot(PRO).model_copy(update={"drafted": ("ii_2",)}))
    assert (await sagas.finish("chg_1")).outcome == "no_change"

    # It is asked by an invoice now, which grows too old to be read later.
    invoiced = PENDING.model_copy(update={"invoice_id": "in_2"})
    shows(sagas, snapshot(PRO, invoiced))
    assert (await sagas.finish("chg_2")).outcome == "no_change"
    shows(sagas, snapshot(PRO))
    assert (await sagas.finish("chg_3")).outcome == "no_change"

    assert posted(sagas) == [20700]
    assert (await carried(sagas))["ii_2"] == ("posted", "in_2")


async def test_what_is_new_and_what_is_taken_back_share_a_document(sagas: Sagas) -> None:
    await sold(sagas)
    anew = line("il_9", 18000).model_copy(update={"invoice_id": "in_9"})
    shows(sagas, voided("il_1").model_copy(update={"lines": (PENDING, anew)}))
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert posted(sagas) == [20700, -2000]


async def test_undoing_it_makes_it_due_again(sagas: Sagas) -> None:
    await sold(sagas)
    smaller = subscription(item("starter", 5, 1000))
    shows(
        sagas,
        voided("il_1").model_copy(update={"subscription": smaller, "lines": (PENDING,)}),
    )
    sagas.systems.script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "compensated"
    assert posted(sagas) == [20700, -20000, 20000]
    assert (await carried(sagas))["il_1~"] == ("reversed", "in_1")

    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert posted(sagas) == [20700, -20000, 20000, -20000]
    assert (await sagas.finish("chg_3")).outcome == "no_change"


async def test_a_lost_answer_credits_once(sagas: Sagas) -> None:
    await sold(sagas)
    shows(sagas, voided("il_1").model_copy(update={"lines": (PENDING,)}))
    sagas.systems.script.faults["erp.post"] = [lost(happened=True)]
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert posted(sagas) == [20700, -20000]


async def test_a_line_that_was_never_posted_is_not_credited(sagas: Sagas) -> None:
    await sold(sagas)
    shows(sagas, voided("il_other").model_copy(update={"lines": (ON_INVOICE, PENDING)}))
    assert (await sagas.finish("chg_1")).outcome == "no_change"
