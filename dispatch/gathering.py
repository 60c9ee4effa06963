"""One act, one run: the events of one act are gathered before its saga begins, and an event that
tells what has been agreed already needs no saga."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from persistence import acknowledged
from persistence.change_queue import OURS, Claim
from persistence.database import Database


class Gathering:
    """`settling` is by tenant: for so many seconds after the first event of an act others are
    waited for, which the saga then takes in."""

    def __init__(self, database: Database, settling: Mapping[str, float]) -> None:
        self._database = database
        self._settling = settling

    async def needs_saga(self, claim: Claim) -> bool:
        """Once what belongs to it may have come; False where the change was settled instead. What
        we have asked for ourselves does not wait, and always needs one."""
        if claim.connection == OURS:
            return True
        age = (datetime.now(UTC) - claim.received_at).total_seconds()
        wait = self._settling.get(claim.tenant, 0.0) - max(age, 0.0)
        if wait > 0:
            await asyncio.sleep(wait)
        if not claim.told:
            return True
        async with self._database.statement() as conn:
            return not await acknowledged.settle(conn, claim.tenant, claim.change_id, claim.epoch)
