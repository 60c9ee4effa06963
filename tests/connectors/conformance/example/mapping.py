"""Deskling's clients and cases in canonical words, and back. Pure."""

from datetime import UTC
from typing import Any

from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.reconciliation import Facts
from canonical_models.support import SupportCase
from tests.connectors.conformance.example.wire import Case, Changes, Client


def organization_of(client: Client, reference: str) -> SupportOrganization:
    return SupportOrganization(
        organization_id=str(client.id), entitlement=entitlement_of(client, reference)
    )


def entitlement_of(client: Client, reference: str) -> SupportEntitlement:
    return SupportEntitlement(
        organization=reference,
        tier=client.plan,
        contract_end=client.plan_ends,
        features=tuple(sorted(set(client.features))),
    )


def changes_of(entitlement: SupportEntitlement) -> dict[str, Any]:
    end = entitlement.contract_end
    return {
        "plan": entitlement.tier,
        "plan_ends": None if end is None else end.astimezone(UTC).isoformat(timespec="seconds"),
        "features": sorted(set(entitlement.features)),
    }


def case_of(case: Case) -> SupportCase:
    return SupportCase(
        case_id=str(case.number),
        subject=case.title[:500] or None,
        status="open",
        priority=case.urgency[:40],
        opened_at=case.opened,
    )


def facts_of(page: Changes) -> Facts:
    """A client without a reference is nobody's that we know."""
    known = [each for each in page.clients if each.reference]
    return Facts(
        organizations=tuple(entitlement_of(each, each.reference or "") for each in known),
        gone=page.removed,
        next=str(page.next),
        more=page.more,
    )
