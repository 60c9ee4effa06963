"""Statements written out, for the path that every change takes.

The tables are what `persistence.tables` says. A statement through the ORM costs several times the
CPU of the same statement given to the driver, and a saga has dozens of them.
"""

from typing import Any, cast

from psycopg import AsyncConnection
from sqlmodel.ext.asyncio.session import AsyncSession

Connection = AsyncConnection[tuple[Any, ...]]
#: A transaction that is under way, of either kind.
Transaction = AsyncSession | Connection

_KEPT = "trueup.driver"


async def connection_of(transaction: Transaction) -> Connection:
    """The connection of the transaction: what is done on it is part of it."""
    if isinstance(transaction, AsyncConnection):
        return transaction
    if _KEPT not in transaction.info:
        connection = await (await transaction.connection()).get_raw_connection()
        transaction.info[_KEPT] = connection.driver_connection
    return cast("Connection", transaction.info[_KEPT])
