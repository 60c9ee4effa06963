"""Connections to vendors: which are away, how many calls at once each takes, and which worker posts
for a legal entity."""

from canonical_models.base import Canonical
from operations.context import AppContext
from persistence import breakers, lanes
from persistence.breakers import ConnectionView
from persistence.lanes import LaneView


class Connections(Canonical):
    """Those that a worker has looked at, by name. `lanes` are there where the ERP wants one to post
    for a legal entity at a time."""

    items: tuple[ConnectionView, ...]
    lanes: tuple[LaneView, ...]


async def list_(context: AppContext, tenant: str) -> Connections:
    async with context.database.statement() as conn:
        return Connections(
            items=await breakers.of_tenant(conn, tenant),
            lanes=await lanes.of_tenant(conn, tenant),
        )
