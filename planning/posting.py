"""Which billing lines a document posts, and which it takes back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from canonical_models.commerce import BillingLine, BillingSnapshot
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import (
    AccountMapping,
    CarriedLine,
    DocumentDraft,
    DocumentLine,
    ItemMapping,
)

SYSTEM = "trueup"

#: Ends the id of the line that takes another one back.
TAKEN_BACK = "~"


@dataclass(frozen=True)
class Posting:
    """`lines` are to be charged or credited, `withdrawn` to be taken back. `more` says that a
    later period of the cycle waits for a document of its own."""

    lines: tuple[BillingLine, ...] = ()
    withdrawn: tuple[CarriedLine, ...] = ()
    more: bool = False

    def __bool__(self) -> bool:
        return bool(self.lines or self.withdrawn)


def posting_of(snapshot: BillingSnapshot, carried: Mapping[str, CarriedLine]) -> Posting:
    """What no document carries yet, in the order of the ids; empty amounts left out.

    Of several periods that were missed only the first: each is posted by a document of its own,
    one after the other.
    """
    new = sorted(
        (line for line in snapshot.lines if line.net and line.line_id not in carried),
        key=lambda line: line.line_id,
    )
    cycles = sorted({line.period_start for line in new if _of_the_cycle(line)})
    if len(cycles) > 1:
        new = [line for line in new if line.period_start < cycles[1]]
    return Posting(tuple(new), _withdrawn(snapshot, carried), more=len(cycles) > 1)


def mapped(items: Mapping[str, ItemMapping], item: str) -> ItemMapping:
    try:
        return items[item]
    except KeyError:
        raise Rejection(
            RejectionCode.ITEM_UNMAPPED,
            f"billing item {item} has no ERP item: map it with `trueup mappings set item {item}`, "
            "or correct the exception with the mapping",
            system=SYSTEM,
            subject=item,
        ) from None


def erp_items(posting: Posting, items: Mapping[str, ItemMapping]) -> tuple[str, ...]:
    """The ERP's items that a document of it names."""
    names = {mapped(items, line.item).erp_item for line in posting.lines}
    return tuple(sorted(names | {line.item for line in posting.withdrawn if line.item}))


def document_of(
    reference: str,
    posting: Posting,
    account: AccountMapping,
    items: Mapping[str, ItemMapping],
    *,
    currency: str,
    on: date,
) -> DocumentDraft | None:
    """None when there is nothing to post. Raises Rejection for a line of another currency."""
    if not posting:
        return None
    for line in posting.lines:
        if line.net.currency != currency:
            raise Rejection(
                RejectionCode.CURRENCY_MISMATCH,
                f"line {line.line_id} is in {line.net.currency}, the subscription in {currency}: "
                "bill the line on a subscription of its own currency",
                system=SYSTEM,
                subject=line.line_id,
            )
    charged = (
        DocumentLine(
            line_id=line.line_id,
            item=mapped(items, line.item).erp_item,
            description=line.description,
            net=line.net,
        )
        for line in posting.lines
    )
    return DocumentDraft(
        reference=reference,
        legal_entity=account.legal_entity,
        party=account.erp_party,
        currency=currency,
        posting_date=on,
        lines=(*charged, *map(_taken_back, posting.withdrawn)),
    )


def _of_the_cycle(line: BillingLine) -> bool:
    """A whole period of an item, as a renewal bills it."""
    return not line.proration and line.item_id is not None


def _withdrawn(
    snapshot: BillingSnapshot, carried: Mapping[str, CarriedLine]
) -> tuple[CarriedLine, ...]:
    """Lines on documents that billing has taken back: by a void invoice, or by deleting what had
    not reached an invoice. A line on an invoice that is merely too old to be read is neither."""
    there = {line.line_id for line in snapshot.lines} | set(snapshot.drafted)
    gone = []
    for line_id, line in sorted(carried.items()):
        if line_id in there or line_id.endswith(TAKEN_BACK) or line_id + TAKEN_BACK in carried:
            continue
        if line_id in snapshot.voided or line.invoice_id is None:
            gone.append(line)
    return tuple(gone)


def _taken_back(line: CarriedLine) -> DocumentLine:
    if line.item is None:
        raise Rejection(
            RejectionCode.DOCUMENT_REFUSED,
            f"billing has taken line {line.line_id} back, and its ERP item is not known any more: "
            "credit it in the ERP by hand, then abort this change",
            system=SYSTEM,
            subject=line.line_id,
        )
    return DocumentLine(
        line_id=line.line_id + TAKEN_BACK,
        item=line.item,
        description=f"taken back: {line.line_id}",
        net=-line.net,
    )
