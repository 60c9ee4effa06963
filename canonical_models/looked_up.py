"""What a system has of a kind, as people look it up by a part of its id or name."""

from pydantic import Field

from canonical_models.base import Canonical

#: As many as are shown of one question.
MOST = 20


class LookedUp(Canonical):
    """`id` is what it is named by in a mapping or decision, `name` what people call it. `blocked`
    says in words why it cannot be used as it is; None where nothing is known against it."""

    #: A tax code of the ERP has blanks in it.
    id: str = Field(min_length=1, max_length=255)
    name: str = Field(max_length=300)
    blocked: str | None = Field(default=None, max_length=200)
