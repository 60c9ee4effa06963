"""Why a document of billing and the ERP's differ, and which team can mend it."""

from collections.abc import Collection
from dataclasses import dataclass

from canonical_models.exceptions import Track
from canonical_models.failures import RejectionCode, Team
from canonical_models.records import DocumentRecord, Hold, HoldKind
from canonical_models.views import ExceptionView
from operations.sides import InvoiceSummary
from persistence import differences, exceptions
from persistence.connection import Connection
from persistence.together import together

_KEPT_OUT = {
    HoldKind.HELD: "held back",
    HoldKind.SKIPPED: "skipped",
    HoldKind.ABORTED: "taken back out of the books",
}

_LEFT = "left in the books as it was posted"
_IN_BOOKS = {HoldKind.ABORTED: "to be taken back out of the books"}

_LOOK = "have it looked at anew"
#: Causes that may be gone once the subject has been looked at anew.
GONE_ONCE_LOOKED_AT = frozenset(
    {"not_entered", "not_posted", "void", "gross_differs", "tax_differs", "open_differs"}
)


@dataclass(frozen=True)
class Cause:
    """`word` is stable, for programs; `sentence` is for people. `by` is who decided it."""

    word: str
    sentence: str
    owner: str
    by: str | None = None
    exception_id: str | None = None
    change_id: str | None = None


@dataclass(frozen=True)
class Circumstances:
    """What is under way, asked and left out around a number of subjects."""

    asked: dict[str, list[ExceptionView]]
    at_work: dict[str, str]
    left_out: dict[str, str]

    def question(self, subject: str, *keys: str) -> ExceptionView | None:
        """What the books of the subject wait for: about one of these, else whatever it is."""
        questions = self.asked.get(subject, [])
        own = (question for question in questions if question.subject in keys)
        return next(own, questions[0] if questions else None)


async def around(conn: Connection, tenant: str, subjects: Collection[str]) -> Circumstances:
    questions, at_work, left_out = await together(
        conn,
        lambda on: exceptions.open_of(on, tenant, subjects),
        lambda on: differences.at_work(on, tenant, subjects),
        lambda on: differences.left_out(on, tenant, subjects),
    )
    asked: dict[str, list[ExceptionView]] = {}
    for question in questions:
        # Of a plan that cannot be made, or a proof, all of the change waits; what a process beside
        # the changes asks, as of a debt, holds no document up.
        whole = question.track == Track.PROCESS.value and question.workflow_id is None
        if whole or question.track == Track.BOOKS.value:
            asked.setdefault(question.belongs_to, []).append(question)
    return Circumstances(asked=asked, at_work=at_work, left_out=left_out)


def cause_of(record: DocumentRecord, shown: InvoiceSummary, given: Circumstances) -> Cause:
    """Of a document that is known to differ."""
    hold, key = record.hold, record.document.document_id
    if hold is not None and shown.kept_out:
        return _held(record, hold)
    if hold is None and not record.in_books and (why := given.left_out.get(key)):
        return Cause("left_out", f"left out by policy: {why}", Team.FINANCE.value, by="policy")
    return waiting(given, record.subject, key) or _at_rest(record, shown)


def waiting(given: Circumstances, subject: str, *keys: str) -> Cause | None:
    """A question to people, or a change that is under way; None where nothing is."""
    question = given.question(subject, *keys)
    change_id = given.at_work.get(subject)
    if question is not None:
        behind = "" if question.subject in keys else "waits behind another question: "
        return Cause(
            question.code,
            f"{behind}{question.message}",
            question.owner,
            exception_id=question.exception_id,
            change_id=question.change_id,
        )
    if change_id is not None:
        return Cause(
            "under_way",
            f"change {change_id} of its subject is still to be made",
            Team.OPERATIONS.value,
            change_id=change_id,
        )
    return None


def debt_cause(given: Circumstances, subject: str, about: str, movements: Collection[str]) -> Cause:
    question = given.question(subject, about, *movements)
    asked = question is not None and question.code == RejectionCode.DEBT_REOPENED.value
    return Cause(
        "debt_reopened",
        f"{', '.join(movements)} about {about}: the money went back, no credit note answers it, "
        "and no document asks for it: issue a credit note in billing, or collect it",
        question.owner if question is not None and asked else Team.FINANCE.value,
        exception_id=question.exception_id if question is not None and asked else None,
    )


def balance_cause(given: Circumstances, subject: str, movements: Collection[str]) -> Cause:
    named = ", ".join(movements)
    known = waiting(given, subject, *movements)
    if known is not None:
        return known
    return Cause(
        "not_entered",
        f"the ERP was not told of {named}, and nothing is under way: {_LOOK}",
        Team.OPERATIONS.value,
    )


def _held(record: DocumentRecord, hold: Hold) -> Cause:
    until = f" until {hold.until}" if hold.until else ""
    what = _IN_BOOKS.get(hold.kind, _LEFT) if record.in_books else _KEPT_OUT[hold.kind]
    return Cause(
        hold.kind.value,
        f"{what}{until} by {hold.by} on {hold.at:%Y-%m-%d}: {hold.reason}",
        Team.FINANCE.value,
        by=hold.by,
    )


def _at_rest(record: DocumentRecord, shown: InvoiceSummary) -> Cause:
    """Nobody is asked and nothing is under way."""
    ours, theirs = shown.billing, shown.erp
    if not record.in_books or theirs is None:
        ended = "its hold has ended, but " if record.hold is not None else ""
        return Cause(
            "not_posted",
            f"{ended}no change is under way that posts it: {_LOOK}",
            Team.OPERATIONS.value,
        )
    name = theirs.number or shown.erp_id
    if record.document.void:
        return Cause(
            "void",
            f"billing has made it void, and it still stands in the ERP as {name}: {_LOOK}",
            Team.OPERATIONS.value,
        )
    for what, one, other in (
        ("gross", ours.gross, theirs.gross),
        ("tax", ours.tax, theirs.tax),
        ("open", ours.open, theirs.open),
    ):
        if one != other:
            return Cause(
                f"{what}_differs",
                f"{what} is {one} in billing and {other} in the ERP ({name}): see what was done "
                f"there by hand, or {_LOOK}",
                Team.FINANCE.value,
            )
    return Cause("settled", "it has come to agree just now", Team.OPERATIONS.value)
