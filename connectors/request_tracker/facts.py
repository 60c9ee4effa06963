"""What assets show, as facts: all of them by id, then what has changed.

Request Tracker has no list of changes. Assets are listed by their last change, newest first; those
that were deleted no search finds, so the transactions that deleted them are listed beside.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import Rejection
from canonical_models.reconciliation import Facts
from connectors.request_tracker.client import PAGE, RequestTrackerClient
from connectors.request_tracker.mapping import DELETED, external_id_of, organization_of
from connectors.request_tracker.options import RequestTrackerOptions
from connectors.request_tracker.wire import Asset

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A change has its time before it is seen by others.
_LATE = timedelta(seconds=60)
#: Of changes, before all is read anew.
_MOST_PAGES = 20


@dataclass(frozen=True)
class Position:
    """Up to where was told: what changed before `since`, deletions up to the transaction
    `deletion`, and, while all is read, assets up to `asset`."""

    since: datetime
    deletion: int
    asset: int | None = None

    @classmethod
    def of(cls, cursor: str) -> Self:
        """Raises ValueError for what is no cursor."""
        parts = cursor.split("|")
        if len(parts) not in (2, 3):
            raise ValueError(f"{cursor[:80]!r} is no cursor of Request Tracker's facts")
        asset = int(parts[2]) if len(parts) == 3 else None
        return cls(datetime.fromisoformat(parts[0]).astimezone(UTC), int(parts[1]), asset)

    def __str__(self) -> str:
        rest = "" if self.asset is None else f"|{self.asset}"
        return f"{self.since.isoformat()}|{self.deletion}{rest}"


class Reading:
    """One page. `requests` is what it has cost."""

    def __init__(self, client: RequestTrackerClient, options: RequestTrackerOptions) -> None:
        self._client, self._options = client, options
        self.requests = 0

    async def page(self, after: str | None) -> Facts:
        """Raises ValueError for a cursor that is none."""
        if after is None:
            return await self._all(await self._start())
        position = Position.of(after)
        if position.asset is not None:
            return await self._all(position)
        return await self._changes(position)

    async def _start(self) -> Position:
        """What changes while all is read is told afterwards."""
        self.requests += 2
        newest = await self._client.newest_changes(1)
        since = max((one.updated or _EPOCH for one in newest), default=_EPOCH)
        return Position(since, await self._client.last_deletion(), 0)

    async def _all(self, position: Position) -> Facts:
        self.requests += 1
        found = await self._client.after(position.asset or 0)
        more = len(found) == PAGE
        reached = Position(position.since, position.deletion, found[-1].id if more else None)
        return Facts(
            organizations=self._shown(found), next=str(reached), more=more, requests=self.requests
        )

    async def _changes(self, position: Position) -> Facts:
        changed: dict[int, Asset] = {}
        for number in range(1, _MOST_PAGES + 1):
            self.requests += 1
            found = await self._client.newest_changes(number)
            new = [one for one in found if (one.updated or _EPOCH) >= position.since - _LATE]
            changed |= {one.id: one for one in new}
            if len(new) < PAGE:
                break
        else:
            # So many that all of them cost no more.
            anew = Position(position.since, position.deletion, 0)
            return Facts(next=str(anew), more=True, requests=self.requests)
        gone, deletion, more = await self._deleted(position.deletion)
        since = max((position.since, *(one.updated or _EPOCH for one in changed.values())))
        return Facts(
            organizations=self._shown(changed.values()),
            gone=gone,
            next=str(Position(since, deletion)),
            more=more,
            requests=self.requests,
        )

    async def _deleted(self, after: int) -> tuple[tuple[str, ...], int, bool]:
        """External ids whose asset was deleted and has no successor, up to which transaction they
        are, and whether there are more."""
        self.requests += 1
        deletions = await self._client.deletions(after)
        gone: dict[str, None] = {}
        for asset in dict.fromkeys(one.asset for one in deletions):
            self.requests += 1
            external_id = await self._deleted_id(asset)
            if external_id is None:
                continue
            self.requests += 1
            if not await self._client.assets(external_id):
                gone[external_id] = None
        last = deletions[-1].id if deletions else after
        return tuple(gone), last, len(deletions) == PAGE

    async def _deleted_id(self, asset: int) -> str | None:
        """None for one of another catalog, one that is there again, and one that was shredded."""
        place = await self._client.place()
        try:
            found, _ = await self._client.asset(asset)
        except Rejection:
            return None
        if found.catalog.id != place.catalog or found.status != DELETED:
            return None
        return external_id_of(found, self._options.customer_field)

    def _shown(self, found: Iterable[Asset]) -> tuple[SupportEntitlement, ...]:
        """One without an external id is nobody's that we know."""
        shown = {}
        for one in found:
            if external_id := external_id_of(one, self._options.customer_field):
                shown[external_id] = organization_of(one, external_id, self._options).entitlement
        return tuple(shown.values())
