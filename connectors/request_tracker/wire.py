"""Request Tracker's objects as they travel: only the members we read, each checked for its type.

Source: RT::REST2's own documentation, https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html. Ids
are numbers on an object and text in a list. Members that we do not read are ignored.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field


def _number(said: object) -> object:
    return int(said) if isinstance(said, str) and said.isascii() and said.isdigit() else said


def _time(said: object) -> object:
    """What was never set is told as the beginning of Unix time."""
    if not isinstance(said, str):
        return said
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return said
    return None if found == datetime(1970, 1, 1, tzinfo=UTC) else found


RecordId = Annotated[int, BeforeValidator(_number), Field(ge=1)]
#: 1 or 0, as a number or as text.
Switch = Annotated[int, BeforeValidator(_number)]
Time = Annotated[AwareDatetime | None, BeforeValidator(_time)]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Version(Wire):
    version: str = Field(alias="Version")


class Made(Wire):
    id: RecordId


class Values(Wire):
    """A custom field as an object shows it. What a value may be depends on the field's type, and
    `mapping` looks at ours alone."""

    id: RecordId
    name: str
    values: list[Any]


class Asset(Wire):
    id: RecordId
    name: str | None = Field(default=None, alias="Name")
    status: str = Field(alias="Status")
    catalog: Made = Field(alias="Catalog")
    updated: Time = Field(default=None, alias="LastUpdated")
    fields: list[Values] = Field(default_factory=list, alias="CustomFields")


class Assets(Wire):
    items: list[Asset]
    #: None: we may not see all catalogs.
    total: int | None = None


class Catalog(Wire):
    id: RecordId
    name: str = Field(alias="Name")
    disabled: Switch = Field(alias="Disabled")


class Catalogs(Wire):
    items: list[Catalog]


class CustomField(Wire):
    id: RecordId
    name: str = Field(alias="Name")
    type: str = Field(alias="Type")
    most_values: Switch = Field(alias="MaxValues")
    unique: Switch = Field(default=0, alias="UniqueValues")
    disabled: Switch = Field(alias="Disabled")
    of: str = Field(alias="LookupType")


class CustomFields(Wire):
    items: list[CustomField]


class Transaction(Wire):
    id: RecordId
    asset: RecordId = Field(alias="ObjectId")


class Transactions(Wire):
    items: list[Transaction]


class Ticket(Wire):
    id: RecordId
    subject: str | None = Field(default=None, alias="Subject")
    status: str = Field(alias="Status")
    priority: str | None = Field(default=None, alias="Priority")
    level: str | None = Field(default=None, alias="SLA")
    due: Time = Field(default=None, alias="Due")
    created: Time = Field(default=None, alias="Created")


class Tickets(Wire):
    items: list[Ticket]
    #: None: we may not see all queues.
    total: int | None = None


class ErrorAnswer(Wire):
    """What went wrong, in words for people, which are never read."""

    message: str
