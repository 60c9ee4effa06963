"""The inbox: what was received, what became of it, and reading it again, one or many."""

from pydantic import Field

from canonical_models.amendment import ChangeTrigger, NamedOnly, account_subject, customer_of
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.batch import Batch, BatchKind
from canonical_models.cash import PayoutTrigger
from canonical_models.preview import Comes, Foreseen
from canonical_models.states import ChangeState, InboxStatus
from canonical_models.support import CaseTold
from canonical_models.views import ChangeView
from connectors.ports import UnreadableEvent
from operations import batches, preview, syncing
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound, Unavailable
from operations.paging import Page, cursor, cut, number
from persistence import changes, inbox, settlements
from persistence.connection import Connection
from persistence.inbox import InboxView

_COMES = {
    Comes.GOES_THROUGH: "goes through",
    Comes.THEN_WAITS: "waits for a person",
    Comes.NEEDS_APPROVAL: "needs approval",
    Comes.NOT_AFFECTED: "changes nothing",
    Comes.UNTOLD: "cannot be told",
}


class InboxDetail(Canonical):
    """`body` is the signed text as it came, only when it was asked for; it may be personal."""

    item: InboxView
    change: ChangeView | None
    body: str | None


class Replay(Canonical):
    """`done` is False for a dry run, and when the event waits to be read anyway.

    `reads_as` is what the event says now, None when it is ignored or cannot be read. `foreseen` is
    what its change would come to: of a dry run, where a worker could be asked.
    """

    item: InboxView
    done: bool
    words: str
    reads_as: ChangeTrigger | None
    foreseen: Foreseen | None = None


class ReplaysForeseen(Canonical):
    """What reading many again would come to: `total` fit now, and the first of them are looked at
    one by one, in their order. Nothing is done, and no list is frozen."""

    total: int
    items: tuple[Replay, ...]


class ReplayMany(Canonical):
    """Which webhooks are read again: those that are named, or all that fit the rest; and how. They
    keep their order. `rate` is how many a minute after the first 1, 5 and 20; `trial` reads one
    and waits to be told to go on."""

    receipts: tuple[Identifier, ...] = Field(default=(), max_length=5000)
    status: InboxStatus | None = None
    event_type: str | None = Field(default=None, max_length=255)
    since: Instant | None = None
    until: Instant | None = None
    rate: int = Field(default=600, ge=1, le=60_000)
    trial: bool = False
    reason: str = Field(min_length=1, max_length=2000)


#: Of many, so many are foreseen: each is planned by a worker as its saga would.
MOST_FORESEEN = 10


async def list_(
    context: AppContext,
    tenant: str,
    *,
    status: InboxStatus | None = None,
    event_type: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[InboxView]:
    """Newest first."""
    async with context.database.transaction() as conn:
        found = await inbox.page(
            conn,
            tenant,
            before=number(after),
            limit=limit + 1,
            status=status,
            event_type=event_type,
        )
    items, more = cut(found, limit)
    return Page[InboxView](items=items, next=cursor(items[-1].inbox_id) if more else None)


async def show(context: AppContext, tenant: str, receipt: str, *, raw: bool = False) -> InboxDetail:
    """Raises NotFound. A body that is not UTF-8 is shown with replacement characters."""
    async with context.database.transaction() as conn:
        item = await inbox.find(conn, tenant, receipt)
        if item is None:
            raise _unknown(receipt)
        change = await changes.get(conn, tenant, item.change_id) if item.change_id else None
        body = await inbox.body(conn, tenant, item.inbox_id) if raw else None
    return InboxDetail(
        item=item, change=change, body=None if body is None else body.decode(errors="replace")
    )


async def replay(
    context: AppContext,
    tenant: str,
    receipt: str,
    *,
    dry_run: bool = False,
    foresee: bool = True,
) -> Replay:
    """Let the event be read again, as if it had just come. Of a dry run no worker is asked what it
    would come to without `foresee`.

    Nothing is posted twice: the change that comes of it plans from billing's present state, and
    every document is posted once, ever. Raises NotFound, and Conflict while the event's change is
    still being made, or where its body has been dropped.
    """
    async with context.database.transaction() as conn:
        item = await inbox.find(conn, tenant, receipt)
        if item is None:
            raise _unknown(receipt)
        change = await changes.get(conn, tenant, item.change_id) if item.change_id else None
        body = await inbox.body(conn, tenant, item.inbox_id)
        if not body:
            raise Conflict(
                f"the body of receipt {receipt} has been dropped: {item.reason or 'it is old'}",
                remedy="have billing read anew what it is about",
                see=syncing.anew(change.subject) if change else ("read_anew", ""),
            )
        if change is not None and change.state is not ChangeState.SETTLED:
            raise Conflict(
                f"the change {change.change_id} of receipt {receipt} is {change.state}",
                remedy="let it settle first, or cancel it: a replay makes a new change",
            )
        trigger, outlook = await _outlook(conn, context, item, body)
        subject = None if trigger is None else _subject(trigger)
        if subject is not None:
            ahead = await changes.unsettled(conn, tenant, subject)
            outlook += f", behind {len(ahead)} that wait or run" if ahead else ""
        if item.status is InboxStatus.RECEIVED:
            return Replay(
                item=item,
                done=False,
                words=f"It waits to be read anyway; {outlook}.",
                reads_as=trigger,
            )
        if not dry_run:
            item = (await inbox.replay(conn, tenant, [item.inbox_id]))[0]
    if dry_run:
        words, foreseen = f"Would be read again; {outlook}.", None
        if foresee and trigger is not None and subject is not None:
            foreseen, told = await _foreseen(context, tenant, trigger, subject)
            words = f"{words} {told}"
        return Replay(item=item, done=False, words=words, reads_as=trigger, foreseen=foreseen)
    return Replay(item=item, done=True, words=f"Is being read again; {outlook}.", reads_as=trigger)


async def _foreseen(
    context: AppContext, tenant: str, trigger: ChangeTrigger, subject: str
) -> tuple[Foreseen | None, str]:
    """And in words."""
    named = (trigger.document_id,) if trigger.document_id else ()
    try:
        found = await preview.of_subject(context, tenant, subject, named)
    except Unavailable as fault:
        return None, f"What it would come to could not be told: {fault.detail}."
    told = found.summary if found.comes is Comes.GOES_THROUGH else found.why or found.summary
    return found, f"As things are it {_COMES[found.comes]}: {told}."


async def foresee_many(context: AppContext, tenant: str, asked: ReplayMany) -> ReplaysForeseen:
    """What `replay_many` would begin with. Once workers give no answer they are asked no more.
    Raises Invalid."""
    _require_which(asked)
    async with context.database.statement() as conn:
        total, receipts = await inbox.fitting(
            conn,
            tenant,
            receipts=asked.receipts or None,
            status=asked.status,
            event_type=asked.event_type,
            since=asked.since,
            until=asked.until,
            limit=MOST_FORESEEN,
        )
    items: list[Replay] = []
    foresee = True
    for receipt in receipts:
        try:
            found = await replay(context, tenant, receipt, dry_run=True, foresee=foresee)
        except Conflict as fault:
            item = (await show(context, tenant, receipt)).item
            found = Replay(item=item, done=False, words=fault.detail, reads_as=None)
        if found.reads_as is not None and found.foreseen is None:
            foresee = False
        items.append(found)
    return ReplaysForeseen(total=total, items=tuple(items))


def _require_which(asked: ReplayMany) -> None:
    if not any((asked.receipts, asked.status, asked.event_type, asked.since, asked.until)):
        raise Invalid(
            "it is not said which webhooks are to be read again",
            remedy="name receipts, or a status, a type, or since when they came",
        )


async def replay_many(context: AppContext, tenant: str, asked: ReplayMany, *, by: str) -> Batch:
    """The batch that reads them again. Its list is what fits now, and stays that. Raises
    Invalid."""
    _require_which(asked)
    async with context.database.transaction() as conn:
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.REPLAY,
                given=asked.model_dump(mode="json", exclude={"receipts"}, exclude_defaults=True),
                by=by,
                rate=asked.rate,
                trial=asked.trial,
            ),
        )
        frozen = await inbox.freeze(
            conn,
            tenant,
            made,
            receipts=asked.receipts or None,
            status=asked.status,
            event_type=asked.event_type,
            since=asked.since,
            until=asked.until,
        )
        if not frozen:
            raise Invalid(
                "no webhook fits that could be read again",
                remedy="those that wait to be read anyway, and those whose body is kept no longer, "
                "are left out",
                see=("inbox", ""),
            )
    return await batches.show(context, tenant, made)


async def _outlook(
    conn: Connection, context: AppContext, item: InboxView, body: bytes
) -> tuple[ChangeTrigger | None, str]:
    """What the dispatcher will make of it, by the same pure function that it uses."""
    translator = context.translators.get((item.tenant, item.connection))
    if translator is None:
        return None, f"no connection {item.connection} is configured here to tell what it says"
    try:
        trigger = translator.trigger(body)
        payout = None if trigger else translator.payout(body)
    except UnreadableEvent as fault:
        return None, f"it stays a dead letter: {fault}"
    if payout is not None:
        return None, _outlook_of_payout(context, item, payout)
    if trigger is None:
        return None, f"it is ignored: {item.event_type} does not concern any other system"
    if isinstance(trigger, NamedOnly):
        return None, (
            f"it names {trigger.what} and does not show it: the worker asks billing what it says"
        )
    if isinstance(trigger, CaseTold):
        return None, f"it keeps what support tells of case {trigger.case_id}, and begins no change"
    if trigger.subscription_id is None:
        trigger = await _whose(conn, item.tenant, trigger)
    subject = _subject(trigger)
    if subject is None:
        return None, "it is ignored: its payment is of no document that is known here"
    customer = customer_of(subject)
    whose = f"account {customer}" if customer else f"subscription {subject}"
    return trigger, f"it makes a new {trigger.kind.value} change of {whose}"


def _outlook_of_payout(context: AppContext, item: InboxView, trigger: PayoutTrigger) -> str:
    settings = context.tenants.get(item.tenant)
    if settings is None or settings.policy.books.cash is None:
        return "it is ignored: payouts are not booked, because books.cash is not set in the policy"
    return f"it has payout {trigger.payout_id} looked at"


async def _whose(conn: Connection, tenant: str, trigger: ChangeTrigger) -> ChangeTrigger:
    """Of a document or payment that we know, we know whose it is."""
    known = await settlements.subject_of(conn, tenant, trigger.payment_id, trigger.document_id)
    if known is None:
        return trigger
    subject, customer = known[0], known[1]
    account = customer_of(subject)
    return trigger.model_copy(
        update={
            "subscription_id": None if account else subject,
            "customer_id": account or customer or trigger.customer_id,
        }
    )


def _subject(trigger: ChangeTrigger) -> str | None:
    """Whose change it becomes; None where it says nobody's."""
    if trigger.subscription_id is not None:
        return trigger.subscription_id
    return None if trigger.customer_id is None else account_subject(trigger.customer_id)


def _unknown(receipt: str) -> NotFound:
    return NotFound(
        f"the inbox has no receipt {receipt}", remedy="list what it has", see=("inbox", "")
    )
