"""The exception queue: look, and decide for the saga or the process that waits."""

import hashlib
from collections.abc import Collection
from enum import StrEnum

from pydantic import Field

from canonical_models.acts import Role
from canonical_models.base import Canonical, isoformat
from canonical_models.decisions import DecisionView, Outcome, Target, of_exception
from canonical_models.events import ExceptionResolved, event
from canonical_models.exceptions import (
    CONTRACT_CHANGED,
    SAGA_LOST,
    VENDOR_AWAY,
    Action,
    DocumentCorrection,
    Resolution,
)
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.mends import MENDS, Form, decisions_of
from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
from canonical_models.views import CauseView, ChangeView, ExceptionView, HistoryLine
from operations import approving, merges
from operations.approving import ApprovalStands
from operations.context import AppContext
from operations.corrections import checked, replaced, signed
from operations.errors import Conflict, Invalid, NotFound
from operations.forms import form
from operations.handing import first_was, handed_over, other_than_before, under_name
from operations.paging import Page, cursor, cut, moment
from persistence import causes, change_watch, changes, decisions, documents, exceptions, outbox
from persistence.causes import ALL, Which
from persistence.connection import Connection
from persistence.together import together

#: Codes of what waits for a yes.
CODES_OF_A_YES = tuple(
    str(code.value if isinstance(code, StrEnum) else code)
    for code, mend in MENDS.items()
    if Action.APPROVE in mend.decisions
)


class Decision(Canonical):
    """`retry` after the data was mended elsewhere; `correct` with what was missing: a mapping of
    the account or the item, or a document's tax code, day or ERP document; `abort` to undo the
    change, posted documents included; `skip` to leave the `document` out of the ERP for good, with
    why as `note`. `approve` lets pass what policy holds back: a document, or
    master data that billing has changed. `extend`, `credit` and `write_off` answer an invoice that
    nobody pays. `digest` is that of the exception as it was looked at: where it asks something else
    by then, nothing is decided."""

    action: Action
    note: str = Field(default="", max_length=2000)
    account: AccountMapping | None = None
    item: ItemMapping | None = None
    document: DocumentCorrection | None = None
    digest: str | None = Field(default=None, max_length=64)


class Became(StrEnum):
    """What has truly come of a decision by now."""

    #: It is kept, and nobody has taken it yet: the engine or its workers are away.
    KEPT = "kept"
    #: The saga or process has taken it and goes on; nothing more is known.
    HANDED_OVER = "handed_over"
    #: It is a yes that is kept, and does not suffice: the exception is still open for others.
    NEEDS_ANOTHER = "needs_another"
    #: It was tried, and has failed again for the same cause: the exception is open again.
    FAILED_AGAIN = "failed_again"
    #: What it was about went through; the change now waits for something else.
    WAITS_FOR_ANOTHER = "waits_for_another"
    #: The change is done, and every system was read back and agrees.
    READ_BACK = "read_back"
    #: What the change had done was taken back, as each system has confirmed.
    UNDONE = "undone"


class Resolved(Canonical):
    """`already` when this very decision had been made before. `decision` is as it is kept: while
    its `outcome` is null it is still to be handed over, which happens by itself. `became` is what
    has come of it by now, and `change` is as it is now; None where a process had asked."""

    exception: ExceptionView
    decision: DecisionView
    already: bool
    became: Became
    change: ChangeView | None
    workflow_url: str | None


class ExceptionDetail(Canonical):
    """`change` is None where a process asks. `decisions` are those that the exception takes, `form`
    is all that is needed to take one; `decided` are those that were made, the oldest first.
    `digest` is of what is asked now: sent with a decision, it is refused where that is something
    else by then. `cause` counts what else waits for the same. `history` has what happened and was
    said, the oldest first. `approval` is whose yes is asked, where one is."""

    exception: ExceptionView
    change: ChangeView | None
    decisions: tuple[Action, ...]
    decided: tuple[DecisionView, ...]
    digest: str
    form: Form
    cause: CauseView | None
    history: tuple[HistoryLine, ...]
    workflow_url: str | None
    approval: ApprovalStands | None = None


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
    async with context.database.transaction() as conn:
        exception, decided, told = await together(
            conn,
            lambda on: exceptions.get(on, tenant, exception_id),
            lambda on: decisions.on(on, tenant, Target.EXCEPTION, exception_id),
            lambda on: causes.history(on, tenant, exception_id),
        )
        if exception is None:
            raise _unknown(exception_id)
        change, asked, cause, approval = await together(
            conn,
            lambda on: changes.get(on, tenant, exception.change_id),
            lambda on: form(on, tenant, exception),
            lambda on: causes.get(on, tenant, exception.cause_id),
            lambda on: approving.stands(on, tenant, exception),
        )
    asked = await merges.proposed(context, tenant, exception, asked)
    return ExceptionDetail(
        exception=exception,
        change=change,
        decisions=decisions_of(exception.code),
        decided=tuple(reversed(decided)),
        digest=_digest(exception, approval.content if approval else None),
        form=asked,
        cause=cause,
        history=told,
        workflow_url=_link(context, exception, change),
        approval=approval,
    )


def _digest(exception: ExceptionView, content: str | None) -> str:
    """Of what is asked, and of what a yes would be to."""
    if content is None:
        return exception.digest
    return hashlib.sha256(f"{exception.digest}/{content}".encode()).hexdigest()[:16]


def resolution_of(exception_id: str, decision: Decision, *, by: str) -> Resolution:
    said = {name: value for name, value in decision if name != "digest"}
    return signed(Resolution(exception_id=exception_id, by=by, **said))


async def resolve(
    context: AppContext,
    tenant: str,
    resolution: Resolution,
    *,
    digest: str | None = None,
    once: str | None = None,
    roles: Collection[Role] | None = None,
) -> Resolved:
    """Keep the decision, and wait until the saga has acted on it.

    The same decision again answers as the first time, and so does all that is sent under one name
    `once`. `digest` is that of what was looked at; `roles` are those of the person who decides,
    None for a program. Raises NotFound, Invalid for a correction that does not mend this exception,
    Forbidden for a yes that is not theirs to give, and Conflict where somebody else was first,
    where it asks something else by now, or where its change is held.
    """
    made, already = await decide(context, tenant, resolution, digest=digest, once=once, roles=roles)
    made = await handed_over(context, tenant, made)
    exception, change = await read(context, tenant, resolution.exception_id)
    if made.outcome is Outcome.VOID:
        raise _not_open(exception)
    return Resolved(
        exception=exception,
        decision=made,
        already=already,
        became=_became(made, exception, change),
        change=change,
        workflow_url=_link(context, exception, change),
    )


async def decide(
    context: AppContext,
    tenant: str,
    resolution: Resolution,
    *,
    change_id: str | None = None,
    digest: str | None = None,
    once: str | None = None,
    roles: Collection[Role] | None = None,
) -> tuple[DecisionView, bool]:
    """The decision as it is kept, to be handed over from there; and whether it was before. Raises
    as `resolve`, and Conflict where the exception is not of this change."""
    exception_id = resolution.exception_id
    exception, change = await read(context, tenant, exception_id)
    if change_id is not None and exception.change_id != change_id:
        raise Conflict(
            f"exception {exception_id} is of {exception.change_id}, not of {change_id}",
            remedy="decide it as itself, or by the change that it is of",
            see=("exception", exception_id),
        )
    async with context.database.transaction() as conn:
        made = await _made_before(conn, tenant, resolution, once)
    if made is not None:
        return made, True
    if exception.state is ExceptionState.OPEN:
        await _takes(context, tenant, exception, change, resolution)
    before = await replaced(context, tenant, resolution)
    async with context.database.transaction() as conn:
        known = await _made_before(conn, tenant, resolution, once)
        now = await exceptions.get(conn, tenant, exception_id, locked=True)
        # Who waited for the lock sees what the other has decided.
        known = known or await _made_before(conn, tenant, resolution, once)
        if known is not None:
            return known, True
        if now is None or now.state is not ExceptionState.OPEN:
            raise _not_open(now or exception)
        content = await approving.content_of(conn, tenant, now)
        shown = _digest(now, content)
        if digest is not None and digest != shown:
            raise Conflict(
                f"exception {exception_id} asks something else than what was looked at: "
                f"{now.message}",
                remedy="look at it again, and decide that",
                see=("exception", exception_id),
                facts={"digest": shown},
            )
        lost = now.code == SAGA_LOST
        if lost:
            await _begin_anew(conn, tenant, now, resolution)
        enough = True
        if resolution.action is Action.APPROVE:
            enough = await approving.say_yes(conn, tenant, now, resolution, roles)
            before = {"content": content}
        made = await decisions.record(
            conn,
            tenant,
            context.entrance,
            of_exception(now, resolution, before=before, once=once, shown=shown),
            outcome=Outcome.DONE if lost or not enough else None,
        )
    return made, False


async def _made_before(
    conn: Connection, tenant: str, resolution: Resolution, once: str | None
) -> DecisionView | None:
    """What is the same as this, or was sent under the same name. Raises Conflict where somebody
    has decided otherwise."""
    target = Target.EXCEPTION, resolution.exception_id
    named_so = await under_name(conn, tenant, once, target, resolution.action.value)
    if named_so is not None:
        if _said(named_so) != resolution:
            raise other_than_before(named_so)
        return named_so
    exception = await exceptions.get(conn, tenant, resolution.exception_id)
    is_open = exception is not None and exception.state is ExceptionState.OPEN
    made = await decisions.on(conn, tenant, *target, limit=1)
    if not made or made[0].outcome is Outcome.VOID or (is_open and made[0].outcome is not None):
        # Nobody has decided, or it came to nothing, or it was asked again since.
        return None
    if _said(made[0]) != resolution:
        raise first_was(made[0])
    return made[0]


def _said(made: DecisionView) -> Resolution | None:
    """None where it was erased."""
    return None if made.after is None else Resolution.model_validate(made.after, strict=False)


def _not_open(exception: ExceptionView) -> Conflict:
    return Conflict(
        f"exception {exception.exception_id} is not open: {exception.resolution} by "
        f"{exception.resolved_by}",
        remedy="look at how it went on",
        see=("change", exception.change_id)
        if exception.workflow_id is None
        else ("exception", exception.exception_id),
        facts={
            "action": exception.resolution,
            "by": exception.resolved_by,
            "at": isoformat(exception.resolved_at) if exception.resolved_at else None,
        },
    )


async def _takes(
    context: AppContext,
    tenant: str,
    exception: ExceptionView,
    change: ChangeView | None,
    resolution: Resolution,
) -> None:
    if exception.code == CONTRACT_CHANGED:
        raise Conflict(
            f"exception {exception.exception_id} is about answers of a vendor that do not fit, and "
            "takes no decision",
            remedy="it closes by itself when they fit again; see what of them does not",
            see=("drifts", exception.subject or ""),
        )
    if exception.code == VENDOR_AWAY:
        raise Conflict(
            f"exception {exception.exception_id} is about a vendor that is away, and takes no "
            "decision",
            remedy="it closes by itself when the vendor is back",
            see=("connection", exception.subject or ""),
        )
    if change is not None and change.held and exception.code != SAGA_LOST:
        raise Conflict(
            f"no saga of change {change.change_id} runs that could take the decision: it is held",
            remedy="release the change first",
            see=("change", change.change_id),
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


async def _begin_anew(
    conn: Connection, tenant: str, exception: ExceptionView, resolution: Resolution
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
    why = f"{resolution.action.value} by {resolution.by}: its saga is begun anew"
    if not await change_watch.go_on(conn, change_id, why=why):
        raise Conflict(
            f"change {change_id} is not stopped any more",
            remedy="look at where it stands",
            see=("change", change_id),
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


def _became(made: DecisionView, exception: ExceptionView, change: ChangeView | None) -> Became:
    if made.outcome is None:
        return Became.KEPT
    if exception.state is ExceptionState.OPEN:
        yes = made.action == Action.APPROVE and made.outcome is Outcome.DONE
        return Became.NEEDS_ANOTHER if yes else Became.FAILED_AGAIN
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
        raise _unknown(exception_id)
    return exception, change


def _unknown(exception_id: str) -> NotFound:
    return NotFound(
        f"there is no exception {exception_id}",
        remedy="list the open ones",
        see=("exceptions", ""),
    )
