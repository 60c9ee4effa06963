"""Grants and support as they are, against the access half of a plan."""

from typing import Any

import pytest

from canonical_models.entitlement import (
    GrantState,
    SupportEntitlement,
    SupportOrganization,
)
from planning.access import AccessInput, plan_access
from planning.verification import access_differences
from tests.unit.planning.cases import (
    ACCOUNT,
    END,
    ITEMS,
    item,
    subscription,
)

EMPTY = SupportEntitlement(organization="org_1", tier=None, contract_end=None)
PLAN = plan_access(
    AccessInput(
        subscription=subscription(item("pro", 5)),
        account=ACCOUNT,
        items=ITEMS,
        tiers=("standard", "premium"),
        support=EMPTY,
    )
)
SHOWN = SupportOrganization(organization_id="1", entitlement=PLAN.support or EMPTY)


def test_grants_and_support_are_proven() -> None:
    right: dict[str, Any] = {"grants": PLAN.grants[::-1], "expected_support": PLAN.support}
    assert access_differences(PLAN, support=SHOWN, **right) == ()
    untouched = right | {"expected_support": None}
    assert access_differences(PLAN, support=None, **untouched) == ()
    (missing,) = access_differences(PLAN, support=None, **right)
    assert (missing.system, missing.field, missing.found) == ("support", "org_1", "no organisation")
    # Who has ended is to be shown nothing, which an organisation that is gone does as well.
    ended = right | {"expected_support": EMPTY}
    assert access_differences(PLAN, support=None, **ended) == ()
    other = SHOWN.model_copy(update={"entitlement": EMPTY})
    (differs,) = access_differences(PLAN, support=other, **right)
    assert '"tier":"premium"' in differs.planned
    assert '"tier":null' in differs.found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quantity": 6}, "seats x6 (si_1) active from 2026-11-16T00:00:00+00:00 to no end"),
        ({"state": GrantState.SUSPENDED}, "seats x5 (si_1) suspended"),
        ({"ends_at": END}, "active from 2026-11-16T00:00:00+00:00 to 2026-12-01T00:00:00+00:00"),
        ({"source_id": "si_9"}, "seats x5 (si_9)"),
    ],
)
def test_a_grant_that_differs_is_told_in_words(changes: dict[str, Any], words: str) -> None:
    first, second = PLAN.grants
    (told,) = access_differences(
        PLAN,
        grants=(first.model_copy(update=changes), second),
        expected_support=None,
        support=None,
    )
    assert (told.system, told.field) == ("entitlements", "grants")
    assert told.planned.startswith("seats x5 (si_1) active from 2026-11-16T00:00:00+00:00 to no")
    assert words in told.found
    assert "no end, sso x1" in told.planned
    (none,) = access_differences(PLAN, grants=(), expected_support=None, support=None)
    assert none.found == "none"
