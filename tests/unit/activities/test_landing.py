"""How long a write may still land: a long document takes more."""

import pytest

from activities.effects import unbilled_effect
from canonical_models.ledgering import DraftLine, UnbilledDraft
from canonical_models.money import Money
from connectors.tryton.wanted import line_seconds
from persistence.ownership import Owner
from tests.harness.systems import Systems


@pytest.mark.parametrize("lines", [1, 150, 2000])
def test_what_is_shown_unbilled_is_given_its_time(lines: int) -> None:
    draft = UnbilledDraft(
        external_id="sub_1",
        legal_entity="LE-DE",
        party="C-1001",
        currency="EUR",
        lines=tuple(
            DraftLine(line_id=f"ii_{n}", item="PRO", net=Money(minor=100, currency="EUR"))
            for n in range(lines)
        ),
    )
    tenant = Systems(lands_within=60).tenant
    effect = unbilled_effect(tenant, Owner("acme", "chg_1", 0), "sub_1", draft)
    # A quarter of it may pass before the request goes out. The settings see to that without lines.
    assert (effect.lands_within - tenant.lands("erp")) * 0.75 > line_seconds(lines)
