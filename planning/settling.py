"""Which movements of money and balance the ERP is to learn of, and where they go. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto

from canonical_models.amendment import Refusal, SettlementStep
from canonical_models.documents import BillingDocument, Settlement, SettlementKind
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import LedgerAnswer, LedgerQuestion
from canonical_models.mapping import AccountMapping
from canonical_models.records import DocumentRecord
from planning.approving import require_for_movement
from planning.balance import Balance
from planning.choosing import before_cutover, choice_of
from planning.figures import require_explained, require_in_range
from planning.given import BooksInput
from planning.taking_back import taken_back
from planning.term import local_day

_MONEY = (SettlementKind.PAYMENT, SettlementKind.PAID_ELSEWHERE)
#: What moves nothing but a document: it cannot stand on the account.
_ON_DOCUMENTS = (SettlementKind.CREDIT_NOTE, SettlementKind.WRITE_OFF)
_DEBTS = (SettlementKind.REFUND, SettlementKind.DISPUTE, SettlementKind.DISPUTE_WON)


class Place(Enum):
    """Where the document of a movement stands."""

    BOOKED = auto()
    #: By this plan.
    PLANNED = auto()
    #: It is to be posted, but not yet.
    WAITS = auto()
    #: Nobody posts it for now: its money stands on the account.
    STAYS_OUT = auto()
    #: The process before us has it, and its money.
    NOT_OURS = auto()


@dataclass(frozen=True)
class Due:
    """A movement to enter, in the books of whom. `days` are those that it may be booked on: when it
    moved, and where that is closed the day that a person gave its document."""

    settlement: Settlement
    legal_entity: str
    party: str
    value_date: date
    days: tuple[date, ...]
    recovered: bool

    def question(self, day: date, given: BooksInput) -> LedgerQuestion:
        return LedgerQuestion(
            legal_entity=self.legal_entity,
            party=self.party,
            currency=self.settlement.amount.currency,
            on=day,
            items=(),
            closed_period=given.policy.books.of(self.legal_entity).closed_period,
        )

    def key(self, day: date) -> str:
        """Of the question, which is one for all that moves on the day."""
        currency = self.settlement.amount.currency
        return f"day:{self.legal_entity}:{self.party}:{currency}:{day}"


def due(given: BooksInput, account: AccountMapping, planned: Collection[str]) -> tuple[Due, ...]:
    """In the order in which they moved. `planned` are the documents that this plan posts."""
    return tuple(_due(given, account, movement) for movement in to_enter(given, planned))


def to_enter(given: BooksInput, planned: Collection[str]) -> tuple[Settlement, ...]:
    return tuple(movement for movement in movements(given) if _to_enter(given, movement, planned))


def plan_settlements(
    given: BooksInput, account: AccountMapping, planned: Collection[str]
) -> tuple[tuple[SettlementStep, ...], Refusal | None]:
    """One that cannot be entered keeps no other one waiting; the first refusal is told."""
    balance = Balance(given.entered)
    steps, refusal = [], None
    for each in due(given, account, planned):
        try:
            steps.append(_step(given, each, balance))
        except Rejection as why:
            refusal = refusal or Refusal.of(why)
    for record in given.records:
        if place_of(given, record, planned) in _IN_BOOKS:
            try:
                require_explained(record.document)
            except Rejection as why:
                refusal = refusal or Refusal.of(why)
    return tuple(steps), refusal


def debts(given: BooksInput) -> tuple[str, ...]:
    """Refunds and disputes that left the customer owing what no document shows, as long as nothing
    has come back for it."""
    owed: dict[str, list[Settlement]] = {}
    for movement in movements(given):
        if movement.document_id is None and movement.kind in (*_DEBTS, *_MONEY):
            about = movement.about or movement.settlement_id
            if not _recovers(given, movement):
                owed.setdefault(about, []).append(movement)
    found = (
        movement.settlement_id
        for about in owed.values()
        if sum(movement.amount.minor for movement in about) < 0
        for movement in about
        if movement.amount.minor < 0
    )
    return tuple(found)


def movements(given: BooksInput) -> tuple[Settlement, ...]:
    """All of our time, in the order in which they moved."""
    found = {movement.settlement_id: movement for movement in given.movements}
    for record in given.records:
        found |= {movement.settlement_id: movement for movement in record.document.settlements}
    ours = (movement for movement in found.values() if movement.at >= given.books_from)
    return tuple(sorted(ours, key=lambda movement: (movement.at, movement.settlement_id)))


_IN_BOOKS = (Place.BOOKED, Place.PLANNED)


def place_of(given: BooksInput, record: DocumentRecord | None, planned: Collection[str]) -> Place:
    if record is None:
        return Place.WAITS
    if record.in_books:
        return Place.STAYS_OUT if taken_back(record, given.today) else Place.BOOKED
    if record.document.document_id in planned:
        return Place.PLANNED
    if before_cutover(given, record):
        return Place.NOT_OURS
    return Place.WAITS if choice_of(given, record).due else Place.STAYS_OUT


def _to_enter(given: BooksInput, movement: Settlement, planned: Collection[str]) -> bool:
    if not movement.amount or _is_mirror(movement):
        return False
    found = given.entered.get(movement.settlement_id)
    entered = found is not None and found.entry_id is not None
    if movement.document_id is None:
        about = given.known.get(movement.about or "")
        theirs = about is not None and place_of(given, about, planned) is Place.NOT_OURS
        return not (entered or theirs)
    record = given.known.get(movement.document_id)
    if record is not None and record.document.void and movement.kind in _ON_DOCUMENTS:
        # Of what is void nothing is lost and nothing set off: what was booked so is taken back.
        return not entered and _takes_back(given, movement, record.document)
    place = place_of(given, record, planned)
    if movement.against is not None:
        against = place_of(given, given.known.get(movement.against), planned)
        if against not in _IN_BOOKS:
            return False
    match place:
        case Place.PLANNED:
            return True
        case Place.BOOKED:
            settles = found is not None and found.settles == movement.document_id
            void = record is not None and record.document.void
            return not entered or not (settles or void)
        case Place.STAYS_OUT:
            stands = movement.kind not in _ON_DOCUMENTS
            pointless = record is not None and _pointless(given, record.document)
            return stands and not (entered or pointless)
        case Place.WAITS | Place.NOT_OURS:
            return False


def _is_mirror(movement: Settlement) -> bool:
    """The credit note's half of a set-off: it is entered with the other half."""
    return movement.kind is SettlementKind.CREDIT_NOTE and movement.amount.minor < 0


def _takes_back(given: BooksInput, movement: Settlement, document: BillingDocument) -> bool:
    """Whether the ERP has what the movement ends. A set-off is told by the invoice's half."""
    if movement.kind is SettlementKind.WRITE_OFF:
        return movement.amount.minor < 0 and any(
            found.entry_id is not None
            and found.settlement.kind is movement.kind
            and found.settlement.document_id == document.document_id
            for found in given.entered.values()
        )
    return movement.against is not None and any(
        found.entry_id is not None
        and found.settlement.kind is movement.kind
        and (found.settlement.document_id, found.settlement.against)
        == (movement.against, document.document_id)
        for found in given.entered.values()
    )


def _pointless(given: BooksInput, document: BillingDocument) -> bool:
    """Whether all that settled what was never booked has been given back, before any was told."""
    own = [each for each in document.settlements if each.document_id == document.document_id]
    told = any(each.settlement_id in given.entered for each in own)
    return document.void and not told and not sum(each.amount.minor for each in own)


def _due(given: BooksInput, account: AccountMapping, movement: Settlement) -> Due:
    """In the books of the document where it stands there, else of the account as it is now."""
    record = given.known.get(movement.document_id or movement.about or "")
    legal_entity, party = account.legal_entity, account.erp_party
    if record is not None and record.in_books and record.posted is not None:
        legal_entity = record.legal_entity or record.posted.legal_entity
        party = record.party or record.posted.party
    value_date = local_day(movement.at, given.zone(legal_entity))
    correction = record.correction if record is not None else None
    later = correction.posting_date if correction is not None else None
    return Due(
        settlement=movement,
        legal_entity=legal_entity,
        party=party,
        value_date=value_date,
        days=(value_date, later) if later and later > value_date else (value_date,),
        recovered=_recovers(given, movement),
    )


def _recovers(given: BooksInput, movement: Settlement) -> bool:
    """Whether it is money for what was written off."""
    about = given.known.get(movement.about or "")
    if movement.kind not in _MONEY or movement.document_id is not None or about is None:
        return False
    return any(each.kind is SettlementKind.WRITE_OFF for each in about.document.settlements)


def _step(given: BooksInput, each: Due, balance: Balance) -> SettlementStep:
    """Raises Rejection: amount_out_of_range, approval_needed, balance_crosses, or what the ERP says
    of the day."""
    require_in_range(each.settlement)
    step = SettlementStep(
        settlement=each.settlement,
        legal_entity=each.legal_entity,
        party=each.party,
        value_date=each.value_date,
        posting_date=_posting_date(given, each),
        recovered=each.recovered,
    )
    require_for_movement(given, step)
    balance.take(each.settlement, each.legal_entity)
    return step


def _posting_date(given: BooksInput, each: Due) -> date:
    """The first of its days that the books take. Raises Rejection."""
    refusals = []
    for day in each.days:
        answer = given.answers[each.key(day)]
        if isinstance(answer, LedgerAnswer):
            return answer.posting_date
        refusals.append(answer)
        if answer.code != RejectionCode.PERIOD_CLOSED:
            break
    raise refusals[-1].error()
