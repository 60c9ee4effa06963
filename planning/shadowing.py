"""What would have been done, laid beside what others have done. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from canonical_models.documents import BillingDocument
from canonical_models.entitlement import GrantState, SupportEntitlement, TargetHeld
from canonical_models.ledgering import ErpDocument, TaxTotal
from canonical_models.money import Money
from canonical_models.preview import Foreseen, WouldPost
from canonical_models.shadow import (
    ExpectedDocument,
    ExpectedFeatures,
    ShadowAccess,
    ShadowDifference,
    ShadowKind,
    ShadowState,
)


@dataclass(frozen=True)
class Seen:
    """What came of looking for something."""

    state: ShadowState
    differences: tuple[ShadowDifference, ...] = ()
    found: tuple[str, ...] = ()


def document_seen(expected: ExpectedDocument, found: Sequence[ErpDocument]) -> Seen:
    """`found` are the ERP's documents that carry billing's number, whoever made them: those that
    stand in the books count, as when customers are taken over."""
    live = [each for each in found if each.live]
    names = tuple(each.number or each.document_id for each in live)
    if expected.void:
        return _taken_back(live, names)
    # What takes a document back may carry its number.
    alike = [each for each in live if each.kind is expected.draft.kind] or live
    if not alike:
        return Seen(ShadowState.WAITING)
    if len(alike) > 1:
        doubled = _differs(ShadowKind.DOUBLED, "document", "once", f"{len(alike)} times")
        return Seen(ShadowState.DIFFERS, (doubled,), names)
    differences = tuple(_document(expected, alike[0]))
    return Seen(_judged(differences), differences, names)


def _taken_back(live: Sequence[ErpDocument], names: tuple[str, ...]) -> Seen:
    standing = [each for each in live if not each.credits and each.corrects is None]
    differences = tuple(
        _differs(ShadowKind.NOT_TAKEN_BACK, each.number or each.document_id, "taken back", "stands")
        for each in standing
    )
    return Seen(_judged(differences), differences, names)


def _document(expected: ExpectedDocument, found: ErpDocument) -> Iterator[ShadowDifference]:
    draft = expected.draft
    yield from _unlike(
        (ShadowKind.DOCUMENT_KIND, "kind", draft.kind.value, found.kind.value),
        (ShadowKind.PARTY, "party", draft.party, found.party),
        (ShadowKind.CURRENCY, "currency", draft.currency, found.currency),
        (ShadowKind.DATE, "posting date", str(draft.posting_date), str(found.posting_date)),
    )
    if draft.currency != found.currency:
        # Amounts of two currencies say nothing of each other.
        return
    yield from _unlike(
        (ShadowKind.AMOUNT, "net", str(draft.net), str(found.net)),
        (ShadowKind.TAX, "tax", str(draft.tax), str(found.tax)),
        (ShadowKind.OPEN, "open", str(expected.remaining), str(found.open)),
    )
    yield from _sides(ShadowKind.TAX_CODE, _by_code(draft.taxes), _by_code(found.taxes))
    yield from _sides(
        ShadowKind.ACCOUNT,
        _summed((expected.accounts.get(line.item, "none"), line.net) for line in draft.lines),
        _summed((line.account or "none", line.net) for line in found.lines),
    )


def support_seen(wanted: SupportEntitlement, shown: SupportEntitlement | None) -> Seen:
    """`shown` None where there is no such organisation."""
    if shown is None:
        return Seen(ShadowState.WAITING)
    differences = tuple(
        _unlike(
            (ShadowKind.TIER, "tier", wanted.tier or "none", shown.tier or "none"),
            (
                ShadowKind.CONTRACT_END,
                "contract end",
                str(wanted.contract_end or "none"),
                str(shown.contract_end or "none"),
            ),
            (
                ShadowKind.FEATURES,
                "features",
                ", ".join(sorted(wanted.features)) or "none",
                ", ".join(sorted(shown.features)) or "none",
            ),
        )
    )
    return Seen(_judged(differences), differences, (wanted.organization,))


def target_seen(wanted: ExpectedFeatures, held: TargetHeld) -> Seen:
    """A customer that the target does not know may use nothing there yet."""
    if held.revision == 0 and not held.features and wanted.features:
        return Seen(ShadowState.WAITING)
    has: dict[str, int] = {}
    for each in held.features:
        has[each.feature] = has.get(each.feature, 0) + each.quantity
    differences = tuple(
        _sides(
            ShadowKind.FEATURES,
            {name: str(count) for name, count in wanted.features.items()},
            {name: str(count) for name, count in has.items()},
        )
    )
    return Seen(_judged(differences), differences, (wanted.customer_id,))


def features_of(access: Iterable[ShadowAccess]) -> dict[str, int]:
    """What may be used, by quantity, over all subscriptions of a customer."""
    given: dict[str, int] = {}
    for each in access:
        for grant in each.grants:
            if grant.state is GrantState.ACTIVE:
                given[grant.feature] = given.get(grant.feature, 0) + grant.quantity
    return given


def remaining_of(document: BillingDocument) -> Money:
    return Money.zero(document.currency) if document.void else document.remaining


def plan_differences(live: Foreseen, candidate: Foreseen) -> tuple[ShadowDifference, ...]:
    """Of two plans of the same, made at the same time, where they do not say the same; `planned` is
    what holds, `found` what is tried."""
    said = {each.document_id: each for each in live.documents}
    tried = {each.document_id: each for each in candidate.documents}
    found = list(
        _unlike(
            (ShadowKind.QUESTION, "asks", _asks(live), _asks(candidate)),
            (ShadowKind.TIER, "tier", live.tier or "none", candidate.tier or "none"),
        )
    )
    found += _sides(
        ShadowKind.FEATURES,
        {name: str(count) for name, count in live.features.items()},
        {name: str(count) for name, count in candidate.features.items()},
    )
    for key in sorted({*said, *tried}):
        ours, theirs = said.get(key), tried.get(key)
        if ours is None or theirs is None:
            name = (ours or theirs or tried[key]).number or key
            sides = ("posted" if ours else "not posted", "posted" if theirs else "not posted")
            found.append(_differs(ShadowKind.MISSING, name, *sides))
        elif ours.digest != theirs.digest:
            found += _posts(ours, theirs)
    return tuple(found)


def _posts(ours: WouldPost, theirs: WouldPost) -> Iterator[ShadowDifference]:
    name = ours.number or ours.document_id
    yield from _unlike(
        (ShadowKind.PARTY, f"{name} party", _party(ours), _party(theirs)),
        (ShadowKind.DATE, f"{name} posting date", str(ours.posting_date), str(theirs.posting_date)),
        (ShadowKind.AMOUNT, f"{name} net", str(ours.net), str(theirs.net)),
        (ShadowKind.TAX, f"{name} tax", str(ours.tax), str(theirs.tax)),
    )
    yield from _sides(ShadowKind.TAX_CODE, _by_code(ours.taxes), _by_code(theirs.taxes), name)
    yield from _sides(
        ShadowKind.ACCOUNT,
        _summed((f"item {line.item}", line.net) for line in ours.lines),
        _summed((f"item {line.item}", line.net) for line in theirs.lines),
        name,
    )


def _party(document: WouldPost) -> str:
    return f"{document.party} in {document.legal_entity}"


def _asks(foreseen: Foreseen) -> str:
    needs = "; ".join(need.why for need in foreseen.approvals)
    asked = f"{foreseen.code} {foreseen.about or ''}".strip() if foreseen.code else ""
    return "; ".join(filter(None, (asked, needs))) or "nobody"


def _by_code(taxes: Iterable[TaxTotal]) -> dict[str, str]:
    """Amount and base of each code; an ERP may keep several rows of one."""
    sums: dict[str, tuple[Money, Money]] = {}
    for tax in taxes:
        zero = Money.zero(tax.base.currency)
        amount, base = sums.get(tax.code, (zero, zero))
        sums[tax.code] = amount + tax.amount, base + tax.base
    return {code: f"{amount} on {base}" for code, (amount, base) in sums.items() if amount or base}


def _summed(amounts: Iterable[tuple[str, Money]]) -> dict[str, str]:
    sums: dict[str, Money] = {}
    for name, amount in amounts:
        sums[name] = sums.get(name, Money.zero(amount.currency)) + amount
    return {name: str(amount) for name, amount in sums.items() if amount}


def _sides(
    kind: ShadowKind, planned: Mapping[str, str], found: Mapping[str, str], about: str = ""
) -> Iterator[ShadowDifference]:
    for name in sorted({*planned, *found}):
        what = f"{about} {name}".strip()
        yield from _unlike((kind, what, planned.get(name, "none"), found.get(name, "none")))


def _unlike(*sides: tuple[ShadowKind, str, str, str]) -> Iterator[ShadowDifference]:
    for kind, what, planned, found in sides:
        if planned != found:
            yield _differs(kind, what, planned, found)


def _differs(kind: ShadowKind, what: str, planned: str, found: str) -> ShadowDifference:
    return ShadowDifference(kind=kind, what=what[:255], planned=planned[:500], found=found[:500])


def _judged(differences: tuple[ShadowDifference, ...]) -> ShadowState:
    return ShadowState.DIFFERS if differences else ShadowState.AGREES
