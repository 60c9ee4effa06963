"""A Request Tracker connection looked at, and set up, before anything is shown there."""

import re
from collections.abc import Iterable
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx
import orjson

from canonical_models.checks import Expected, Finding, SetupStep, right, unknown, wrong
from canonical_models.failures import Failure, TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import Closing, Observer, VendorHttp
from connectors.looking import Looking, of_failure, unreachable
from connectors.ports import Keep
from connectors.refusals import RequestContext, contract
from connectors.request_tracker import SYSTEM
from connectors.request_tracker.adapter import UNTOLD, http_of
from connectors.request_tracker.client import PAGE, REST
from connectors.request_tracker.errors import failure
from connectors.request_tracker.options import RequestTrackerOptions
from connectors.request_tracker.wire import (
    Assets,
    Catalog,
    Catalogs,
    CustomField,
    CustomFields,
    Made,
    Version,
    Wire,
)

#: The first whose REST 2 has catalogs, assets and service levels.
_OLDEST = (5, 0)
_OF_ASSETS = "RT::Catalog-RT::Asset"
_TEXT = frozenset({"Freeform", "Text"})
_SHOWN = "Name,Type,MaxValues,UniqueValues,Disabled,LookupType"
_FORMS = {"Content-Type": "application/json"}
#: Of custom fields.
_MOST_PAGES = 10
#: No lifecycle has it: an asset of it is refused, once the right to make one was looked at.
_NO_STATUS = "trueup-check"

M = TypeVar("M", bound=Wire)


class RequestTrackerConnection(Closing):
    """A `SetupPort`."""

    def __init__(
        self, config: ConnectionConfig, options: RequestTrackerOptions, http: VendorHttp
    ) -> None:
        self._look = Looking(http)
        self._options = options
        self._connection = config.name
        self._base = config.base_url.rstrip("/")
        self._secrets = bool(config.webhook_secrets)

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Raises KeyError without the secret `token`, ValueError for one that cannot be sent, for a
        `base_url` that is none, and for options that do not fit."""
        http = http_of(config, observe=observe, transport=transport)
        return cls(config, RequestTrackerOptions.of(config), http)

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """See `ConnectionPort`."""
        del expected
        look = self._look
        try:
            answer = await look.get(f"{REST}/rt")
            version = self._read(answer, Version, "tell its version").version
        except TransientFailure as away:
            return (unreachable(away),)
        except Failure as refused:
            return (of_failure("credentials", refused),)
        look.add(right("reachable", "Request Tracker answers"), _of_version(version))
        with look.about("catalog"):
            await self._of_catalog(await self._catalog())
        look.add(*self._of_levels(), self._of_escalations())
        return (*look.findings, *look.besides("Request Tracker"))

    async def setup(self, expected: Expected, *, keep: Keep | None) -> tuple[SetupStep, ...]:
        """See `SetupPort`. The catalog, and its custom fields. Request Tracker's REST cannot apply
        a field to a catalog, so the page of its administration does, as a person would; where that
        does not work the step stays to be done by hand, and says so."""
        del expected
        applies = keep is not None
        steps: list[SetupStep] = []
        catalog = await self._catalog()
        if catalog is not None and catalog.disabled:
            raise ValueError(
                f"the catalog {catalog.name} is disabled in Request Tracker: enable it under "
                "Admin, Assets, Catalogs, or name another in the option catalog"
            )
        number = None if catalog is None else catalog.id
        if number is None:
            if applies:
                number = await self._make("catalog", {"Name": self._options.catalog})
            steps.append(SetupStep(what=f"catalog {self._options.catalog}", done=applies))
        applied = set() if number is None else {one.id for one in await self._applied(number)}
        for name, most, unique in self._options.fields:
            field = await self._of_assets(name)
            if field is not None and field.disabled:
                raise ValueError(
                    f"the custom field {name} is disabled in Request Tracker: enable it under "
                    "Admin, Custom Fields, or name another in the connection's options"
                )
            made = None if field is None else field.id
            if made is None:
                if applies:
                    made = await self._make_field(name, most, unique=unique)
                kind = "one value" if most else "several values"
                told = f"custom field {name} (text, {kind}{', unique' if unique else ''})"
                steps.append(SetupStep(what=told, done=applies))
            if made is None or made not in applied:
                steps.append(await self._apply(name, made, number))
        return tuple(steps)

    async def close(self) -> None:
        await self._look.close()

    async def _of_catalog(self, found: Catalog | None) -> None:
        look, name = self._look, self._options.catalog
        if found is None or found.disabled:
            look.add(
                wrong(
                    "catalog",
                    f"{name} is {'not there, or hidden from us' if found is None else 'disabled'}",
                    "`trueup connections setup` makes it; or let the token's user see it (right "
                    "ShowCatalog)",
                )
            )
            return
        look.add(right("catalog", f"{name} is number {found.id}"))
        with look.about("custom fields"):
            look.add(*_of_fields(await self._applied(found.id), self._options))
        with look.about("making assets"):
            look.add(await self._may_make(found.id))
        with look.about("seeing assets"):
            look.add(await self._sees_all(found.id))

    async def _may_make(self, catalog: int) -> Finding:
        answer = await self._look.ask(
            "POST",
            f"{REST}/asset",
            writes=True,
            headers=_FORMS,
            content=orjson.dumps({"Catalog": catalog, "Status": _NO_STATUS}),
        )
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return right("making assets", "the token's user may make assets in the catalog")
        if answer.status_code == httpx.codes.FORBIDDEN:
            return wrong(
                "making assets",
                "the token's user may not make assets in the catalog: no customer can be opened",
                "grant the right CreateAsset on the catalog",
            )
        return unknown(
            "making assets",
            f"Request Tracker answered {answer.status_code} to an asset that cannot be",
            "see that the rights of docs/request-tracker.md are granted",
        )

    async def _sees_all(self, catalog: int) -> Finding:
        conditions = [{"field": "Catalog", "value": catalog}]
        words = "list assets of the catalog"
        found = self._read(
            await self._search("assets", conditions, fields="Status,Catalog", per_page="1"),
            Assets,
            words,
        )
        if found.total is not None:
            return right("seeing assets", "the token's user sees all assets")
        return unknown(
            "seeing assets",
            "the token's user may not see every catalog: what is deleted may go unnoticed where "
            "other catalogs are busy, and whether a list is whole cannot be told",
            "grant ShowAsset and ShowTicket to it for all catalogs and queues",
        )

    def _of_levels(self) -> Iterable[Finding]:
        if not self._options.sla_levels:
            yield right(
                "service levels",
                "none is named for a tier: tickets keep the level of their queue",
                "name them in the option sla_levels where tickets are to follow the tier",
            )
            return
        named = ", ".join(sorted(set(self._options.sla_levels.values())))
        yield unknown(
            "service levels",
            f"{named}: Request Tracker takes any text as a level, and does not tell which it has",
            "compare them with %ServiceAgreements in its configuration",
        )
        yield right("promises of levels", UNTOLD)

    def _of_escalations(self) -> Finding:
        said = (
            "not supported: Request Tracker sends no webhooks, so no ticket that was escalated is "
            "told; open tickets are read when somebody asks for them fresh"
        )
        if self._secrets:
            return wrong("escalations", said, "take webhook_secrets out of the connection")
        return right("escalations", said)

    async def _catalog(self) -> Catalog | None:
        name = self._options.catalog
        answer = await self._search(
            "catalogs", [{"field": "Name", "value": name}], fields="Name,Disabled", **_DISABLED
        )
        found = self._read(answer, Catalogs, f"look up the catalog {name}").items
        return next((one for one in found if one.name == name), None)

    async def _applied(self, catalog: int) -> list[CustomField]:
        words = f"list the custom fields of the catalog {catalog}"
        found: list[CustomField] = []
        for number in range(1, _MOST_PAGES + 1):
            query = {"fields": _SHOWN, "per_page": str(PAGE), "page": str(number), **_DISABLED}
            answer = await self._look.get(f"{REST}/catalog/{catalog}/customfields", params=query)
            page = self._read(answer, CustomFields, words).items
            found += page
            if len(page) < PAGE:
                break
        return found

    async def _of_assets(self, name: str) -> CustomField | None:
        conditions = [{"field": "Name", "value": name}]
        answer = await self._search("customfields", conditions, fields=_SHOWN, **_DISABLED)
        found = self._read(answer, CustomFields, f"look up the custom field {name}").items
        ours = (one for one in found if one.of == _OF_ASSETS and one.name == name)
        return next(ours, None)

    async def _make_field(self, name: str, most: int, *, unique: bool) -> int:
        return await self._make(
            "customfield",
            {
                "Name": name,
                "Type": "Freeform",
                "MaxValues": most,
                "UniqueValues": int(unique),
                "LookupType": _OF_ASSETS,
                "Description": "Kept by Trueup; changes are overwritten.",
            },
        )

    async def _make(self, what: str, body: dict[str, Any]) -> int:
        words = f"make the {what} {body['Name']}"
        answer = await self._look.ask(
            "POST", f"{REST}/{what}", writes=True, headers=_FORMS, content=orjson.dumps(body)
        )
        if answer.status_code != httpx.codes.CREATED:
            raise failure(answer, RequestContext(words, self._connection, writes=True))
        return self._read(answer, Made, words, expected=201).id

    async def _apply(self, name: str, field: int | None, catalog: int | None) -> SetupStep:
        what = f"apply the custom field {name} to the catalog {self._options.catalog}"
        if field is None or catalog is None:
            return SetupStep(what=what)
        page = "/Admin/CustomFields/Objects.html"
        form = {"id": field, f"AddCustomField-{field}": catalog, "UpdateObjs": 1}
        await self._look.ask(
            "POST",
            page,
            writes=True,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                # Without it Request Tracker takes the form for one of somebody else's page.
                "Referer": f"{self._base}{page}",
            },
            content=urlencode(form).encode(),
        )
        if any(one.id == field for one in await self._applied(catalog)):
            return SetupStep(what=what, done=True)
        where = f"{self._options.agent_url.rstrip('/')}{page}?id={field}"
        return SetupStep(what=f"{what}, by hand, at {where}")

    async def _search(self, what: str, conditions: list[Any], **query: str) -> httpx.Response:
        return await self._look.ask(
            "POST",
            f"{REST}/{what}",
            params={"per_page": str(PAGE), **query},
            headers=_FORMS,
            content=orjson.dumps(conditions),
        )

    def _read(
        self, answer: httpx.Response, model: type[M], words: str, *, expected: int = 200
    ) -> M:
        if answer.status_code != expected:
            raise failure(answer, RequestContext(words, self._connection))
        with contract("Request Tracker's answer", SYSTEM, words, "see its release notes"):
            return model.model_validate(self._look.http.decode(answer))


#: Those too that are switched off.
_DISABLED = {"find_disabled_rows": "1"}


def _of_version(said: str) -> Finding:
    found = re.match(r"(\d+)\.(\d+)", said)
    if found is None:
        return unknown("version", f"Request Tracker calls itself {said[:40]}", "see that it is 5")
    if (int(found[1]), int(found[2])) < _OLDEST:
        return wrong("version", f"it is {said[:40]}", "5.0 is the first that is understood")
    return right("version", said[:40])


def _of_fields(found: list[CustomField], options: RequestTrackerOptions) -> Iterable[Finding]:
    known = {field.name: field for field in found}
    for name, most, unique in options.fields:
        looked_at, field = f"custom field {name}", known.get(name)
        if field is None:
            yield wrong(
                looked_at,
                "the catalog does not have it, or it is hidden from us: Request Tracker leaves out "
                "what is written to it without a word",
                "`trueup connections setup` makes it; or grant the rights SeeCustomField and "
                "ModifyCustomField",
            )
        elif field.disabled:
            yield wrong(looked_at, "it is disabled", "enable it under Admin, Custom Fields")
        elif field.type not in _TEXT or (most == 0) != (field.most_values == 0):
            yield wrong(
                looked_at,
                f"it is {field.type[:40]} of at most {field.most_values} values (0: any number), "
                "which does not hold what is written",
                "name another in the connection's options, and have `trueup connections setup` "
                "make it",
            )
        elif unique and not field.unique:
            yield wrong(
                looked_at,
                "two assets may have the same value: a customer could be made twice",
                "tick Unique values at the custom field",
            )
        else:
            yield right(looked_at, f"the catalog has it, as {field.type}")
