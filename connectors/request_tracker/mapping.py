"""Support entitlements as custom fields of a customer's asset, and back; tickets as cases. Pure.

The tier is text as it is, the contract end text in RFC 3339 (UTC, whole seconds): a field of the
type date would lose the time of day. Features are values of one field.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from canonical_models.base import Identifier
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.failures import ContractDrift
from canonical_models.support import Deadline, SlaPolicy, SupportCase
from connectors.request_tracker import SYSTEM
from connectors.request_tracker.options import RequestTrackerOptions
from connectors.request_tracker.wire import Asset, Ticket

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)

#: Of an asset that people have removed: it stays, and no search finds it.
DELETED = "deleted"


def normalised(entitlement: SupportEntitlement) -> SupportEntitlement:
    """As Request Tracker can hold it: whole seconds in UTC, features sorted and named once."""
    end = entitlement.contract_end
    return entitlement.model_copy(
        update={
            "contract_end": None if end is None else _whole_second(end),
            "features": tuple(sorted(set(entitlement.features))),
        }
    )


def fields_of(
    entitlement: SupportEntitlement, options: RequestTrackerOptions
) -> dict[str, str | list[str] | None]:
    """Values by the name of the custom field that say `entitlement`; None empties one."""
    held = normalised(entitlement)
    end = held.contract_end
    said: dict[str, str | list[str] | None] = {
        options.tier_field: held.tier,
        options.contract_end_field: None
        if end is None
        else end.isoformat(timespec="seconds").replace("+00:00", "Z"),
        options.features_field: list(held.features),
    }
    if options.context_url is not None:
        said[options.context_field] = context_link(held.organization, options.context_url)
    return said


def context_link(organization: str, address: str) -> str:
    """Where all is seen that is known of the organisation's customer."""
    return f"{address.rstrip('/')}/v1/support/context?organization={quote(organization, safe='')}"


def name_of(profile: AccountProfile) -> str:
    """The name of the customer's asset, which holds 255 characters."""
    return " ".join(profile.name.split())[:255].rstrip()


def external_id_of(found: Asset, field: str) -> str | None:
    values = values_of(found, field)
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def shows(found: Asset, field: str, wanted: str | list[str] | None) -> bool:
    """Whether the asset holds just that."""
    held = sorted(str(value) for value in values_of(found, field))
    if wanted is None:
        return not held
    return held == (sorted(wanted) if isinstance(wanted, list) else [wanted])


def doubles(found: Asset, field: str, wanted: str | list[str] | None) -> bool:
    """Whether the asset holds all of that and nothing else, some of it more than once."""
    held = {str(value) for value in values_of(found, field)}
    return isinstance(wanted, list) and held == set(wanted)


def organization_of(
    found: Asset, external_id: str, options: RequestTrackerOptions
) -> SupportOrganization:
    """What Request Tracker holds for the customer that we know by `external_id`. Raises
    ContractDrift, with the name of the field, for a value that is no tier, time or feature."""
    return SupportOrganization(
        organization_id=str(found.id),
        entitlement=SupportEntitlement(
            organization=external_id,
            tier=_tier(found, options.tier_field),
            contract_end=_contract_end(found, options.contract_end_field),
            features=_features(found, options.features_field),
        ),
        url=options.asset_url(found.id),
    )


def cases_of(tickets: Iterable[Ticket], options: RequestTrackerOptions) -> tuple[SupportCase, ...]:
    """Of promises Request Tracker tells one: when the next of them is due."""
    return tuple(
        SupportCase(
            case_id=str(ticket.id),
            subject=(ticket.subject or "")[:500] or None,
            status=ticket.status[:40],
            priority=ticket.priority[:40] if ticket.priority else None,
            opened_at=ticket.created,
            deadlines=()
            if ticket.due is None
            else (Deadline(metric="due", stage="active", breach_at=ticket.due),),
            url=options.ticket_url(ticket.id),
        )
        for ticket in tickets
    )


def sla_of(tier: str | None, options: RequestTrackerOptions) -> SlaPolicy | None:
    """The level that tickets of the tier are to have; what it promises is not told."""
    level = None if tier is None else options.sla_levels.get(tier)
    return None if level is None else SlaPolicy(title=level, targets=(), conditional=True)


def _tier(found: Asset, field: str) -> str | None:
    text = _text(found, field)
    return None if text is None else _identifier(found, field, text)


def _contract_end(found: Asset, field: str) -> datetime | None:
    text = _text(found, field)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise _misfit(found, field, "a time in RFC 3339") from None
    return _whole_second(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _features(found: Asset, field: str) -> tuple[str, ...]:
    texts = (_string(found, field, value).strip() for value in values_of(found, field))
    return tuple(sorted({_identifier(found, field, text) for text in texts if text}))


def _text(found: Asset, field: str) -> str | None:
    """None where it is empty, or was never written."""
    values = values_of(found, field)
    if len(values) > 1:
        raise _misfit(found, field, "one value")
    return _string(found, field, values[0]).strip() or None if values else None


def values_of(found: Asset, field: str) -> list[Any]:
    """A value that was emptied is told as null."""
    for one in found.fields:
        if one.name == field:
            return [value for value in one.values if value is not None]
    return []


def _string(found: Asset, field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _misfit(found, field, "text")
    return value


def _identifier(found: Asset, field: str, text: str) -> str:
    try:
        return _IDENTIFIER.validate_python(text)
    except ValidationError:
        raise _misfit(found, field, "made of identifiers") from None


def _misfit(found: Asset, field: str, wanted: str) -> ContractDrift:
    return ContractDrift(
        f"Request Tracker's asset {found.id} has a value in the custom field {field!r} that is not "
        f"{wanted}: empty the field in Request Tracker, or see that it is a text field that only "
        "Trueup fills, then retry",
        system=SYSTEM,
        payload_path=f"$.CustomFields.{field}",
    )


def _whole_second(instant: datetime) -> datetime:
    # In the first and last hours of the calendar there may be no UTC; the offset stays then.
    with suppress(OverflowError):
        instant = instant.astimezone(UTC)
    return instant.replace(microsecond=0)
