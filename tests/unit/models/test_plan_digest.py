"""Plans that were kept by an earlier version have the digest that their sagas know."""

import json
from datetime import UTC, date, datetime

import pytest

from canonical_models.amendment import AmendmentPlan
from canonical_models.entitlement import Grant, GrantSource, GrantState
from canonical_models.ledgering import DocumentDraft, EntryKind, PaymentDraft
from canonical_models.money import Money
from canonical_models.term import Contract

#: As version 0.1.0 wrote them, with the digests that it gave.
ACTIVATION = (
    '{"change_id":"chg_0","subscription_id":"sub_1","amendment":{"kind":"activation",'
    '"summary":"starts with 1 x STARTER","customer_id":"cus_1","effective_at":"2026-11-16T00:'
    '00:00Z"},"document":null,"expected_tax":null,"taxes":[],"grants_before":[],"grants":'
    '[{"customer_id":"cus_1","feature":"seats","source":"subscription","source_id":"si_1",'
    '"subscription_id":"sub_1","quantity":1,"starts_at":"2026-11-16T00:00:00Z","ends_at":'
    'null}],"organization":"cus_1","share":{"tier":"standard","contract_end":"2026-12-01T00:'
    '00:00Z","features":["seats"]},"share_before":{"tier":null,"contract_end":null,'
    '"features":[]},"support":{"organization":"cus_1","tier":"standard","contract_end":'
    '"2026-12-01T00:00:00Z","features":["seats"]}}'
)
UPGRADE = (
    '{"change_id":"chg_1","subscription_id":"sub_1","amendment":{"kind":"upgrade","summary":'
    '"upgrade: 1 x STARTER to 5 x PRO","customer_id":"cus_1","effective_at":"2026-11-16T00:'
    '00:00Z"},"document":{"reference":"chg_1","legal_entity":"LE-DE","party":"C-1001",'
    '"currency":"EUR","posting_date":"2026-11-16","lines":[{"line_id":"ii_1","item":"PRO",'
    '"description":"pro 10000","net":{"minor":10000,"currency":"EUR"}}]},"expected_tax":'
    '{"minor":1900,"currency":"EUR"},"taxes":[{"item":"PRO","tax_codes":["VAT"],"rate":'
    '"0.19"}],"grants_before":[{"customer_id":"cus_1","feature":"seats","source":'
    '"subscription","source_id":"si_1","subscription_id":"sub_1","quantity":1,"starts_at":'
    '"2026-11-16T00:00:00Z","ends_at":null}],"grants":[{"customer_id":"cus_1","feature":'
    '"seats","source":"subscription","source_id":"si_1","subscription_id":"sub_1","quantity":'
    '5,"starts_at":"2026-11-16T00:00:00Z","ends_at":"2026-12-01T00:00:00Z"},{"customer_id":'
    '"cus_1","feature":"sso","source":"subscription","source_id":"si_1","subscription_id":'
    '"sub_1","quantity":1,"starts_at":"2026-11-16T00:00:00Z","ends_at":"2026-12-01T00:00:'
    '00Z"}],"organization":"cus_1","share":{"tier":"premium","contract_end":"2026-12-01T00:'
    '00:00Z","features":["seats","sso"]},"share_before":{"tier":"standard","contract_end":'
    '"2026-12-01T00:00:00Z","features":["seats"]},"support":{"organization":"cus_1","tier":'
    '"premium","contract_end":"2026-12-01T00:00:00Z","features":["seats","sso"]}}'
)
DIGESTS = {
    ACTIVATION: "af30b9dc3da9b0a39db81553b94e21a0ec8a96932117588eeef104743beea078",
    UPGRADE: "0b69b1421293009176c14e700b9e7bc7d3c471b52598b6254636f9ba8f694b7e",
}
#: The members of today that are left out at rest.
SINCE = ("payments", "suspended", "contract", "more")

NOW = datetime(2026, 11, 16, tzinfo=UTC)
GRANT = Grant(
    customer_id="cus_1",
    feature="seats",
    source=GrantSource.SUBSCRIPTION,
    source_id="si_1",
    quantity=5,
    starts_at=NOW,
)
PAYMENT = PaymentDraft(
    reference="pi_1",
    kind=EntryKind.RECEIPT,
    legal_entity="LE-DE",
    party="C-1001",
    amount=Money(minor=5000, currency="EUR"),
    value_date=date(2026, 11, 16),
)
CONTRACT = Contract(
    contract_id="sub_1", customer_id="cus_1", subscription_ids=("sub_1",), starts_at=NOW
)


@pytest.mark.parametrize("kept", [ACTIVATION, UPGRADE], ids=["activation", "upgrade"])
def test_a_plan_of_an_earlier_version_keeps_its_digest(kept: str) -> None:
    plan = AmendmentPlan.model_validate_json(kept)
    assert plan.digest == DIGESTS[kept]
    assert plan.model_dump_json() == kept
    # As PostgreSQL gives JSON back: in an order of its own.
    sorted_ = json.dumps(json.loads(kept), sort_keys=True)
    assert AmendmentPlan.model_validate_json(sorted_).digest == DIGESTS[kept]


def test_what_such_a_plan_does_not_say_is_at_rest() -> None:
    plan = AmendmentPlan.model_validate_json(UPGRADE)
    assert (plan.payments, plan.suspended, plan.contract, plan.more) == ((), (), None, False)
    assert {grant.state for grant in plan.grants} == {GrantState.ACTIVE}
    assert {grant.reason for grant in plan.grants} == {None}


def test_members_at_rest_are_left_out() -> None:
    plan = AmendmentPlan.model_validate_json(UPGRADE)
    assert not set(SINCE) & json.loads(plan.model_dump_json()).keys()
    assert not set(SINCE) & plan.model_dump(mode="json").keys()
    for dumped in (json.loads(GRANT.model_dump_json()), GRANT.model_dump()):
        assert not {"state", "reason"} & dumped.keys()
        # What has always been told is told at rest too.
        assert dumped["ends_at"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"payments": (PAYMENT,)},
        {"suspended": ("si_1",)},
        {"contract": CONTRACT},
        {"more": True},
        {"grants": (GRANT.model_copy(update={"state": GrantState.SUSPENDED}),)},
        {"grants": (GRANT.model_copy(update={"reason": "goodwill"}),)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_not_at_rest_is_kept_and_counts(changes: dict[str, object]) -> None:
    before = AmendmentPlan.model_validate_json(UPGRADE)
    plan = before.model_copy(update=changes)
    read = AmendmentPlan.model_validate_json(plan.model_dump_json())
    assert read == plan
    assert read.digest == plan.digest != before.digest


def test_an_approval_is_of_what_a_document_says_and_not_of_its_day() -> None:
    document = AmendmentPlan.model_validate_json(UPGRADE).document
    assert document is not None
    later = document.model_copy(update={"posting_date": date(2027, 1, 1)})
    assert later.substance == document.substance
    (line,) = document.lines
    for changes in (
        {"lines": (line.model_copy(update={"net": Money(minor=1, currency="EUR")}),)},
        {"lines": (line.model_copy(update={"item": "STARTER"}),)},
        {"party": "C-1002"},
        {"legal_entity": "LE-US"},
        {"reference": "chg_2"},
    ):
        other: DocumentDraft = document.model_copy(update=changes)
        assert other.substance != document.substance
