"""What every canonical model shares: immutable, strict, and closed to unknown fields."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints


class Canonical(BaseModel):
    """A frozen value in Trueup's own language; no vendor's word appears below this class."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


#: An identifier as another system issued it: opaque, 1 to 255 printable characters.
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")]

#: A short slug that people choose: tenant, connection, feature, tier.
Slug = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9_-]*$")
]

#: A point in time; naive datetimes are refused because two systems would read them differently.
Instant = AwareDatetime


def isoformat(instant: datetime) -> str:
    """RFC 3339 in whole seconds, as people and vendors read it."""
    return instant.isoformat(timespec="seconds")
