"""Entitlements as fields and tags: nothing is lost on the way there and back."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import ContractDrift
from connectors.zendesk.mapping import (
    fields_of,
    missing_fields,
    name_of,
    normalised,
    organization_of,
    same_name,
    tags_of,
)
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.wire import Organization

OPTIONS = ZendeskOptions(email="sync@example.com", agent_url="https://acme.example.com/")
END = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)

identifiers = st.text(
    st.characters(min_codepoint=ord("!"), max_codepoint=ord("~")), min_size=1, max_size=40
)
offsets = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
instants = st.datetimes(timezones=offsets.map(timezone))
entitlements = st.builds(
    SupportEntitlement,
    organization=identifiers,
    tier=st.none() | identifiers,
    contract_end=st.none() | instants,
    features=st.lists(identifiers, max_size=6).map(tuple),
)


def held(fields: dict[str, Any] | None, tags: tuple[str, ...] = ()) -> Organization:
    return Organization(id=42, external_id="cus_1", tags=list(tags), organization_fields=fields)


def read(fields: dict[str, Any] | None, external_id: str = "cus_1") -> SupportEntitlement:
    found = organization_of(held(fields), external_id, OPTIONS, at="$.organization")
    return found.entitlement


@given(entitlements)
def test_what_is_written_is_read(entitlement: SupportEntitlement) -> None:
    fields = fields_of(entitlement, OPTIONS)
    assert read(fields, entitlement.organization) == normalised(entitlement)


@given(entitlements)
def test_normalising_changes_no_whole_second(entitlement: SupportEntitlement) -> None:
    once = normalised(entitlement)
    assert normalised(once) == once
    assert once.tier == entitlement.tier
    assert set(once.features) == set(entitlement.features)
    if entitlement.contract_end is not None:
        assert once.contract_end is not None
        lost = entitlement.contract_end - once.contract_end
        assert timedelta(0) <= lost < timedelta(seconds=1)


@given(st.lists(identifiers), st.none() | identifiers)
def test_tags_of_others_stay_in_their_order(tags: list[str], tier: str | None) -> None:
    shown = held({"trueup_support_tier": "old"}, (*tags, "sla_old", "sla_older"))
    after = tags_of(shown, tier, OPTIONS)
    kept = [tag for tag in (*tags, "sla_older") if tag != "sla_old"]
    assert [tag for tag in after if tag != "sla_old"][: len(kept)] == kept
    assert len(after) - len(kept) in (0, tier is not None)
    again = held({"trueup_support_tier": tier}, tuple(after))
    assert tags_of(again, tier, OPTIONS) == after


def test_the_fields_as_they_travel() -> None:
    entitlement = SupportEntitlement(
        organization="cus_1",
        tier="gold",
        contract_end=datetime(2027, 2, 1, 0, 59, 59, 999_999, timezone(timedelta(hours=1))),
        features=("sso", "a,b", "100%", "sso"),
    )
    assert fields_of(entitlement, OPTIONS) == {
        "trueup_support_tier": "gold",
        "trueup_contract_end": "2027-01-31T23:59:59Z",
        "trueup_features": "100%25,a%2Cb,sso",
    }


def test_nothing_empties_every_field() -> None:
    nothing = SupportEntitlement(organization="cus_1", tier=None, contract_end=None)
    fields = fields_of(nothing, OPTIONS)
    assert fields == dict.fromkeys(OPTIONS.field_keys)
    assert read(fields) == read({}) == read(None) == nothing


def test_a_year_before_1000_keeps_its_digits() -> None:
    early = SupportEntitlement(
        organization="cus_1", tier=None, contract_end=datetime(999, 1, 1, tzinfo=UTC)
    )
    assert fields_of(early, OPTIONS)["trueup_contract_end"] == "0999-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2027-01-31T23:59:59Z", END),
        ("2027-02-01T01:59:59+02:00", END),
        ("2027-01-31T23:59:59.900Z", END),
        ("2027-01-31T23:59:59", END),
        (" 2027-01-31 ", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T00:00:00+00:00", datetime(2027, 1, 31, tzinfo=UTC)),
        ("  ", None),
    ],
)
def test_contract_ends_as_people_may_have_typed_them(text: str, wanted: datetime | None) -> None:
    assert read({"trueup_contract_end": text}).contract_end == wanted


def test_features_as_people_may_have_typed_them() -> None:
    assert read({"trueup_features": " sso, audit,,sso "}).features == ("audit", "sso")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trueup_support_tier", "gold plus"),
        ("trueup_support_tier", False),
        ("trueup_contract_end", "end of March"),
        ("trueup_contract_end", 1775001600),
        ("trueup_features", "sso,single sign-on"),
        ("trueup_features", "a%0Ab"),
        ("trueup_features", ["sso"]),
    ],
)
def test_a_value_that_is_not_ours_is_drift_with_its_path(key: str, value: object) -> None:
    with pytest.raises(ContractDrift, match=f"organisation 42 .* {key!r}") as caught:
        read({key: value})
    assert caught.value.payload_path == f"$.organization.organization_fields.{key}"
    assert str(value) not in caught.value.message


@pytest.mark.parametrize(
    ("tier", "tag"), [("gold", "sla_gold"), ("Gold+", "sla_gold_"), ("24x7-eu", "sla_24x7-eu")]
)
def test_the_tag_of_a_tier(tier: str, tag: str) -> None:
    before = held({"trueup_support_tier": "silver"}, ("vip", "sla_silver", "slack"))
    assert tags_of(before, tier, OPTIONS) == ["vip", "slack", tag]


def test_without_a_tier_there_is_no_tag() -> None:
    before = held({"trueup_support_tier": "gold"}, ("sla_gold", "vip"))
    assert tags_of(before, None, OPTIONS) == ["vip"]


@pytest.mark.parametrize("shown", [None, "", "gold", "silver"])
@pytest.mark.parametrize("tier", [None, "gold", "platinum"])
def test_what_agents_have_tagged_stays_whatever_it_is_called(
    shown: str | None, tier: str | None
) -> None:
    theirs = ("sla_exempt", "sla_gold_2019_contract", "vip")
    ours = (f"sla_{shown}",) if shown else ()
    before = held({"trueup_support_tier": shown}, (*theirs, *ours))
    after = tags_of(before, tier, OPTIONS)
    assert after == [*theirs, *([f"sla_{tier}"] if tier else [])]


def test_a_field_that_the_account_does_not_know_is_told_from_an_empty_one() -> None:
    assert missing_fields(held(dict.fromkeys(OPTIONS.field_keys)), OPTIONS) == []
    assert missing_fields(held({"trueup_features": None, "other": "x"}), OPTIONS) == [
        "trueup_support_tier",
        "trueup_contract_end",
    ]
    assert missing_fields(held(None), OPTIONS) == list(OPTIONS.field_keys)


def test_the_link_leads_to_where_agents_work() -> None:
    found = organization_of(held({}), "cus_1", OPTIONS, at="$")
    assert found.url == "https://acme.example.com/agent/organizations/42"
    assert found.organization_id == "42"


def test_the_name_is_the_customers_without_stray_spaces() -> None:
    assert name_of(AccountProfile(customer_id="cus_1", name=" Acme \t GmbH\n")) == "Acme GmbH"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Acme GmbH", "ACME gmbh ", True),
        ("Straße", "STRASSE", True),
        ("Acme", "Acme GmbH", False),
        ("Acme GmbH", "AcmeGmbH", False),
    ],
)
def test_names_that_zendesk_does_not_tell_apart(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same
