"""Zendesk behind the ticketing port."""

import asyncio
from typing import Any, Self

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from canonical_models.base import Identifier
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import (
    MergedOrganization,
    SupportEntitlement,
    SupportOrganization,
)
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Rejection,
    RejectionCode,
)
from canonical_models.reconciliation import Facts
from canonical_models.support import SupportDesk
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Closing, Observer, VendorHttp
from connectors.zendesk import SYSTEM
from connectors.zendesk.access import authentication
from connectors.zendesk.client import ZendeskClient
from connectors.zendesk.desk import DONE, cases_of, sla_of
from connectors.zendesk.facts import facts_of, position
from connectors.zendesk.mapping import (
    fields_of,
    missing_fields,
    name_of,
    organization_of,
    same_name,
    tags_of,
    tags_of_tiers,
)
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.wire import Organization, WireSlaPolicy

log = structlog.get_logger()

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
#: Of a merge that has come about.
_DONE = "complete"
#: Pages of tickets that are looked through where open ones follow a tier.
_MOST_FOLLOWING = 50


def _is_identifier(said: str | None) -> bool:
    try:
        _IDENTIFIER.validate_python(said)
    except ValidationError:
        return False
    return True


def _unobserved(system: str, method: str, outcome: str, seconds: float) -> None:
    del system, method, outcome, seconds


class ZendeskTicketing(Closing):
    """A `TicketingPort`. Organisations are known by their external id."""

    def __init__(self, config: ConnectionConfig, options: ZendeskOptions, http: VendorHttp) -> None:
        self._connection = config.name
        self._options = options
        self._client = ZendeskClient(http, config.name)

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

        Raises KeyError without the secret of its way in, ValueError for options that do not fit.
        """
        options = ZendeskOptions.of(config)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={"Accept": "application/json"},
            auth=authentication(config, options, transport=transport),
            timeout_seconds=config.timeout_seconds,
            observe=observe or _unobserved,
            governor=governor,
            transport=transport,
        )
        return cls(config, options, http)

    async def organization(self, external_id: str) -> SupportOrganization | None:
        """See `TicketingPort`. Fields that were never written read as no entitlement."""
        found = await self._find(external_id)
        if found is None:
            return None
        return organization_of(found, external_id, self._options, at="$.organizations[0]")

    async def desk(self, external_id: str) -> SupportDesk | None:
        """See `TicketingPort`. Where the token may not see SLA policies, or the account has none,
        that is told beside all else."""
        found = await self._find(external_id)
        if found is None:
            return None
        (tickets, complete), (policies, problem) = await asyncio.gather(
            self._client.tickets(found.id, external_id=external_id), self._policies()
        )
        shown = organization_of(found, external_id, self._options, at="$.organizations[0]")
        return SupportDesk(
            organization=shown,
            cases=cases_of(tickets, self._options),
            complete=complete,
            sla=sla_of(policies, shown.entitlement.tier, self._options),
            sla_problem=problem,
        )

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        """See `TicketingPort`. One that is found keeps the name it has.

        An organisation of the same name is never taken over, also where it has no external id: it
        may be another company's, and its agents' work would change hands.
        """
        name = name_of(profile)
        found = await self._find(external_id) or await self._namesake(external_id, name)
        if found is not None:
            return organization_of(found, external_id, self._options, at="$.organizations[0]")
        made = await self._client.create(name, external_id=external_id)
        return organization_of(made, external_id, self._options, at="$.organization")

    async def rename_organization(self, external_id: str, profile: AccountProfile) -> None:
        """See `TicketingPort`. One that is gone has nothing to rename. Raises Rejection
        (account_ambiguous) where another organisation has the name: Zendesk keeps names unique."""
        found = await self._find(external_id)
        name = name_of(profile)
        if found is None:
            return
        await self._namesake(external_id, name)
        await self._client.update(found.id, {"name": name}, external_id=external_id)

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        """See `TicketingPort`. Returns what Zendesk answers, not what it was told.

        Two calls, where open tickets keep what they have: Zendesk replaces tags as a whole, so they
        are read before, and sent only where ours change, to leave an agent's work of that moment
        alone.
        """
        external_id = entitlement.organization
        found = await self._find(external_id)
        if found is None:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"Zendesk has no organisation with the external id {external_id!r}, so its support "
                "entitlement cannot be published: in Zendesk give the customer's organisation this "
                "external id, or correct the account mapping, then retry",
                system=SYSTEM,
                subject=external_id,
            )
        before, after = tags_of_tiers(found, entitlement.tier, self._options)
        await self._follow(found, before, after, external_id)
        changes: dict[str, Any] = {"organization_fields": fields_of(entitlement, self._options)}
        tags = tags_of(found, entitlement.tier, self._options)
        if tags != found.tags:
            changes["tags"] = tags
        answered = await self._client.update(found.id, changes, external_id=external_id)
        self._require_fields(missing_fields(answered, self._options), external_id)
        # What was opened in between has the tag of the tier before.
        await self._follow(found, before, after, external_id)
        return organization_of(answered, external_id, self._options, at="$.organization")

    async def merged_into(self, organization_id: str) -> MergedOrganization | None:
        """See `TicketingPort`. One that was merged again is followed."""
        at = int(organization_id) if organization_id.isascii() and organization_id.isdigit() else 0
        seen = {0}
        while at not in seen:
            seen.add(at)
            merges = await self._client.merges(at)
            winners = [one.winner_id for one in merges if (one.loser_id, one.status) == (at, _DONE)]
            if not winners:
                break
            at = winners[0]
        if len(seen) <= 2 or (found := await self._client.organization(at)) is None:
            return None
        external_id = found.external_id if _is_identifier(found.external_id) else None
        return MergedOrganization(organization_id=str(found.id), external_id=external_id)

    async def facts(self, *, after: str | None = None) -> Facts:
        """See `TicketingPort`. One request a thousand organisations; Zendesk allows ten a minute,
        and leaves out what was changed within the last minute. Raises ValueError for a cursor that
        is none."""
        since = position(after)
        return facts_of(await self._client.changed_organizations(since), since, self._options)

    async def ensure_fields(self) -> tuple[str, ...]:
        """Define the organisation fields that the account lacks; returns their keys.

        May be repeated. Needs an administrator's token. Raises Rejection for a field that was
        switched off: Zendesk neither shows it nor lets its key be used again.
        """
        active = {field.key: field.active for field in await self._client.fields()}
        options = self._options
        self._require_fields([key for key in options.field_keys if active.get(key) is False])
        missing = [field for field in options.fields if field[0] not in active]
        for key, title, kind in missing:
            await self._client.create_field(
                key, title=title, kind=kind, description="Kept by Trueup; changes are overwritten."
            )
        return tuple(key for key, _, _ in missing)

    async def close(self) -> None:
        await self._client.close()

    async def _follow(
        self, found: Organization, before: str | None, after: str | None, external_id: str
    ) -> None:
        """Open tickets take the tag of the tier now in place of that of the tier before. Others are
        agents' own; of a customer who had no tier all take it."""
        if self._options.open_tickets != "follow" or before == after:
            return
        tickets, whole = await self._client.tickets(
            found.id, external_id=external_id, most_pages=_MOST_FOLLOWING
        )
        for ticket in tickets:
            has = before in ticket.tags if before is not None else after not in ticket.tags
            if ticket.status in DONE or not has:
                continue
            kept = [tag for tag in ticket.tags if tag not in (before, after)]
            tags = kept if after is None else [*kept, after]
            await self._client.tag(ticket, tags, external_id=external_id)
        if not whole:
            log.warning(
                "an organisation has more tickets than were looked through: open ones among the "
                "rest keep the tag of the tier before",
                organization=external_id,
                tickets=len(tickets),
            )

    async def _policies(self) -> tuple[list[WireSlaPolicy], str | None]:
        """And why they are not known."""
        try:
            return await self._client.sla_policies(), None
        except (CredentialsRefused, ContractDrift, Rejection) as refusal:
            return [], refusal.message

    async def _find(self, external_id: str) -> Organization | None:
        try:
            _IDENTIFIER.validate_python(external_id)
        except ValidationError:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"{external_id[:80]!r} cannot be the external id of an organisation at Zendesk: "
                "correct the account mapping, then retry",
                system=SYSTEM,
                subject=external_id[:255],
            ) from None
        found = await self._client.organizations(external_id)
        if len(found) > 1:
            ids = ", ".join(str(one.id) for one in found[:5])
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"Zendesk has {len(found)} organisations with the external id {external_id!r} "
                f"({ids}), so which one is meant is ambiguous: leave it to one of them, then retry",
                system=SYSTEM,
                subject=external_id,
            )
        return found[0] if found else None

    async def _namesake(self, external_id: str, name: str) -> Organization | None:
        """The organisation itself, where another request has made it meanwhile; raises Rejection
        for one of the same name that is not known to be it."""
        named = [
            one
            for one in await self._client.namesakes(name, external_id=external_id)
            if same_name(one.name, name)
        ]
        for one in named:
            if (one.external_id or "").casefold() == external_id.casefold():
                return one
        if not named:
            return None
        owned = "another external id" if named[0].external_id else "no external id"
        raise Rejection(
            RejectionCode.ACCOUNT_AMBIGUOUS,
            f"Zendesk's organisation {named[0].id} has the name of the customer {external_id!r} "
            f"and {owned}, so whose it is has to be decided: give that organisation the external "
            f"id {external_id!r} if it is the customer's, or rename it if not, then retry",
            system=SYSTEM,
            subject=external_id,
        )

    def _require_fields(self, lacking: list[str], external_id: str | None = None) -> None:
        if not lacking:
            return
        keys = ", ".join(lacking)
        raise Rejection(
            RejectionCode.SUPPORT_REFUSED,
            f"Zendesk has no active organisation field {keys}, so the support entitlement"
            f"{f' of {external_id}' if external_id else ''} is not kept there: an administrator of "
            f"the account of {self._connection!r} must define or activate it in Admin Centre "
            "(People, Organisation fields), then retry",
            system=SYSTEM,
            subject=external_id or lacking[0],
        )
