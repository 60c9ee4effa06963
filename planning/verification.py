"""Proof that an outcome happened: what was planned against what every system says afterwards.

Without tolerance: how the ERP rounds is settled before anything is posted. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from canonical_models.amendment import AccessPlan
from canonical_models.base import Canonical, isoformat
from canonical_models.documents import BillingDocument
from canonical_models.entitlement import Grant, SupportEntitlement, SupportOrganization
from canonical_models.ledgering import (
    DocumentDraft,
    DocumentState,
    DraftLine,
    ErpDocument,
    ErpLine,
    ItemTerms,
    SettlementDraft,
    SettlementEntry,
    TaxTotal,
    UnbilledDraft,
    UnbilledShown,
)
from canonical_models.money import Money
from planning.refusals import percent

ERP = "erp"


class Difference(Canonical):
    """Both sides of one field that does not agree, in words and figures."""

    system: str
    field: str
    planned: str
    found: str

    def __str__(self) -> str:
        return f"{self.system} {self.field}: planned {self.planned}, found {self.found}"


def document_differences(
    draft: DocumentDraft, found: ErpDocument, *, terms: Iterable[ItemTerms]
) -> tuple[Difference, ...]:
    """Empty when the ERP holds exactly what was to be posted. `terms` are the ERP's own, by which
    each item goes to its account. A due date that billing does not give is the ERP's affair."""
    accounts = {item.item: item.account for item in terms}
    pairs = (
        ("external id", draft.external_id, found.external_id),
        ("kind", draft.kind.value, found.kind.value),
        ("state", "posted", "posted" if found.live else found.state.value),
        ("legal entity", draft.legal_entity, found.legal_entity),
        ("party", draft.party, found.party),
        ("currency", draft.currency, found.currency),
        ("billing's number", _word(draft.number), _word(found.billing_number)),
        ("document date", *_dates(draft, found)),
        ("posting date", _word(draft.posting_date), _word(found.posting_date)),
        ("due date", _word(draft.due_on), _word(found.due_on if draft.due_on else None)),
        ("corrected document", _word(draft.corrects), _word(found.corrects)),
        ("net", str(draft.net), str(found.net)),
        ("tax", str(draft.tax), str(found.tax)),
        ("gross", str(draft.gross), str(found.gross)),
    )
    return (
        *_unlike(ERP, pairs),
        *_lines(draft, found, accounts),
        *_taxes(draft.taxes, found.taxes),
    )


def link_differences(draft: DocumentDraft, found: ErpDocument) -> tuple[Difference, ...]:
    """Of a document made by hand that a person says it is: whose it is, and all its sums. Its dates
    and lines are as that person has made them."""
    pairs = (
        ("kind", draft.kind.value, found.kind.value),
        ("state", "posted", "posted" if found.live else found.state.value),
        ("legal entity", draft.legal_entity, found.legal_entity),
        ("party", draft.party, found.party),
        ("currency", draft.currency, found.currency),
        ("net", str(draft.net), str(found.net)),
        ("tax", str(draft.tax), str(found.tax)),
    )
    return (*_unlike(ERP, pairs), *_taxes(draft.taxes, found.taxes))


def taken_over_differences(
    document: BillingDocument, found: ErpDocument, *, legal_entity: str, party: str
) -> tuple[Difference, ...]:
    """Of a document that the process before us has posted, by its own codes and on its own day."""
    pairs = (
        ("kind", document.kind.value, found.kind.value),
        ("state", "posted", "posted" if found.live else found.state.value),
        ("legal entity", legal_entity, found.legal_entity),
        ("party", party, found.party),
        ("currency", document.currency, found.currency),
        ("tax", str(document.tax), str(found.tax)),
        ("gross", str(document.gross), str(found.gross)),
    )
    return tuple(_unlike(ERP, pairs))


def reversal_differences(
    original: ErpDocument, found: ErpDocument, *, reference: str, on: date
) -> tuple[Difference, ...]:
    """Of the document that takes a posted one back. `reference` and its day in the books, `on`, are
    those of ours: people who had credited it before us chose their own. Sums by account: how many
    lines an ERP takes for it is its own affair."""
    if not found.ours:
        reference, on = found.external_id, found.posting_date or on
    pairs = (
        ("external id", reference, found.external_id),
        ("state", "posted", "posted" if found.live else found.state.value),
        ("legal entity", original.legal_entity, found.legal_entity),
        ("party", original.party, found.party),
        ("corrected document", original.document_id, _word(found.corrects)),
        ("posting date", _word(on), _word(found.posting_date)),
        ("net", str(-original.net), str(found.net)),
        ("tax", str(-original.tax), str(found.tax)),
    )
    return (
        *_unlike(ERP, pairs),
        *_accounts([_taken_back(line) for line in original.lines], found.lines),
        *_taxes([_negated(tax) for tax in original.taxes], found.taxes),
    )


def cancelled_differences(found: ErpDocument) -> tuple[Difference, ...]:
    """Of a document that the ERP has taken back without another one."""
    pairs = (("state", DocumentState.CANCELLED.value, found.state.value),)
    return tuple(_unlike(ERP, pairs))


def open_difference(document: BillingDocument, open_: Money) -> Difference | None:
    """None where the ERP waits for exactly what billing waits for: nothing, of what is void."""
    remaining = Money.zero(document.currency) if document.void else document.remaining
    name = f"open amount of {document.number or document.document_id}"
    return next(_unlike(ERP, [(name, str(remaining), str(open_))]), None)


def settlement_differences(
    draft: SettlementDraft, found: SettlementEntry
) -> tuple[Difference, ...]:
    """What an earlier attempt has entered stays on the day that was the first open one then, and
    what people had entered before on theirs."""
    name = f"movement {draft.external_id}"
    day = draft.posting_date
    if not found.ours:
        day = found.posted_on or day
    elif found.posted_on is not None:
        day = min(day, found.posted_on)
    pairs = (
        (f"{name}: external id", draft.external_id, found.external_id),
        (f"{name}: legal entity", draft.legal_entity, found.legal_entity),
        (f"{name}: amount", str(draft.amount), str(found.amount)),
        (f"{name}: posting date", _word(day), _word(found.posted_on)),
    )
    return tuple(_unlike(ERP, pairs))


def unbilled_differences(draft: UnbilledDraft, shown: UnbilledShown) -> tuple[Difference, ...]:
    """Of what is not billed yet: it is there as long as it has lines, and its net agrees."""
    there = "shown" if draft.lines else "nothing"
    pairs = (
        ("what is not billed", there, "shown" if shown.document_id else "nothing"),
        ("net of what is not billed", str(draft.net), str(shown.net)),
    )
    return tuple(_unlike(ERP, pairs))


def access_differences(
    plan: AccessPlan,
    *,
    grants: tuple[Grant, ...],
    expected_support: SupportEntitlement | None,
    support: SupportOrganization | None,
) -> tuple[Difference, ...]:
    """`grants` are those that the subscription gives now. `expected_support` is the merge of all
    shares now, as another subscription of the customer may have changed since the plan; None when
    support was not touched."""
    found = []
    if set(grants) != set(plan.grants):
        found.append(_differs("entitlements", "grants", _named(plan.grants), _named(grants)))
    shown = support.entitlement if support else None
    ended = shown is None and expected_support is not None and expected_support.is_nothing
    if expected_support is not None and shown != expected_support and not ended:
        organization = expected_support.organization
        found.append(_differs("support", organization, _json(expected_support), _json(shown)))
    return tuple(found)


def _dates(draft: DocumentDraft, found: ErpDocument) -> tuple[str, str]:
    """Where a late document gets the next date that the ERP numbers, a later one is right; also
    where it should have had billing's number, and that was taken or the ERP takes none."""
    later = found.document_date is not None and found.document_date > draft.issued_on
    if later and (draft.late_number == "next_date" or found.number != draft.number):
        return str(found.document_date), str(found.document_date)
    return str(draft.issued_on), _word(found.document_date)


def _lines(
    draft: DocumentDraft, found: ErpDocument, accounts: Mapping[str, str]
) -> Iterator[Difference]:
    """Whatever their order; a line twice is one too many."""
    wanted = {line.line_id: line for line in draft.lines}
    count = Counter(line.line_id for line in found.lines)
    there = {line.line_id: line for line in found.lines}
    for line_id, line in wanted.items():
        if count[line_id] != 1:
            yield _differs(ERP, f"line {line_id}", "once", f"{count[line_id]} times")
        else:
            yield from _line(line, there[line_id], accounts)
    for extra in there.values():
        if extra.line_id not in wanted:
            yield _differs(
                ERP, f"line {_word(extra.line_id)}", "none", f"{_word(extra.item)} {extra.net}"
            )


def _line(line: DraftLine, found: ErpLine, accounts: Mapping[str, str]) -> Iterator[Difference]:
    name = f"line {line.line_id}"
    codes = line.tax_codes
    pairs = [
        (f"{name} item", line.item, _word(found.item)),
        (f"{name} account", _word(accounts.get(line.item)), _word(found.account)),
        (f"{name} net", str(line.net), str(found.net)),
        (f"{name} service from", _word(line.service_from), _word(found.service_from)),
        (f"{name} service to", _word(line.service_to), _word(found.service_to)),
    ]
    if codes is not None:
        pairs.append((f"{name} tax codes", _list(codes), _list(found.tax_codes)))
    if found.corrects is not None:
        # Not every ERP says which line a line corrects; the document always does.
        pairs.append((f"{name} corrects", _word(line.corrects), found.corrects))
    return _unlike(ERP, pairs)


def _accounts(planned: Iterable[ErpLine], found: Iterable[ErpLine]) -> Iterator[Difference]:
    wanted, there = _by_account(planned), _by_account(found)
    pairs = [
        (f"account {name}", _word(wanted.get(name)), _word(there.get(name)))
        for name in sorted({*wanted, *there})
    ]
    return _unlike(ERP, pairs)


def _by_account(lines: Iterable[ErpLine]) -> dict[str, str]:
    sums: dict[str, Money] = {}
    for line in lines:
        name = _word(line.account)
        sums[name] = sums.get(name, Money.zero(line.net.currency)) + line.net
    return {name: str(net) for name, net in sums.items() if net}


def _taxes(planned: Iterable[TaxTotal], found: Iterable[TaxTotal]) -> Iterator[Difference]:
    """Base, amount and rate of every code; a code under which nothing stands is none."""
    wanted, there = _by_code(planned), _by_code(found)
    pairs = []
    for code in sorted({*wanted, *there}):
        ours, theirs = wanted.get(code), there.get(code)
        pairs.append((f"tax {code}", _sums(ours), _sums(theirs)))
        if ours is not None and theirs is not None:
            # What the ERP calls by one name may have become another tax since.
            pairs.append((f"rate of tax {code}", _rates(ours), _rates(theirs)))
    return _unlike(ERP, pairs)


@dataclass(frozen=True)
class _Taxed:
    base: Money
    amount: Money
    rates: frozenset[Decimal]


def _by_code(taxes: Iterable[TaxTotal]) -> dict[str, _Taxed]:
    """An ERP may keep several rows of a code."""
    sums: dict[str, _Taxed] = {}
    for tax in taxes:
        zero = Money.zero(tax.base.currency)
        before = sums.get(tax.code, _Taxed(zero, zero, frozenset()))
        sums[tax.code] = _Taxed(
            before.base + tax.base, before.amount + tax.amount, before.rates | {tax.rate}
        )
    return {code: taxed for code, taxed in sums.items() if taxed.base or taxed.amount}


def _sums(taxed: _Taxed | None) -> str:
    return f"{taxed.amount} on {taxed.base}" if taxed else "none"


def _rates(taxed: _Taxed) -> str:
    return ", ".join(percent(rate) for rate in sorted(taxed.rates))


def _taken_back(line: ErpLine) -> ErpLine:
    return line.model_copy(update={"net": -line.net})


def _negated(tax: TaxTotal) -> TaxTotal:
    return tax.model_copy(update={"base": -tax.base, "amount": -tax.amount})


def _unlike(system: str, pairs: Iterable[tuple[str, str, str]]) -> Iterator[Difference]:
    return (
        _differs(system, field, planned, found)
        for field, planned, found in pairs
        if planned != found
    )


def _differs(system: str, field: str, planned: str, found: str) -> Difference:
    return Difference(system=system, field=field, planned=planned, found=found)


def _word(value: date | str | None) -> str:
    return "none" if value is None else str(value)


def _list(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes)) or "none"


def _json(support: SupportEntitlement | None) -> str:
    return support.model_dump_json() if support else "no organisation"


def _named(grants: tuple[Grant, ...]) -> str:
    words = (
        f"{g.feature} x{g.quantity} ({g.source_id}) {g.state.value} from {isoformat(g.starts_at)} "
        f"to {isoformat(g.ends_at) if g.ends_at else 'no end'}"
        for g in grants
    )
    return ", ".join(sorted(words)) or "none"
