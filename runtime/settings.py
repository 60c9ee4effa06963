"""Configuration: one TOML file for every tenant, secrets by reference only.

    TRUEUP_CONFIG=/etc/trueup/trueup.toml trueup worker

A secret is `env:NAME` or `file:PATH`; a literal is refused, so that no secret can be committed.
Relative paths are relative to the file that names them.
"""

import os
import tomllib
from datetime import UTC, date, datetime, time
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from canonical_models.base import Slug
from canonical_models.failures import Team
from canonical_models.policy import TenantPolicy
from connectors.config import ConnectionConfig
from runtime.connected import require_both_sides


class SettingsError(Exception):
    """The configuration cannot be used; the text says which entry, and what to write."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference:
    """Marks what the settings hold in the place of a secret."""


#: `env:NAME` or `file:PATH`.
Secret = Annotated[str, Reference()]


def on_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class DatabaseSettings(_Section):
    #: `postgresql://…`, or a reference to a secret that holds it.
    dsn: Secret
    pool_size: int = Field(default=10, ge=2, le=200)


class TemporalSettings(_Section):
    address: str = "127.0.0.1:7233"
    namespace: str = "default"
    task_queue: str = "trueup"
    #: Address of the Web UI, for links that people follow.
    ui: str | None = None
    api_key: Secret | None = None
    tls: bool = False
    #: The network between is the installation's own: histories may cross it as they are.
    plain_text: bool = False

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        host = self.address.rpartition(":")[0].strip("[]")
        if not (self.tls or self.plain_text or on_loopback(host)):
            raise ValueError(
                f"{self.address} is not on this machine, and histories would go there in plain "
                "text: set `tls = true`, or `plain_text = true` where the network is your own"
            )
        return self


class LimitSettings(_Section):
    """Requests a minute that each process of the API takes; 0 for any number."""

    #: Of one key.
    key: int = Field(default=6000, ge=0)
    #: Of one address, without a key that is known.
    address: int = Field(default=300, ge=0)
    #: Of one address: webhooks whose signature is not good.
    forged: int = Field(default=60, ge=0)


class ApiSettings(_Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    #: Where /readyz and /metrics are, which take no key; port 0 for nowhere.
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    limits: LimitSettings = LimitSettings()
    #: Networks whose word on a client's address counts, and the one header that it stands in.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    #: The address under which vendors reach the API, with which webhooks are set up and compared.
    public_url: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")


class ConsoleSettings(_Section):
    """Where people's browsers reach the console: an address of its own, so that no cookie is where
    webhooks and keys are."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    #: Networks whose word, in X-Forwarded-For, on a browser's address counts.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()


class DispatchSettings(_Section):
    #: Sagas that may work at one time; those that wait for a person do not count.
    in_flight: int = Field(default=32, ge=1, le=10_000)
    #: The slow look behind the notifications, in seconds.
    poll_seconds: float = Field(default=2, gt=0, le=300)


class WorkerSettings(_Section):
    #: Where the worker's own /metrics are, which take no key; port 0 for nowhere.
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    #: The build that the worker is; None for the package's version and a digest of its code. One
    #: name for all builds has open sagas go on in whatever code there is, which must replay them.
    version: str | None = Field(default=None, pattern=r"^[\w.-]{1,100}$")
    #: A vendor that is away for longer is asked about: one question of the connection, which closes
    #: by itself when it is back.
    away_minutes: float = Field(default=15, ge=0, le=1440)


class RetentionSettings(_Section):
    """Days after which what is bulky is dropped, 0 for never. Keys, outcomes, proofs, references
    and decisions stay for good."""

    #: Bodies of webhooks that were understood.
    inbox_days: int = Field(default=90, ge=0)
    #: Bodies of all others: dead letters, and what no worker has ever been able to read.
    dead_letter_days: int = Field(default=365, ge=0)
    #: Plans and snapshots of settled changes that are not the newest of their subject.
    plans_days: int = Field(default=400, ge=0)
    #: Published events.
    outbox_days: int = Field(default=90, ge=0)
    #: What was told to receivers, of events that are as old.
    deliveries_days: int = Field(default=90, ge=0)
    #: Differences that are gone, and comparisons but the newest of each tenant.
    reconciliation_days: int = Field(default=400, ge=0)
    #: What a tenant in shadow would have done, after the last of its plans.
    shadow_days: int = Field(default=400, ge=0)


#: One address, without the name of who has it.
MailAddress = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^\s@<>,;:\"()]+@[A-Za-z0-9.-]+$")
]


class NotificationSettings(_Section):
    """The mail server by which teams are told what waits for them, and how often at most."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    #: `starttls`, or `tls` from the first byte; `none` on this machine. By default `starttls`, and
    #: `none` on this machine.
    encryption: Literal["starttls", "tls", "none"] | None = None
    #: The network between is the installation's own: mail may cross it as it is.
    plain_text: bool = False
    user: str | None = None
    password: Secret | None = None
    sender: MailAddress
    #: Minutes between two mails to a team; none is sent where there is nothing new.
    minutes: float = Field(default=30, gt=0, le=1440)
    #: Of the pages where a case is decided; without it mails name the command that shows it.
    base_url: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")

    @property
    def secured(self) -> Literal["starttls", "tls", "none"]:
        return self.encryption or ("none" if on_loopback(self.host) else "starttls")

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.secured == "none" and not (self.plain_text or on_loopback(self.host)):
            raise ValueError(
                f"{self.host} is not on this machine, and mail would go there in plain text: set "
                '`encryption = "starttls"` or "tls", or `plain_text = true` where the network is '
                "your own"
            )
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` go together: give both, or neither")
        return self


class StreamSettings(_Section):
    """Where events may be sent to."""

    #: Networks of your own that receivers may be in; all others have public addresses.
    allowed: tuple[IPv4Network | IPv6Network, ...] = ()


class OidcSettings(_Section):
    """The identity provider, by OpenID Connect. `redirect` is where it sends people back to: the
    console's address and `/sign-in/callback`, as it is registered there."""

    issuer: str
    client_id: str
    #: None for a client that has none, which PKCE alone protects.
    client_secret: Secret | None = None
    redirect: str

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for name, address in (("issuer", self.issuer), ("redirect", self.redirect)):
            url = urlsplit(address)
            host = url.hostname or ""
            if url.scheme != "https" and not (url.scheme == "http" and on_loopback(host)):
                raise ValueError(f"{name} = {address!r} must be https:// outside this machine")
        return self


class TracingSettings(_Section):
    """Where traces go, by OTLP over HTTP; nowhere without an endpoint."""

    endpoint: str | None = None
    #: Of traces that are recorded, each whole or not at all.
    share: float = Field(default=1, gt=0, le=1)
    #: Sent with them, such as `authorization`.
    headers: dict[str, Secret] = Field(default_factory=dict)
    #: The network between is the installation's own: traces may cross it as they are.
    plain_text: bool = False

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.endpoint is None:
            return self
        url = urlsplit(self.endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"endpoint = {self.endpoint!r} is no http:// or https:// address")
        if url.scheme == "http" and not (self.plain_text or on_loopback(url.hostname)):
            raise ValueError(
                f"endpoint = {self.endpoint!r} is not on this machine, and traces would go there "
                "in plain text: write https://, or `plain_text = true` where the network is your "
                "own"
            )
        return self


class SignInSettings(_Section):
    """How long people stay signed in in a browser, and by whom else they may be known."""

    #: Without anything being asked for.
    idle_minutes: float = Field(default=60, gt=0, le=1440)
    #: At most, whatever is asked for.
    session_hours: float = Field(default=12, gt=0, le=168)
    #: Of keys that `trueup login` makes.
    key_days: float = Field(default=90, gt=0, le=3660)
    oidc: OidcSettings | None = None


class ConnectionSettings(_Section):
    vendor: str
    base_url: str
    secrets: dict[str, Secret] = Field(default_factory=dict)
    webhook_secrets: tuple[Secret, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)
    timeout_seconds: float = Field(default=20, gt=0, le=120)
    #: The most calls that are under way at one time; how many it takes is found out.
    most_at_once: int = Field(default=32, ge=1, le=64)
    #: What the vendor allows you, for estimates; by default the least that it documents.
    requests_per_second: float | None = Field(default=None, gt=0, le=10_000)
    #: Seconds after which a write can no longer be carried out, counted from when it was let go: it
    #: covers `timeout_seconds` and what the vendor may go on for after we hang up. By default
    #: three times `timeout_seconds`.
    lands_within: float | None = Field(default=None, gt=0, le=3600)
    #: Of billing: the first day whose documents are ours to book. What was issued before belongs
    #: to the process before us.
    books_from: date | None = None
    #: The network between is the installation's own: keys may cross it as they are.
    plain_text: bool = False
    #: Accounts of Stripe Connect whose events come with those of this connection, a platform's, by
    #: the tenant whose they are.
    connected: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        try:
            url = urlsplit(self.base_url)
            host = url.hostname
        except ValueError:
            host = None
        if not host or url.scheme not in ("http", "https"):
            raise ValueError(f"base_url = {self.base_url!r} is no http:// or https:// address")
        if url.scheme == "http" and not (self.plain_text or on_loopback(host)):
            raise ValueError(
                f"base_url = {self.base_url!r} is not on this machine, and the connection's keys "
                "would go there in plain text: write https://, or `plain_text = true` where the "
                "network is your own"
            )
        return self

    @model_validator(mode="after")
    def _lands_after_the_call(self) -> Self:
        # A quarter of it may pass before the request goes out.
        if self.lands * 0.75 < self.timeout_seconds:
            raise ValueError(
                f"lands_within = {self.lands:g} is too short for timeout_seconds = "
                f"{self.timeout_seconds:g}: three quarters of it have to cover the call"
            )
        return self

    @property
    def lands(self) -> float:
        return self.lands_within or 3 * self.timeout_seconds


class TenantSettings(_Section):
    """`billing`, `erp` and `support` name the connection that plays the part; `targets` those that
    are told what customers may use."""

    billing: str
    erp: str
    support: str
    targets: tuple[str, ...] = ()
    connections: dict[str, ConnectionSettings]
    #: In `shadow` every change is planned as it would be and compared with what others have done,
    #: and no system is ever written.
    mode: Literal["live", "shadow"] = "live"
    policy: TenantPolicy = TenantPolicy()
    #: Whom of each team is told by mail what waits for it.
    notify: dict[Team, tuple[MailAddress, ...]] = Field(default_factory=dict)
    #: What events are signed with, by the names that streams use.
    stream_secrets: dict[Slug, Secret] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        for part in (self.billing, self.erp, self.support, *self.targets):
            if part not in self.connections:
                raise ValueError(
                    f"no connection is called {part!r}; there is {[*self.connections]}"
                )
        if self.connections[self.billing].books_from is None:
            raise ValueError(
                f"connection {self.billing!r} needs `books_from`: the first day whose documents "
                "Trueup books. What billing issued before stays with the process before, so agree "
                "on the day with finance (docs/accounting.md, cutover)"
            )
        if taken := {"billing", "erp", "support"}.intersection(self.targets):
            raise ValueError(
                f"a target cannot be called {min(taken)!r}: name its connection otherwise"
            )
        return self

    @property
    def parts(self) -> dict[str, str]:
        """From what a connection is for (`billing`, `erp`, `support`, or a target's name) to it."""
        parts = {"billing": self.billing, "erp": self.erp, "support": self.support}
        return parts | {target: target for target in self.targets}

    @property
    def shadow(self) -> bool:
        return self.mode == "shadow"

    @property
    def cutover(self) -> datetime:
        """The beginning of the first day that is ours, in the tenant's zone."""
        day = self.connections[self.billing].books_from
        if day is None:
            raise AssertionError("the settings are refused without it")
        zone = self.policy.books.time_zone or self.policy.time_zone
        return datetime.combine(day, time(), tzinfo=ZoneInfo(zone) if zone else UTC)


class Settings(_Section):
    database: DatabaseSettings
    temporal: TemporalSettings = TemporalSettings()
    api: ApiSettings = ApiSettings()
    console: ConsoleSettings = ConsoleSettings()
    dispatch: DispatchSettings = DispatchSettings()
    worker: WorkerSettings = WorkerSettings()
    retention: RetentionSettings = RetentionSettings()
    notifications: NotificationSettings | None = None
    sign_in: SignInSettings = SignInSettings()
    streams: StreamSettings = StreamSettings()
    tracing: TracingSettings = TracingSettings()
    tenants: dict[str, TenantSettings] = Field(default_factory=dict)
    #: Folder that relative `file:` references start from.
    folder: Path = Path()

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        told = [name for name, tenant in self.tenants.items() if any(tenant.notify.values())]
        if told and self.notifications is None:
            raise ValueError(
                f"tenant {told[0]!r} has addresses in `notify`, and there is no mail server: add "
                "[notifications] with `host` and `sender`"
            )
        return self

    @model_validator(mode="after")
    def _connected_are_there(self) -> Self:
        require_both_sides(self.tenants)
        return self

    @property
    def dsn(self) -> str:
        dsn = self.database.dsn
        return dsn if dsn.startswith("postgresql://") else resolve(dsn, self.folder, "database.dsn")

    def connection(self, tenant: str, name: str, *, hears: bool = True) -> ConnectionConfig:
        """Raises KeyError for an unknown tenant or connection, SettingsError for a bad secret.

        One that does not yet hear (`hears` false) may have signing secrets that are still to come:
        those that cannot be read are left out."""
        found = self.tenants[tenant].connections[name]
        where = f"tenants.{tenant}.connections.{name}"
        return ConnectionConfig(
            name=name,
            vendor=found.vendor,
            base_url=found.base_url,
            secrets={
                key: SecretStr(resolve(reference, self.folder, f"{where}.secrets.{key}"))
                for key, reference in found.secrets.items()
            },
            webhook_secrets=self._signing(found, f"{where}.webhook_secrets", hears=hears),
            options=found.options,
            timeout_seconds=found.timeout_seconds,
            most_at_once=found.most_at_once,
            shadow=self.tenants[tenant].shadow,
        )

    def _signing(
        self, found: ConnectionSettings, where: str, *, hears: bool
    ) -> tuple[SecretStr, ...]:
        read: list[SecretStr] = []
        for reference in found.webhook_secrets:
            try:
                read.append(SecretStr(resolve(reference, self.folder, where)))
            except SettingsError:
                if hears:
                    raise
        return tuple(each for each in read if each.get_secret_value() or hears)


def resolve(reference: str, folder: Path, where: str) -> str:
    """The secret behind `env:NAME` or `file:PATH`."""
    kind, _, target = reference.partition(":")
    match kind:
        case "env":
            if (value := os.environ.get(target)) is None:
                raise SettingsError(f"{where}: the environment variable {target} is not set")
            return value
        case "file":
            try:
                return (folder / target).read_text(encoding="utf-8").strip()
            except OSError as fault:
                raise SettingsError(f"{where}: cannot read {target}: {fault.strerror}") from fault
        case _:
            raise SettingsError(f"{where}: write `env:NAME` or `file:PATH`, never the secret")


def load(path: Path | None = None) -> Settings:
    """From `path`, else from $TRUEUP_CONFIG, else `trueup.toml` here. Raises SettingsError."""
    chosen = path or Path(os.environ.get("TRUEUP_CONFIG", "trueup.toml"))
    try:
        document = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{chosen} does not exist: name the configuration with --config or TRUEUP_CONFIG"
        ) from None
    except (OSError, ValueError) as fault:
        raise SettingsError(f"{chosen} cannot be read: {fault}") from fault
    try:
        return Settings.model_validate({**document, "folder": chosen.resolve().parent})
    except ValidationError as fault:
        lines = [
            f"  {'.'.join(map(str, error['loc']))}: {error['msg']}"
            for error in fault.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(f"{chosen} is not valid:\n" + "\n".join(lines)) from fault
