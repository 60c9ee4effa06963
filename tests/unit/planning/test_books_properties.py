"""What holds of every plan of the books, whatever billing has issued."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from canonical_models.documents import BillingDocument, BillingLine
from canonical_models.ledgering import (
    DocumentDraft,
    DocumentState,
    ErpDocument,
    ErpLine,
    ItemTerms,
    LedgerAnswer,
    LedgerQuestion,
    TaxCode,
)
from canonical_models.records import DocumentRecord, Hold, HoldKind
from planning.books import plan_books, questions
from planning.verification import document_differences, open_difference
from tests.unit.planning.answers import answered, terms
from tests.unit.planning.cases import (
    AS_OF,
    BOOKS_FROM,
    VAT_7,
    VAT_19,
    books,
    document,
    line,
    moved,
    posted,
    seen,
    tax,
)

CODES = {"PRO": VAT_19, "STARTER": VAT_7, "AI-ADDON": TaxCode(code="RC", rate=Decimal(0))}
RATES = {"pro": "0.19", "starter": "0.07", "ai": "0"}
HELD = Hold(kind=HoldKind.HELD, reason="r", by="ann", at=AS_OF)


def by_item(question: LedgerQuestion) -> LedgerAnswer:
    items = tuple(
        ItemTerms(item=name, account=f"4{n}", taxes=(CODES[name],), deferrable=True)
        for n, name in enumerate(question.items)
    )
    return terms()(question).model_copy(update={"items": items})


@st.composite
def lines(draw: st.DrawFn, name: str) -> BillingLine:
    """Taxed by billing to the nearest unit, and named or not by its rate."""
    net = draw(st.integers(-(10**7), 10**7))
    item = draw(st.sampled_from(sorted(RATES)))
    exact = Decimal(net) * Decimal(RATES[item])
    amount = int(exact.to_integral_value(ROUND_HALF_UP))
    rate = draw(st.sampled_from([RATES[item], None]))
    begins = draw(st.sampled_from([None, AS_OF]))
    return line(
        name,
        net,
        tax(amount, rate),
        item=item,
        period_start=begins,
        period_end=AS_OF + timedelta(days=draw(st.integers(0, 400))),
    )


@st.composite
def documents(draw: st.DrawFn, name: str) -> BillingDocument:
    made = [draw(lines(f"{name}-{n}")) for n in range(draw(st.integers(1, 5)))]
    gross = sum(each.net.minor for each in made)
    part = draw(st.integers(min(gross, 0), max(gross, 0)))
    money = moved(f"pi_{name}", "payment", part, name, at=AS_OF)
    at = BOOKS_FROM + timedelta(days=draw(st.integers(-2, 40)))
    return document(*made, document_id=name, issued_at=at, settlements=(money,))


@st.composite
def records(draw: st.DrawFn) -> tuple[DocumentRecord, ...]:
    made = [draw(documents(f"in_{n}")) for n in range(draw(st.integers(1, 5)))]
    states = st.sampled_from(["seen", "seen", "held", "posted"])
    return tuple(
        {"seen": seen, "held": lambda of: seen(of, hold=HELD), "posted": posted}[draw(states)](of)
        for of in made
    )


def as_the_erp_would(draft: DocumentDraft, terms: tuple[ItemTerms, ...]) -> ErpDocument:
    accounts = {item.item: item.account for item in terms}
    return ErpDocument(
        document_id="1",
        external_id=draft.external_id,
        legal_entity=draft.legal_entity,
        party=draft.party,
        currency=draft.currency,
        number="2026-1",
        billing_number=draft.number,
        kind=draft.kind,
        state=DocumentState.POSTED,
        document_date=draft.issued_on,
        posting_date=draft.posting_date,
        due_on=draft.due_on,
        lines=tuple(
            ErpLine(
                line_id=told.line_id,
                item=told.item,
                account=accounts[told.item],
                net=told.net,
                tax_codes=told.tax_codes or (),
                service_from=told.service_from,
                service_to=told.service_to,
                corrects=told.corrects,
            )
            for told in draft.lines
        ),
        taxes=draft.taxes,
        net=draft.net,
        tax=draft.tax,
        open=draft.gross,
        corrects=draft.corrects,
    )


@given(records())
def test_what_is_posted_is_billings_to_the_unit_and_provable(
    found: tuple[DocumentRecord, ...],
) -> None:
    given_ = answered(books(*found), by_item)
    of = {record.document.document_id: record.document for record in found}
    for step in plan_books(given_).documents:
        draft, billed = step.draft, of[step.document_id]
        assert draft is not None
        assert (draft.net, draft.tax, draft.gross) == (billed.net, billed.tax, billed.gross)
        sums: Counter[str] = Counter()
        bases: Counter[str] = Counter()
        for told, line_ in zip(draft.lines, billed.lines, strict=True):
            assert told.tax_codes is not None
            (code,) = told.tax_codes
            sums[code] += sum(each.amount.minor for each in line_.taxes or ())
            bases[code] += line_.net.minor
        assert {t.code: t.amount.minor for t in draft.taxes} == dict(sums)
        assert {t.code: t.base.minor for t in draft.taxes} == dict(bases)
        answer = given_.answers[step.document_id]
        assert isinstance(answer, LedgerAnswer)
        made = as_the_erp_would(draft, answer.items)
        assert document_differences(draft, made, terms=answer.items) == ()


@given(records(), st.randoms(use_true_random=False))
def test_a_plan_depends_on_nothing_but_what_is_given(
    found: tuple[DocumentRecord, ...], random: Random
) -> None:
    given_ = answered(books(*found), by_item)
    mixed = list(found)
    random.shuffle(mixed)
    other = replace(given_, records=tuple(mixed))
    assert plan_books(given_) == plan_books(given_)
    assert plan_books(given_).model_dump_json() == plan_books(other).model_dump_json()
    assert questions(given_) == questions(other)


@given(records())
def test_every_document_is_posted_left_out_refused_or_waits_behind_a_refusal(
    found: tuple[DocumentRecord, ...],
) -> None:
    plan = plan_books(answered(books(*found), by_item))
    of = {record.document.document_id: record for record in found}
    dates = [of[step.document_id].document.issued_at for step in plan.documents]
    assert dates == sorted(dates)
    for name, record in of.items():
        done = name in plan.left_out or name in {step.document_id for step in plan.documents}
        if record.posted is None and not done:
            assert plan.refused is not None
            refused_at = of[plan.refused.subject or ""].document
            at = record.document
            assert (at.issued_at, name) >= (refused_at.issued_at, refused_at.document_id)


@given(records())
def test_documents_less_what_settles_them_are_what_remains(
    found: tuple[DocumentRecord, ...],
) -> None:
    plan = plan_books(answered(books(*found), by_item))
    settled: Counter[str] = Counter()
    for each in plan.settlements:
        settled[each.settlement.document_id or ""] += each.settlement.amount.minor
    for step in plan.documents:
        (billed,) = [r.document for r in found if r.document.document_id == step.document_id]
        open_ = billed.gross.model_copy(
            update={"minor": billed.gross.minor - settled[step.document_id]}
        )
        assert open_difference(billed, open_) is None


FIELDS = st.sampled_from(
    [
        ("net", 1),
        ("item", "OTHER"),
        ("account", "9999"),
        ("tax_codes", ("OTHER",)),
        ("service_from", AS_OF.date() - timedelta(days=1)),
        ("service_to", AS_OF.date() + timedelta(days=900)),
        ("corrects", "other"),
    ]
)


@given(documents("in_1"), FIELDS, st.data())
def test_any_field_of_any_line_that_the_erp_holds_otherwise_is_found(
    found: BillingDocument, field: tuple[str, Any], data: st.DataObject
) -> None:
    at = found.model_copy(update={"issued_at": AS_OF})
    given_ = answered(books(seen(at)), by_item)
    steps = plan_books(given_).documents
    assume(steps)
    assert steps[0].draft is not None
    draft, answer = steps[0].draft, given_.answers["in_1"]
    assert isinstance(answer, LedgerAnswer)
    right = as_the_erp_would(draft, answer.items)
    n = data.draw(st.integers(0, len(right.lines) - 1))
    name, value = field
    old = right.lines[n]
    new = old.net.model_copy(update={"minor": old.net.minor + 1}) if name == "net" else value
    bent = list(right.lines)
    bent[n] = old.model_copy(update={name: new})
    wrong = right.model_copy(update={"lines": tuple(bent)})
    (told,) = document_differences(draft, wrong, terms=answer.items)
    assert told.field.startswith(f"line {old.line_id} ")
