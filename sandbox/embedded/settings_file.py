"""Writes the settings file that the embedded worker, API and CLI read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canonical_models.policy import TenantPolicy
from runtime.settings import ConnectionSettings, TemporalSettings
from sandbox.embedded.facts import TARGET, TENANT
from sandbox.embedded.files import write

FILE = "trueup.toml"
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


def write_settings(state: Path, given: Given, ports: Mapping[str, int]) -> None:
    """Write `<state>/trueup.toml`, with the DSN in a secret file beside it. `ports` are by their
    names in `services.ports_of`."""
    write(state / "secrets" / "dsn", given.dsn + "\n")
    document: dict[str, Any] = {
        "database": {"dsn": "file:secrets/dsn"},
        "temporal": given.temporal.model_dump(exclude_none=True),
        "api": {"port": ports["api"], "metrics_port": ports["api-metrics"]},
        # One worker alone: when its code has changed, it goes on with what is open.
        "worker": {"metrics_port": ports["worker"], "version": VERSION},
        "tenants": {
            TENANT: {
                "billing": "stripe",
                "erp": "tryton",
                "support": "zendesk",
                "targets": [TARGET],
                "connections": {
                    name: connection.model_dump(mode="json", exclude_none=True)
                    for name, connection in given.connections.items()
                },
                "policy": given.policy.model_dump(
                    mode="json", exclude_none=True, exclude_defaults=True
                ),
            }
        },
    }
    write(state / FILE, _HEADER + toml(document))


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
