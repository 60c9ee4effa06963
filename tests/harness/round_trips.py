"""How often somebody waits for rows of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import PipelineStatus


@contextmanager
def counted() -> Iterator[list[str]]:
    """Each of them, as it happens: a statement that is sent alone, or `together` for all that were
    sent before the first was answered. The pool's look whether a connection lives is left out, and
    so is what begins, commits and ends without rows."""
    trips: list[str] = []
    executed, waited = AsyncCursor.execute, AsyncConnection.wait

    async def execute(self: Any, query: Any, *given: Any, **more: Any) -> Any:
        alone = self.connection.pgconn.pipeline_status == PipelineStatus.OFF
        if alone and query != "select 1":
            trips.append(str(query))
        return await executed(self, query, *given, **more)

    async def wait(self: Any, gen: Any, *given: Any, **more: Any) -> Any:
        if getattr(gen, "__name__", "") == "_fetch_gen" and self._pipeline.result_queue:
            trips.append("together")
        return await waited(self, gen, *given, **more)

    with patch.object(AsyncCursor, "execute", execute), patch.object(AsyncConnection, "wait", wait):
        yield trips
