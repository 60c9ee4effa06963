"""Zendesk's objects as they travel: only the members we read, each checked for its type.

Source: https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/ and
.../organization_fields/. Members that we do not read are ignored, so that Zendesk may add some.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from connectors.words import known

RecordId = Annotated[int, Field(ge=1)]


def _time(said: object) -> object:
    try:
        return datetime.fromisoformat(said) if isinstance(said, str) else said
    except ValueError:
        return said


#: ISO 8601.
Time = Annotated[AwareDatetime, BeforeValidator(_time)]


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


class ExportedOrganization(Organization):
    deleted_at: str | None = None


class ExportedOrganizations(Wire):
    """`end_time` is from when on the next page tells (Unix seconds); None where nothing is told."""

    organizations: list[ExportedOrganization]
    end_time: int | None
    end_of_stream: bool


class OrganizationAnswer(Wire):
    organization: Organization


class OrganizationMerge(Wire):
    loser_id: RecordId
    winner_id: RecordId
    status: Annotated[
        str,
        known(
            "organization_merges.status",
            ("new", "in_progress", "in progress", "complete", "error"),
            "read as not complete",
        ),
    ]


class OrganizationMergesAnswer(Wire):
    organization_merges: list[OrganizationMerge]


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


class SlaClock(Wire):
    metric: str
    stage: str
    breach_at: Time | None = None


class SlaClocks(Wire):
    policy_metrics: list[SlaClock] = []


class Ticket(Wire):
    id: RecordId
    subject: str | None = None
    status: Annotated[
        str,
        known(
            "tickets.status",
            ("new", "open", "pending", "hold", "solved", "closed"),
            "read as an open case",
        ),
    ]
    priority: str | None = None
    created_at: Time
    updated_at: str = ""
    tags: list[str] = []
    #: Side-loaded, and absent in accounts without SLA policies.
    slas: SlaClocks | None = None


class TicketsPage(Wire):
    tickets: list[Ticket]
    meta: PageMeta


class SlaCondition(Wire):
    field: str | None = None
    operator: str | None = None
    value: Any = None


class SlaFilter(Wire):
    all: list[SlaCondition] | None = None
    any: list[SlaCondition] | None = None


class SlaMetric(Wire):
    priority: str
    metric: str
    target: Annotated[int, Field(ge=0)]
    business_hours: bool = False


class WireSlaPolicy(Wire):
    title: str
    position: int | None = None
    filter: SlaFilter
    policy_metrics: list[SlaMetric] | None = None


class SlaPoliciesAnswer(Wire):
    sla_policies: list[WireSlaPolicy]


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
