"""Support entitlements as organisation fields and tags, and back. Pure.

Text is the one kind of field that holds all three without loss: the tier as it is, the contract
end in RFC 3339 (UTC, whole seconds), the features sorted and joined by commas, with commas and
per cent signs inside a feature written as RFC 3986 escapes.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from pydantic import TypeAdapter, ValidationError

from canonical_models.base import Identifier
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.failures import ContractDrift
from connectors.zendesk import SYSTEM
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.wire import Organization

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def normalised(entitlement: SupportEntitlement) -> SupportEntitlement:
    """As Zendesk can hold it: whole seconds in UTC, features sorted and named once."""
    end = entitlement.contract_end
    return entitlement.model_copy(
        update={
            "contract_end": None if end is None else _whole_second(end),
            "features": tuple(sorted(set(entitlement.features))),
        }
    )


def fields_of(entitlement: SupportEntitlement, options: ZendeskOptions) -> dict[str, str | None]:
    """The organisation fields that say `entitlement`; None empties a field."""
    held = normalised(entitlement)
    end = None if held.contract_end is None else _instant_text(held.contract_end)
    said = {
        options.tier_field: held.tier,
        options.contract_end_field: end,
        options.features_field: ",".join(map(_escaped, held.features)) or None,
    }
    if options.context_url is not None:
        said[options.context_field] = context_link(held.organization, options.context_url)
    return said


def context_link(organization: str, address: str) -> str:
    """Where all is seen that is known of the organisation's customer."""
    return f"{address.rstrip('/')}/v1/support/context?organization={quote(organization, safe='')}"


def tags_of(found: Organization, tier: str | None, options: ZendeskOptions) -> list[str]:
    """Its tags with the one of `tier`, which SLA policies look at, in place of that of the tier
    that was shown before. All others stay: what an agent has set is an agent's, whatever it is
    called."""
    before, after = tags_of_tiers(found, tier, options)
    kept = [tag for tag in found.tags if tag == after or tag != before]
    return kept if after is None or after in kept else [*kept, after]


def tags_of_tiers(
    found: Organization, tier: str | None, options: ZendeskOptions
) -> tuple[str | None, str | None]:
    """The tag of the tier that it shows, and that of `tier`."""
    shown = (found.organization_fields or {}).get(options.tier_field)
    before = tier_tag(shown.strip(), options) if isinstance(shown, str) and shown.strip() else None
    return before, None if tier is None else tier_tag(tier, options)


def tier_tag(tier: str, options: ZendeskOptions) -> str:
    """Zendesk takes letters, digits, underscores and dashes, all in lower case."""
    return options.tier_tag_prefix + re.sub(r"[^a-z0-9_-]", "_", tier.lower())


def name_of(profile: AccountProfile) -> str:
    """The name of the customer's organisation; Zendesk trims it as well."""
    return " ".join(profile.name.split())


def same_name(one: str, other: str) -> bool:
    """Names are unique at Zendesk, and it does not tell upper from lower case."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def missing_fields(answered: Organization, options: ZendeskOptions) -> list[str]:
    """Keys that the account does not know: Zendesk leaves those out without a word."""
    present = answered.organization_fields or {}
    return [key for key in options.field_keys if key not in present]


def organization_of(
    found: Organization, external_id: str, options: ZendeskOptions, *, at: str
) -> SupportOrganization:
    """What Zendesk holds for the organisation that we know by `external_id`.

    `at` is the path of `found` in the answer. Raises ContractDrift with the path of a field that
    was filled with something that is no tier, time or list of features.
    """
    reader = _Fields(found, f"{at}.organization_fields")
    return SupportOrganization(
        organization_id=str(found.id),
        entitlement=SupportEntitlement(
            organization=external_id,
            tier=reader.tier(options.tier_field),
            contract_end=reader.contract_end(options.contract_end_field),
            features=reader.features(options.features_field),
        ),
        url=f"{options.agent_url.rstrip('/')}/agent/organizations/{found.id}",
    )


class _Fields:
    """Reads our fields of one organisation; `path` says where they are in the answer."""

    def __init__(self, found: Organization, path: str) -> None:
        self._id = found.id
        self._values: dict[str, Any] = found.organization_fields or {}
        self._path = path

    def tier(self, key: str) -> str | None:
        text = self._text(key)
        return None if text is None else self._identifier(key, text)

    def contract_end(self, key: str) -> datetime | None:
        text = self._text(key)
        if text is None:
            return None
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            raise self._misfit(key, "a time in RFC 3339") from None
        # Zendesk's own times are in UTC, also where a date stands alone.
        return _whole_second(instant if instant.tzinfo else instant.replace(tzinfo=UTC))

    def features(self, key: str) -> tuple[str, ...]:
        parts = (part.strip() for part in (self._text(key) or "").split(","))
        return tuple(sorted({self._identifier(key, unquote(part)) for part in parts if part}))

    def _text(self, key: str) -> str | None:
        """The field's text; None where it is empty, or was never written."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._misfit(key, "text")
        return value.strip() or None

    def _identifier(self, key: str, text: str) -> str:
        try:
            return _IDENTIFIER.validate_python(text)
        except ValidationError:
            raise self._misfit(key, "made of identifiers") from None

    def _misfit(self, key: str, wanted: str) -> ContractDrift:
        return ContractDrift(
            f"Zendesk's organisation {self._id} has a value in the field {key!r} that is not "
            f"{wanted}: empty the field in Zendesk or see that it is a text field that only "
            "Trueup fills, then retry",
            system=SYSTEM,
            payload_path=f"{self._path}.{key}",
        )


def _whole_second(instant: datetime) -> datetime:
    # In the first and last hours of the calendar there may be no UTC; the offset stays then.
    with suppress(OverflowError):
        instant = instant.astimezone(UTC)
    return instant.replace(microsecond=0)


def _instant_text(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def _escaped(feature: str) -> str:
    return feature.replace("%", "%25").replace(",", "%2C")
