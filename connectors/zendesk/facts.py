"""What organisations show, as facts. Pure."""

from canonical_models.entitlement import SupportEntitlement
from canonical_models.reconciliation import Facts
from connectors.zendesk.mapping import organization_of
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.wire import ExportedOrganizations


def position(after: str | None) -> int:
    """From when on to export (Unix seconds). Raises ValueError for what is no cursor."""
    return 0 if after is None else int(after)


def facts_of(page: ExportedOrganizations, since: int, options: ZendeskOptions) -> Facts:
    """One without an external id is nobody's that we know. Raises ContractDrift as a single look
    does."""
    shown: dict[str, SupportEntitlement] = {}
    gone: list[str] = []
    for index, found in enumerate(page.organizations):
        if not found.external_id:
            continue
        if found.deleted_at is not None:
            gone.append(found.external_id)
            shown.pop(found.external_id, None)
            continue
        told = organization_of(found, found.external_id, options, at=f"$.organizations[{index}]")
        shown[found.external_id] = told.entitlement
    return Facts(
        organizations=tuple(shown.values()),
        gone=tuple(key for key in gone if key not in shown),
        next=str(since if page.end_time is None else page.end_time),
        more=not page.end_of_stream,
    )
