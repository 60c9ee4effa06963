"""The tax rule of a party that is made in the ERP: by where the customer is, and what is known of
its VAT id. The expectations are those of the VAT directive, in the words of the policy."""

from dataclasses import dataclass
from typing import cast

import pytest

from activities.master_data import tax_rules
from activities.tenants import Tenant
from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.policy import BooksPolicy, PartyTaxRules, TenantPolicy

RULES = PartyTaxRules(
    domestic="home",
    eu_business="reverse charge",
    eu_consumer={"FR": "OSS France", "*": "OSS"},
    third_country="export",
)


@dataclass
class Selling:
    policy: TenantPolicy


def rule(
    country: str | None, *tax_ids: TaxId, home: str | None = "DE", rules: PartyTaxRules = RULES
) -> dict[str, str]:
    policy = TenantPolicy(books=BooksPolicy(country=home, party_tax_rules=rules))
    profile = AccountProfile(
        customer_id="cus_1", name="Ada", address=PostalAddress(country=country), tax_ids=tax_ids
    )
    return tax_rules(cast("Tenant", Selling(policy)), "LE", profile)


def vat(*, verified: bool | None = None, kind: str = "eu_vat") -> TaxId:
    return TaxId(kind=kind, value="FR12345678901", verified=verified)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (rule("DE"), "home"),
        (rule(None), "home"),
        # Where we sell from is not known: nothing is crossed that anybody knows of.
        (rule("FR", home=None), "home"),
        (rule("US"), "export"),
        (rule("GB"), "export"),
        (rule("FR", home="US"), "export"),
        (rule("FR"), "OSS France"),
        (rule("AT"), "OSS"),
        (rule("FR", vat()), "reverse charge"),
        (rule("FR", vat(verified=True)), "reverse charge"),
        (rule("FR", vat(verified=False)), "OSS France"),
        (rule("FR", vat(kind="ch_uid")), "OSS France"),
        (rule("FR", vat(verified=False), vat(verified=True)), "reverse charge"),
        # A VAT id changes nothing at home, nor outside of the Union.
        (rule("DE", vat(verified=True)), "home"),
        (rule("US", vat(verified=True)), "export"),
    ],
)
def test_the_rule_is_that_of_the_border_that_is_crossed(
    found: dict[str, str], expected: str
) -> None:
    assert found == {"LE": expected}


def test_what_no_rule_is_configured_for_is_left_to_the_erp() -> None:
    assert rule("DE", rules=PartyTaxRules()) == {}
    assert rule("AT", rules=PartyTaxRules(eu_consumer={"FR": "OSS France"})) == {}


def test_greece_is_of_the_union_by_the_code_that_billing_writes() -> None:
    assert rule("GR") == {"LE": "OSS"}
