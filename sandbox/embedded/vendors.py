"""The vendors' stand-ins: a real Tryton, and simulators of Stripe, Zendesk and a target.

Each launcher returns the child (none for a vendor that the configuration gives), how
`runtime.settings` describes the connection, and what `stack.json` says of it. Secrets are kept in
`<state>/secrets` and referred to from there.
"""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx

from runtime.processes import Child, ChildFailed, Folders, Program
from runtime.settings import ConnectionSettings, resolve
from sandbox.embedded.config import StackConfig
from sandbox.embedded.facts import TENANT, StripeFacts, TargetFacts, TrytonFacts, ZendeskFacts
from sandbox.embedded.files import random_text, secret, signing_secret, write
from sandbox.embedded.ports import Ports
from sandbox.erp.instance import DATABASE, SETTLEMENT_OPTIONS, SeededDatabase

_ZENDESK_EMAIL = "trueup@acme.example"
#: Making Tryton's schema takes half a minute of one core, once; slow machines take longer.
_FIRST_ERP_SECONDS = 600


Facts = TypeVar("Facts")


@dataclass(frozen=True)
class VendorStarted(Generic[Facts]):
    child: Child | None
    connection: ConnectionSettings
    facts: Facts


class Vendors:
    """Launchers of the three; `cache` holds the seeded ERP database that all stacks copy."""

    def __init__(
        self, config: StackConfig, state: Path, cache: Path, folders: Folders, ports: Ports
    ) -> None:
        self._config = config
        self._state = state
        self._cache = cache
        self._folders = folders
        self._ports = ports

    async def tryton(self) -> VendorStarted[TrytonFacts]:
        """Raises ChildFailed."""
        if (given := self._config.connection("tryton")) is not None:
            return VendorStarted(None, given, given_tryton(given, self._state))
        child = await self._python(
            "tryton",
            "sandbox.erp",
            *("--state", str(self._state / "tryton"), "--cache", str(self._cache), "--module"),
            seconds=_FIRST_ERP_SECONDS,
        )
        url: str = child.ready["url"]
        seeded = SeededDatabase.load(Path(child.ready["credentials"]))
        known = seeded.credentials
        write(self._state / "secrets" / "tryton-api-key", known.api_key + "\n")
        write(self._state / "secrets" / "tryton-password", known.api_password + "\n")
        connection = ConnectionSettings(
            vendor="tryton",
            base_url=url,
            secrets={
                "api_key": "file:secrets/tryton-api-key",
                "password": "file:secrets/tryton-password",
            },
            options={"database": DATABASE, "login": known.api_login, **SETTLEMENT_OPTIONS},
        )
        facts = TrytonFacts(
            url=url,
            database=DATABASE,
            user=known.admin_login,
            password=known.admin_password,
            api_key=known.api_key,
            facts=seeded.facts.model_dump(),
        )
        return VendorStarted(child, connection, facts)

    async def stripe(self) -> VendorStarted[StripeFacts]:
        """The webhook endpoint is not registered yet: see `register_webhook`."""
        if (given := self._config.connection("stripe")) is not None:
            return VendorStarted(None, given, given_stripe(given, self._state))
        key = secret(self._state / "secrets" / "stripe-api-key", lambda: "sk_test_" + random_text())
        child = await self._python(
            "stripe", "sandbox.simulators.stripe", "--state", str(self._state / "stripe.sqlite")
        )
        url: str = child.ready["url"]
        connection = ConnectionSettings(
            vendor="stripe",
            base_url=url,
            secrets={"api_key": "file:secrets/stripe-api-key"},
            webhook_secrets=("file:secrets/stripe-webhook",),
            # The ERP's books begin with the first fiscal year that it was seeded with.
            books_from=date(datetime.now(UTC).year - 1, 1, 1),
        )
        return VendorStarted(child, connection, StripeFacts(url=url, api_key=key, webhook_url=""))

    async def zendesk(self) -> VendorStarted[ZendeskFacts]:
        if (given := self._config.connection("zendesk")) is not None:
            return VendorStarted(None, given, given_zendesk(given, self._state))
        token = secret(self._state / "secrets" / "zendesk-token", random_text)
        child = await self._python(
            "zendesk",
            "sandbox.simulators.zendesk",
            *("--state", str(self._state / "zendesk.sqlite"), "--token", token),
        )
        url: str = child.ready["url"]
        connection = ConnectionSettings(
            vendor="zendesk",
            base_url=url,
            secrets={"token": "file:secrets/zendesk-token"},
            options={"email": _ZENDESK_EMAIL},
        )
        return VendorStarted(
            child, connection, ZendeskFacts(url=url, email=_ZENDESK_EMAIL, token=token)
        )

    async def target(self) -> VendorStarted[TargetFacts]:
        """A system of the tenant's own that is told what customers may use."""
        if (given := self._config.connection("signed_http")) is not None:
            known = _secret(given, self._state, "signing_secret")
            return VendorStarted(None, given, TargetFacts(url=given.base_url, signing_secret=known))
        signing = secret(self._state / "secrets" / "target-signing", signing_secret)
        child = await self._python(
            "target",
            "sandbox.simulators.target",
            *("--state", str(self._state / "target.sqlite"), "--secret", signing),
        )
        url: str = child.ready["url"]
        connection = ConnectionSettings(
            vendor="signed_http",
            base_url=url,
            secrets={"signing_secret": "file:secrets/target-signing"},
        )
        return VendorStarted(child, connection, TargetFacts(url=url, signing_secret=signing))

    async def register_webhook(self, stripe: StripeFacts, api_url: str) -> StripeFacts:
        """Have Stripe's events sent to the API. One endpoint, however often the stack starts.

        An account that is not ours is left alone: its owner makes the endpoint.
        """
        url = f"{api_url}/webhooks/{TENANT}/stripe"
        if self._config.connection("stripe") is not None:
            return stripe.model_copy(update={"webhook_url": url})
        headers = {"Authorization": f"Bearer {stripe.api_key}"}
        async with httpx.AsyncClient(
            base_url=stripe.url, headers=headers, trust_env=False, timeout=10
        ) as http:
            for account in self._config.connected:
                _check(await http.post("/_sim/accounts", json={"id": account}))
            if self._config.connected:
                await self._endpoint(http, url, "stripe-connected", connect="true")
            endpoint, signing = await self._endpoint(http, url, "stripe-webhook")
        return stripe.model_copy(
            update={
                "webhook_url": url,
                "webhook_endpoint": endpoint,
                "webhook_secret": signing,
            }
        )

    async def _endpoint(
        self, http: httpx.AsyncClient, url: str, name: str, **form: str
    ) -> tuple[str, str]:
        """Its id and its secret, which are kept under the name."""
        record, key = self._state / f"{name}.json", self._state / "secrets" / name
        endpoint = _recorded(record) if key.exists() else None
        if endpoint is not None:
            kept = await http.post(
                f"/v1/webhook_endpoints/{endpoint}", data={"url": url, "disabled": "false"}
            )
            # Someone may have deleted it at Stripe; any other refusal is a fault.
            if kept.status_code == httpx.codes.NOT_FOUND:
                endpoint = None
            else:
                _check(kept)
        if endpoint is None:
            made = await http.post(
                "/v1/webhook_endpoints", data={"url": url, "enabled_events[]": "*", **form}
            )
            _check(made)
            endpoint = str(made.json()["id"])
            write(key, made.json()["secret"] + "\n")
            write(record, json.dumps({"id": endpoint}) + "\n")
        return endpoint, key.read_text(encoding="utf-8").strip()

    async def _python(self, name: str, module: str, *arguments: str, seconds: float = 60) -> Child:
        async def launch(port: int) -> Child:
            return await Child.start(
                Program(
                    name=name,
                    argv=(
                        *(sys.executable, "-m", module, "--port", str(port)),
                        *("--exit-with-stdin", *arguments),
                    ),
                    stdin=True,
                    start_seconds=seconds,
                ),
                self._folders,
            )

        return await self._ports.start((name,), launch)


def given_stripe(connection: ConnectionSettings, folder: Path) -> StripeFacts:
    return StripeFacts(
        url=connection.base_url,
        api_key=_secret(connection, folder, "api_key"),
        webhook_url="",
    )


def given_tryton(connection: ConnectionSettings, folder: Path) -> TrytonFacts:
    return TrytonFacts(
        url=connection.base_url,
        database=_text(connection.options.get("database")),
        user=_text(connection.options.get("login")),
        password=_secret(connection, folder, "password"),
        api_key=_secret(connection, folder, "api_key"),
    )


def given_zendesk(connection: ConnectionSettings, folder: Path) -> ZendeskFacts:
    return ZendeskFacts(
        url=connection.base_url,
        email=_text(connection.options.get("email")),
        token=_secret(connection, folder, "token"),
    )


def _secret(connection: ConnectionSettings, folder: Path, name: str) -> str | None:
    reference = connection.secrets.get(name)
    return None if reference is None else resolve(reference, folder, f"{connection.vendor}.{name}")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _recorded(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["id"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _check(answer: httpx.Response) -> None:
    if answer.is_error:
        raise ChildFailed(
            f"the Stripe simulator refused the webhook endpoint with {answer.status_code}: "
            f"{answer.text[:300]}"
        )
