"""What an abort would undo on each system, as the effect ledger has it, and how a case whose change
was undone is begun anew."""

from enum import StrEnum

from pydantic import Field

from canonical_models.amendment import document_of
from canonical_models.base import Canonical
from canonical_models.effects import EffectState
from canonical_models.exceptions import UNDO_OF, Action
from canonical_models.mends import decisions_of
from canonical_models.money import Money
from canonical_models.records import DocumentRecord
from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
from canonical_models.views import ChangeView, EffectView, ExceptionView
from operations import deciding, decisions, syncing
from operations.context import AppContext
from operations.errors import Conflict, Invalid
from operations.exceptions import read
from persistence import access_holds, causes, documents, effects
from persistence.connection import Connection
from persistence.together import together


class Fate(StrEnum):
    """What becomes of an effect of the change."""

    #: A credit note takes the document back, and it is held.
    REVERSED = "reversed"
    #: It is ours no more; who made the document has it.
    UNLINKED = "unlinked"
    #: As it was agreed before the change.
    SET_BACK = "set_back"
    #: What is not billed is shown anew with the next change.
    SHOWN_ANEW = "shown_anew"
    #: It is a fact, and stands.
    STAYS = "stays"


#: By the step of the ledger, before the object that it is about.
FATES = {
    "erp.document": Fate.REVERSED,
    "erp.void": Fate.STAYS,
    "erp.settlement": Fate.STAYS,
    "erp.unbilled": Fate.SHOWN_ANEW,
    "erp.party": Fate.STAYS,
    "support.organization": Fate.STAYS,
    "support.entitlement": Fate.SET_BACK,
    "entitlements.grants": Fate.SET_BACK,
    "billing.sync": Fate.SET_BACK,
    "billing.sync_undone": Fate.STAYS,
}
#: Of which it is not certain whether they stand over there: an undo finds out.
_UNCERTAIN = (EffectState.ATTEMPTING, EffectState.UNCERTAIN, EffectState.COMPENSATING)


#: More than these are undone by who has typed how many.
MANY = 10


class Undone(Canonical):
    """One effect of the change and what an abort makes of it; not `certain` where it is not known
    whether it stands over there, which the undo finds out. `amount` is of billing's document."""

    system: str
    step: str
    document: str | None
    url: str | None
    amount: Money | None
    fate: Fate
    certain: bool


class AbortPreview(Canonical):
    """`undone` in the order in which it is, the last effect first. `held` are billing's documents
    that stay out of the ERP afterwards, until they are released. `by_hand` where the exception is
    of an undo: there an abort says that a person has done it, and undoes nothing more."""

    exception_id: str
    change_id: str
    by_hand: bool
    undone: tuple[Undone, ...]
    held: tuple[str, ...]
    #: What is reversed in the books, one a currency.
    reversed: tuple[Money, ...]

    @property
    def taken_back(self) -> int:
        """How many of them do not stay."""
        return sum(each.fate is not Fate.STAYS for each in self.undone)


class ReopenRequest(Canonical):
    reason: str = Field(min_length=1, max_length=2000)


class Reopened(Canonical):
    """The change stays undone: `change_ids` carry out anew what billing says now, and ask anew
    where that is still refused. `released` are documents that the abort had kept out."""

    exception: ExceptionView
    change_ids: tuple[str, ...]
    released: tuple[str, ...]


async def abort_preview(
    context: AppContext, tenant: str, exception_id: str, *, known: ExceptionView | None = None
) -> AbortPreview:
    """Of an exception that is `known` where it was just read. Raises NotFound; Conflict where it is
    not open, or takes no abort."""
    exception = known or (await read(context, tenant, exception_id))[0]
    if exception.state is not ExceptionState.OPEN or Action.ABORT not in decisions_of(
        exception.code
    ):
        raise Conflict(
            f"exception {exception_id} ({exception.code}) is {exception.state} and takes no abort",
            remedy="see what it takes",
            see=("exception", exception_id),
        )
    by_hand = exception.step.startswith(UNDO_OF)
    subject = "" if by_hand else exception.subject or ""
    async with context.database.transaction() as conn:
        done, asked = await together(
            conn,
            lambda on: effects.of_change(on, tenant, "" if by_hand else exception.change_id),
            lambda on: documents.get(on, tenant, subject),
        )
        standing = [
            each
            for each in reversed(done)
            if each.state is EffectState.CONFIRMED or each.state in _UNCERTAIN
        ]
        named = [key for each in standing if (key := _document(each)) is not None]
        records = await documents.named(conn, tenant, named) if named else {}
    undone = tuple(_undone(each, records) for each in standing)
    taken_back = {
        key: records[key].document.gross
        for each, told in zip(standing, undone, strict=True)
        if told.fate is Fate.REVERSED and (key := _document(each)) is not None and key in records
    }
    left = [asked.document.document_id] if asked is not None else []
    totals: dict[str, int] = {}
    for gross in taken_back.values():
        totals[gross.currency] = totals.get(gross.currency, 0) + gross.minor
    return AbortPreview(
        exception_id=exception_id,
        change_id=exception.change_id,
        by_hand=by_hand,
        undone=undone,
        held=tuple(dict.fromkeys([*taken_back, *left])),
        reversed=tuple(
            Money(minor=minor, currency=currency) for currency, minor in sorted(totals.items())
        ),
    )


async def counted(context: AppContext, tenant: str, exception_id: str, typed: str) -> None:
    """Who undoes many things says how many. Raises Invalid where that is not what would be undone
    now, and as `abort_preview`."""
    would = await abort_preview(context, tenant, exception_id)
    if would.taken_back > MANY and typed.strip() != str(would.taken_back):
        raise Invalid(
            f"{would.taken_back} things would be undone, and that number was not given",
            remedy=f"look at the list, and type {would.taken_back} where it is asked for",
        )


async def reopen(
    context: AppContext, tenant: str, exception_id: str, given: ReopenRequest, *, by: str
) -> Reopened:
    """Release what its abort has kept out, and have the subject carried out anew. Again, it answers
    with the same. Raises NotFound; Conflict where nothing was undone that could be begun anew."""
    exception, change = await read(context, tenant, exception_id)
    _require_undone(exception, change)
    async with context.database.transaction() as conn:
        kept_out = await _kept_out(conn, tenant, exception)
    made = []
    for record in kept_out:
        named = record.document.document_id
        decided = await deciding.decide(
            context, tenant, named, decisions.release(by=by), key=f"reopen/{exception_id}/{named}"
        )
        if decided.change_id is not None:
            made.append(decided.change_id)
    async with context.database.transaction() as conn:
        await access_holds.lift(conn, tenant, exception.belongs_to)
        if not made and change is not None:
            begun = await syncing.start(
                conn,
                tenant,
                exception.belongs_to,
                kind=change.kind,
                customer_id=change.customer_id,
            )
            made.append(begun.change_id)
        note = f"{given.reason} (change {', '.join(made)})"
        await causes.add(conn, tenant, exception_id, by=by, what="reopened", note=note)
    return Reopened(
        exception=exception,
        change_ids=tuple(made),
        released=tuple(record.document.document_id for record in kept_out),
    )


def _require_undone(exception: ExceptionView, change: ChangeView | None) -> None:
    named = exception.exception_id
    if exception.state is ExceptionState.OPEN:
        raise Conflict(
            f"exception {named} is open: there is nothing to reopen",
            remedy="see what it takes, and decide it",
            see=("exception", named),
        )
    if change is None or exception.workflow_id is not None:
        raise Conflict(
            f"exception {named} was asked by {exception.change_id}, which goes on by itself and "
            "asks anew when it has to",
            remedy="see all that it has asked",
            see=("asked", exception.change_id),
        )
    if change.state is not ChangeState.SETTLED:
        raise Conflict(
            f"change {change.change_id} is still {change.state}, and asks anew when it has to",
            remedy="see what it waits for",
            see=("change", change.change_id),
        )
    if change.outcome not in (ChangeOutcome.COMPENSATED, ChangeOutcome.CANCELLED):
        raise Conflict(
            f"change {change.change_id} has settled as {change.outcome}: every system agrees, and "
            "nothing was undone",
            remedy="have it looked at anew",
            see=syncing.anew(change.subject),
        )


async def _kept_out(
    conn: Connection, tenant: str, exception: ExceptionView
) -> tuple[DocumentRecord, ...]:
    """Documents of its subject that the decision on it keeps out of the books."""
    if exception.resolved_at is None:
        return ()
    known = await documents.of_subject(conn, tenant, exception.belongs_to)
    return tuple(
        record
        for record in known
        if (hold := record.hold) is not None
        and hold.by == exception.resolved_by
        and hold.at >= exception.resolved_at
    )


def _undone(effect: EffectView, records: dict[str, DocumentRecord]) -> Undone:
    what, _, _ = effect.step.partition("/")
    record = records.get(_document(effect) or "")
    fate = FATES.get(what, Fate.STAYS)
    if fate is Fate.REVERSED and record is not None and record.linked_by is not None:
        fate = Fate.UNLINKED
    return Undone(
        system=effect.system,
        step=effect.step,
        document=effect.document,
        url=effect.url,
        amount=record.document.gross if record is not None else None,
        fate=fate,
        certain=effect.state is EffectState.CONFIRMED,
    )


def _document(effect: EffectView) -> str | None:
    """Billing's id of what it has posted."""
    what, _, reference = effect.step.partition("/")
    return document_of(reference) if FATES.get(what) is Fate.REVERSED else None
