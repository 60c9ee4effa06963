"""How Stripe tells us of events: endpoints, and event destinations, which are looked at and made.

Source: https://docs.stripe.com/api/webhook_endpoints, https://docs.stripe.com/api/v2/event-destinations,
https://docs.stripe.com/event-destinations.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from canonical_models.checks import Expected, Finding, right, unknown, wrong
from canonical_models.failures import ContractDrift
from connectors.looking import Looking
from connectors.refusals import contract
from connectors.stripe import API_VERSION, SYSTEM
from connectors.stripe.errors import Kind, StripeRequest, failure
from connectors.stripe.thin import kind_of
from connectors.stripe.versions import OLDEST, is_newer, is_understood
from connectors.stripe.wire import Identified, Page, Wire

_ENDPOINTS = "/v1/webhook_endpoints"
_DESTINATIONS = "/v2/core/event_destinations"
ENDPOINT = "webhook endpoint"
#: What endpoints are described as that `setup` makes: for our own account, and for those under it.
OF_OURS, OF_CONNECTED = "Trueup", "Trueup, connected accounts"
_CONNECTED = "endpoint of connected accounts"


class WireEndpoint(Identified):
    url: str
    status: str
    enabled_events: list[str]
    #: None: the account's default version.
    api_version: str | None = None
    description: str | None = None


class WireEndpoints(Page[WireEndpoint]):
    pass


class _Address(Wire):
    url: str | None = None


class _Destination(Identified):
    status: str
    enabled_events: list[str]
    event_payload: Literal["snapshot", "thin"]
    snapshot_api_version: str | None = None
    webhook_endpoint: _Address | None = None


class _Destinations(Wire):
    data: list[_Destination]
    next_page_url: str | None = Field(default=None)


@dataclass(frozen=True)
class Endpoint:
    """Where Stripe sends events to, in either API. `thin`: without the object they are about."""

    id: str
    url: str
    enabled: bool
    events: tuple[str, ...]
    version: str | None
    thin: bool = False
    #: By what `setup` has noted: Stripe does not show it of any other.
    of_connected: bool = False


class Endpoints:
    """Those of one account. Methods raise the failures of `errors.REFUSALS`."""

    def __init__(self, look: Looking, connection: str) -> None:
        self._look = look
        self._connection = connection

    async def all(self) -> list[Endpoint]:
        """Of the first API, by pages."""
        found: list[WireEndpoint] = []
        query = {"limit": "100"}
        for _ in range(20):
            answer = await self._look.get(_ENDPOINTS, params=query)
            if answer.status_code != httpx.codes.OK:
                raise failure(answer, self._context("list the webhook endpoints"))
            with contract("Stripe's answer", SYSTEM, "list the webhook endpoints", "see the docs"):
                page = WireEndpoints.model_validate(self._look.http.decode(answer))
            found += page.data
            if not page.has_more or not page.data:
                return [_endpoint(each) for each in found]
            query["starting_after"] = page.data[-1].id
        raise ContractDrift(
            "Stripe's list of webhook endpoints does not end: delete those that nobody uses",
            system=SYSTEM,
        )

    async def thin(self) -> list[Endpoint] | None:
        """Destinations of thin events; None where Stripe does not show them to this key."""
        query = {"limit": "100", "include": "webhook_endpoint.url"}
        answer = await self._look.get(_DESTINATIONS, params=query)
        if answer.status_code != httpx.codes.OK:
            return None
        with contract("Stripe's answer", SYSTEM, "list the event destinations", "see the docs"):
            page = _Destinations.model_validate(self._look.http.decode(answer))
        return [
            Endpoint(
                each.id,
                (each.webhook_endpoint.url if each.webhook_endpoint else None) or "",
                each.status == "enabled",
                tuple(each.enabled_events),
                each.snapshot_api_version,
                thin=True,
            )
            for each in page.data
            if each.event_payload == "thin"
        ]

    async def save(
        self, form: Iterable[tuple[str, str]], words: str, *, endpoint: str | None = None
    ) -> httpx.Response:
        """Make an endpoint, or change the one of this id."""
        path = _ENDPOINTS if endpoint is None else f"{_ENDPOINTS}/{endpoint}"
        answer = await self._look.ask(
            "POST",
            path,
            writes=True,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=str(httpx.QueryParams(list(form))).encode(),
        )
        if answer.status_code != httpx.codes.OK:
            raise failure(answer, self._context(words, writes=True))
        return answer

    def _context(self, words: str, *, writes: bool = False) -> StripeRequest:
        return StripeRequest(words, self._connection, None, writes=writes, kind=Kind.EVENT)


def _endpoint(found: WireEndpoint) -> Endpoint:
    return Endpoint(
        found.id,
        found.url,
        found.status == "enabled",
        tuple(found.enabled_events),
        found.api_version,
        of_connected=found.description == OF_CONNECTED,
    )


def ours(found: Iterable[Endpoint], expected: Expected) -> list[Endpoint]:
    """Those that lead to us: by the whole address where it is known, else by its path."""
    if (url := expected.webhook_url) is not None:
        return [each for each in found if each.url == url]
    return [each for each in found if urlsplit(each.url).path == expected.webhook_path]


async def look_at_endpoint(
    endpoints: Endpoints, expected: Expected, wanted: Collection[str]
) -> tuple[Finding, ...]:
    """Whether the events that are needed come, in a form that is understood."""
    if expected.heard_by is not None:
        return (
            unknown(
                ENDPOINT,
                f"its events come with those of the platform, to …{expected.heard_by}",
                "look at the connection that it is of, and at the first event with `trueup inbox "
                "list`",
            ),
        )
    where = expected.webhook_url or f"https://…{expected.webhook_path}"
    snapshots, thin = ours(await endpoints.all(), expected), await endpoints.thin()
    thin_ones = ours(thin or (), expected)
    found: list[Finding] = []
    if thin is None:
        found.append(
            unknown(
                "event destinations",
                "Stripe does not show event destinations to this key, so one that sends thin "
                "events cannot be seen",
                "look in Stripe's Workbench, Webhooks, whether one leads to the same address",
            )
        )
    if not snapshots and not thin_ones:
        return (
            wrong(
                ENDPOINT,
                f"none leads to {where}: Trueup would never hear of anything",
                "`trueup connections setup` makes it",
            ),
            *found,
        )
    if expected.connected:
        found.append(_connected(snapshots))
    # One beside it may be of connected accounts, which is told above.
    if len(snapshots) + len(thin_ones) > (2 if expected.connected else 1):
        ids = ", ".join(each.id for each in (*snapshots, *thin_ones))
        found.append(
            wrong(
                ENDPOINT,
                f"{len(snapshots) + len(thin_ones)} lead to {where} ({ids}): every event comes so "
                "often, signed with another secret each",
                "leave one of them, and delete the others in Stripe",
            )
        )
    for each in (*snapshots, *thin_ones):
        found += [*_state(each), *_style(each), *_events(each, wanted)]
    if expected.public_url is None:
        found.append(
            unknown(
                "address of the endpoint",
                f"{snapshots[0].url if snapshots else thin_ones[0].url} ends as ours does; whether "
                "it is this installation's is not known",
                "set `api.public_url` to the address under which Stripe reaches the API",
            )
        )
    return tuple(found)


def _connected(found: Collection[Endpoint]) -> Finding:
    if made := [each.id for each in found if each.of_connected]:
        return right(_CONNECTED, f"{made[0]} hears the connected accounts, as `setup` made it")
    return unknown(
        _CONNECTED,
        "whether one of them hears the connected accounts Stripe does not show",
        "`trueup connections setup` makes one that does; of one of your own see in Stripe's "
        "Workbench that it listens to connected accounts, and name its signing secret as well",
    )


def _state(each: Endpoint) -> Iterable[Finding]:
    if each.enabled:
        yield right(ENDPOINT, f"{each.id} sends to {each.url}")
    else:
        yield wrong(
            ENDPOINT,
            f"{each.id} is disabled: nothing is sent",
            "enable it in Stripe, or have `trueup connections setup` do it; then read what was "
            "missed with `trueup reconcile`",
        )


def _style(each: Endpoint) -> Iterable[Finding]:
    if each.thin:
        yield right(
            "payload style",
            f"{each.id} sends thin events, which name an object and do not show it: Stripe is "
            "asked about each, by up to three requests",
            "an endpoint of the style Snapshot (`trueup connections setup`) spares them",
        )
        return
    yield right("payload style", f"{each.id} sends snapshots")
    version = each.version
    if version is None:
        yield unknown(
            "API version of the endpoint",
            f"{each.id} has none of its own: it follows the account's default, which people change",
            f"delete it, and have `trueup connections setup` make one pinned to {API_VERSION}",
        )
    elif not is_understood(version):
        yield wrong(
            "API version of the endpoint",
            f"{each.id} is pinned to {version}; events of versions before {OLDEST} are not "
            "understood, and become dead letters",
            "a version is fixed when an endpoint is made: delete it, and have `trueup connections "
            "setup` make another",
        )
    elif is_newer(version):
        yield right(
            "API version of the endpoint",
            f"{each.id} is pinned to {version}, newer than Trueup's {API_VERSION}",
            "`trueup connections drifts` shows what of its events is otherwise; for those "
            "Stripe is asked",
        )
    else:
        yield right("API version of the endpoint", f"{each.id} is pinned to {version}, understood")


def _events(each: Endpoint, wanted: Collection[str]) -> Iterable[Finding]:
    if "*" in each.events:
        yield right(
            "events",
            f"{each.id} sends all there are; those that are not needed are kept as ignored",
            "send only those that docs/connectors.md lists, to spare both sides",
        )
        return
    sent = {kind_of(event) for event in each.events} if each.thin else set(each.events)
    missing = sorted(set(wanted) - sent)
    besides = sorted(sent - set(wanted))
    if missing:
        yield wrong(
            "events",
            f"{each.id} does not send {', '.join(missing)}: what they tell is found by "
            "reconciliation alone, hours later",
            "enable them in Stripe's Workbench"
            if each.thin
            else "enable them in Stripe, or have `trueup connections setup` do it",
        )
    else:
        yield right("events", f"{each.id} sends all {len(wanted)} that are needed")
    if besides:
        yield right(
            "events that are not needed",
            f"{each.id} also sends {', '.join(besides)}: they are kept as ignored",
        )
