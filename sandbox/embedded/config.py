"""What the stack is given instead of starting it itself: each part alone, all optional.

    [database]
    dsn = "env:TRUEUP_DSN"

    [temporal]
    address = "10.0.0.5:7233"
    ui = "https://temporal.example"

    [connections.stripe]
    vendor = "stripe"
    base_url = "https://api.stripe.com"
    secrets = { api_key = "env:STRIPE_KEY" }
    webhook_secrets = ["env:STRIPE_WEBHOOK_SECRET"]

    [policy.dunning]
    grace_days = 14

The sections are those of the settings file (`runtime.settings`). $TRUEUP_DATABASE_DSN and
$TRUEUP_TEMPORAL_ADDRESS do the same for the two that need no more than an address.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canonical_models.policy import (
    AccountPolicy,
    BooksPolicy,
    EntityBooks,
    PartyTaxRules,
    TenantPolicy,
)
from runtime.settings import (
    ConnectionSettings,
    DatabaseSettings,
    SettingsError,
    TemporalSettings,
    resolve,
)

Vendor = Literal["stripe", "tryton", "zendesk", "signed_http"]

#: Accounts of new customers are made by themselves, in the books of their currency.
POLICY = TenantPolicy(
    accounts=AccountPolicy(create=True, legal_entities={"EUR": "LE-DE", "USD": "LE-US"}),
    books=BooksPolicy(
        entities={
            "LE-DE": EntityBooks(
                country="DE",
                late_number="billing_number",
                party_tax_rules=PartyTaxRules(
                    domestic="Domestic",
                    eu_business="EU reverse charge",
                    eu_consumer={"FR": "Consumers in France", "AT": "Consumers in Austria"},
                    third_country="Outside the EU",
                ),
            ),
            "LE-US": EntityBooks(
                country="US",
                party_tax_rules=PartyTaxRules(domestic="Domestic", third_country="Outside the US"),
            ),
        },
    ),
    invoice_minutes=1,
)


class StackConfig(BaseModel):
    """Nothing given: everything is embedded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: DatabaseSettings | None = None
    temporal: TemporalSettings | None = None
    connections: dict[Vendor, ConnectionSettings] = Field(default_factory=dict)
    #: Of the one tenant; a section of a file replaces all of it.
    policy: TenantPolicy = POLICY
    #: Tenants by their accounts of Stripe Connect, under that of the first tenant and simulated as
    #: that is. Each has the connections and the policy of the first, but its own account.
    connected: dict[str, str] = Field(default_factory=dict)
    #: Folder that relative `file:` references start from.
    folder: Path = Path()

    @classmethod
    def load(cls, path: Path | None, environment: Mapping[str, str] = os.environ) -> Self:
        """From a file, if any, and the environment, which wins. Raises SettingsError."""
        document: dict[str, Any] = {} if path is None else _read(path)
        if dsn := environment.get("TRUEUP_DATABASE_DSN"):
            document["database"] = {**document.get("database", {}), "dsn": dsn}
        if address := environment.get("TRUEUP_TEMPORAL_ADDRESS"):
            document["temporal"] = {**document.get("temporal", {}), "address": address}
        folder = Path() if path is None else path.absolute().parent
        try:
            return cls.model_validate({**document, "folder": folder})
        except ValidationError as fault:
            lines = [
                f"  {'.'.join(map(str, error['loc']))}: {error['msg']}"
                for error in fault.errors(include_input=False, include_url=False)
            ]
            raise SettingsError(
                f"{path or 'the environment'} does not say what to use instead of the embedded "
                "parts:\n" + "\n".join(lines)
            ) from fault

    @property
    def dsn(self) -> str | None:
        """The PostgreSQL to use; None for the embedded one. Raises SettingsError."""
        if self.database is None or self.database.dsn.startswith("postgresql://"):
            return None if self.database is None else self.database.dsn
        return resolve(self.database.dsn, self.folder, "database.dsn")

    def connection(self, vendor: Vendor) -> ConnectionSettings | None:
        """As given, with `file:` references that hold from any folder."""
        if (found := self.connections.get(vendor)) is None:
            return None
        return found.model_copy(
            update={
                "secrets": {key: self._anywhere(text) for key, text in found.secrets.items()},
                "webhook_secrets": tuple(map(self._anywhere, found.webhook_secrets)),
            }
        )

    def temporal_settings(self) -> TemporalSettings | None:
        if self.temporal is None or self.temporal.api_key is None:
            return self.temporal
        return self.temporal.model_copy(update={"api_key": self._anywhere(self.temporal.api_key)})

    def _anywhere(self, reference: str) -> str:
        kind, _, target = reference.partition(":")
        return f"file:{(self.folder / target).absolute()}" if kind == "file" else reference


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist: check --config") from None
    except (OSError, ValueError) as fault:
        raise SettingsError(f"{path} cannot be read: {fault}") from fault
