"""What is not billed yet, as the one unposted document that shows it to finance. Pure."""

import hashlib
from dataclasses import dataclass

from canonical_models.amendment import Refusal
from canonical_models.documents import Unbilled
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import LedgerQuestion, UnbilledDraft
from canonical_models.mapping import AccountMapping
from canonical_models.records import UnbilledRecord
from planning.drafting import agreed_currency, draft_line
from planning.given import UNBILLED, BooksInput
from planning.mapping import mapped
from planning.refusals import refused, unmapped_account


@dataclass(frozen=True)
class UnbilledPlan:
    """`gone` removes what stands where the account was kept before; `draft` is None where what is
    shown stays as it is. `problem` is why it cannot be shown, in words."""

    draft: UnbilledDraft | None = None
    gone: UnbilledDraft | None = None
    problem: str | None = None


def digest_of(draft: UnbilledDraft) -> str:
    """SHA-256 of the draft, as the record of what is shown keeps it."""
    return hashlib.sha256(draft.model_dump_json().encode()).hexdigest()


def unbilled_question(given: BooksInput) -> LedgerQuestion | None:
    """None where nothing is to be shown. Raises Rejection where it cannot be."""
    pending = _pending(given)
    if not pending.lines:
        return None
    account = _account(given)
    currency = _currency(given, pending)
    items = {mapped(line, given.items).erp_item for line in pending.lines}
    return LedgerQuestion(
        legal_entity=account.legal_entity,
        party=account.erp_party,
        currency=currency,
        on=given.today,
        items=tuple(sorted(items)),
        closed_period=given.books.closed_period,
    )


def plan_unbilled(given: BooksInput) -> UnbilledPlan:
    if given.unbilled is None:
        return UnbilledPlan()
    shown = given.shown if given.shown and given.shown.document_id else None
    removal = _nothing(given, shown) if shown else None
    moved = removal is not None and _moved(removal, given.account)
    gone = removal if moved else None
    try:
        draft = _draft(given)
    except Rejection as why:
        return UnbilledPlan(gone=gone, problem=why.message)
    if draft is None:
        return UnbilledPlan(draft=None if moved else removal, gone=gone)
    same = shown is not None and shown.digest == digest_of(draft)
    return UnbilledPlan(draft=None if same else draft, gone=gone)


def _draft(given: BooksInput) -> UnbilledDraft | None:
    """None where nothing is to be shown. Raises Rejection."""
    asked = unbilled_question(given)
    if asked is None:
        return None
    answer = given.answers[UNBILLED]
    if isinstance(answer, Refusal):
        raise answer.error()
    account = _account(given)
    return UnbilledDraft(
        external_id=f"{given.subject}/{UNBILLED}",
        legal_entity=account.legal_entity,
        party=account.erp_party,
        currency=asked.currency,
        lines=tuple(
            draft_line(given, account, line, given.metadata, codes=None)
            for line in _pending(given).lines
        ),
    )


def _pending(given: BooksInput) -> Unbilled:
    """What is to be shown."""
    if given.unbilled is None or given.books.unbilled == "none":
        return Unbilled()
    return given.unbilled


def _account(given: BooksInput) -> AccountMapping:
    if given.account is None:
        raise unmapped_account(given.customer_id)
    return given.account


def _currency(given: BooksInput, pending: Unbilled) -> str:
    currency = agreed_currency(given) or pending.lines[0].net.currency
    for line in pending.lines:
        if line.net.currency != currency:
            raise refused(
                RejectionCode.CURRENCY_MISMATCH,
                f"what is not billed yet is in {currency}, line {line.line_id} is {line.net}",
                line.line_id,
            )
    return currency


def _nothing(given: BooksInput, shown: UnbilledRecord) -> UnbilledDraft | None:
    """Removes what is shown; None where nobody knows its currency, as nothing was ever shown."""
    amounts = (shown.net, *(line.net for line in shown.lines))
    currency = next(
        (amount.currency for amount in amounts if amount is not None), agreed_currency(given)
    )
    if currency is None:
        return None
    return UnbilledDraft(
        external_id=shown.external_id,
        legal_entity=shown.legal_entity,
        party=shown.party,
        currency=currency,
    )


def _moved(shown: UnbilledDraft, account: AccountMapping | None) -> bool:
    return account is not None and (shown.legal_entity, shown.party) != (
        account.legal_entity,
        account.erp_party,
    )
