"""Zendesk's objects as they travel: only the members we read, each checked for its type.

Source: https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/ and
.../organization_fields/. Members that we do not read are ignored, so that Zendesk may add some.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

RecordId = Annotated[int, Field(ge=1)]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Organization(Wire):
    id: RecordId
    external_id: str | None
    tags: list[str]
    #: By key; what a value may be depends on the field's type, and `mapping` looks at ours alone.
    organization_fields: dict[str, Any] | None


class NamedOrganization(Organization):
    name: str


class OrganizationAnswer(Wire):
    organization: Organization


class OrganizationsAnswer(Wire):
    organizations: list[Organization]


class NamedOrganizationsAnswer(Wire):
    organizations: list[NamedOrganization]


class OrganizationField(Wire):
    key: str
    active: bool


class PageMeta(Wire):
    has_more: bool
    after_cursor: str | None = None


class OrganizationFieldsPage(Wire):
    organization_fields: list[OrganizationField]
    meta: PageMeta


class OrganizationFieldAnswer(Wire):
    organization_field: OrganizationField


class NamedError(Wire):
    error: str | None = None


class ErrorTitle(Wire):
    title: str


class ErrorCode(Wire):
    code: str


class ErrorAnswer(Wire):
    """Zendesk's three shapes of an error; descriptions are for people and never read."""

    error: str | ErrorTitle | None = None
    errors: list[ErrorCode] | None = None
    details: dict[str, list[NamedError]] | None = None
