"""Master data that people keep: what billing's customers and items are called elsewhere."""

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant, Slug
from canonical_models.documents import BillingLine
from canonical_models.term import TimeZone

#: The item mapping for what no other one names. Documents say where it was used.
DEFAULT_ITEM = "*"


class AccountMapping(Canonical):
    """Billing customer = ERP party = support organisation, valid from `valid_from` on."""

    billing_customer: Identifier
    erp_party: Identifier
    support_organization: Identifier
    legal_entity: Identifier
    valid_from: Instant | None = None
    #: Where the contract was signed; the tenant's own zone where it is None.
    time_zone: TimeZone | None = None


class AccountPlace(Canonical):
    """Where a customer's account stands among others, by billing's ids: `parent` is the account
    above it, `payer` who pays for it, None where it does itself; `external_ids` is what other
    programs call it, by the program. Billing decides whose documents are whose: this is carried
    and shown, and books nothing elsewhere."""

    customer_id: Identifier
    parent: Identifier | None = None
    payer: Identifier | None = None
    external_ids: dict[Slug, Identifier] = Field(default_factory=dict, max_length=20)


class ItemMapping(Canonical):
    """What a billing item is elsewhere: the ERP item, the features it grants and its support tier.

    `item` is the id of a price or product, `name=value` of a line's metadata, or DEFAULT_ITEM.
    `per_unit` features are granted in the subscribed quantity, `included` ones once.
    """

    item: Identifier
    erp_item: Identifier
    per_unit: tuple[Identifier, ...] = ()
    included: tuple[Identifier, ...] = ()
    support_tier: Identifier | None = None


def keys_of(line: BillingLine) -> tuple[str, ...]:
    """The keys of item mappings that may name a line, in the order in which the first match wins:
    its price, its metadata by name, its product, the default."""
    said = (f"{name}={value}" for name, value in sorted(line.metadata.items()) if name and value)
    return (*((line.price,) if line.price else ()), *said, line.item, DEFAULT_ITEM)
