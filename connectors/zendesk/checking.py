"""A Zendesk connection looked at, and set up, before anything is shown there."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, SetupStep, right, unknown, wrong
from canonical_models.failures import Failure, TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import Closing, Observer, VendorHttp
from connectors.looking import Looking, of_failure, unreachable
from connectors.ports import Keep
from connectors.refusals import RequestContext, contract
from connectors.zendesk import SYSTEM
from connectors.zendesk.access import TOKENS_END, authentication
from connectors.zendesk.errors import failure
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.wire import Wire
from connectors.zendesk.wire_checks import (
    Fields,
    FieldShown,
    Me,
    SecretAnswer,
    Trigger,
    Triggers,
    User,
    Webhook,
    WebhookAnswer,
    Webhooks,
)

_FIELDS = "/api/v2/organization_fields"
_WEBHOOKS = "/api/v2/webhooks"
_TRIGGERS = "/api/v2/triggers/active"
_TEXT = frozenset({"text", "textarea"})
_FORMS = {"Content-Type": "application/json"}
_PAGE = {"page[size]": "100"}

M = TypeVar("M", bound=Wire)


class ZendeskConnection(Closing):
    """A `SetupPort`."""

    def __init__(self, config: ConnectionConfig, options: ZendeskOptions, http: VendorHttp) -> None:
        self._look = Looking(http)
        self._options = options
        self._connection = config.name
        self._secrets = tuple(one.get_secret_value() for one in config.webhook_secrets)

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Raises KeyError without the secrets of its way in, ValueError for options that do not
        fit."""
        options = ZendeskOptions.of(config)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={"Accept": "application/json"},
            auth=authentication(config, options, transport=transport),
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            transport=transport,
        )
        return cls(config, options, http)

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """See `ConnectionPort`."""
        look = self._look
        try:
            me = await look.get("/api/v2/users/me")
        except TransientFailure as away:
            return (unreachable(away),)
        except Failure as refused:
            return (of_failure("credentials", refused),)
        look.add(right("reachable", "Zendesk answers"))
        with look.about("credentials"):
            user = self._read(me, Me, "tell who we are").user
            look.add(*_who(user))
            if user.id is not None:
                await self._signed_in(expected)
        look.add(*self._way_in())
        look.add(*_limits(me))
        return (*look.findings, *look.besides("Zendesk"))

    async def _signed_in(self, expected: Expected) -> None:
        look = self._look
        with look.about("organisations"):
            since = int(time.time()) - 120
            path = "/api/v2/incremental/organizations"
            answer = await look.get(path, params={"start_time": str(since)})
            look.add(_export(answer))
        with look.about("organisation fields"):
            look.add(*_of_fields(await self._fields(), self._options))
        with look.about("webhook of escalations"):
            look.add(*await self._escalations(expected))

    async def setup(self, expected: Expected, *, keep: Keep | None) -> tuple[SetupStep, ...]:
        """See `SetupPort`. Fields of the organisation, and a webhook for triggers to call; which
        tickets are escalations is the desk's to say, so triggers are not made."""
        url = expected.webhook_url
        if url is None:
            raise ValueError(
                "the address under which Zendesk reaches the API is not known: set `api.public_url`"
            )
        steps: list[SetupStep] = []
        known = {field.key: field for field in await self._fields()}
        for key, title, kind in self._options.fields:
            field = known.get(key)
            if field is not None and not field.active:
                raise ValueError(
                    f"the organisation field {key} is switched off in Zendesk, which lets nobody "
                    "make it anew: activate it in Admin Centre, People, Organisation fields"
                )
            if field is None:
                if keep is not None:
                    await self._make_field(key, title, kind)
                steps.append(
                    SetupStep(what=f"organisation field {key} ({kind})", done=keep is not None)
                )
        found = [each for each in await self._webhooks() if each.endpoint == url]
        if not found:
            if keep is not None:
                found = [await self._make_webhook(url)]
            steps.append(SetupStep(what=f"webhook to {url} for triggers", done=keep is not None))
        if found and not self._secrets and keep is not None:
            where = keep((await self._secret(found[0].id)).get_secret_value())
            steps.append(SetupStep(what=f"wrote its signing secret to {where}", done=True))
        elif not self._secrets:
            steps.append(SetupStep(what="keep the webhook's signing secret"))
        return tuple(steps)

    async def close(self) -> None:
        await self._look.close()

    def _way_in(self) -> Iterable[Finding]:
        if self._options.client_id is not None:
            yield right("way in", "an OAuth client, whose tokens are renewed by themselves")
            return
        now = datetime.now(UTC).date()
        step = (
            "make an OAuth client of the grant type client credentials in Admin Centre, Apps and "
            "integrations, APIs; set the option client_id and the secret client_secret"
        )
        if now >= TOKENS_END:
            yield wrong("way in", f"Zendesk's API tokens ended on {TOKENS_END}", step)
        else:
            yield right(
                "way in",
                f"an API token; all of them end on {TOKENS_END}, {(TOKENS_END - now).days} days "
                "from now, and no new ones are made",
                step,
            )

    async def _fields(self) -> list[FieldShown]:
        query, found = dict(_PAGE), list[FieldShown]()
        for _ in range(20):
            words = "list the organisation fields"
            page = self._read(await self._look.get(_FIELDS, params=query), Fields, words)
            found += page.organization_fields
            if page.meta is None or not page.meta.has_more or page.meta.after_cursor is None:
                break
            query["page[after]"] = page.meta.after_cursor
        return found

    async def _webhooks(self) -> list[Webhook]:
        answer = await self._look.get(_WEBHOOKS, params=_PAGE)
        return self._read(answer, Webhooks, "list the webhooks").webhooks

    async def _secret(self, webhook: str) -> SecretStr:
        answer = await self._look.get(f"{_WEBHOOKS}/{webhook}/signing_secret")
        words = f"show the signing secret of the webhook {webhook}"
        return self._read(answer, SecretAnswer, words).signing_secret.secret

    async def _make_field(self, key: str, title: str, kind: str) -> None:
        said = "Kept by Trueup; changes are overwritten."
        field = {"key": key, "title": title, "type": kind, "description": said}
        await self._post(_FIELDS, {"organization_field": field}, f"define the field {key}")

    async def _make_webhook(self, url: str) -> Webhook:
        wanted = {
            "name": "Trueup: escalations",
            "endpoint": url,
            "status": "active",
            "http_method": "POST",
            "request_format": "json",
            "subscriptions": ["conditional_ticket_events"],
        }
        answer = await self._post(_WEBHOOKS, {"webhook": wanted}, f"make the webhook to {url}")
        return self._read(answer, WebhookAnswer, f"make the webhook to {url}").webhook

    async def _post(self, path: str, body: Any, words: str) -> httpx.Response:
        answer = await self._look.ask(
            "POST", path, writes=True, headers=_FORMS, content=orjson.dumps(body)
        )
        if answer.status_code not in (200, 201):
            raise failure(answer, RequestContext(words, self._connection, writes=True))
        return answer

    async def _escalations(self, expected: Expected) -> Iterable[Finding]:
        looked_at = "webhook of escalations"
        path, url = expected.webhook_path, expected.webhook_url
        found = [
            each
            for each in await self._webhooks()
            if (each.endpoint == url if url else urlsplit(each.endpoint).path == path)
        ]
        if not found:
            step = (
                "`trueup connections setup` makes it; docs/support.md says which triggers call it"
            )
            if self._secrets:
                return [wrong(looked_at, f"none leads to {url or path}, and a secret is set", step)]
            said = (
                "there is none: escalated tickets are not told to Trueup, which may be as you want"
            )
            return [right(looked_at, said, step)]
        return [each async for each in self._webhook(found[0])]

    async def _webhook(self, found: Webhook) -> Any:
        looked_at = "webhook of escalations"
        fits = (found.http_method.upper(), found.request_format) == ("POST", "json")
        if found.status != "active" or not fits:
            yield wrong(
                looked_at,
                f"{found.id} is {found.status}, {found.http_method} as {found.request_format}",
                "in Admin Centre, Webhooks, make it active, POST and JSON",
            )
        else:
            yield right(looked_at, f"{found.id} sends to {found.endpoint}")
        secret = (await self._secret(found.id)).get_secret_value()
        if secret in self._secrets:
            yield right("signing secret", f"that of {found.id} is among webhook_secrets")
        else:
            yield wrong(
                "signing secret",
                f"that of {found.id} is not among webhook_secrets: what it sends would be refused",
                "copy it there from Admin Centre, or leave webhook_secrets out and have `trueup "
                "connections setup` keep it",
            )
        answer = await self._look.get(_TRIGGERS, params=_PAGE)
        triggers = self._read(answer, Triggers, "list the active triggers").triggers
        calling = [each for each in triggers if _calls(each, found.id)]
        if calling:
            yield right("triggers", f"{len(calling)} active ones call {found.id}")
        else:
            yield wrong(
                "triggers",
                f"no active trigger calls {found.id}: it is never sent",
                "make the two triggers that docs/support.md describes",
            )

    def _read(self, answer: httpx.Response, model: type[M], words: str) -> M:
        if answer.status_code not in (200, 201):
            raise failure(answer, RequestContext(words, self._connection))
        with contract("Zendesk's answer", SYSTEM, words, "compare Zendesk's changelog"):
            return model.model_validate(self._look.http.decode(answer))


def _who(user: User) -> Iterable[Finding]:
    if user.id is None:
        yield wrong(
            "credentials",
            "Zendesk takes us for nobody: the credentials are not those of an agent",
            "give the secrets of an administrator's OAuth client, or of an agent's API token",
        )
    elif user.role == "admin":
        yield right("role", "an administrator: all that is needed may be read and written")
    elif user.role == "agent":
        yield wrong(
            "role",
            "an agent: organisations may not be exported, so support is not reconciled, and fields "
            "cannot be set up",
            "make the user an administrator, or one of a custom role that may do both",
        )
    else:
        yield wrong("role", f"{user.role[:40]}: organisations cannot be changed", "give an agent's")


def _export(answer: httpx.Response) -> Finding:
    looked_at = "organisations"
    if answer.status_code == httpx.codes.OK:
        return right(looked_at, "they may be exported, for reconciliation")
    if answer.status_code in (401, 403):
        return wrong(
            looked_at,
            "they may not be exported: support is not reconciled",
            "let the user, and the OAuth client's scope, read organisations as an administrator "
            "does",
        )
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return unknown(looked_at, "ten exports a minute are allowed, and they were", "look again")
    return unknown(looked_at, f"Zendesk answered {answer.status_code} to an export", "look again")


def _of_fields(found: list[FieldShown], options: ZendeskOptions) -> Iterable[Finding]:
    known = {field.key: field for field in found}
    for key, _, kind in options.fields:
        looked_at, field = f"organisation field {key}", known.get(key)
        if field is None:
            yield wrong(
                looked_at,
                "it is not there: Zendesk leaves out what is written to it without a word",
                "`trueup connections setup` makes it",
            )
        elif not field.active:
            yield wrong(looked_at, "it is switched off", "activate it in Admin Centre")
        elif field.type not in _TEXT:
            yield wrong(
                looked_at,
                f"it is of the type {field.type[:40]}, which does not hold what is written",
                f"name another key in the connection's options, of the type {kind}",
            )
        else:
            yield right(looked_at, f"it is active, of the type {field.type}")


def _limits(answer: httpx.Response) -> Iterable[Finding]:
    limit, left = (
        answer.headers.get("x-rate-limit", ""),
        answer.headers.get("x-rate-limit-remaining", ""),
    )
    if limit.isdigit() and left.isdigit():
        yield right("rate limit", f"{limit} requests a minute for the account, {left} of them left")
    else:
        yield unknown("rate limit", "Zendesk does not say it", "see it in Admin Centre, API usage")


def _calls(trigger: Trigger, webhook: str) -> bool:
    return any(
        action.field == "notification_webhook"
        and isinstance(action.value, list)
        and bool(action.value)
        and str(action.value[0]) == webhook
        for action in trigger.actions
    )
