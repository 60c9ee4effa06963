"""Proof that an outcome happened: the plan against what every system says afterwards."""

from canonical_models.amendment import AmendmentPlan
from canonical_models.base import Canonical
from canonical_models.entitlement import Grant, SupportEntitlement, SupportOrganization
from canonical_models.ledgering import Document, DocumentState


class Difference(Canonical):
    """Both sides of one field that does not agree."""

    system: str
    field: str
    planned: str
    found: str

    def __str__(self) -> str:
        return f"{self.system} {self.field}: planned {self.planned}, found {self.found}"


def differences(
    plan: AmendmentPlan,
    *,
    document: Document | None,
    grants: tuple[Grant, ...],
    expected_support: SupportEntitlement | None,
    support: SupportOrganization | None,
) -> tuple[Difference, ...]:
    """Empty when all agree. Net totals agree to the minor unit; tax within rounding by line.

    `expected_support` is the merge of all shares now: another subscription of the customer may
    have changed since the plan. None when support was not touched.
    """
    found = [*_document(plan, document)]
    if set(grants) != set(plan.grants):
        found.append(_differs("entitlements", "grants", _named(plan.grants), _named(grants)))
    shown = support.entitlement if support else None
    if expected_support is not None and shown != expected_support:
        found.append(_differs("support", plan.organization, _json(expected_support), _json(shown)))
    return tuple(found)


def _document(plan: AmendmentPlan, document: Document | None) -> list[Difference]:
    if plan.document is None:
        return []
    if document is None:
        return [_differs("erp", plan.document.reference, "a posted document", "none")]
    found = []
    if document.state not in (DocumentState.POSTED, DocumentState.PAID):
        found.append(_differs("erp", "state", "posted", document.state.value))
    if document.net != plan.document.net:
        found.append(_differs("erp", "net total", str(plan.document.net), str(document.net)))
    if document.legal_entity != plan.document.legal_entity:
        found.append(
            _differs("erp", "legal entity", plan.document.legal_entity, document.legal_entity)
        )
    tax = plan.expected_tax
    if tax is not None and (
        tax.currency != document.tax.currency
        or abs(tax.minor - document.tax.minor) > len(plan.document.lines)
    ):
        found.append(_differs("erp", "tax", str(tax), str(document.tax)))
    return found


def _differs(system: str, field: str, planned: str, found: str) -> Difference:
    return Difference(system=system, field=field, planned=planned, found=found)


def _json(support: SupportEntitlement | None) -> str:
    return support.model_dump_json() if support else "no organisation"


def _named(grants: tuple[Grant, ...]) -> str:
    return ", ".join(sorted(f"{g.feature} x{g.quantity} ({g.source_id})" for g in grants)) or "none"
