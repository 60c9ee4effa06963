"""Request Tracker behind the ticketing port.

A customer is an asset in a catalog of its own, with custom fields for what is shown of it. Tickets
are a customer's where people have linked them to the asset.
"""

from typing import Self

import httpx
from pydantic import TypeAdapter, ValidationError

from canonical_models.base import Identifier
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.failures import Rejection, RejectionCode, TransientFailure
from canonical_models.reconciliation import Facts
from canonical_models.support import SupportDesk
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Closing, Observer, VendorHttp
from connectors.request_tracker import SYSTEM
from connectors.request_tracker.client import RequestTrackerClient
from connectors.request_tracker.facts import Reading
from connectors.request_tracker.mapping import (
    cases_of,
    doubles,
    external_id_of,
    fields_of,
    name_of,
    organization_of,
    shows,
    sla_of,
    values_of,
)
from connectors.request_tracker.options import RequestTrackerOptions
from connectors.request_tracker.wire import Asset

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)

#: Said wherever somebody asks what is promised.
UNTOLD = (
    "not supported: Request Tracker keeps what its service levels promise in its own configuration "
    "(%ServiceAgreements) and tells nobody; of each ticket it tells when the next answer is due"
)


class RequestTrackerTicketing(Closing):
    """A `TicketingPort`. Organisations are assets, known by their external id."""

    def __init__(
        self, config: ConnectionConfig, options: RequestTrackerOptions, http: VendorHttp
    ) -> None:
        self._options = options
        self._client = RequestTrackerClient(http, config.name, options)

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        governor: Governor | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """An adapter with a connection pool of its own; close it.

        Raises KeyError without the secret `token`, ValueError for one that cannot be sent, for a
        `base_url` that is none, and for options that do not fit.
        """
        http = http_of(config, observe=observe, governor=governor, transport=transport)
        return cls(config, RequestTrackerOptions.of(config), http)

    async def organization(self, external_id: str) -> SupportOrganization | None:
        """See `TicketingPort`. Fields that were never written read as no entitlement."""
        found = await self._find(external_id)
        return None if found is None else organization_of(found, external_id, self._options)

    async def desk(self, external_id: str) -> SupportDesk | None:
        """See `TicketingPort`. Cases are the open tickets that are linked to the asset. What a
        service level promises is not told by Request Tracker."""
        found = await self._find(external_id)
        if found is None:
            return None
        tickets, complete = await self._client.tickets(found.id, external_id=external_id)
        shown = organization_of(found, external_id, self._options)
        return SupportDesk(
            organization=shown,
            cases=cases_of(tickets, self._options),
            complete=complete,
            sla=sla_of(shown.entitlement.tier, self._options),
            sla_problem=UNTOLD,
        )

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        """See `TicketingPort`. One that is found keeps the name it has, and one of the same name is
        never taken over. One that somebody else has made since it was looked for is taken."""
        name = name_of(profile)
        found = await self._find(external_id) or await self._namesake(external_id, name)
        if found is None:
            try:
                made = await self._client.create(name, external_id=external_id)
            except Rejection:
                # A second of the same id is refused like a value that does not fit.
                found = await self._find(external_id)
                if found is None:
                    raise
            else:
                found, _ = await self._client.asset(made, external_id=external_id)
                if external_id_of(found, self._options.customer_field) != external_id:
                    raise self._refused(
                        f"the custom field {self._options.customer_field}", external_id
                    )
        return organization_of(found, external_id, self._options)

    async def rename_organization(self, external_id: str, profile: AccountProfile) -> None:
        """See `TicketingPort`. One that is gone has nothing to rename. Raises Rejection
        (account_ambiguous) where another customer's asset has the name: Request Tracker would take
        it, and agents would not know the two apart."""
        found = await self._find(external_id)
        name = name_of(profile)
        if found is None or found.name == name:
            return
        await self._namesake(external_id, name)
        _, tag = await self._client.asset(found.id, external_id=external_id)
        await self._client.update(found.id, {"Name": name}, external_id=external_id, tag=tag)
        renamed, _ = await self._client.asset(found.id, external_id=external_id)
        if renamed.name != name:
            raise self._refused("the name", external_id)

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        """See `TicketingPort`. Returns what Request Tracker holds afterwards, not what it was told:
        an update that it does not carry out it answers with 200.

        Only our own fields are written, and only while nobody else has changed the asset since it
        was read: what was sent long ago does not land on top of what is newer.
        """
        external_id = entitlement.organization
        if entitlement.tier == "0":
            raise Rejection(
                RejectionCode.SUPPORT_REFUSED,
                f"the tier of {external_id} is called 0, which Request Tracker shows as none: give "
                "it another name in policy.tiers, then retry",
                system=SYSTEM,
                subject=external_id,
            )
        found = await self._find(external_id)
        if found is None:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"Request Tracker's catalog {self._options.catalog!r} has no asset whose field "
                f"{self._options.customer_field!r} is {external_id!r}, so its support entitlement "
                "cannot be published: give the customer's asset this value, or correct the account "
                "mapping, then retry",
                system=SYSTEM,
                subject=external_id,
            )
        found = await self._write(found, fields_of(entitlement, self._options), external_id)
        await self._follow(found, entitlement)
        return organization_of(found, external_id, self._options)

    async def merged_into(self, organization_id: str) -> None:
        """See `TicketingPort`. Request Tracker merges tickets and no assets."""
        del organization_id

    async def facts(self, *, after: str | None = None) -> Facts:
        """See `TicketingPort`. One request a hundred assets. What was deleted is told; what was
        shredded, or moved to another catalog, shows when all is read anew. Raises ValueError for a
        cursor that is none."""
        return await Reading(self._client, self._options).page(after)

    async def close(self) -> None:
        await self._client.close()

    async def _find(self, external_id: str) -> Asset | None:
        try:
            _IDENTIFIER.validate_python(external_id)
        except ValidationError:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"{external_id[:80]!r} cannot be our id of a customer at Request Tracker: correct "
                "the account mapping, then retry",
                system=SYSTEM,
                subject=external_id[:255],
            ) from None
        found = await self._client.assets(external_id)
        if len(found) > 1:
            ids = ", ".join(str(one.id) for one in found[:5])
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"Request Tracker has {len(found)} assets of {external_id!r} ({ids}), so which one "
                "is meant is ambiguous: leave the id to one of them, then retry",
                system=SYSTEM,
                subject=external_id,
            )
        return found[0] if found else None

    async def _namesake(self, external_id: str, name: str) -> Asset | None:
        """The customer's asset, where another request has made it meanwhile; raises Rejection for
        one of the same name that is not known to be it."""
        named = await self._client.namesakes(name, external_id=external_id)
        field = self._options.customer_field
        for one in named:
            if external_id_of(one, field) == external_id:
                return one
        if not named:
            return None
        owned = f"another {field!r}" if external_id_of(named[0], field) else f"no {field!r}"
        raise Rejection(
            RejectionCode.ACCOUNT_AMBIGUOUS,
            f"Request Tracker's asset {named[0].id} has the name of the customer {external_id!r} "
            f"and {owned}, so whose it is has to be decided: write {external_id!r} into that field "
            "if it is the customer's, or rename the asset if not, then retry",
            system=SYSTEM,
            subject=external_id,
        )

    async def _follow(self, found: Asset, entitlement: SupportEntitlement) -> None:
        """Open tickets take the level of the tier. One whose level no tier has is an agent's own
        doing, and stays."""
        tier, levels = entitlement.tier, self._options.sla_levels
        if self._options.open_tickets != "follow" or tier is None or tier not in levels:
            return
        wanted, external_id = levels[tier], entitlement.organization
        ours = {*levels.values(), "", None} - {wanted}
        for again in (False, True):
            tickets, _ = await self._client.tickets(found.id, external_id=external_id)
            left = [ticket for ticket in tickets if ticket.level in ours]
            if not left:
                return
            if again:
                raise self._refused(f"the service level of the ticket {left[0].id}", external_id)
            for ticket in left:
                await self._client.set_level(ticket.id, wanted, external_id=external_id)

    async def _write(
        self, found: Asset, wanted: dict[str, str | list[str] | None], external_id: str
    ) -> Asset:
        """What it holds once it holds what is wanted.

        Two who write at the same moment are not kept apart by the tag: Request Tracker compares it
        before it writes, and each adds the values that it saw lacking. Such a value that is there
        twice is written again; anything else that somebody else has written meanwhile is met again
        by a later attempt, which knows whether it is still the newest.
        """

        def lacking(asset: Asset) -> list[str]:
            return [name for name, value in wanted.items() if not shows(asset, name, value)]

        numbers = (await self._client.place()).fields
        for again in (False, True):
            if not lacking(found):
                break
            # As it is now, with the tag of that: what was found may be older.
            before, tag = await self._client.asset(found.id, external_id=external_id)
            changes = {str(numbers[name]): wanted[name] for name in lacking(before)}
            if not changes:
                return before
            await self._client.update(
                found.id, {"CustomFields": changes}, external_id=external_id, tag=tag
            )
            found, _ = await self._client.asset(found.id, external_id=external_id)
            left = lacking(found)
            kept = [name for name in left if values_of(found, name) == values_of(before, name)]
            if kept:
                raise self._refused(f"the custom field {', '.join(kept)}", external_id)
            if left and (again or not all(doubles(found, name, wanted[name]) for name in left)):
                raise TransientFailure(
                    f"Request Tracker's asset of {external_id} was changed by somebody else while "
                    f"it was written ({', '.join(left)}): this is tried again by itself",
                    system=SYSTEM,
                )
        return found

    def _refused(self, what: str, external_id: str) -> Rejection:
        return Rejection(
            RejectionCode.SUPPORT_REFUSED,
            f"Request Tracker did not keep what was written of {external_id}: {what} says "
            "something else afterwards. See that the field takes any text and that the token's "
            "user may change it (docs/request-tracker.md names the rights), then retry",
            system=SYSTEM,
            subject=external_id,
        )


def http_of(
    config: ConnectionConfig,
    *,
    observe: Observer | None = None,
    governor: Governor | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> VendorHttp:
    """Raises KeyError without the secret `token`, ValueError for one that cannot be sent and for a
    `base_url` that is none."""
    token = config.header_secret("token")
    return VendorHttp(
        SYSTEM,
        config.base_url,
        headers={"Accept": "application/json", "Authorization": f"token {token}"},
        timeout_seconds=config.timeout_seconds,
        observe=observe,
        governor=governor,
        transport=transport,
    )
