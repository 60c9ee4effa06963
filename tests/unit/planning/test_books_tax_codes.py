"""The entity's own words on tax codes, and a person's."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from canonical_models.documents import BillingDocument
from canonical_models.exceptions import DocumentCorrection
from canonical_models.ledgering import (
    TaxCode,
)
from canonical_models.policy import TaxCodeRule
from tests.unit.planning.answers import Answering, plan, refused, sums, terms, the_step
from tests.unit.planning.cases import (
    REVERSE_CHARGE,
    VAT_7,
    VAT_19,
    books,
    document,
    line,
    seen,
    tax,
    utc,
)


def rule(code: str = "VAT 19 %", **members: Any) -> TaxCodeRule:
    return TaxCodeRule(code=code, **members)


GERMAN = {"kind": "vat", "country": "de", "reason": "standard_rated", "code": "txr_1"}


@pytest.mark.parametrize(
    ("members", "matches"),
    [
        ({}, True),
        ({"kind": "vat"}, True),
        ({"kind": "VAT", "country": "DE"}, True),
        ({"kind": "gst"}, False),
        ({"country": "fr"}, False),
        ({"rate": Decimal("0.19")}, True),
        ({"rate": Decimal("0.07")}, False),
        ({"reason": "standard_rated"}, True),
        ({"reason": "reverse_charge"}, False),
        ({"billing_code": "txr_1"}, True),
        ({"billing_code": "txr_2"}, False),
        ({"valid_from": date(2026, 11, 16)}, True),
        ({"valid_from": date(2026, 11, 17)}, False),
        ({"valid_until": date(2026, 11, 16)}, True),
        ({"valid_until": date(2026, 11, 15)}, False),
    ],
)
def test_what_a_rule_matches(members: dict[str, Any], matches: bool) -> None:
    """A rule that matches says another code than the ERP's own rules, which is a mismatch; one
    that does not leaves it to them."""
    found = document(line("a", 10000, tax(1900, **GERMAN)))
    told = plan(
        books(seen(found), policy={"tax_codes": (rule("OTHER", **members),)}), terms(VAT_19)
    )
    assert (told.refused is not None) is matches
    bare = document(line("a", 10000, tax(1900)))
    named = {"kind", "country", "reason", "billing_code"} & members.keys()
    told = plan(books(seen(bare), policy={"tax_codes": (rule("OTHER", **members),)}), terms(VAT_19))
    assert (told.refused is not None) is (matches and not named)


def test_the_first_rule_that_matches_counts_and_must_be_the_erps_own() -> None:
    found = document(line("a", 10000, tax(1900, **GERMAN)))
    right = {"tax_codes": (rule(kind="vat"), rule("OTHER"))}
    assert sums(found, terms(VAT_19), policy=right) == [("VAT 19 %", 10000, 1900)]
    wrong = {"tax_codes": (rule("OTHER"), rule(kind="vat"))}
    told = refused(found, terms(VAT_19), policy=wrong)
    assert (told.code, told.subject) == ("tax_mismatch", "in_1")
    assert (
        "billing 119.00, of it OTHER 19 % 19.00; the ERP would book 119.00, of it VAT 19 % 19.00"
    ) in told.message


def test_the_rules_code_must_have_billings_rate() -> None:
    found = document(line("a", 10000, tax(1900, **GERMAN)))
    policy = {"tax_codes": (rule("VAT 7 %"),)}
    assert refused(found, terms(VAT_7), policy=policy).code == "tax_mismatch"


def test_the_erp_may_have_no_code_beside_the_rules_code() -> None:
    found = document(line("a", 10000, tax(1900, **GERMAN)))
    policy = {"tax_codes": (rule(kind="vat"),)}
    told = refused(found, terms(VAT_19, REVERSE_CHARGE), policy=policy)
    assert "the ERP would book 119.00, of it VAT 19 % 19.00 and RC 0 % 0.00: align" in told.message


def test_several_taxes_that_one_code_books() -> None:
    """State 6 % and county 2.5 % of 100.00, which the ERP books as 8.5 %."""
    state, county = tax(600, "0.06", country="us"), tax(250, "0.025", country="us")
    both = TaxCode(code="US-SALES", rate=Decimal("0.085"))
    policy = {"tax_codes": (rule("US-SALES", country="us"),)}
    found = document(line("a", 10000, state, county))
    assert sums(found, terms(both), policy=policy) == [("US-SALES", 10000, 850)]
    assert refused(found, terms(both)).code == "tax_mismatch"
    # One rate that is not said leaves the amounts, each of which may be rounded.
    vague = document(line("a", 10000, state, tax(252, None, country="us")))
    assert sums(vague, terms(both), policy=policy) == [("US-SALES", 10000, 852)]
    over = document(line("a", 10000, state, tax(253, None, country="us")))
    assert refused(over, terms(both), policy=policy).code == "tax_mismatch"


def test_a_tax_that_the_rules_do_not_know_beside_one_that_they_do() -> None:
    policy = {"tax_codes": (rule(kind="vat"),)}
    known, strange = tax(1900, kind="vat"), tax(28, None, kind="delivery_fee", country="us")
    told = refused(document(line("a", 10000, known, strange)), terms(VAT_19), policy=policy)
    assert (told.code, told.subject) == ("tax_undetermined", "in_1")
    assert "line a: no tax rule of the legal entity knows delivery_fee us of 0.28 EUR" in (
        told.message
    )
    bare = refused(document(line("a", 10000, known, tax(28, "0.01"))), terms(VAT_19), policy=policy)
    assert "knows 1 % of 0.28 EUR" in bare.message
    unnamed = document(line("a", 10000, known, tax(28, None)))
    assert "knows a tax of 0.28 EUR" in refused(unnamed, terms(VAT_19), policy=policy).message
    nothing = document(line("a", 10000, known, tax(0, None, kind="county")))
    assert sums(nothing, terms(VAT_19), policy=policy) == [("VAT 19 %", 10000, 1900)]


def forced(found: BillingDocument, code: str, answering: Answering) -> Any:
    correction = DocumentCorrection(document_id="in_1", tax_code=code)
    return plan(books(seen(found, correction=correction)), answering)


def test_a_person_may_give_the_code() -> None:
    special = TaxCode(code="VAT 19 % OSS", rate=Decimal("0.19"))
    found = document(line("a", 10000, tax(1900)), line("b", 5000, tax(950)))
    draft = the_step(forced(found, "VAT 19 % OSS", terms(VAT_7, known=(VAT_7, special)))).draft
    assert draft is not None
    assert [told.tax_codes for told in draft.lines] == [("VAT 19 % OSS",)] * 2
    assert [(t.code, t.base.minor, t.amount.minor) for t in draft.taxes] == [
        ("VAT 19 % OSS", 15000, 2850)
    ]


def test_the_code_that_a_person_gives_must_explain_the_amounts() -> None:
    found = document(line("a", 10000, tax(1900)))
    told = forced(found, "VAT 7 %", terms(VAT_19, known=(VAT_7,)))
    assert told.refused is not None
    assert told.refused.code == "tax_mismatch"
    untaxed = forced(document(line(net=5000)), "VAT 19 %", terms(known=(VAT_19,)))
    assert untaxed.refused is not None
    free = forced(document(line(net=5000)), "RC 0 %", terms(VAT_19, known=(REVERSE_CHARGE,)))
    assert free.refused is None
    # Several taxes of billing's are explained together.
    both = document(line("a", 10000, tax(1000, "0.1"), tax(900, "0.09")))
    assert forced(both, "VAT 19 %", terms(known=(VAT_19,))).refused is None
    # The entity's rules do not hold against a person.
    policy = {"tax_codes": (rule("OTHER"),)}
    correction = DocumentCorrection(document_id="in_1", tax_code="VAT 19 %")
    given = books(seen(found, correction=correction), policy=policy)
    assert plan(given, terms(known=(VAT_19,))).refused is None


def test_a_code_that_the_erp_does_not_have() -> None:
    told = forced(document(line("a", 10000, tax(1900))), "VAT 20", terms(VAT_19, known=(VAT_19,)))
    assert told.refused is not None
    assert (told.refused.code, told.refused.subject) == ("tax_undetermined", "in_1")
    assert "invoice INV-7: the ERP has no tax code VAT 20" in told.refused.message


def test_rules_are_valid_by_the_day_of_issue_in_the_entitys_zone() -> None:
    """23:30 in UTC on 31 December is New Year in Berlin."""
    found = document(line("a", 10000, tax(1900)), issued_at=utc("2026-12-31T23:30"))
    old = (rule("OTHER", valid_until=date(2026, 12, 31)),)
    berlin = {"tax_codes": old, "time_zone": "Europe/Berlin"}
    assert plan(books(seen(found), policy={"tax_codes": old}), terms(VAT_19)).refused is not None
    assert plan(books(seen(found), policy=berlin), terms(VAT_19)).refused is None
