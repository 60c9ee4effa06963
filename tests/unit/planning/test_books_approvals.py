"""What of a document policy asks a yes for, in whose words, and when that is enough."""

from typing import Any

import pytest

from canonical_models.amendment import BooksPlan
from canonical_models.approvals import Approval
from canonical_models.documents import DocumentStatus, Settlement, SettlementKind
from canonical_models.policy import TenantPolicy
from tests.unit.planning.answers import plan, terms
from tests.unit.planning.cases import (
    ACCOUNT,
    FRANCE,
    books,
    document,
    erp,
    eur,
    item,
    line,
    moved,
    posted,
    seen,
    subscription,
    taxed,
    utc,
)


def policy(*rules: dict[str, Any], **entities: list[dict[str, Any]]) -> TenantPolicy:
    own = {name.replace("_", "-"): {"approvals": said} for name, said in entities.items()}
    return TenantPolicy.model_validate({"books": {"approvals": rules, "entities": own}})


def asked(found: BooksPlan) -> str | None:
    """In words; None where nothing is."""
    if found.refused is None:
        return None
    assert found.refused.code == "approval_needed"
    return found.refused.message


CHARGE = {"on": "charge", "above": {"EUR": 100}}


@pytest.mark.parametrize(("net", "words"), [(10000, None), (10001, "charges 100.01 EUR")])
def test_a_charge_above_the_limit(net: int, words: str | None) -> None:
    found = asked(plan(books(seen(document(line(net=net))), policy=policy(CHARGE)), terms()))
    assert found is None if words is None else words in (found or "")


def test_a_credit_is_no_charge_and_a_charge_no_credit() -> None:
    credit = {"on": "credit", "above": {"EUR": 100}}
    for net, rule in ((-90000, CHARGE), (90000, credit)):
        given = books(seen(document(line(net=net))), policy=policy(rule))
        assert asked(plan(given, terms())) is None


def test_a_currency_that_the_limit_does_not_name_is_above_it() -> None:
    dollars = seen(document(line(net=1, currency="USD"), currency="USD"))
    sold = subscription(item("pro", 5), currency="USD")
    limited = books(dollars, policy=policy(CHARGE), subscription=sold)
    found = asked(plan(limited, terms()))
    assert "charges 0.01 USD, and the policy has no limit in USD" in (found or "")
    # Without any limit everything is asked about, but nothing that is charged is nothing.
    bare = policy({"on": "charge"})
    given = books(dollars, policy=bare, subscription=sold)
    assert "charges 0.01 USD:" in (asked(plan(given, terms())) or "")
    free = document(line(net=0))
    assert asked(plan(books(seen(free), policy=bare), terms())) is None


def test_what_is_credited_is_no_less_for_what_is_charged_beside_it() -> None:
    """A credit of 1,071.00 with tax beside a charge of 2,380.00, and each is looked at alone."""
    both = seen(document(taxed("il_1", -90000), taxed("il_2", 200000)))
    for on, words in (("credit", "credits 1,071.00 EUR"), ("charge", "charges 2,380.00 EUR")):
        found = asked(plan(books(both, policy=policy({"on": on}))))
        assert words in (found or "")
    discount = policy({"on": "discount", "share": 0})
    assert asked(plan(books(both, policy=discount))) is None
    # The larger side is what is taken back.
    gone = posted(void_of(taxed("il_1", -90000), taxed("il_2", 200000)))
    found = asked(plan(books(gone, policy=policy({"on": "reversal"}))))
    assert "takes back 2,380.00 EUR" in (found or "")


def test_what_was_posted_is_taken_back_and_not_what_billing_shows_by_now() -> None:
    shown = void_of(taxed("il_1", 1000))
    given = posted(shown, posted=erp(shown, net=eur(90000), tax=eur(17100)))
    for on, words in (
        ("reversal", "is posted, and takes back 1,071.00 EUR"),
        ("credit", "credits 1,071.00 EUR"),
    ):
        assert words in (asked(plan(books(given, policy=policy({"on": on})))) or "")
    assert asked(plan(books(given, policy=policy({"on": "charge"})))) is None


def test_a_discount_of_one_line_is_seen_beside_what_all_of_them_would_cost() -> None:
    rule = policy({"on": "discount", "share": "0.1"})
    whole = line("il_1", 8000)
    less = line("il_2", 1000).model_copy(update={"discount": eur(1000)})
    back = line("il_3", -5000).model_copy(update={"discount": eur(5000)})
    assert asked(plan(books(seen(document(whole, less, back)), policy=rule), terms())) is None
    more = less.model_copy(update={"discount": eur(1001)})
    found = asked(plan(books(seen(document(whole, more, back)), policy=rule), terms()))
    assert "off, more than 10 %" in (found or "")


def void_of(*lines: Any) -> Any:
    return document(*lines).model_copy(
        update={"status": DocumentStatus.VOID, "closed_at": utc("2026-11-16")}
    )


def test_taking_back_what_was_charged_credits_it_and_is_a_reversal() -> None:
    given = posted(void_of(taxed("il_1", 90000)))
    for on, words in (
        ("reversal", "is posted, and takes back 1,071.00"),
        ("credit", "credits 1,0"),
    ):
        assert words in (asked(plan(books(given, policy=policy({"on": on})))) or "")
    assert asked(plan(books(given, policy=policy({"on": "charge"})))) is None


def test_taking_back_what_was_credited_charges_it() -> None:
    given = posted(void_of(taxed("il_1", -90000)))
    assert "charges 1,071.00 EUR" in (asked(plan(books(given, policy=policy(CHARGE)))) or "")
    assert asked(plan(books(given, policy=policy({"on": "credit"})))) is None
    back = asked(plan(books(given, policy=policy({"on": "reversal", "above": {"EUR": 1071}}))))
    assert back is None


def test_posting_is_no_reversal() -> None:
    given = books(seen(document(line(net=90000))), policy=policy({"on": "reversal"}))
    assert asked(plan(given, terms())) is None


@pytest.mark.parametrize(
    ("taken", "words"), [(2000, None), (2001, "takes 20.01 % off, more than 20 %")]
)
def test_a_discount_above_its_share(taken: int, words: str | None) -> None:
    sold = line(net=10000 - taken).model_copy(update={"discount": eur(taken)})
    rule = {"on": "discount", "share": "0.2"}
    found = asked(plan(books(seen(document(sold)), policy=policy(rule)), terms()))
    assert found is None if words is None else words in (found or "")


def test_of_what_is_given_away_all_is_taken_off() -> None:
    free = line(net=0).model_copy(update={"discount": eur(5000)})
    rule = {"on": "discount", "share": "0.99"}
    found = asked(plan(books(seen(document(free)), policy=policy(rule)), terms()))
    assert "takes 100 % off" in (found or "")


def test_what_is_booked_on_another_day_because_its_own_is_closed() -> None:
    rule = {"on": "closed_period"}
    given = books(seen(document(line())), policy=policy(rule))
    assert asked(plan(given, terms())) is None
    late = terms(day=utc("2026-12-01").date())
    found = asked(plan(given, late))
    assert "and would be booked on 2026-12-01" in (found or "")


def yes(found: BooksPlan, by: str, *roles: str) -> Approval:
    assert found.refused is not None
    assert found.refused.asked is not None
    return Approval(content=found.refused.asked.content, by=by, roles=roles)


def test_two_of_the_role_and_neither_twice() -> None:
    rules = policy(CHARGE | {"roles": ["finance"], "people": 2, "then": ["operations"]})
    issued = seen(document(line(net=90000)))
    first = plan(books(issued, policy=rules), terms())

    def after(*said: Approval) -> str | None:
        return asked(plan(books(issued, policy=rules, approvals={"in_1": said}), terms()))

    fay, dana = yes(first, "fay", "finance"), yes(first, "dana", "viewer", "finance")
    late, other = yes(first, "otto", "operations"), yes(first, "sam", "support")
    assert after(fay) is not None
    assert after(fay, fay) is not None
    assert after(fay, other) is not None
    assert after(fay, yes(first, "robot").model_copy(update={"roles": None})) is not None
    assert after(fay, dana) is None
    # Whoever was next in line was let say it because it was late.
    assert after(fay, late) is None


def test_a_new_plan_of_the_same_content_keeps_its_yes_and_another_does_not() -> None:
    rules = policy(CHARGE)
    issued = seen(document(line(net=90000)))
    said = {"in_1": (yes(plan(books(issued, policy=rules), terms()), "fay"),)}
    later = terms(day=utc("2026-12-01").date())
    assert asked(plan(books(issued, policy=rules, approvals=said), terms())) is None
    for given, answer in ((issued, later), (seen(document(line(net=90001))), terms())):
        again = asked(plan(books(given, policy=rules, approvals=said), answer))
        assert "and is not what fay approved" in (again or "")


def test_a_yes_is_to_the_books_of_one_legal_entity() -> None:
    rules, issued = policy(CHARGE), seen(document(line(net=90000)))
    first = plan(books(issued, policy=rules), terms())
    assert first.refused is not None
    # Who asks is told what it is about, and by whom it was stopped.
    assert (first.refused.subject, first.refused.system) == ("in_1", "trueup")
    said = {"in_1": (yes(first, "fay"),)}
    moved_ = books(issued, policy=rules, approvals=said, account=FRANCE)
    assert "is not what fay approved" in (asked(plan(moved_, terms())) or "")
    other_party = ACCOUNT.model_copy(update={"erp_party": "C-2"})
    assert asked(plan(books(issued, policy=rules, approvals=said, account=other_party), terms()))


def test_an_entity_that_has_rules_of_its_own_has_none_of_the_tenant() -> None:
    issued = seen(document(line(net=90000)))
    own = policy(CHARGE, LE_DE=[{"on": "charge", "above": {"EUR": 1000}}])
    assert asked(plan(books(issued, policy=own), terms())) is None
    none = policy(CHARGE, LE_DE=[])
    assert asked(plan(books(issued, policy=none), terms())) is None
    elsewhere = policy(CHARGE, LE_UK=[])
    assert asked(plan(books(issued, policy=elsewhere), terms())) is not None


def test_all_that_is_asked_is_said_in_one_sentence() -> None:
    rules = policy(CHARGE, {"on": "charge"}, {"on": "discount", "share": 0})
    sold = line(net=90000).model_copy(update={"discount": eur(10000)})
    first = plan(books(seen(document(sold)), policy=rules), terms())
    assert asked(first) == (
        "invoice INV-7 charges 900.00 EUR, more than 100 EUR; charges 900.00 EUR; takes 10 % off, "
        "more than 0 %: approve it, or abort"
    )
    said = (yes(first, "fay"), yes(first, "dana"))
    other = plan(
        books(seen(document(line(net=90001))), policy=policy(CHARGE), approvals={"in_1": said}),
        terms(),
    )
    assert asked(other) == (
        "invoice INV-7 charges 900.01 EUR, more than 100 EUR, and is not what dana, fay approved: "
        "approve it, or abort"
    )


def test_where_it_is_seen_is_no_matter_of_the_books_and_its_words_are() -> None:
    rules = policy(CHARGE)
    given = document(line(net=90000))
    said = {"in_1": (yes(plan(books(seen(given), policy=rules), terms()), "fay"),)}
    elsewhere = seen(given.model_copy(update={"url": "https://pay.example/other"}))
    assert asked(plan(books(elsewhere, policy=rules, approvals=said), terms())) is None
    for changes in ({"number": "INV-8"}, {"purchase_order": "PO-2"}):
        changed = seen(given.model_copy(update=changes))
        assert asked(plan(books(changed, policy=rules, approvals=said), terms())) is not None


def test_a_late_day_is_what_is_approved_and_another_is_not() -> None:
    rules = policy({"on": "closed_period"})
    issued = seen(document(line()))

    def on(day: str, *said: Approval) -> BooksPlan:
        given = books(issued, policy=rules, approvals={"in_1": said})
        return plan(given, terms(day=utc(day).date()))

    fay = yes(on("2026-12-01"), "fay")
    assert asked(on("2026-12-01", fay)) is None
    assert asked(on("2026-12-02", fay)) is not None


def test_a_reversal_on_another_day_than_it_became_void() -> None:
    given = posted(void_of(taxed("il_1", 90000)))
    rules = policy({"on": "closed_period"})
    assert asked(plan(books(given, policy=rules))) is None

    def late(day: str, *said: Approval) -> BooksPlan:
        held = books(given, policy=rules, approvals={"in_1": said})
        return plan(held, terms(day=utc(day).date()))

    first = late("2026-12-01")
    assert "is of 2026-11-16, and would be booked on 2026-12-01" in (asked(first) or "")
    assert asked(late("2026-12-01", yes(first, "fay"))) is None
    assert asked(late("2026-12-02", yes(first, "fay"))) is not None


PAID = moved("pi_1", "payment", 11900)
BACK = moved("re_1", "refund", -1200, None, about="in_1")


def refunded(
    back: Settlement, *said: Approval, rules: TenantPolicy | None = None
) -> tuple[list[str], str | None]:
    """What is entered, and what is asked."""
    paid = document(taxed("il_1", 10000), settlements=(PAID, back), remaining=eur(0))
    limited = rules or policy({"on": "refund", "above": {"EUR": 10}})
    found = plan(books(posted(paid), policy=limited, approvals={"re_1": said}))
    return [step.settlement.settlement_id for step in found.settlements], asked(found)


def test_a_refund_above_the_limit_and_nothing_else_waits_for_it() -> None:
    entered, words = refunded(BACK)
    assert entered == ["pi_1"]
    assert words == "refund re_1 gives back 12.00 EUR, more than 10 EUR: approve it, or abort"
    small = BACK.model_copy(update={"amount": eur(-1000)})
    assert refunded(small) == (["pi_1", "re_1"], None)
    dispute = BACK.model_copy(update={"kind": SettlementKind.DISPUTE})
    assert refunded(dispute)[1] is None
    failed = BACK.model_copy(update={"amount": eur(1200)})
    assert refunded(failed)[1] is None


def test_a_refund_that_was_approved_is_entered_whatever_is_noted_of_it() -> None:
    paid = document(taxed("il_1", 10000), settlements=(PAID, BACK), remaining=eur(0))
    rules = policy({"on": "refund"})
    said = yes(plan(books(posted(paid), policy=rules)), "fay")
    assert refunded(BACK, said, rules=rules) == (["pi_1", "re_1"], None)
    noted = BACK.model_copy(update={"note": "agreed", "at": utc("2026-11-18")})
    assert refunded(noted, said, rules=rules)[1] is None
    larger = BACK.model_copy(update={"amount": eur(-1300)})
    assert "and is not what fay approved" in (refunded(larger, said, rules=rules)[1] or "")
    own = policy({"on": "refund"}, LE_DE=[])
    assert refunded(BACK, rules=own)[1] is None
