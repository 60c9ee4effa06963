"""Which documents of billing the ERP is to hold, in which order, and which stay out with why."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from canonical_models.documents import DocumentStatus
from canonical_models.exceptions import DocumentCorrection
from canonical_models.failures import RejectionCode
from canonical_models.policy import BooksPolicy, DocumentRule, TenantPolicy
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from planning.books import plan_books, questions
from tests.unit.planning.answers import answered, plan, refusal, terms, the_step
from tests.unit.planning.cases import (
    ACCOUNT,
    AS_OF,
    BOOKS_FROM,
    FRANCE,
    TODAY,
    VAT_19,
    books,
    credit_note,
    document,
    eur,
    line,
    posted,
    seen,
    tax,
    taxed,
    utc,
    void,
)

INVOICE = document(taxed())


def hold(kind: HoldKind = HoldKind.HELD, until: date | None = None) -> Hold:
    return Hold(kind=kind, reason="wait for the contract", by="ann", at=AS_OF, until=until)


def test_a_final_document_is_posted_whole() -> None:
    step = the_step(plan(books(seen(INVOICE))))
    assert (step.document_id, step.number, step.generation) == ("in_1", "INV-7", 1)
    assert (step.content, step.void, step.posted) == (INVOICE.content, False, None)
    assert (step.legal_entity, step.corrects, step.external_id) == ("LE-DE", None, "in_1")
    assert step.draft is not None
    assert step.draft.gross == eur(11900)
    (terms_,) = step.terms
    assert (terms_.item, terms_.account, terms_.taxes) == ("PRO", "4400", (VAT_19,))


def test_documents_go_in_the_order_of_their_dates_then_ids() -> None:
    records = [
        seen(document(taxed(), document_id=name, issued_at=utc(at)))
        for name, at in (("c", "2026-11-03"), ("b", "2026-11-02"), ("a", "2026-11-03"))
    ]
    assert [step.document_id for step in plan(books(*records)).documents] == ["b", "a", "c"]


def test_a_credit_note_of_the_same_moment_comes_after_its_invoice() -> None:
    note = seen(credit_note(taxed(net=-10000)))
    steps = plan(books(note, seen(INVOICE))).documents
    assert [step.document_id for step in steps] == ["in_1", "cn_1"]
    assert steps[1].corrects == "in_1"
    assert steps[1].draft is not None
    assert steps[1].draft.corrects is None


def test_what_is_posted_and_unchanged_rests() -> None:
    found = plan(books(posted(INVOICE)))
    assert found.empty
    assert (found.left_out, found.refused) == ({}, None)
    # Paying it, or new metadata, is no change of what was issued.
    paid = INVOICE.model_copy(
        update={"status": DocumentStatus.VOID, "metadata": {"a": "b"}, "remaining": eur(0)}
    )
    assert paid.content == INVOICE.content


BEFORE = "issued before the cutover on 2026-10-01"
OUT: list[tuple[DocumentRecord, dict[str, Any], str]] = [
    (seen(INVOICE, hold=hold()), {}, "held: wait for the contract"),
    (seen(INVOICE, hold=hold(HoldKind.SKIPPED)), {}, "skipped: wait for the contract"),
    (
        posted(INVOICE, state=RecordState.REVERSED, hold=hold(HoldKind.ABORTED)),
        {},
        "aborted: wait for the contract",
    ),
    (seen(INVOICE, hold=hold(until=date(2026, 11, 17))), {}, "held: wait for the contract"),
    (seen(INVOICE, state=RecordState.BEFORE_CUTOVER), {}, BEFORE),
    (seen(INVOICE.model_copy(update={"issued_at": utc("2026-09-30T23:59:59")})), {}, BEFORE),
    (seen(void(INVOICE)), {}, "void before it was posted"),
    (
        seen(void(INVOICE, utc("2026-09-30")), state=RecordState.BEFORE_CUTOVER),
        {},
        BEFORE,
    ),
    (seen(void(INVOICE, None), state=RecordState.BEFORE_CUTOVER), {}, BEFORE),
    (seen(void(document(line(net=0))), state=RecordState.BEFORE_CUTOVER), {}, BEFORE),
    (seen(void(INVOICE), state=RecordState.BEFORE_CUTOVER, hold=hold()), {}, "held: wait for the"),
    (posted(void(INVOICE), hold=hold()), {}, "held: wait for the contract"),
    (seen(document()), {}, "it has no lines"),
    (seen(document(line(net=0))), {"zero_documents": "skip"}, "it is over nothing"),
]


@pytest.mark.parametrize(("record", "policy", "why"), OUT, ids=range(len(OUT)))
def test_what_stays_out_says_why(record: DocumentRecord, policy: dict[str, Any], why: str) -> None:
    found = plan(books(record, policy=policy))
    assert (found.documents, found.refused) == ((), None)
    assert found.left_out["in_1"].startswith(why)
    assert questions(books(record, policy=policy)) == {}


@pytest.mark.parametrize(
    "record",
    [
        posted(INVOICE, state=RecordState.BEFORE_CUTOVER),
        posted(void(INVOICE), state=RecordState.REVERSED),
        posted(void(INVOICE), state=RecordState.REVERSED, hold=hold(HoldKind.ABORTED)),
        posted(void(INVOICE, utc("2026-09-30")), state=RecordState.BEFORE_CUTOVER),
        posted(INVOICE, posted_content=None),
    ],
    ids=["adopted", "reversed", "aborted, then void", "void before us", "linked"],
)
def test_what_is_settled_between_both_rests_without_a_word(record: DocumentRecord) -> None:
    found = plan(books(record))
    assert found.empty
    assert (found.left_out, found.refused) == ({}, None)


def test_the_first_moment_of_our_time_is_ours() -> None:
    assert plan(books(seen(INVOICE.model_copy(update={"issued_at": BOOKS_FROM})))).documents


def test_a_hold_ends_on_its_day() -> None:
    assert plan(books(seen(INVOICE, hold=hold(until=TODAY)))).documents


@pytest.mark.parametrize(
    ("decision", "why"), [("hold", "held by rule: a test"), ("skip", "skipped by rule: a test")]
)
def test_a_rule_on_metadata_keeps_documents_out_until_a_person_decides(
    decision: str, why: str
) -> None:
    rule = DocumentRule.model_validate(
        {"field": "env", "value": "test", "decision": decision, "reason": "a test"}
    )
    policy = {"rules": (rule,)}
    marked = document(taxed(), metadata={"env": "test"})
    assert plan(books(seen(marked), policy=policy)).left_out == {"in_1": why}
    # The subscription's metadata count where the document's say nothing else.
    around = {"policy": policy, "metadata": {"env": "test"}}
    assert plan(books(seen(INVOICE), **around)).left_out == {"in_1": why}
    other = document(taxed(), metadata={"env": "live"})
    assert plan(books(seen(other), **around)).documents
    assert plan(books(seen(INVOICE), policy=policy)).documents
    # A hold that has ended was a person's: the rule is heard no more.
    assert plan(books(seen(marked, hold=hold(until=TODAY)), policy=policy)).documents
    # What is in the books is not touched by it.
    assert plan(books(posted(marked), policy=policy)).left_out == {}
    assert the_step(plan(books(posted(void(marked)), policy=policy))).void


def test_a_zero_document_is_posted_unless_policy_leaves_it_out() -> None:
    nothing = document(line(net=0))
    assert the_step(plan(books(seen(nothing)))).draft is not None
    # Lines that cancel each other out move revenue.
    swap = document(line("a", 1000), line("b", -1000, item="starter"))
    assert the_step(plan(books(seen(swap), policy={"zero_documents": "skip"}), terms()))
    # So do taxes.
    taxes = document(line("a", 0, tax(5)), line("b", 0, tax(-5)))
    assert plan(books(seen(taxes), policy={"zero_documents": "skip"})).left_out == {}


def test_what_was_reversed_and_released_is_posted_under_the_next_generation() -> None:
    released = posted(INVOICE, state=RecordState.REVERSED, generation=1)
    step = the_step(plan(books(released)))
    assert (step.generation, step.external_id) == (2, "in_1/2")
    assert step.draft is not None
    assert step.draft.external_id == "in_1/2"
    # The release may already count it.
    counted = seen(INVOICE, generation=2)
    assert the_step(plan(books(counted))).external_id == "in_1/2"


def test_a_refusal_stops_what_comes_after_it_and_nothing_before() -> None:
    first, broken, last = (
        seen(document(taxed(item=name), document_id=key, issued_at=utc(f"2026-11-0{day}")))
        for key, name, day in (("in_a", "pro", 1), ("in_b", "new", 2), ("in_c", "pro", 3))
    )
    given = books(last, broken, first)
    assert list(questions(given)) == ["in_a"]
    found = plan(given)
    assert [step.document_id for step in found.documents] == ["in_a"]
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("item_unmapped", "new")


def test_what_the_erp_refuses_is_refused_with_its_words() -> None:
    closed = refusal(RejectionCode.PERIOD_CLOSED, "October is closed", "2026-10")
    found = plan(books(seen(INVOICE)), lambda _: closed)
    assert (found.documents, found.refused) == ((), closed)


def test_an_unmapped_account_books_nothing_and_asks_only_where_something_waits() -> None:
    for record in (seen(INVOICE), posted(void(INVOICE))):
        found = plan(books(record, account=None))
        assert found.documents == ()
        assert found.refused is not None
        assert (found.refused.code, found.refused.subject) == ("account_unmapped", "cus_1")
    assert questions(books(seen(INVOICE), account=None)) == {}
    quiet = plan(books(posted(INVOICE), seen(document(document_id="in_2")), account=None))
    assert (quiet.refused, quiet.left_out) == (None, {"in_2": "it has no lines"})


def test_the_question_names_what_the_erp_needs_to_know() -> None:
    found = document(
        taxed("a", item="starter"), taxed("b", item="pro"), taxed("c", item="pro"), currency="EUR"
    )
    given = books(seen(found), policy={"closed_period": "first_open_day"})
    (question,) = questions(given).values()
    assert (question.legal_entity, question.party) == ("LE-DE", "C-1001")
    assert (question.currency, question.on) == ("EUR", date(2026, 11, 16))
    assert question.items == ("PRO", "STARTER")
    assert (question.tax_codes, question.closed_period) == ((), "first_open_day")


def test_a_person_gives_the_day_and_the_code_of_a_document() -> None:
    correction = DocumentCorrection(
        document_id="in_1", tax_code="VAT 19 %", posting_date=date(2026, 12, 1), link="77"
    )
    given = books(seen(INVOICE, correction=correction))
    (question,) = questions(given).values()
    assert (question.on, question.tax_codes) == (date(2026, 12, 1), ("VAT 19 %",))
    step = the_step(plan(given, terms(known=(VAT_19,))))
    assert step.posted == "77"
    assert step.draft is not None
    assert (step.draft.issued_on, step.draft.posting_date) == (TODAY, date(2026, 12, 1))


def test_entities_keep_their_own_books() -> None:
    policy = TenantPolicy(
        books=BooksPolicy.model_validate(
            {"entities": {"LE-FR": {"closed_period": "first_open_day"}}, "closed_period": "ask"}
        )
    )
    for account, closed in ((ACCOUNT, "ask"), (FRANCE, "first_open_day")):
        (question,) = questions(books(seen(INVOICE), policy=policy, account=account)).values()
        assert question.closed_period == closed
    # The reversal follows the entity of its original.
    (question,) = questions(books(posted(void(INVOICE)), policy=policy, account=FRANCE)).values()
    assert question.closed_period == "ask"
    own = {"LE-DE": {"closed_period": "first_open_day"}}
    policy = TenantPolicy(books=BooksPolicy.model_validate({"entities": own}))
    (question,) = questions(books(posted(void(INVOICE)), policy=policy, account=FRANCE)).values()
    assert question.closed_period == "first_open_day"


def test_equal_inputs_give_equal_plans_and_a_missing_answer_is_a_fault() -> None:
    given = answered(books(seen(INVOICE)))
    assert plan_books(given) == plan_books(replace(given, records=tuple(given.records)))
    with pytest.raises(KeyError):
        plan_books(books(seen(INVOICE)))
