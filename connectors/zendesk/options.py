"""What a Zendesk connection says beside its address and its token."""

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from connectors.config import ConnectionConfig
from connectors.refusals import fault_of

#: Zendesk allows letters, digits and underscores, and not digits alone.
FieldKey = Annotated[
    str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*$")
]
WebAddress = Annotated[str, StringConstraints(max_length=255, pattern=r"^https?://[!-~]+$")]


class ZendeskOptions(BaseModel):
    """`options` of a connection of vendor `zendesk`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    #: The agent or administrator whose API token it is.
    email: Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\s:@/]+@[^\s:@/]+$")]
    tier_field: FieldKey = "trueup_support_tier"
    contract_end_field: FieldKey = "trueup_contract_end"
    features_field: FieldKey = "trueup_features"
    #: All tags that begin so are ours: one is set for the tier, the others are removed.
    tier_tag_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")] = "sla_"
    #: Where agents work, for links to an organisation; `of` takes the connection's own address.
    agent_url: WebAddress

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if len(set(self.field_keys)) < len(self.field_keys):
            raise ValueError("tier_field, contract_end_field and features_field must differ")
        return self

    @property
    def field_keys(self) -> tuple[str, str, str]:
        """Keys of the organisation fields that Trueup writes."""
        return (self.tier_field, self.contract_end_field, self.features_field)

    @classmethod
    def of(cls, config: ConnectionConfig) -> Self:
        """Raises ValueError naming the connection and the option, never its value."""
        given: dict[str, Any] = {"agent_url": config.base_url, **config.options}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            path, reason = fault_of(error)
            raise ValueError(
                f"connection {config.name!r} ({config.vendor}): option {path.removeprefix('$.')} "
                f"does not fit: {reason}"
            ) from None
