"""One document's step: what the ERP is asked of it, what is done, and why it may not be. Pure."""

from datetime import date

from canonical_models.amendment import DocumentStep, Refusal
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import ErpDocument, LedgerAnswer, LedgerQuestion
from canonical_models.mapping import AccountMapping
from canonical_models.records import DocumentRecord
from planning import approving
from planning.choosing import Act, Choice, linked
from planning.drafting import draft_of, generation_of, posting_question
from planning.given import BooksInput
from planning.mapping import defaulted
from planning.refusals import named, refused
from planning.term import local_day


def question_of(given: BooksInput, account: AccountMapping, choice: Choice) -> LedgerQuestion:
    """Raises Rejection for what need not be asked, as a person has to look at it first."""
    record, posted = choice.record, choice.record.posted
    if choice.act is Act.ASK:
        raise _to_ask(given, record)
    if choice.act is Act.POST:
        return posting_question(given, account, record)
    legal_entity = _entity(record, posted) if posted else account.legal_entity
    return LedgerQuestion(
        legal_entity=legal_entity,
        party=record.party or (posted.party if posted else account.erp_party),
        currency=record.document.currency,
        on=_void_on(given, record, legal_entity),
        items=(),
        closed_period=given.policy.books.of(legal_entity).closed_period,
    )


def step_of(given: BooksInput, account: AccountMapping, choice: Choice) -> DocumentStep:
    """Raises Rejection for a document that cannot be booked, or not without somebody's yes."""
    record, document = choice.record, choice.record.document
    if choice.act is Act.LINK:
        return _booked(account, record)
    question = question_of(given, account, choice)
    answer = given.answers[document.document_id]
    if isinstance(answer, Refusal):
        raise answer.error()
    if choice.act is not Act.REVERSE:
        step = _posting(given, account, record, answer)
        approving.require_for_posting(given, record, step)
        return step
    back = _booked(account, record).model_copy(update={"void": True, "on": answer.posting_date})
    approving.require_for_reversal(given, record, back, question.on)
    return back


def _booked(account: AccountMapping, record: DocumentRecord) -> DocumentStep:
    """Of what the ERP has: we know it, or a person says which one it is."""
    document, posted = record.document, record.posted
    return DocumentStep(
        document_id=document.document_id,
        number=document.number,
        generation=record.generation,
        content=document.content,
        posted=posted.document_id if posted else linked(record),
        legal_entity=_entity(record, posted) if posted else account.legal_entity,
        party=record.party or (posted.party if posted else account.erp_party),
    )


def _posting(
    given: BooksInput, account: AccountMapping, record: DocumentRecord, answer: LedgerAnswer
) -> DocumentStep:
    document = record.document
    stood_in = {line.item for line in document.lines if defaulted(line, given.items)}
    return DocumentStep(
        document_id=document.document_id,
        number=document.number,
        generation=generation_of(record),
        content=document.content,
        draft=draft_of(given, account, record, answer),
        posted=linked(record),
        corrects=document.corrects,
        terms=answer.items,
        legal_entity=account.legal_entity,
        defaulted=tuple(sorted(stood_in)),
    )


def _to_ask(given: BooksInput, record: DocumentRecord) -> Rejection:
    document, posted = record.document, record.posted
    if posted is not None:
        return refused(
            RejectionCode.DOCUMENT_CHANGED,
            f"{named(document)} was final and has changed in billing: it was posted as "
            f"{posted.billing_number or posted.number} over {posted.gross}, and is now "
            f"{document.number or document.document_id} over {document.gross}: credit the one and "
            "post the other, or mend it in billing",
            document.document_id,
        )
    return refused(
        RejectionCode.BEFORE_CUTOVER,
        f"{named(document)} was issued before the cutover on {given.books_from:%Y-%m-%d}, became "
        "void after it, and is not known in the ERP: say which document of the ERP it is, or skip "
        "it",
        document.document_id,
    )


def _void_on(given: BooksInput, record: DocumentRecord, legal_entity: str) -> date:
    """When it became void, in the zone of its entity, or on a later day that a person gives."""
    closed = record.document.closed_at
    day = local_day(closed, given.zone(legal_entity)) if closed else given.today
    given_day = record.correction.posting_date if record.correction else None
    return max(day, given_day or day)


def _entity(record: DocumentRecord, posted: ErpDocument) -> str:
    """Where it stands, wherever the account has moved since."""
    return record.legal_entity or posted.legal_entity
