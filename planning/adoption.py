"""What is compared before a customer is taken over: documents and balances as they stood at the
cutover, and items that nobody has mapped. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from canonical_models.adoption import AdoptionCause, BalanceSides, Finding
from canonical_models.commerce import Subscription
from canonical_models.documents import BillingDocument, Settlement
from canonical_models.ledgering import ErpDocument, OpenItem
from canonical_models.mapping import ItemMapping, keys_of
from canonical_models.money import Money
from planning.mapping import first_of, keys_of_item
from planning.refusals import named
from planning.term import serves


def open_at(document: BillingDocument, cutover: datetime) -> Money:
    """What of the document was not settled at the cutover: what settles it since is ours."""
    before = (
        movement.amount
        for movement in document.settlements
        if movement.document_id == document.document_id and movement.at < cutover
    )
    return document.gross - Money.total(before, document.currency)


def to_be_found(document: BillingDocument, cutover: datetime) -> bool:
    """Whether the process before us must have it in the ERP: it was issued in its time, and was
    open when that ended."""
    if document.issued_at >= cutover:
        return False
    given_up = document.void and (document.closed_at is None or document.closed_at < cutover)
    return not given_up and bool(open_at(document, cutover))


def matched(
    document: BillingDocument,
    found: Sequence[ErpDocument],
    *,
    party: str,
    cutover: datetime,
) -> ErpDocument | Finding:
    """The ERP's document of billing's number where both say the same, else what is wrong."""
    live = [each for each in found if each.live]
    name, billing = named(document), _billing_side(document, party, cutover)
    if not live:
        return Finding(
            cause=AdoptionCause.DOCUMENT_MISSING,
            subject=document.document_id,
            message=f"{name} was open at the cutover, and no posted document of the ERP carries "
            "its number: post it there under that number, or write the number on the one that "
            "stands for it",
            billing=billing,
        )
    if len(live) > 1:
        return Finding(
            cause=AdoptionCause.DOCUMENT_AMBIGUOUS,
            subject=document.document_id,
            message=f"several posted documents of the ERP carry the number {document.number} of "
            f"{name}: take it from those that do not stand for it",
            billing=billing,
            erp="; ".join(map(_erp_side, live))[:500],
        )
    differs = _differing(document, live[0], party, cutover)
    if not differs:
        return live[0]
    return Finding(
        cause=AdoptionCause.DOCUMENT_DIFFERS,
        subject=document.document_id,
        message=f"{name} stands in the ERP as {live[0].number or live[0].document_id}, but with "
        f"another {', '.join(differs)}: mend the side that is wrong",
        billing=billing,
        erp=_erp_side(live[0]),
    )


def _differing(
    document: BillingDocument, found: ErpDocument, party: str, cutover: datetime
) -> list[str]:
    """Of another currency no amount is compared. Tax counts: what comes later is proven with it."""
    told: list[tuple[str, object, object]] = [
        ("kind", document.kind, found.kind),
        ("party", party, found.party),
        ("currency", document.currency, found.currency),
    ]
    if document.currency == found.currency:
        told += [
            ("gross", document.gross, found.gross),
            ("tax", document.tax, found.tax),
            ("open amount", open_at(document, cutover), found.open),
        ]
    return [name for name, ours, theirs in told if ours != theirs]


def _billing_side(document: BillingDocument, party: str, cutover: datetime) -> str:
    return (
        f"{document.number or document.document_id} of {party}: {document.gross} with tax "
        f"{document.tax}, of it open {open_at(document, cutover)}"
    )


def _erp_side(found: ErpDocument) -> str:
    return (
        f"{found.number or found.document_id} of {found.party}: {found.gross} with tax "
        f"{found.tax}, of it open {found.open}"
    )


def unmapped(
    subscriptions: Iterable[Subscription],
    documents: Iterable[BillingDocument],
    items: Mapping[str, ItemMapping],
    zone: str | None,
) -> tuple[Finding, ...]:
    """Each key once. What is subscribed now keeps the customer's access waiting; what only
    documents of our time name is asked again by the change that posts them."""
    found: dict[str, Finding] = {}
    for subscription in subscriptions:
        if not serves(subscription, zone):
            continue
        for item in subscription.items:
            keys = keys_of_item(item)
            if item.quantity and first_of(keys, items) is None:
                found.setdefault(keys[0], _unmapped(keys, blocks=True))
    for document in documents:
        for line in document.lines:
            keys = keys_of(line)
            if first_of(keys, items) is None:
                found.setdefault(keys[0], _unmapped(keys, blocks=False))
    return tuple(found.values())


def _unmapped(keys: tuple[str, ...], *, blocks: bool) -> Finding:
    also = f" or its product {keys[-2]}" if keys[-2] != keys[0] else ""
    return Finding(
        cause=AdoptionCause.ITEM_UNMAPPED,
        subject=keys[0],
        message=f"billing item {keys[0]} has no ERP item: map it{also} with "
        f"`trueup mappings set item {keys[0]}`",
        blocks=blocks,
    )


def balances_at(
    cutover: datetime,
    *,
    balance: Iterable[Money],
    moved: Iterable[Settlement],
    items: Iterable[OpenItem],
) -> tuple[BalanceSides, ...]:
    """Both sides as they stood at the cutover, by currency; nothing on either side is left out.

    `balance` is billing's now, `moved` are all movements that are known. What has moved since is
    ours to enter, so it counts on neither side.
    """
    since = {each.settlement_id: each for each in moved if each.at >= cutover}
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    for amount in balance:
        ours[amount.currency] = ours.get(amount.currency, 0) + amount.minor
    for movement in since.values():
        if raised := movement.balance_minor:
            currency = movement.amount.currency
            ours[currency] = ours.get(currency, 0) - raised
    for item in items:
        if item.external_id not in since:
            currency = item.amount.currency
            theirs[currency] = theirs.get(currency, 0) - item.amount.minor
    sides = (
        BalanceSides(
            billing=Money(minor=ours.get(currency, 0), currency=currency),
            erp=Money(minor=theirs.get(currency, 0), currency=currency),
        )
        for currency in sorted({*ours, *theirs})
    )
    return tuple(side for side in sides if side.billing or side.erp)


def balance_findings(customer: str, sides: Iterable[BalanceSides]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            cause=AdoptionCause.BALANCE_DIFFERS,
            subject=side.billing.currency,
            message=f"at the cutover billing had {side.billing} to the credit of customer "
            f"{customer}, and {side.erp} stood open to its credit on the party's account in the "
            "ERP: finance agrees on the balance and enters it in the ERP",
            billing=str(side.billing),
            erp=str(side.erp),
        )
        for side in sides
        if not side.agree
    )
