"""Which changes a customer needs once it is taken over: what is ours of it is left to them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from activities.adoption_reading import Seen
from activities.tenants import Tenant
from canonical_models.amendment import account_subject
from canonical_models.commerce import BillingSnapshot
from canonical_models.documents import BillingDocument
from canonical_models.ledgering import ErpDocument
from canonical_models.money import Money
from canonical_models.occasion import TakenOver
from canonical_models.records import subject_of


@dataclass(frozen=True)
class Asked:
    """A change of the subject that is to be made. `why` is the same for the same occasion;
    `documents` are those of before the cutover that have moved since."""

    subject: str
    why: TakenOver
    documents: tuple[str, ...]


def changes_asked(
    tenant: Tenant,
    seen: Seen,
    links: Mapping[str, ErpDocument],
    given: Iterable[BillingSnapshot],
) -> tuple[Asked, ...]:
    """One a subject. `links` are documents that are about to be linked, `given` the subscriptions
    that are taken over now."""
    occasions: dict[str, list[str]] = {}
    named: dict[str, list[str]] = {}
    for document in seen.documents:
        subject, key = subject_of(document), document.document_id
        if document.issued_at < tenant.books_from:
            if not _moved_since(document, links.get(key) or posted_as(seen, document)):
                continue
            named.setdefault(subject, []).append(key)
        elif document.void or _is_done(seen, document):
            continue
        occasions.setdefault(subject, []).append(
            f"{key}/{document.content}/{document.remaining.minor}"
        )
    for subject, occasion in (*_on_account(seen), *_unbilled(tenant, seen, given)):
        occasions.setdefault(subject, []).append(occasion)
    return tuple(
        Asked(subject, TakenOver(_digest(told), subject), tuple(named.get(subject, ())))
        for subject, told in occasions.items()
    )


def posted_as(seen: Seen, document: BillingDocument) -> ErpDocument | None:
    """The ERP's document that is known to stand for it."""
    record = seen.records.get(document.document_id)
    return record.posted if record is not None and record.in_books else None


def _moved_since(document: BillingDocument, linked: ErpDocument | None) -> bool:
    """Whether a document of before the cutover is not as open in the ERP as in billing any more."""
    due = Money.zero(document.currency) if document.void else document.remaining
    return linked is not None and linked.open != due


def _is_done(seen: Seen, document: BillingDocument) -> bool:
    """Posted, or a person has decided that it is not."""
    record = seen.records.get(document.document_id)
    return record is not None and (record.in_books or record.hold is not None)


def _on_account(seen: Seen) -> Iterator[tuple[str, str]]:
    """Movements that no document shows and that were not entered."""
    for movement in seen.account.movements:
        if movement.amount and movement.settlement_id not in seen.known.entered:
            yield account_subject(seen.customer_id), movement.settlement_id


def _unbilled(
    tenant: Tenant, seen: Seen, given: Iterable[BillingSnapshot]
) -> Iterator[tuple[str, str]]:
    """What is not billed yet and has still to be shown to finance."""
    mapping = seen.proposal.mapping
    if mapping is None or tenant.policy.books.of(mapping.legal_entity).unbilled != "draft":
        return
    for snapshot in given:
        for line in snapshot.unbilled.lines:
            yield snapshot.subscription.subscription_id, f"{line.line_id}/{line.net.minor}"


def _digest(occasions: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(occasions)).encode()).hexdigest()[:16]
