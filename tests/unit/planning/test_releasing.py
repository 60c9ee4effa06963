"""When a release as a whole needs somebody's yes, in whose words."""

from typing import Any

import pytest
from pydantic import ValidationError

from canonical_models.approvals import Extent
from canonical_models.money import Money
from canonical_models.policy import ReleaseRule, TenantPolicy
from planning.releasing import needs_of


def rules(*said: dict[str, Any]) -> tuple[ReleaseRule, ...]:
    return TenantPolicy.model_validate({"releases": {"approvals": said}}).releases.approvals


def extent(cases: int = 3, unknown: int = 0, **minor: int) -> Extent:
    amounts = tuple(Money(minor=each, currency=currency) for currency, each in minor.items())
    return Extent(cases=cases, amounts=amounts, unknown=unknown)


def whys(asked: tuple[ReleaseRule, ...], of: Extent) -> list[str]:
    return [need.why for need in needs_of(asked, of)]


def test_a_rule_asks_above_its_number_and_not_at_it() -> None:
    assert whys(rules({"cases": 3}), extent(3, EUR=10**9)) == []
    assert whys(rules({"cases": 3}), extent(4)) == ["is of 4, more than 3"]


def test_a_rule_asks_above_its_amount_in_each_currency() -> None:
    asked = rules({"above": {"EUR": 1000, "JPY": 5000}})
    assert whys(asked, extent(100, EUR=100000, JPY=5000)) == []
    assert whys(asked, extent(EUR=100001)) == ["comes to 1,000.01 EUR, more than 1,000 EUR"]
    assert whys(asked, extent(JPY=5001)) == ["comes to 5,001 JPY, more than 5,000 JPY"]


def test_what_is_unknown_is_not_below() -> None:
    asked = rules({"above": {"EUR": 1000}})
    assert whys(asked, extent(USD=1)) == ["comes to 0.01 USD, and the policy has no limit in USD"]
    assert whys(asked, extent(unknown=2)) == ["has 2 of which nobody knows the amount"]
    assert whys(rules({"cases": 5}), extent(unknown=2)) == []


def test_either_suffices_and_each_rule_asks_by_itself() -> None:
    asked = rules({"cases": 2, "above": {"EUR": 10}, "roles": ["finance"]}, {"people": 2})
    first, second = needs_of(asked, extent(3, EUR=1001))
    assert first.why == "is of 3, more than 2, and comes to 10.01 EUR, more than 10 EUR"
    assert (first.roles, first.people) == (("finance",), 1)
    assert (second.why, second.roles, second.people) == ("is of 3", (), 2)
    assert needs_of((), extent(10**6, EUR=10**12)) == ()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"roles": ["support"]}, "support may not approve"),
        ({"cases": 0}, "greater than or equal to 1"),
        ({"above": {"EUR": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        rules(said)


def test_rules_on_documents_do_not_take_releases() -> None:
    with pytest.raises(ValidationError, match=r"policy\.releases\.approvals"):
        TenantPolicy.model_validate({"books": {"approvals": [{"on": "release"}]}})
