"""A Stripe connection looked at, and set up, before the first event."""

from collections.abc import Collection
from typing import Self, TypeVar

import httpx
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, SetupStep, right, unknown, wrong
from canonical_models.failures import TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import Closing, Observer, VendorHttp
from connectors.looking import Looking, unreachable
from connectors.ports import Keep
from connectors.refusals import contract
from connectors.stripe import API_VERSION, SYSTEM
from connectors.stripe.endpoints import (
    OF_CONNECTED,
    OF_OURS,
    Endpoints,
    look_at_endpoint,
    ours,
)
from connectors.stripe.errors import body_of
from connectors.stripe.options import StripeOptions, headers_of
from connectors.stripe.permissions import look_at_permissions
from connectors.stripe.versions import OLDEST, is_understood
from connectors.stripe.webhooks import events_heard
from connectors.stripe.wire import Identified, Wire

_VERSION = "Stripe-Version"

M = TypeVar("M", bound=Wire)


class _Balance(Wire):
    livemode: bool


class _Secret(Identified):
    secret: SecretStr


class StripeConnection(Closing):
    """A `ConnectionPort`."""

    def __init__(
        self, config: ConnectionConfig, options: StripeOptions, http: VendorHttp, plain: VendorHttp
    ) -> None:
        self._options = options
        self._secrets = tuple(one.get_secret_value() for one in config.webhook_secrets)
        self._look = Looking(http)
        self._plain = plain
        self._endpoints = Endpoints(self._look, config.name)
        self._connection = config.name

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Raises KeyError without the secret `api_key`, ValueError for options that do not fit."""
        options = StripeOptions.of(config)
        pinned = headers_of(config)
        plain = {name: value for name, value in pinned.items() if name != _VERSION}

        def http(headers: dict[str, str]) -> VendorHttp:
            return VendorHttp(
                SYSTEM,
                config.base_url,
                headers=headers,
                timeout_seconds=config.timeout_seconds,
                observe=observe,
                transport=transport,
            )

        return cls(config, options, http(pinned), http(plain))

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """See `ConnectionPort`."""
        look = self._look
        try:
            balance = await look.get("/v1/balance")
        except TransientFailure as away:
            return (unreachable(away),)
        look.add(right("reachable", "Stripe answers"))
        if balance.status_code == httpx.codes.UNAUTHORIZED:
            look.add(
                wrong(
                    "key",
                    "Stripe refuses the secret api_key",
                    "give a key that is in force, and start the processes anew",
                )
            )
            return (*look.findings, *look.besides("Stripe"))
        if _is_no_account_of_the_keys(balance):
            look.add(
                wrong(
                    "account",
                    f"the key has no access to the account {self._options.account}, or there is "
                    "none of that id",
                    "correct the option account, or give a key of its platform",
                )
            )
            return (*look.findings, *look.besides("Stripe"))
        with look.about("mode"):
            look.add(self._mode(balance))
        with look.about("account"):
            look.add(await self._account())
        with look.about("API version of the account"):
            look.add(await self._default_version())
        with look.about("permissions"):
            look.add(*await look_at_permissions(look, live=self._options.live))
        with look.about("webhook endpoint"):
            wanted = events_heard(payouts=expected.payouts)
            look.add(*await look_at_endpoint(self._endpoints, expected, wanted))
        if expected.heard_by is None:
            look.add(_secret(self._secrets))
        return (*look.findings, *look.besides("Stripe"))

    async def setup(self, expected: Expected, *, keep: Keep | None) -> tuple[SetupStep, ...]:
        """See `ConnectionPort`. One endpoint, of our version, with the events that are heard, and
        one for accounts under ours; none beside a destination of thin events, which is left as it
        is, and none for an account whose platform hears it."""
        if expected.heard_by is not None:
            return ()
        url = expected.webhook_url
        if url is None:
            raise ValueError(
                "the address under which Stripe reaches the API is not known: set `api.public_url`"
            )
        wanted = events_heard(payouts=expected.payouts)
        found = ours(await self._endpoints.all(), expected)
        steps: list[SetupStep] = []
        # A destination of thin events tells the same, and people made it: with another endpoint
        # every event would come twice.
        own = [each for each in found if not each.of_connected]
        if not own and not ours(await self._endpoints.thin() or (), expected):
            steps += await self._make(url, OF_OURS, wanted, keep)
        if expected.connected and not any(each.of_connected for each in found):
            steps += await self._make(url, OF_CONNECTED, wanted, keep)
        for each in found:
            missing = [] if "*" in each.events else sorted(set(wanted) - set(each.events))
            if each.enabled and not missing:
                continue
            what = [] if each.enabled else ["enable it"]
            what += [f"add the events {', '.join(missing)}"] if missing else []
            if keep is not None:
                # What somebody has enabled besides stays: others may look at it in Stripe.
                all_of = sorted({*wanted, *each.events})
                form = [("disabled", "false")]
                form += [("enabled_events[]", one) for one in all_of] if missing else []
                await self._endpoints.save(
                    form, f"change the webhook endpoint {each.id}", endpoint=each.id
                )
            steps.append(SetupStep(what=f"{each.id}: {' and '.join(what)}", done=keep is not None))
        return tuple(steps)

    async def _make(
        self, url: str, description: str, wanted: Collection[str], keep: Keep | None
    ) -> list[SetupStep]:
        """Source: https://docs.stripe.com/api/webhook_endpoints/create (`connect`)."""
        connected = description == OF_CONNECTED
        step = f"a webhook endpoint for {url}, version {API_VERSION}, {len(wanted)} events"
        step += " of connected accounts" if connected else ""
        if keep is None:
            return [SetupStep(what=f"make {step}")]
        form = [
            ("url", url),
            ("api_version", API_VERSION),
            ("description", description),
            *([("connect", "true")] if connected else []),
            *(("enabled_events[]", each) for each in wanted),
        ]
        answer = await self._endpoints.save(form, f"make the webhook endpoint for {url}")
        made = self._read(answer, _Secret, f"make the webhook endpoint for {url}")
        where = keep(made.secret.get_secret_value())
        return [
            SetupStep(what=f"made {made.id}: {step}", done=True),
            SetupStep(what=f"wrote its signing secret to {where}", done=True),
        ]

    async def close(self) -> None:
        await self._look.close()
        await self._plain.close()

    def _read(self, answer: httpx.Response, model: type[M], words: str) -> M:
        remedy = "see what answers at the connection's base_url"
        with contract("Stripe's answer", SYSTEM, words, remedy):
            return model.model_validate(self._look.http.decode(answer))

    def _mode(self, answer: httpx.Response) -> Finding:
        configured = self._options.mode
        if answer.status_code != httpx.codes.OK:
            return unknown(
                "mode",
                f"the connection is of {configured} mode; whether the key is, Stripe does not say "
                "without the permission to read the balance",
                "give the key Balance: read",
            )
        live = self._read(answer, _Balance, "show the balance").livemode
        mode = "live" if live else "test"
        if live is self._options.live:
            return right("mode", f"key and connection are of {mode} mode")
        return wrong(
            "mode",
            f"the key is of {mode} mode, the connection of {configured} mode: every event of the "
            "key would be refused",
            f'set the option mode = "{mode}", or give a key of {configured} mode',
        )

    async def _account(self) -> Finding:
        answer = await self._look.get("/v1/account")
        configured = self._options.account
        if answer.status_code != httpx.codes.OK:
            return unknown(
                "account",
                "Stripe does not tell this key which account it is of",
                "compare the account of the key with yours in the Dashboard",
            )
        account = self._read(answer, Identified, "show the account").id
        if configured is None:
            return right("account", f"the key acts for its own account, {account}")
        if account == configured:
            return right("account", f"the key acts for the connected account {account}")
        return wrong(
            "account",
            f"the connection is of {configured}, and the key acts for {account}",
            "correct the option account, or give a key of its platform",
        )

    async def _default_version(self) -> Finding:
        """Of the account, which a request without a version is answered in."""
        looked_at = "API version of the account"
        answer = await self._plain.send("GET", "/v1/balance")
        self._look.heard(answer)
        version = answer.headers.get(_VERSION)
        if version is None:
            return unknown(looked_at, "Stripe does not say it", "see it in Stripe's Workbench")
        version = "".join(letter for letter in version[:40] if letter.isprintable())
        if is_understood(version):
            return right(looked_at, f"it is {version}; Trueup asks in {API_VERSION} itself")
        return right(
            looked_at,
            f"it is {version}, whose events are not understood; Trueup asks in {API_VERSION}",
            f"an endpoint has to be pinned to {OLDEST} or later, whatever the account's default is",
        )


def _is_no_account_of_the_keys(answer: httpx.Response) -> bool:
    """https://docs.stripe.com/error-codes#account-invalid"""
    if answer.status_code != httpx.codes.FORBIDDEN:
        return False
    told = body_of(answer)
    return told is not None and told.code == "account_invalid"


def _secret(secrets: tuple[str, ...]) -> Finding:
    looked_at = "signing secret"
    if not secrets:
        return wrong(
            looked_at,
            "no webhook_secrets are configured: every event would be refused with 401",
            "name the endpoint's signing secret in webhook_secrets, or have `trueup connections "
            "setup` make the endpoint and keep it",
        )
    if odd := [one for one in secrets if not one.startswith("whsec_")]:
        return wrong(
            looked_at,
            f"{len(odd)} of {len(secrets)} webhook_secrets do not begin as Stripe's do (whsec_)",
            "copy the signing secret of the endpoint from Stripe's Workbench",
        )
    return unknown(
        looked_at,
        "Stripe shows a signing secret once, when it is made: whether ours is the endpoint's shows "
        "with its first event",
        "send a test event from Stripe's Workbench, and look at `trueup inbox list`: it is there, "
        "or the API's log says that its signature was refused",
    )
