"""Database and namespace belong together: a dispatcher that looked for the sagas of one in another
would find none of them, and begin all anew beside those that are open."""

from datetime import timedelta

import structlog
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from persistence import namespace
from persistence.database import Database
from runtime.settings import SettingsError

log = structlog.get_logger()

_ANSWER = timedelta(seconds=10)


async def require_same_namespace(database: Database, client: Client, *, moved: bool) -> None:
    """Raises SettingsError where the changes of this database are carried out elsewhere, unless
    they have `moved` here. The first start says where that is."""
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=_ANSWER
    )
    ours = (client.namespace, found.namespace_info.id)
    async with database.transaction() as conn:
        if moved:
            await namespace.moved(conn, *ours)
        name, known = await namespace.kept(conn, *ours)
    if known == ours[1]:
        return
    raise SettingsError(
        f"the changes of this database are carried out in namespace {name} ({known}), and "
        f"temporal.namespace leads to {ours[0]} ({ours[1]}): every open saga would be taken for "
        "lost. Correct temporal.address and temporal.namespace; or, where the store was lost or "
        "moved for good and no worker runs on the old one, run `trueup recover`, which has every "
        "open change carried out anew here"
    )


async def other_name(database: Database, client: Client) -> str | None:
    """None where this namespace has the name of the one that the changes are carried out in, or
    there is none yet; else that name."""
    async with database.statement() as conn:
        name = await namespace.known(conn)
    return None if name in (None, client.namespace) else name
