"""What is to be done with each document of billing, by what has become of it so far. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from canonical_models.documents import BillingDocument
from canonical_models.records import DocumentRecord, HoldKind, RecordState
from planning.given import BooksInput
from planning.refusals import named
from planning.taking_back import taken_back


class Act(Enum):
    POST = auto()
    #: Adopt what the process before us has posted, as a person has found it.
    LINK = auto()
    #: Take back what was posted.
    REVERSE = auto()
    #: All is done.
    REST = auto()
    STAY_OUT = auto()
    #: A person decides: `books` says what.
    ASK = auto()


@dataclass(frozen=True)
class Choice:
    record: DocumentRecord
    act: Act
    #: Why it stays out.
    why: str = ""

    @property
    def document_id(self) -> str:
        return self.record.document.document_id

    @property
    def due(self) -> bool:
        """Whether it is to do, or to ask."""
        return self.act not in (Act.REST, Act.STAY_OUT)

    @property
    def order(self) -> tuple[datetime, bool, str]:
        """By the date of what is to do: of a reversal that is the day when it became void. A credit
        note of the same moment comes after what it corrects."""
        document = self.record.document
        at = document.closed_at if self.act is Act.REVERSE else None
        return (at or document.issued_at, document.corrects is not None, document.document_id)


def choices(given: BooksInput) -> tuple[Choice, ...]:
    """In the order in which they are booked."""
    made = (choice_of(given, record) for record in given.records)
    return tuple(sorted(made, key=lambda choice: choice.order))


def choice_of(given: BooksInput, record: DocumentRecord) -> Choice:
    """A credit note stays out with the document that it corrects."""
    choice = _by_itself(given, record)
    corrects = record.document.corrects
    found = given.known.get(corrects) if corrects else None
    if choice.act is not Act.POST or found is None:
        return choice
    if found.in_books:
        posts = not taken_back(found, given.today)
    else:
        posts = before_cutover(given, found) or _by_itself(given, found).due
    if posts:
        return choice
    return Choice(record, Act.STAY_OUT, f"{named(found.document)}, which it corrects, stays out")


def _by_itself(given: BooksInput, record: DocumentRecord) -> Choice:
    if record.document.void:
        return _of_void(given, record)
    if record.state is RecordState.POSTED:
        if taken_back(record, given.today):
            return Choice(record, Act.REVERSE)
        changed = record.posted_content not in (None, record.document.content)
        # Who was asked and said no has left it as it was posted.
        return Choice(record, Act.ASK if changed and not _decided(given, record) else Act.REST)
    if before_cutover(given, record):
        if record.in_books:
            return Choice(record, Act.REST)
        return Choice(record, Act.LINK) if linked(record) else _before(given, record)
    if why := _kept_out(given, record):
        return Choice(record, Act.STAY_OUT, why)
    return Choice(record, Act.POST)


def before_cutover(given: BooksInput, record: DocumentRecord) -> bool:
    return (
        record.state is RecordState.BEFORE_CUTOVER or record.document.issued_at < given.books_from
    )


def _of_void(given: BooksInput, record: DocumentRecord) -> Choice:
    """What the process before us had posted is reversed where it became void in our time; where we
    do not know its document, a person has to find it."""
    closed = record.document.closed_at
    early = before_cutover(given, record)
    ours = not early or (closed is not None and closed >= given.books_from)
    if record.state is RecordState.REVERSED or (record.in_books and not ours):
        return Choice(record, Act.REST)
    if why := _decided(given, record):
        return Choice(record, Act.STAY_OUT, why)
    if record.in_books:
        return Choice(record, Act.REVERSE)
    if not early:
        return Choice(record, Act.STAY_OUT, "void before it was posted")
    if not ours or over_nothing(record.document):
        return _before(given, record)
    return Choice(record, Act.REVERSE if linked(record) else Act.ASK)


def linked(record: DocumentRecord) -> str | None:
    """The ERP document that it is, as a person has said."""
    return record.correction.link if record.correction else None


def _before(given: BooksInput, record: DocumentRecord) -> Choice:
    return Choice(record, Act.STAY_OUT, f"issued before the cutover on {given.books_from:%Y-%m-%d}")


def _kept_out(given: BooksInput, record: DocumentRecord) -> str | None:
    """A person's decision goes before a rule's, also when it has ended."""
    document = record.document
    if record.hold is not None:
        if why := _decided(given, record):
            return why
    else:
        said = given.said_of(document)
        for rule in given.policy.books.rules:
            if said.get(rule.field) == rule.value:
                return f"{_DECIDED[rule.decision]} by rule: {rule.reason}"
    if not over_nothing(document):
        return None
    if not document.lines:
        return "it has no lines"
    return "it is over nothing" if given.books.zero_documents == "skip" else None


_DECIDED = {"hold": HoldKind.HELD.value, "skip": HoldKind.SKIPPED.value}


def _decided(given: BooksInput, record: DocumentRecord) -> str | None:
    hold = record.hold
    if hold is None or not hold.stands(given.today):
        return None
    return f"{hold.kind.value}: {hold.reason}"


def over_nothing(document: BillingDocument) -> bool:
    """Whether no line of it moves anything: lines that cancel each other out do."""
    amounts = (
        amount
        for line in document.lines
        for amount in (line.net, *(tax.amount for tax in line.taxes or ()))
    )
    return not (document.gross or any(amounts))
