"""The exception queue: look, and decide for the saga or the process that waits."""

import hashlib
from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical
from canonical_models.events import ExceptionResolved, event
from canonical_models.exceptions import (
    SAGA_LOST,
    VENDOR_AWAY,
    Action,
    DocumentCorrection,
    Resolution,
)
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.mends import Form, decisions_of
from canonical_models.records import HoldKind
from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
from canonical_models.views import CauseView, ChangeView, ExceptionView, HistoryLine
from operations import mappings
from operations.context import AppContext
from operations.corrections import checked, signed
from operations.engine import saga_of
from operations.errors import Conflict, Invalid, NotFound
from operations.forms import form
from operations.paging import Page, cursor, cut, moment
from persistence import causes, change_watch, changes, documents, exceptions, outbox
from persistence.causes import ALL, Which
from workflows.names import RESOLVE


class Decision(Canonical):
    """`retry` after the data was mended elsewhere; `correct` with what was missing: a mapping of
    the account or the item, or a document's tax code, day or ERP document; `abort` to undo the
    change, posted documents included; `skip` to leave the `document` out of the ERP for good, with
    why as `note`. `approve` lets pass what policy holds back: a document, or
    master data that billing has changed. `extend`, `credit` and `write_off` answer an invoice that
    nobody pays."""

    action: Action
    note: str = Field(default="", max_length=2000)
    account: AccountMapping | None = None
    item: ItemMapping | None = None
    document: DocumentCorrection | None = None


class Became(StrEnum):
    """What has truly come of a decision by now."""

    #: The saga or process has taken it and goes on; nothing more is known.
    HANDED_OVER = "handed_over"
    #: It was tried, and has failed again for the same cause: the exception is open again.
    FAILED_AGAIN = "failed_again"
    #: What it was about went through; the change now waits for something else.
    WAITS_FOR_ANOTHER = "waits_for_another"
    #: The change is done, and every system was read back and agrees.
    READ_BACK = "read_back"
    #: What the change had done was taken back, as each system has confirmed.
    UNDONE = "undone"


class Resolved(Canonical):
    """`already` when this very decision had been taken before. `became` is what has come of it by
    now, and `change` is as it is now; None where a process had asked."""

    exception: ExceptionView
    already: bool
    became: Became
    change: ChangeView | None
    workflow_url: str | None


class ExceptionDetail(Canonical):
    """`change` is None where a process asks. `decisions` are those that the exception takes, `form`
    is all that is needed to take one. `cause` counts what else waits for the same. `history` has
    what happened and was said, the oldest first."""

    exception: ExceptionView
    change: ChangeView | None
    decisions: tuple[Action, ...]
    form: Form
    cause: CauseView | None
    history: tuple[HistoryLine, ...]
    workflow_url: str | None


async def list_(
    context: AppContext,
    tenant: str,
    *,
    state: ExceptionState | None = ExceptionState.OPEN,
    change_id: str | None = None,
    which: Which = ALL,
    after: str | None = None,
    limit: int = 50,
) -> Page[ExceptionView]:
    """Newest first; `state` None for open and resolved ones alike."""
    async with context.database.transaction() as conn:
        found = await exceptions.page(
            conn,
            tenant,
            state=state,
            change_id=change_id,
            which=which,
            before=moment(after),
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].opened_at.isoformat(), items[-1].exception_id) if more else None
    return Page[ExceptionView](items=items, next=following)


async def show(context: AppContext, tenant: str, exception_id: str) -> ExceptionDetail:
    """Raises NotFound."""
    exception, change = await read(context, tenant, exception_id)
    async with context.database.transaction() as conn:
        asked = await form(conn, tenant, exception)
        cause = await causes.get(conn, tenant, exception.cause_id)
        told = await causes.history(conn, tenant, exception_id)
    return ExceptionDetail(
        exception=exception,
        change=change,
        decisions=decisions_of(exception.code),
        form=asked,
        cause=cause,
        history=told,
        workflow_url=_link(context, exception, change),
    )


def resolution_of(exception_id: str, decision: Decision, *, by: str) -> Resolution:
    return signed(Resolution(exception_id=exception_id, by=by, **dict(decision)))


async def resolve(context: AppContext, tenant: str, resolution: Resolution) -> Resolved:
    """Hand the decision to the saga and wait until it has acted on it.

    The same decision again answers as the first time. Raises NotFound, Invalid for a correction
    that does not mend this exception, Conflict when it is not open or no saga waits, Unavailable.
    """
    exception_id = resolution.exception_id
    exception, change = await read(context, tenant, exception_id)
    if exception.state is not ExceptionState.OPEN:
        if not await _same(context, tenant, exception, resolution):
            raise _not_open(exception)
        return await _answer(context, tenant, exception_id, already=True)
    await _takes(context, tenant, exception, resolution)
    if exception.code == SAGA_LOST:
        await _begin_anew(context, tenant, exception, resolution)
        return await _answer(context, tenant, exception_id, already=False)
    workflow_id, run_id = await _who_asks(context, exception, change)
    async with context.database.transaction() as conn:
        occasion = await causes.occasion(conn, tenant, exception_id)
    key = _key(resolution, occasion)
    await context.engine.update(workflow_id, run_id, RESOLVE, resolution, key=key)
    return await _answer(context, tenant, exception_id, already=False)


async def admit(context: AppContext, tenant: str, change_id: str, resolution: Resolution) -> None:
    """What is decided by a signal to the change passes what `resolve` asks for. Raises NotFound,
    Invalid, Conflict."""
    exception, _ = await read(context, tenant, resolution.exception_id)
    if exception.change_id != change_id:
        raise Conflict(
            f"exception {exception.exception_id} is of {exception.change_id}, not of {change_id}",
            remedy=f"decide it with `trueup exceptions resolve {exception.exception_id}`",
        )
    if exception.state is not ExceptionState.OPEN:
        raise _not_open(exception)
    await _takes(context, tenant, exception, resolution)


def _not_open(exception: ExceptionView) -> Conflict:
    return Conflict(
        f"exception {exception.exception_id} is not open: {exception.resolution} by "
        f"{exception.resolved_by}",
        remedy=f"see how it went on with `{_seen_with(exception)}`",
    )


async def _takes(
    context: AppContext, tenant: str, exception: ExceptionView, resolution: Resolution
) -> None:
    if exception.code == VENDOR_AWAY:
        raise Conflict(
            f"exception {exception.exception_id} is about a vendor that is away, and takes no "
            "decision",
            remedy="it closes by itself when the vendor is back: see `trueup connections list`",
        )
    await checked(context, tenant, exception, resolution)


async def document_of(context: AppContext, tenant: str, exception_id: str) -> str:
    """Billing's id of the document that the exception is about. Raises NotFound, Invalid where it
    is about none, or about several."""
    exception, _ = await read(context, tenant, exception_id)
    subject = exception.subject
    async with context.database.statement() as conn:
        known = await documents.get(conn, tenant, subject) if subject else None
    if known is None:
        raise Invalid(
            f"exception {exception_id} is about {subject or 'no single object'}, which is no "
            "document",
            remedy="say which document is to be corrected",
        )
    return known.document.document_id


async def _who_asks(
    context: AppContext, exception: ExceptionView, change: ChangeView | None
) -> tuple[str, str | None]:
    """(workflow, run) that waits for the decision. Raises Conflict where none can, Unavailable."""
    if exception.workflow_id is not None:
        # A process begins new runs under its name and takes its question along.
        return exception.workflow_id, None
    run_id = None if change is None else change.run_id
    if change is not None and run_id is None:
        run_id = await context.engine.run_of(change)
    if change is None or run_id is None:
        held = change is not None and change.held
        raise Conflict(
            f"no saga of change {exception.change_id} runs that could take the decision"
            + (": it is held" if held else ""),
            remedy=f"let it go on with `trueup changes release {exception.change_id}`"
            if held
            else f"look at it with `{_seen_with(exception)}` and decide again",
        )
    # Without its run the decision could reach another change of the same subject.
    return saga_of(change), run_id


async def _begin_anew(
    context: AppContext, tenant: str, exception: ExceptionView, resolution: Resolution
) -> None:
    """No saga is open that could take the decision: the next one does, which an abort lets do
    nothing but undo. Raises Conflict."""
    change_id = exception.change_id
    told = ExceptionResolved(
        exception_id=exception.exception_id,
        change_id=change_id,
        resolution=resolution.action.value,
        by=resolution.by,
    )
    async with context.database.transaction() as conn:
        why = f"{resolution.action.value} by {resolution.by}: its saga is begun anew"
        if not await change_watch.go_on(conn, change_id, why=why):
            raise Conflict(
                f"change {change_id} is not stopped any more",
                remedy=f"look at it with `{_seen_with(exception)}`",
            )
        await exceptions.resolve(conn, tenant, resolution)
        await outbox.publish(
            conn,
            tenant,
            [
                event(
                    tenant,
                    "sync.exception_resolved.v1",
                    key=await causes.occasion(conn, tenant, exception.exception_id),
                    subject=change_id,
                    data=told,
                )
            ],
        )


def _link(context: AppContext, exception: ExceptionView, change: ChangeView | None) -> str | None:
    if exception.workflow_id is not None:
        return context.engine.link(exception.workflow_id)
    return None if change is None else context.engine.link_of(change)


def _seen_with(exception: ExceptionView) -> str:
    if exception.workflow_id is None:
        return f"trueup changes show {exception.change_id}"
    return f"trueup exceptions list --state all --change {exception.change_id}"


def _key(resolution: Resolution, occasion: str) -> str:
    """The same decision is one Update however often its answer is lost, and another one once it has
    failed."""
    digest = hashlib.sha256(resolution.model_dump_json().encode()).hexdigest()[:16]
    return f"{occasion}/{digest}"


async def _same(
    context: AppContext, tenant: str, exception: ExceptionView, resolution: Resolution
) -> bool:
    """Whether this is what was decided, so that a lost answer may be asked for again."""
    told = (exception.resolution, exception.resolved_by, exception.note or "")
    if told != (resolution.action.value, resolution.by, resolution.note):
        return False
    for mapping in (resolution.account, resolution.item):
        if mapping is not None and not await mappings.holds(context, tenant, mapping):
            return False
    return resolution.document is None or await _kept(context, tenant, resolution.document)


async def _kept(context: AppContext, tenant: str, correction: DocumentCorrection) -> bool:
    async with context.database.statement() as conn:
        record = await documents.get(conn, tenant, correction.document_id)
    if record is None:
        return False
    if not correction.says:
        return record.hold is not None and record.hold.kind is HoldKind.SKIPPED
    return record.correction == correction


async def _answer(
    context: AppContext, tenant: str, exception_id: str, *, already: bool
) -> Resolved:
    exception, change = await read(context, tenant, exception_id)
    return Resolved(
        exception=exception,
        already=already,
        became=_became(exception, change),
        change=change,
        workflow_url=_link(context, exception, change),
    )


def _became(exception: ExceptionView, change: ChangeView | None) -> Became:
    if exception.state is ExceptionState.OPEN:
        return Became.FAILED_AGAIN
    if change is None or change.state not in (ChangeState.SETTLED, ChangeState.WAITING):
        return Became.HANDED_OVER
    if change.state is ChangeState.WAITING:
        return Became.WAITS_FOR_ANOTHER
    undone = change.outcome in (ChangeOutcome.COMPENSATED, ChangeOutcome.CANCELLED)
    return Became.UNDONE if undone else Became.READ_BACK


async def read(
    context: AppContext, tenant: str, exception_id: str
) -> tuple[ExceptionView, ChangeView | None]:
    """The exception, and the change that it is of. Raises NotFound."""
    async with context.database.transaction() as conn:
        exception = await exceptions.get(conn, tenant, exception_id)
        change = await changes.get(conn, tenant, exception.change_id) if exception else None
    if exception is None:
        raise NotFound(
            f"there is no exception {exception_id}",
            remedy="list the open ones with `trueup exceptions list`",
        )
    return exception, change
