"""The plan of a change: what is posted, granted and published, and what is refused."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionItem, SubscriptionStatus
from canonical_models.entitlement import SubscriptionSupport, SupportEntitlement
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import (
    DocumentKind,
    LedgerAnswer,
    LegalEntity,
    TaxDetermination,
)
from planning.amendment import PlanInput, plan_amendment
from planning.entitlements import entitlements
from tests.harness.subscriptions import (
    ACCOUNT,
    AS_OF,
    END,
    ITEMS,
    carried,
    item,
    line,
    snapshot,
    subscription,
)

NOTHING = SupportEntitlement(organization="cus_1", tier=None, contract_end=None)


def ledger(rate: str = "0.19") -> LedgerAnswer:
    return LedgerAnswer(
        legal_entity=LegalEntity(code="LE-DE", currency="EUR"),
        taxes=tuple(
            TaxDetermination(item=known.erp_item, tax_codes=("VAT",), rate=Decimal(rate))
            for known in ITEMS.values()
        ),
    )


STARTER = subscription(item("starter", 5, 1000))
PRO = subscription(item("pro", 5))
UPGRADE = PlanInput(
    change_id="chg_1",
    snapshot=snapshot(PRO, line("ii_1", -2500, "starter"), line("ii_2", 10000)),
    previous=STARTER,
    carried={},
    account=ACCOUNT,
    items=ITEMS,
    ledger=ledger(),
    posting_date=date(2026, 11, 16),
    grants=(),
    share=None,
    others=(),
    support=NOTHING,
    tiers=("standard", "premium", "enterprise"),
)


def test_an_upgrade_posts_credit_and_debit_on_one_invoice() -> None:
    plan = plan_amendment(UPGRADE)
    assert plan.amendment.kind is ChangeKind.UPGRADE
    assert plan.document is not None
    assert [(entry.item, entry.net.minor) for entry in plan.document.lines] == [
        ("STARTER", -2500),
        ("PRO", 10000),
    ]
    assert plan.document.kind is DocumentKind.INVOICE
    assert plan.document.net.minor == 7500
    assert plan.document.reference == "chg_1"
    assert {(grant.feature, grant.quantity) for grant in plan.grants} == {("seats", 5), ("sso", 1)}
    assert plan.support == SupportEntitlement(
        organization="cus_1", tier="premium", contract_end=END, features=("seats", "sso")
    )


def test_a_net_credit_is_a_credit_memo() -> None:
    plan = plan_amendment(replace(UPGRADE, snapshot=snapshot(PRO, line("ii_1", -2500, "starter"))))
    assert plan.document is not None
    assert plan.document.kind is DocumentKind.CREDIT_MEMO


def test_lines_that_are_posted_or_empty_are_left_out() -> None:
    plan = plan_amendment(
        replace(
            UPGRADE,
            snapshot=snapshot(PRO, line("ii_1", 100), line("ii_2", 0), line("ii_3", 300)),
            carried=carried(line("ii_1", 100)),
        )
    )
    assert plan.line_ids == ("ii_3",)


def test_equal_inputs_give_equal_digests_and_other_inputs_others() -> None:
    assert plan_amendment(UPGRADE).digest == plan_amendment(UPGRADE).digest
    other = replace(UPGRADE, posting_date=date(2026, 11, 17))
    assert plan_amendment(UPGRADE).digest != plan_amendment(other).digest


def test_what_is_agreed_everywhere_plans_nothing() -> None:
    first = plan_amendment(UPGRADE)
    assert first.support is not None
    again = plan_amendment(
        replace(
            UPGRADE,
            previous=PRO,
            carried=carried(*UPGRADE.snapshot.lines),
            grants=first.grants,
            support=first.support,
        )
    )
    assert again.empty
    assert again.amendment.kind is ChangeKind.NONE


def test_cancelling_now_takes_every_grant_and_the_support() -> None:
    held = plan_amendment(UPGRADE)
    gone = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
    plan = plan_amendment(
        replace(
            UPGRADE,
            snapshot=snapshot(gone, line("ii_9", -900)),
            previous=PRO,
            grants=held.grants,
            support=held.support or NOTHING,
        )
    )
    assert plan.amendment.kind is ChangeKind.CANCELLATION
    assert plan.grants == ()
    assert plan.support == NOTHING
    assert plan.document is not None
    assert plan.document.net.minor == -900


def test_cancelling_at_period_end_dates_grants_and_contract_and_posts_nothing() -> None:
    ending = subscription(item("pro", 5), ends_at=END)
    plan = plan_amendment(replace(UPGRADE, snapshot=snapshot(ending), previous=PRO, ledger=None))
    assert plan.amendment.kind is ChangeKind.CANCELLATION_SCHEDULED
    assert plan.document is None
    assert {grant.ends_at for grant in plan.grants} == {END}


def test_a_grant_that_stays_keeps_its_start() -> None:
    early = plan_amendment(UPGRADE).grants
    later = subscription(item("pro", 5), as_of=END)
    plan = plan_amendment(
        replace(UPGRADE, snapshot=snapshot(later), previous=PRO, grants=early, ledger=None)
    )
    assert {grant.starts_at for grant in plan.grants} == {AS_OF}


def test_support_is_the_best_of_all_subscriptions() -> None:
    other = SubscriptionSupport(tier="enterprise", contract_end=None, features=("audit",))
    plan = plan_amendment(replace(UPGRADE, others=(other,)))
    assert plan.support is not None
    assert plan.support.tier == "enterprise"
    assert plan.support.features == ("audit", "seats", "sso")
    assert plan.share.tier == "premium"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (replace(UPGRADE, items={}), RejectionCode.ITEM_UNMAPPED),
        (
            replace(UPGRADE, snapshot=snapshot(PRO, line("ii_1", 1000, tax=500))),
            RejectionCode.TAX_MISMATCH,
        ),
        (replace(UPGRADE, tiers=("standard",)), RejectionCode.SUPPORT_REFUSED),
    ],
)
def test_what_a_person_must_mend_is_refused_with_its_code(
    given: PlanInput, code: RejectionCode
) -> None:
    with pytest.raises(Rejection) as refused:
        plan_amendment(given)
    assert refused.value.reason is code
    assert refused.value.subject


def test_billings_tax_is_expected_once_it_agrees_within_rounding() -> None:
    taxed = snapshot(PRO, line("ii_1", 1050, tax=200), line("ii_2", 1050, tax=199))
    plan = plan_amendment(replace(UPGRADE, snapshot=taxed))
    assert plan.expected_tax is not None
    assert plan.expected_tax.minor == 399


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (item("starter", 5, 1000), item("pro", 5), ChangeKind.UPGRADE),
        (item("pro", 5), item("starter", 5, 1000), ChangeKind.DOWNGRADE),
        (item("pro", 5), item("pro", 7), ChangeKind.QUANTITY),
    ],
)
def test_kinds_of_item_changes(
    before: SubscriptionItem, after: SubscriptionItem, kind: ChangeKind
) -> None:
    plan = plan_amendment(
        replace(UPGRADE, previous=subscription(before), snapshot=snapshot(subscription(after)))
    )
    assert plan.amendment.kind is kind


def test_an_added_item_is_an_add_on() -> None:
    more = subscription(item("pro", 5), item("ai", 1, 900, key="si_2"))
    plan = plan_amendment(replace(UPGRADE, previous=PRO, snapshot=snapshot(more)))
    assert plan.amendment.kind is ChangeKind.ADD_ON
    assert "assistant" in {grant.feature for grant in plan.grants}


def test_two_items_that_give_one_feature_add_up_and_both_are_reasons() -> None:
    both = subscription(item("pro", 5), item("starter", 2, 1000, key="si_2"))
    plan = plan_amendment(replace(UPGRADE, snapshot=snapshot(both), ledger=None))
    (seats,) = [e for e in entitlements(plan.grants, AS_OF) if e.feature == "seats"]
    assert seats.quantity == 7
    assert {grant.source_id for grant in seats.because} == {"si_1", "si_2"}
