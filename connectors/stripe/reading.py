"""Documents read whole: by what they are, never by a customer's history."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import NamedTuple

from canonical_models.documents import BillingDocument, Untold
from canonical_models.failures import ContractDrift, Rejection
from connectors.stripe import SYSTEM
from connectors.stripe.amounts import instant
from connectors.stripe.catalogue import CatalogueReader
from connectors.stripe.client import StripeClient
from connectors.stripe.client_documents import INVOICES, NOTES, StripeDocuments
from connectors.stripe.credit_notes import note_document
from connectors.stripe.documents import invoice_document
from connectors.stripe.gathering import each_of, gathering, if_there
from connectors.stripe.moving import MovementReader
from connectors.stripe.taxes import Catalogue
from connectors.stripe.whole import WholeInvoice, WholeNote
from connectors.stripe.wire_documents import (
    CreditNote,
    CreditNoteLine,
    FinalLine,
    Invoice,
    InvoiceLine,
)


class Found(NamedTuple):
    """Documents by id, as they came and not yet whole; a note brings the invoice it corrects."""

    invoices: dict[str, Invoice]
    notes: dict[str, CreditNote]

    def joined(self, other: "Found") -> "Found":
        return Found(self.invoices | other.invoices, self.notes | other.notes)

    @property
    def ids(self) -> set[str]:
        return {*self.invoices, *self.notes}


class _Lines(NamedTuple):
    """All lines of invoices and of credit notes by their ids, and what they name."""

    invoiced: Mapping[str, list[InvoiceLine]]
    credited: Mapping[str, list[CreditNoteLine]]
    known: Catalogue


def found_of(*, invoices: Sequence[Invoice] = (), notes: Sequence[CreditNote] = ()) -> Found:
    """Drafts are no documents."""
    return Found(
        {each.id: each for each in invoices if each.final}, {each.id: each for each in notes}
    )


def corrected_by(note: CreditNote) -> Invoice:
    """The invoice that came with a note. Raises ContractDrift where none did."""
    if isinstance(note.invoice, Invoice):
        return note.invoice
    raise ContractDrift(
        f"Stripe shows credit note {note.id} without the invoice that was asked for with it: "
        "compare the API version with Stripe's changelog",
        system=SYSTEM,
        payload_path="$.invoice",
    )


def in_order(documents: Iterable[BillingDocument]) -> list[BillingDocument]:
    """By when they were issued."""
    return sorted(documents, key=lambda each: (each.issued_at, each.document_id))


class DocumentReader:
    """The documents of one connection. Raises the failures of `errors.REFUSALS`, and the Rejections
    of `verification`."""

    def __init__(
        self,
        reads: StripeClient,
        documents: StripeDocuments,
        movements: MovementReader,
        catalogue: CatalogueReader,
        now: Callable[[], datetime],
    ) -> None:
        self._reads = reads
        self._documents = documents
        self._movements = movements
        self._catalogue = catalogue
        self._now = now

    async def find(self, ids: Collection[str]) -> Found:
        """Those of the ids that are final documents; one request each."""
        async with gathering() as reads:
            invoices = reads.create_task(
                each_of(
                    lambda key: if_there(self._documents.invoice(key)), _starting(ids, INVOICES)
                )
            )
            notes = reads.create_task(
                each_of(
                    lambda key: if_there(self._documents.credit_note(key)), _starting(ids, NOTES)
                )
            )
        return found_of(
            invoices=[each for each in invoices.result() if each is not None],
            notes=[each for each in notes.result() if each is not None],
        )

    async def whole(
        self,
        found: Found,
        *,
        as_of: datetime | None = None,
        refused: dict[str, Untold] | None = None,
    ) -> list[BillingDocument]:
        """The documents with all that settles them, by when they were issued. `as_of` decides what
        is overdue; by default it is now, or what an invoice's test clock says. What `verification`
        refuses is raised, or left out and noted in `refused` where that is given."""
        invoices = list(found.invoices.values())
        async with gathering() as reads:
            lined = reads.create_task(self._lined(found))
            moved = reads.create_task(each_of(self._movements.moved, invoices))
            shipped = reads.create_task(each_of(self._shipped, invoices))
            notes = reads.create_task(each_of(self._shipped_note, found.notes.values()))
            clocks = reads.create_task(self._clocks(invoices if as_of is None else ()))
        lines = lined.result()
        telling: dict[str, Callable[[], BillingDocument]] = {}
        for invoice, moves in zip(shipped.result(), moved.result(), strict=True):
            telling[invoice.id] = partial(
                invoice_document,
                WholeInvoice(invoice, lines.invoiced[invoice.id], moves, lines.known),
                as_of=as_of or clocks.result().get(invoice.test_clock or "") or self._now(),
            )
        for note in notes.result():
            of = corrected_by(note)
            told = WholeNote(note, lines.credited[note.id], of, lines.invoiced[of.id], lines.known)
            telling[note.id] = partial(note_document, told)
        return in_order(_told(telling, refused))

    async def lines_of(self, invoices: Sequence[Invoice]) -> dict[str, list[InvoiceLine]]:
        """All lines of invoices by the invoice's id; no request for those that came whole."""
        read = await each_of(self._documents.lines, invoices)
        return {invoice.id: lines for invoice, lines in zip(invoices, read, strict=True)}

    async def _lined(self, found: Found) -> _Lines:
        corrected = {each.id: each for each in map(corrected_by, found.notes.values())}
        invoices = list((corrected | found.invoices).values())
        async with gathering() as reads:
            invoiced = reads.create_task(self.lines_of(invoices))
            credited = reads.create_task(each_of(self._documents.credited, found.notes.values()))
        notes = dict(zip(found.notes, credited.result(), strict=True))
        every: list[FinalLine] = [
            *chain.from_iterable(invoiced.result().values()),
            *chain.from_iterable(notes.values()),
        ]
        known = await self._catalogue.known(invoices=invoices, lines=every)
        return _Lines(invoiced.result(), notes, known)

    async def _shipped(self, invoice: Invoice) -> Invoice:
        """With the taxes of its shipping, which Stripe shows when it is asked for them."""
        cost = invoice.shipping_cost
        if cost is None or not cost.amount_tax or cost.taxes is not None:
            return invoice
        shown = await self._documents.shipped(invoice.id)
        return invoice.model_copy(update={"shipping_cost": shown.shipping_cost})

    async def _shipped_note(self, note: CreditNote) -> CreditNote:
        cost = note.shipping_cost
        if cost is None or not cost.amount_tax or cost.taxes is not None:
            return note
        shown = await self._documents.shipped_note(note.id)
        return note.model_copy(update={"shipping_cost": shown.shipping_cost})

    async def _clocks(self, invoices: Sequence[Invoice]) -> dict[str, datetime]:
        """What the test clocks of invoices say; there are none in live mode."""
        named = sorted({each.test_clock for each in invoices if each.test_clock})
        found = await each_of(lambda key: if_there(self._reads.clock(key)), named)
        return {clock.id: instant(clock.frozen_time) for clock in found if clock is not None}


def _told(
    telling: Mapping[str, Callable[[], BillingDocument]], refused: dict[str, Untold] | None
) -> Iterable[BillingDocument]:
    for key, tell in telling.items():
        try:
            yield tell()
        except Rejection as why:
            if refused is None:
                raise
            refused[key] = Untold(code=why.code, message=why.message[:2000])


def _starting(ids: Collection[str], prefix: str) -> list[str]:
    """Each once, in the order asked for."""
    return [key for key in dict.fromkeys(ids) if key.startswith(prefix)]
