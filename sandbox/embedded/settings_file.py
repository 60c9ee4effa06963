"""Writes the settings file that the embedded worker, API and CLI read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canonical_models.policy import TenantPolicy
from runtime.settings import ConnectionSettings, TemporalSettings
from sandbox.embedded.facts import TARGET, TENANT
from sandbox.embedded.files import secret, signing_secret, write

FILE = "trueup.toml"
#: What events of accounts under the first tenant's are signed with.
CONNECTED_SECRET = "file:secrets/stripe-connected"  # noqa: S105 - where it is
#: The build of the stack's worker, whatever its code.
VERSION = "up"
_HEADER = "# Written by `trueup up` at every start; changes made here are lost.\n\n"


@dataclass(frozen=True)
class Given:
    """What the parts turned out to be; `connections` by vendor."""

    dsn: str
    temporal: TemporalSettings
    connections: dict[str, ConnectionSettings]
    policy: TenantPolicy = field(default_factory=TenantPolicy)
    #: Tenants by their accounts under that of the first.
    connected: Mapping[str, str] = field(default_factory=dict)


def write_settings(state: Path, given: Given, ports: Mapping[str, int]) -> None:
    """Write `<state>/trueup.toml`, with the DSN in a secret file beside it. `ports` are by their
    names in `services.ports_of`."""
    write(state / "secrets" / "dsn", given.dsn + "\n")
    secret(state / "secrets" / "stream", signing_secret)
    document: dict[str, Any] = {
        "database": {"dsn": "file:secrets/dsn"},
        "temporal": given.temporal.model_dump(exclude_none=True),
        "api": {"port": ports["api"], "metrics_port": ports["api-metrics"]},
        "console": {"port": ports["console"]},
        # One worker alone: when its code has changed, it goes on with what is open.
        "worker": {"metrics_port": ports["worker"], "version": VERSION},
        # Receivers of events that are tried out are on this machine.
        "streams": {"allowed": ["127.0.0.0/8"]},
        "tenants": dict(_tenants(given)),
    }
    write(state / FILE, _HEADER + toml(document))


def _tenants(given: Given) -> Iterator[tuple[str, dict[str, Any]]]:
    stripe = given.connections["stripe"]
    heard = {"webhook_secrets": (*stripe.webhook_secrets, CONNECTED_SECRET)}
    platform = {"connected": dict(given.connected), **heard} if given.connected else {}
    yield TENANT, _tenant(given, stripe.model_copy(update=platform))
    for account, tenant in given.connected.items():
        options = {**stripe.options, "account": account}
        own = stripe.model_copy(update={"options": options, "webhook_secrets": ()})
        yield tenant, _tenant(given, own)


def _tenant(given: Given, stripe: ConnectionSettings) -> dict[str, Any]:
    connections = {**given.connections, "stripe": stripe}
    return {
        "billing": "stripe",
        "erp": "tryton",
        "support": "zendesk",
        "targets": [TARGET],
        "stream_secrets": {"local": "file:secrets/stream"},
        "connections": {
            name: connection.model_dump(mode="json", exclude_none=True)
            for name, connection in connections.items()
        },
        "policy": given.policy.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
    }


def toml(document: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """A document of tables, strings, numbers, booleans and lists as TOML 1.0."""
    plain = {key: value for key, value in document.items() if not isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}\n" for key, value in plain.items()]
    head = f"[{'.'.join(map(_key, path))}]\n" if path and (lines or not document) else ""
    tables = (
        toml(value, (*path, key)) for key, value in document.items() if isinstance(value, dict)
    )
    return head + "".join(lines) + ("\n" if head else "") + "".join(tables)


def _value(value: Any) -> str:
    match value:
        case dict():
            inner = ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items())
            return f"{{ {inner} }}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case str() | bool() | int() | float():
            # JSON's notation of these is TOML's as well; DEL is the one exception.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _value(key)
