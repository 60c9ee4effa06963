"""The faults of a target, by customer."""

from typing import Annotated

from pydantic import Field

from sandbox.simulators import faults


class Fault(faults.Fault):
    customer_id: str | None = None
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    #: With `status`: the JSON body to answer.
    body: object = None

    def matches(self, method: str, where: str) -> bool:
        return self.method in (None, method) and self.customer_id in (None, where)


class Faults(faults.Faults[Fault]):
    """Of a target."""
