"""A tenant's policy: what is not one is refused with words that say which entry."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from canonical_models.policy import (
    AccountPolicy,
    BooksPolicy,
    DunningPolicy,
    EntityBooks,
    RenewalPolicy,
    TenantPolicy,
)


def asks(on: str = "credit", **entries: object) -> dict[str, object]:
    return {"books": {"approvals": [{"on": on, **entries}]}}


def test_the_policy_of_a_tenant_that_has_decided_nothing() -> None:
    policy = TenantPolicy()
    assert policy.tiers == ("standard", "premium", "enterprise")
    assert (policy.time_zone, policy.books.approvals, policy.accounts.create) == (None, (), False)
    assert (policy.dunning.grace_days, policy.dunning.final_days) == (7, 30)
    assert (policy.renewal.forecast_days, policy.renewal.late_hours) == (14, 6)
    books = policy.books
    assert (policy.access, books.unbilled, books.closed_period) == ("at_once", "draft", "ask")
    assert (books.late_number, books.zero_documents) == ("next_date", "post")
    assert (books.master_data, books.rounding_limit) == ("ask", Decimal("0.05"))


def test_a_policy_as_a_file_says_it() -> None:
    policy = TenantPolicy.model_validate(
        {
            "time_zone": "Europe/Berlin",
            "books": {"approvals": [{"on": "credit", "above": {"EUR": 500, "JPY": "70000"}}]},
            "accounts": {"create": True, "legal_entities": {"DE": "LE-DE", "USD": "LE-US"}},
            "dunning": {"grace_days": 0, "reminder_days": [], "items": {"PRO": 14}},
            "invoice_minutes": 0.5,
        }
    )
    (rule,) = policy.books.approvals
    assert rule.above == {"EUR": Decimal(500), "JPY": Decimal(70000)}
    assert (rule.people, rule.roles, rule.then) == (1, (), ())
    assert policy.accounts == AccountPolicy(
        create=True, legal_entities={"DE": "LE-DE", "USD": "LE-US"}
    )
    assert policy.dunning == DunningPolicy(grace_days=0, reminder_days=(), items={"PRO": 14})


def test_an_entity_does_what_the_tenant_does_unless_it_says_otherwise() -> None:
    books = BooksPolicy.model_validate(
        {
            "closed_period": "first_open_day",
            "time_zone": "Europe/Berlin",
            "entities": {"LE-US": {"unbilled": "none", "closed_period": "ask"}},
        }
    )
    assert books.of("LE-DE") == books
    us = books.of("LE-US")
    assert (us.unbilled, us.closed_period, us.time_zone) == ("none", "ask", "Europe/Berlin")
    # What it repeats is its own word, also where that is the default.
    assert EntityBooks(closed_period="ask").model_fields_set == {"closed_period"}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"books": {"unbilled": "maybe"}}, "Input should be 'draft' or 'none'"),
        ({"books": {"rounding_limit": 11}}, "less than or equal to 10"),
        ({"books": {"tax_codes": [{"code": "VAT", "rate": 19}]}}, "less than or equal to 1"),
        (
            {"books": {"rules": [{"field": "x", "value": "y", "decision": "post", "reason": "z"}]}},
            "Input should be 'hold' or 'skip'",
        ),
        ({"books": {"entities": {"LE-DE": {"dimensions": {}}}}}, "Extra inputs"),
        ({"access": "never"}, "Input should be 'at_once' or 'after_posting'"),
    ],
)
def test_books_that_cannot_be(entries: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TenantPolicy.model_validate(entries)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"reminder_days": (3, 0)}, "each larger than the one before"),
        ({"reminder_days": (0, 0)}, "each larger than the one before"),
        ({"reminder_days": (-1, 0)}, "days from 0 on"),
        ({"grace_days": -1}, "greater than or equal to 0"),
        ({"final_days": 7}, "final_days must be later than every grace"),
        ({"grace_days": 30}, "final_days must be later than every grace"),
        ({"items": {"PRO": 30}}, "final_days must be later than every grace"),
        ({"items": {"PRO": -3}}, "greater than or equal to 0"),
        ({"final_days": 0, "grace_days": 0}, "greater than or equal to 1"),
        ({"grace": 7}, "Extra inputs"),
    ],
)
def test_dunning_that_cannot_be(entries: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DunningPolicy.model_validate(entries)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"time_zone": "Berlin"}, "not a time zone of the IANA database"),
        (asks(above={"EURO": 5}), "not an ISO 4217 currency"),
        (asks(above={"EUR": -5}), "greater than or equal to 0"),
        (asks(above={"EUR": "NaN"}), "finite"),
        (asks(share="0.2"), "`share` is of rules on discounts, not on credit"),
        (asks(on="discount"), "names the `share` above which it asks"),
        (asks(on="discount", share=1), "less than 1"),
        (asks(on="closed_period", above={"EUR": 5}), "has no amount to be `above`"),
        (asks(roles=["viewer"]), "viewer may not approve: name of finance, operations"),
        (asks(roles=["clerk"]), "Input should be"),
        (asks(then=["operations"]), "name `roles` as well"),
        (asks(people=0), "greater than or equal to 1"),
        ({"exception_hours": {"finance": 0}}, "greater than 0"),
        ({"invoice_minutes": 0}, "greater than 0"),
        ({"invoice_minutes": 1441}, "less than or equal to 1440"),
        ({"renewal": {"late_hours": 0}}, "greater than 0"),
        ({"renewal": {"forecast_days": 366}}, "less than or equal to 365"),
        ({"accounts": {"create": "perhaps"}}, "boolean"),
        ({"accounts": {"legal_entitys": {}}}, "Extra inputs"),
        ({"retries": 3}, "Extra inputs"),
    ],
)
def test_a_policy_that_cannot_be(entries: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TenantPolicy.model_validate(entries)


def test_a_policy_is_not_changed_at_work() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(RenewalPolicy(), "late_hours", 1)  # noqa: B010 - mypy refuses the plain way
