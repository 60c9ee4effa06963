"""What a Zendesk connection says beside its address and its token."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    model_validator,
)

from connectors.config import ConnectionConfig

#: Zendesk allows letters, digits and underscores, and not digits alone.
FieldKey = Annotated[
    str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*$")
]
WebAddress = Annotated[str, StringConstraints(max_length=255, pattern=r"^https?://[!-~]+$")]


class ZendeskOptions(BaseModel):
    """`options` of a connection of vendor `zendesk`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    #: The OAuth client whose tokens are used; its secret is `client_secret`.
    client_id: Annotated[str, StringConstraints(max_length=255, pattern=r"^[!-~]+$")] | None = None
    #: Without a client: the agent or administrator whose API token it is.
    email: (
        Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\s:@/]+@[^\s:@/]+$")] | None
    ) = None
    tier_field: FieldKey = "trueup_support_tier"
    contract_end_field: FieldKey = "trueup_contract_end"
    features_field: FieldKey = "trueup_features"
    #: Of the organisation, for the link to all that is known of its customer.
    context_field: FieldKey = "trueup_context"
    #: The address of our API as agents reach it; None: no link is shown.
    context_url: WebAddress | None = None
    #: Whether open tickets take the tag of a new tier in place of that of the one before.
    open_tickets: Literal["keep", "follow"] = "keep"
    #: What the tag of a tier begins with; the tag of the tier before is the only one removed.
    tier_tag_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")] = "sla_"
    #: Where agents work, for links to an organisation; `of` takes the connection's own address.
    agent_url: WebAddress

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if len(set(self.field_keys)) < len(self.field_keys):
            raise ValueError(
                "tier_field, contract_end_field, features_field and context_field must differ"
            )
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.client_id is None) == (self.email is None):
            raise ValueError(
                "give client_id, of an OAuth client, or email, of the owner of an API token"
            )
        return self

    @property
    def fields(self) -> tuple[tuple[str, str, str], ...]:
        """Key, title and type of the organisation fields that Trueup writes."""
        of = (
            (self.tier_field, "Support tier", "text"),
            (self.contract_end_field, "Contract end", "text"),
            # A list of features outgrows a line.
            (self.features_field, "Features", "textarea"),
            (self.context_field, "All that is known of the customer", "text"),
        )
        return tuple(each for each in of if each[0] in self.field_keys)

    @property
    def field_keys(self) -> tuple[str, ...]:
        """Keys of the organisation fields that Trueup writes."""
        link = () if self.context_url is None else (self.context_field,)
        return (self.tier_field, self.contract_end_field, self.features_field, *link)

    @classmethod
    def of(cls, config: ConnectionConfig) -> Self:
        """Raises ValueError as `options_as` does."""
        return config.options_as(cls, agent_url=config.base_url)
