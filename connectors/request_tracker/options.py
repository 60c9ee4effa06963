"""What a Request Tracker connection says beside its address and its token."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from canonical_models.base import Identifier
from connectors.config import ConnectionConfig

#: Of a catalog or a custom field. Digits alone would be read as an id.
Named = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z][A-Za-z0-9 ._-]*$")]
Level = Annotated[str, StringConstraints(min_length=1, max_length=64)]
WebAddress = Annotated[str, StringConstraints(max_length=255, pattern=r"^https?://[!-~]+$")]


class RequestTrackerOptions(BaseModel):
    """`options` of a connection of vendor `request_tracker`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    #: Of the assets that stand for customers.
    catalog: Named = "Customers"
    #: Custom fields of these assets. The first holds our id of the customer.
    customer_field: Named = "Trueup customer"
    tier_field: Named = "Trueup support tier"
    contract_end_field: Named = "Trueup contract end"
    features_field: Named = "Trueup features"
    #: For the link to all that is known of the customer.
    context_field: Named = "Trueup context"
    #: The address of our API as agents reach it; None: no link is shown.
    context_url: WebAddress | None = None
    #: By tier, the service level that tickets of the customer have.
    sla_levels: dict[Identifier, Level] = Field(default_factory=dict)
    #: Whether the open tickets that are linked to a customer take the level of a new tier.
    open_tickets: Literal["keep", "follow"] = "keep"
    #: Where agents work, for links; `of` takes the connection's own address.
    agent_url: WebAddress

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if len(set(self.field_names)) < len(self.field_names):
            raise ValueError(
                "customer_field, tier_field, contract_end_field, features_field and context_field "
                "must differ"
            )
        return self

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if self.open_tickets == "follow" and not self.sla_levels:
            raise ValueError("open_tickets = follow takes sla_levels: a service level by tier")
        return self

    @property
    def fields(self) -> tuple[tuple[str, int, bool], ...]:
        """Name, most values (0: any number) and whether no two assets share one, of the custom
        fields that Trueup writes."""
        link = () if self.context_url is None else ((self.context_field, 1, False),)
        return (
            (self.customer_field, 1, True),
            (self.tier_field, 1, False),
            (self.contract_end_field, 1, False),
            (self.features_field, 0, False),
            *link,
        )

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.fields)

    def asset_url(self, asset: int) -> str:
        """Where people see the asset."""
        return f"{self.agent_url.rstrip('/')}/Asset/Display.html?id={asset}"

    def ticket_url(self, ticket: int) -> str:
        return f"{self.agent_url.rstrip('/')}/Ticket/Display.html?id={ticket}"

    @classmethod
    def of(cls, config: ConnectionConfig) -> Self:
        """Raises ValueError as `options_as` does."""
        return config.options_as(cls, agent_url=config.base_url)
