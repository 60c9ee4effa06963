"""What people may decide of a document: hold, skip, take back, release, link, correct, and when.
Pure."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.exceptions import DocumentCorrection
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from operations.errors import Conflict, Invalid
from planning.taking_back import why_not


class HoldRequest(Canonical):
    """`until` is the day on which it ends by itself; None until somebody releases the document."""

    reason: str = Field(min_length=1, max_length=2000)
    until: date | None = None


class SkipRequest(Canonical):
    """The document stays out of the ERP, as a difference that somebody has accepted."""

    reason: str = Field(min_length=1, max_length=2000)


class TakeBackRequest(Canonical):
    """What is posted is reversed by a document of its own, and stays out until it is released."""

    reason: str = Field(min_length=1, max_length=2000)


class LinkRequest(Canonical):
    """`document` is the id or number of an ERP document that was made by hand."""

    document: Identifier


class CorrectRequest(Canonical):
    """`tax_code` is the ERP's, for all lines of the document; `posting_date` is the day on which
    it, and what settles it, is booked where its own is closed."""

    tax_code: str | None = Field(default=None, min_length=1, max_length=120)
    posting_date: date | None = None


#: How it is called that something is taken back.
TAKE_BACK = "take_back"


@dataclass(frozen=True)
class Found:
    """A document as a decision finds it. `ruled` is whether a rule of the policy leaves it out."""

    record: DocumentRecord
    today: date
    ruled: bool = False


@dataclass(frozen=True)
class Wanted:
    """What is kept of a document's decisions from now on."""

    hold: Hold | None
    correction: DocumentCorrection | None


@dataclass(frozen=True)
class Decision:
    """`of` is what it comes to for one document; it raises Conflict where that is not possible,
    Invalid where it makes no sense. The rest is what was said with it."""

    name: str
    by: str
    of: Callable[[Found], Wanted]
    reason: str = ""
    until: date | None = None
    corrects: CorrectRequest = field(default_factory=CorrectRequest)
    linked: str | None = None

    @property
    def digest(self) -> str:
        """Of all that was said, so that another decision is told from the same one again."""
        said = repr((self.reason, self.until, self.corrects, self.linked))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def hold(given: HoldRequest, *, by: str) -> Decision:
    """It stays out until the day, or until somebody releases it."""

    def wanted(found: Found) -> Wanted:
        record = found.record
        _require_out_of_books(record, "held")
        if given.until is not None and given.until <= found.today:
            raise Invalid(
                f"{_named(record)}: a hold until {given.until} has ended already",
                remedy="give a day that is still to come, or none",
            )
        if given.until is not None and record.state is RecordState.REVERSED:
            raise Conflict(
                f"{_named(record)} was posted and taken back: nothing posts it again by itself",
                remedy="hold it without a day, and release it when it is to be posted again",
            )
        return _keep_out(record, HoldKind.HELD, given.reason, by, given.until)

    return Decision("hold", by, wanted, given.reason, given.until)


def skip(given: SkipRequest, *, by: str) -> Decision:
    """It stays out; its difference is accepted."""

    def wanted(found: Found) -> Wanted:
        _require_out_of_books(found.record, "skipped")
        return _keep_out(found.record, HoldKind.SKIPPED, given.reason, by, None)

    return Decision("skip", by, wanted, given.reason)


def why_it_is_not_taken_back(record: DocumentRecord) -> str | None:
    """In words that stand after its name; None where it can be."""
    hold = record.hold
    if record.in_books and hold is not None and hold.kind is HoldKind.ABORTED:
        return f"is being taken back by {hold.by}"
    return why_not(record)


def take_back(given: TakeBackRequest, *, by: str) -> Decision:
    """It is reversed in the ERP, and stays out until somebody releases it."""

    def wanted(found: Found) -> Wanted:
        record = found.record
        hold = record.hold
        if hold is not None and hold.kind is HoldKind.ABORTED:
            return Wanted(hold, record.correction)
        if (why := why_not(record)) is not None:
            raise Conflict(
                f"{_named(record)} {why}",
                remedy="see where it stands",
                see=("document", record.document.document_id),
            )
        return _keep_out(record, HoldKind.ABORTED, given.reason, by, None)

    return Decision(TAKE_BACK, by, wanted, given.reason)


def release(*, by: str) -> Decision:
    """It is posted as billing has it: nobody and no rule keeps it out, and no document made by hand
    is it."""

    def wanted(found: Found) -> Wanted:
        record = found.record
        correction = record.correction
        if correction is not None and correction.link is not None:
            if record.in_books:
                raise Conflict(
                    f"{_named(record)} stands in the books as {_erp_name(record)}, which "
                    f"{record.linked_by or 'somebody'} has linked",
                    remedy="undo it in the ERP, where it was made",
                )
            correction = correction.model_copy(update={"link": None, "by": by})
        return Wanted(_released(found, by), correction)

    return Decision("release", by, wanted)


def link(given: LinkRequest, *, by: str) -> Decision:
    """A document that was made by hand is this one, once its content has been compared."""

    def wanted(found: Found) -> Wanted:
        record = found.record
        _require_unposted(record, "linked")
        if record.hold is not None and record.hold.stands(found.today):
            raise Conflict(
                f"{_named(record)} is {record.hold.kind.value} and stays out of the books",
                remedy="release it first",
                see=("document", record.document.document_id),
            )
        return Wanted(record.hold, _corrected(record, by, link=given.document))

    return Decision("link", by, wanted, linked=given.document)


def correct(given: CorrectRequest, *, by: str) -> Decision:
    """How it is posted: another tax code, another day. What was decided before and is not named
    stays."""
    if given.tax_code is None and given.posting_date is None:
        raise Invalid(
            "a correction without a tax code and without a date corrects nothing",
            remedy="give the ERP's tax code, or the day on which it is to be booked",
        )

    def wanted(found: Found) -> Wanted:
        record = found.record
        if given.tax_code is not None:
            _require_out_of_books(record, "corrected in its taxes")
        said = {"tax_code": given.tax_code, "posting_date": given.posting_date}
        stated = {name: value for name, value in said.items() if value is not None}
        return Wanted(record.hold, _corrected(record, by, **stated))

    return Decision("correct", by, wanted, corrects=given)


def _keep_out(
    record: DocumentRecord, kind: HoldKind, reason: str, by: str, until: date | None
) -> Wanted:
    """Who has said the same before, and when, stays on record."""
    known = record.hold
    if known is not None and (known.kind, known.reason, known.until) == (kind, reason, until):
        return Wanted(known, record.correction)
    held = Hold(kind=kind, reason=reason, by=by, at=datetime.now(UTC), until=until)
    return Wanted(held, record.correction)


def _released(found: Found, by: str) -> Hold | None:
    """A hold that has ended stays: a person's word, it goes before the rules of the policy."""
    hold = found.record.hold
    if hold is not None:
        return None if hold.stands(found.today) else hold
    if not found.ruled:
        return None
    return Hold(
        kind=HoldKind.HELD,
        reason="released, although a rule of the policy leaves it out",
        by=by,
        at=datetime.now(UTC),
        until=found.today,
    )


def _corrected(record: DocumentRecord, by: str, **stated: object) -> DocumentCorrection:
    known = record.correction or DocumentCorrection(document_id=record.document.document_id)
    made = known.model_copy(update=stated)
    return known if made == known else made.model_copy(update={"by": by})


def _require_unposted(record: DocumentRecord, done: str) -> None:
    if record.in_books:
        raise Conflict(
            f"{_named(record)} stands in the books as {_erp_name(record)} and cannot be {done}",
            remedy="what is posted is a fact: issue a credit note in billing, or let finance take "
            "it back",
        )


def _require_out_of_books(record: DocumentRecord, done: str) -> None:
    _require_unposted(record, done)
    if record.state is RecordState.BEFORE_CUTOVER:
        raise Conflict(
            f"{_named(record)} was issued before the cutover: it is not ours to post, and cannot "
            f"be {done}",
            remedy="link the document that the process before has made",
            see=("document", record.document.document_id),
        )
    if record.document.void:
        raise Conflict(
            f"{_named(record)} is void in billing and not in the books: nothing of it is posted",
            remedy="nothing is left to decide of it",
        )


def _named(record: DocumentRecord) -> str:
    document = record.document
    kind = document.kind.value.replace("_", " ")
    return f"{kind} {document.number or document.document_id}"


def _erp_name(record: DocumentRecord) -> str:
    posted = record.posted
    return "none" if posted is None else posted.number or posted.document_id
