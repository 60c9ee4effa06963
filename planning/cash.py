"""Payouts: whether one is proven, how it is booked, and how clearing should stand. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Protocol

from canonical_models.cash import (
    OF_CUSTOMERS,
    CashAccounts,
    CashKind,
    CashMovement,
    CashStanding,
    Converted,
    DepositDraft,
    DepositEntry,
    Payout,
    PayoutStatus,
)
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from canonical_models.policy import CashPolicy

_SYSTEM = "billing"


class Unbooked(Protocol):
    """Sums of movements that no booked payout has."""

    @property
    def kind(self) -> CashKind: ...
    @property
    def currency(self) -> str: ...
    @property
    def taken_currency(self) -> str | None: ...
    @property
    def amount(self) -> int: ...
    @property
    def fee(self) -> int: ...
    @property
    def taken(self) -> int | None: ...


def accounts_of(policy: CashPolicy, currency: str) -> CashAccounts:
    """Where a payout in this currency is booked."""
    return CashAccounts(
        legal_entity=policy.legal_entity,
        clearing=policy.clearing,
        bank=policy.banks.get(currency, policy.bank),
        fees=policy.fees,
        fee_tax_code=policy.fee_tax_code,
        conversion=policy.conversion,
        journal=policy.journal,
    )


def deposit_of(payout: Payout, policy: CashPolicy, *, first_open_day: bool) -> DepositDraft | None:
    """How the payout is booked: what reached the bank, with all that billing kept of it.

    Of one that was not paid only what billing kept: its money never left, and no later payout says
    again what it would have paid out. None where that is nothing. Raises Rejection
    (payout_unproven) where it is not the sum of its movements to the cent, or one of them is of a
    kind that nobody knows how to book.
    """
    zero = Money.zero(payout.amount.currency)
    movements = payout.movements or ()
    if payout.movements is not None:
        _prove(payout, movements)
    received = payout.amount if payout.status is PayoutStatus.PAID else zero
    fee = Money.total((each.fee for each in movements), zero.currency)
    fee_tax = Money.total((each.fee_tax for each in movements), zero.currency)
    converted = tuple(_converted(payout, each) for each in movements if each.taken is not None)
    came = Money.total((each.came_as for each in converted), zero.currency)
    draft = DepositDraft(
        external_id=payout.payout_id,
        accounts=accounts_of(policy, zero.currency),
        value_date=payout.arrives_on,
        first_open_day=first_open_day,
        received=received,
        fee=fee,
        fee_tax=fee_tax,
        cleared=received + fee + fee_tax - came,
        converted=converted,
    )
    return draft if any((received, fee, fee_tax, converted)) else None


def return_of(payout: Payout, booked: DepositDraft) -> DepositDraft:
    """The money of a payout that was booked as paid comes back to billing; what billing kept is
    kept all the same."""
    zero = Money.zero(payout.amount.currency)
    return booked.model_copy(
        update={
            "external_id": f"{payout.payout_id}/returned",
            "value_date": payout.back_on or booked.value_date,
            "received": -payout.amount,
            "fee": zero,
            "fee_tax": zero,
            "cleared": -payout.amount,
            "converted": (),
        }
    )


def waits(payout: Payout) -> str | None:
    """Why it is not booked yet, in words; None where it may be."""
    if payout.status is PayoutStatus.UNDERWAY:
        return f"on its way to the bank, where it arrives on {payout.arrives_on}"
    if payout.automatic and not payout.reconciled:
        return "billing has not said yet what it pays out"
    return None


def is_before(payout: Payout, cutover: date) -> bool:
    """Whether the process before us has it."""
    return payout.arrives_on < cutover


def _prove(payout: Payout, movements: Iterable[CashMovement]) -> None:
    found = tuple(movements)
    foreign = next((m for m in found if m.amount.currency != payout.amount.currency), None)
    if foreign is not None:
        raise _unproven(
            payout,
            f"{foreign.movement_id} of it is in {foreign.amount.currency}, the payout in "
            f"{payout.amount.currency}",
        )
    total = Money.total((each.net for each in found), payout.amount.currency)
    if total != payout.amount:
        raise _unproven(
            payout,
            f"it pays out {payout.amount}, and its {len(found)} movements sum to {total}",
        )
    unknown = next((each for each in found if each.kind is CashKind.OTHER), None)
    if unknown is not None:
        raise _unproven(
            payout,
            f"it holds {unknown.amount} of {unknown.called} ({unknown.movement_id}), which is "
            "neither a customer's money nor a fee",
        )


def _converted(payout: Payout, each: CashMovement) -> Converted:
    if each.taken is None or each.source_id is None:
        raise _unproven(payout, f"{each.movement_id} says no payment that it is of")
    return Converted(settlement_id=each.source_id, taken=each.taken, came_as=each.amount)


def _unproven(payout: Payout, why: str) -> Rejection:
    return Rejection(
        RejectionCode.PAYOUT_UNPROVEN,
        f"payout {payout.payout_id} is not booked: {why}. Look at it in billing and retry, or book "
        "it in the ERP by hand and abort",
        system=_SYSTEM,
        subject=payout.payout_id,
    )


def disagreements(draft: DepositDraft, entry: DepositEntry) -> tuple[str, ...]:
    """Where what was read back is not what was to be booked."""
    cleared: dict[str, Money] = {}
    for part in (draft.cleared, *(each.taken for each in draft.converted)):
        cleared[part.currency] = cleared.get(part.currency, Money.zero(part.currency)) + part
    wanted = tuple(cleared[code] for code in sorted(cleared) if cleared[code])
    pairs = (
        ("bank", draft.received, entry.received),
        ("fees", draft.fee, entry.fee),
        ("tax on fees", draft.fee_tax, entry.fee_tax),
        ("clearing", wanted, entry.cleared),
    )
    return tuple(
        f"{what}: {_words(said)} in billing, {_words(found)} in the ERP"
        for what, said, found in pairs
        if said != found
    )


def require_agreement(draft: DepositDraft, entry: DepositEntry) -> None:
    """Raises Rejection (outcome_mismatch) with both sides."""
    found = disagreements(draft, entry)
    if found:
        raise Rejection(
            RejectionCode.OUTCOME_MISMATCH,
            f"payout {draft.external_id} stands in the ERP as move {entry.number}, and not as "
            f"billing says it: {'; '.join(found)}. Correct it there and retry, or abort, which "
            "takes the move back",
            system="erp",
            subject=draft.external_id,
        )


def _words(amounts: Money | tuple[Money, ...]) -> str:
    if isinstance(amounts, Money):
        return str(amounts)
    return " and ".join(map(str, amounts)) or "nothing"


def standings(
    balance: Iterable[Money], clearing: Iterable[Money], unbooked: Iterable[Unbooked]
) -> tuple[CashStanding, ...]:
    """Clearing beside billing's balance, by currency."""
    billing = {each.currency: each.minor for each in balance}
    erp = {each.currency: each.minor for each in clearing}
    fees: dict[str, int] = {}
    on_the_way: dict[str, int] = {}
    converted: dict[str, int] = {}
    other: dict[str, int] = {}
    for each in unbooked:
        _add(fees, each.currency, each.fee)
        if each.kind is CashKind.PAYOUT:
            _add(on_the_way, each.currency, -each.amount)
        elif each.kind is CashKind.OTHER:
            _add(other, each.currency, -each.amount)
        elif each.kind in OF_CUSTOMERS and each.taken_currency and each.taken is not None:
            _add(converted, each.currency, -each.amount)
            _add(converted, each.taken_currency, each.taken)
    parts = (billing, erp, fees, on_the_way, converted, other)
    codes = sorted({code for part in parts for code in part})
    return tuple(_standing(code, parts) for code in codes)


def _standing(code: str, parts: tuple[Mapping[str, int], ...]) -> CashStanding:
    billing, erp, fees, on_the_way, converted, other = (
        Money(minor=part.get(code, 0), currency=code) for part in parts
    )
    should = billing + fees + on_the_way + converted + other
    return CashStanding(
        currency=code,
        billing=billing,
        fees=fees,
        on_the_way=on_the_way,
        converted=converted,
        other=other,
        should=should,
        clearing=erp,
        difference=erp - should,
    )


def _add(sums: dict[str, int], code: str, minor: int) -> None:
    sums[code] = sums.get(code, 0) + minor
