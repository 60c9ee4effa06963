"""Connections looked at before anything is done through them, and set up at their vendors.

Both need the installation's configuration alone: neither database nor engine has to be there.
"""

import os
import tempfile
from pathlib import Path

from canonical_models.base import Canonical
from canonical_models.cash import CashAccounts
from canonical_models.checks import Expected, ExpectedEntity, Finding, SetupStep, Verdict, wrong
from canonical_models.failures import Failure
from canonical_models.policy import BooksPolicy, EntityBooks
from connectors import registry
from connectors.secrecy import without_secrets
from operations.errors import Conflict, Invalid, NotFound, Unavailable
from runtime.connected import heard_by
from runtime.metrics import observe_vendor
from runtime.settings import Settings, SettingsError, TenantSettings


class Checked(Canonical):
    """One connection, and what was found of it."""

    connection: str
    vendor: str
    findings: tuple[Finding, ...]


class Checks(Canonical):
    """`wrong` and `unknown` are how many findings are so."""

    connections: tuple[Checked, ...]
    wrong: int
    unknown: int


class SetUp(Canonical):
    """`applied` is whether the steps were done, or would be."""

    connection: str
    vendor: str
    applied: bool
    steps: tuple[SetupStep, ...]


async def check(settings: Settings, tenant: str, named: str | None) -> Checks:
    """Connections of the tenant: all, or those that `named` is the name or the vendor of, one after
    the other. What a connection lacks in the configuration is a finding of it."""
    found = [
        Checked(
            connection=name,
            vendor=settings.tenants[tenant].connections[name].vendor,
            findings=await _findings(settings, tenant, name),
        )
        for name in chosen(settings.tenants[tenant], named)
    ]
    every = [finding.verdict for one in found for finding in one.findings]
    return Checks(
        connections=tuple(found),
        wrong=every.count(Verdict.WRONG),
        unknown=every.count(Verdict.UNKNOWN),
    )


async def setup(settings: Settings, tenant: str, named: str, *, apply: bool) -> SetUp:
    """What the vendor of the one connection lacks; with `apply` it is made, and a signing secret
    goes to the first `file:` of `webhook_secrets` that holds none."""
    names = chosen(settings.tenants[tenant], named)
    if len(names) != 1:
        raise Invalid(
            f"{len(names)} connections are of the vendor {named}",
            remedy=f"name one of {', '.join(names)}",
        )
    (name,) = names
    expected = expected_of(settings, tenant, name)
    try:
        port = registry.setup(settings.connection(tenant, name, hears=False), observe_vendor)
    except registry.UnknownVendor as fault:
        raise Invalid(
            str(fault), remedy="nothing needs to be set up there; check the connection instead"
        ) from fault
    except (KeyError, ValueError) as fault:
        raise Invalid(str(fault.args[0]), remedy="correct the settings, then again") from fault
    keep = _keeper(settings, tenant, name) if apply else None
    try:
        # What it is to be is known before anything is made, and whether its secret can be kept.
        if keep is not None:
            keep.require(_secrets_lacking(settings, tenant, name))
        steps = await port.setup(expected, keep=keep)
    except ValueError as fault:
        raise Invalid(str(fault), remedy="mend that, then again: what is there stays") from fault
    except Failure as failure:
        raise Unavailable(
            failure.message, remedy="mend that, then again: what was made is found again"
        ) from failure
    finally:
        await port.close()
    vendor = settings.tenants[tenant].connections[name].vendor
    return SetUp(connection=name, vendor=vendor, applied=apply, steps=steps)


def chosen(tenant: TenantSettings, named: str | None) -> list[str]:
    """Names of connections, in the order of their parts. Raises NotFound."""
    used = [*dict.fromkeys((*tenant.parts.values(), *tenant.connections))]
    if named is None:
        return used
    if named in tenant.connections:
        return [named]
    found = [name for name in used if tenant.connections[name].vendor == named]
    if not found:
        raise NotFound(
            f"no connection is called {named} or of that vendor",
            remedy=f"use one of {', '.join(used)}",
        )
    return found


def expected_of(settings: Settings, tenant: str, name: str) -> Expected:
    """What the configuration says elsewhere of what this connection has to fit to."""
    configured = settings.tenants[tenant]
    books, accounts = configured.policy.books, configured.policy.accounts
    codes = dict.fromkeys(
        (
            *([accounts.legal_entity] if accounts.legal_entity else ()),
            *accounts.legal_entities.values(),
            *books.entities,
            *([books.cash.legal_entity] if books.cash else ()),
        )
    )
    cash, hearing = books.cash, heard_by(settings.tenants, (tenant, name))
    return Expected(
        webhook_path=f"/webhooks/{tenant}/{name}",
        public_url=settings.api.public_url,
        signing_secrets=len(configured.connections[name].webhook_secrets),
        heard_by=None if hearing is None else "/webhooks/{}/{}".format(*hearing),
        connected=bool(configured.connections[name].connected),
        payouts=cash is not None,
        entities=tuple(_entity(code, books) for code in codes),
        cash=None
        if cash is None
        else CashAccounts(
            legal_entity=cash.legal_entity,
            clearing=cash.clearing,
            bank=cash.bank,
            fees=cash.fees,
            fee_tax_code=cash.fee_tax_code,
            conversion=cash.conversion,
            journal=cash.journal,
        ),
    )


def _entity(code: str, books: BooksPolicy) -> ExpectedEntity:
    of: EntityBooks = books.of(code)
    rules = of.party_tax_rules
    named = (rules.domestic, rules.eu_business, *rules.eu_consumer.values(), rules.third_country)
    return ExpectedEntity(
        code=code,
        tax_codes=tuple(dict.fromkeys(rule.code for rule in of.tax_codes)),
        tax_rules=tuple(dict.fromkeys(name for name in named if name is not None)),
    )


async def _findings(settings: Settings, tenant: str, name: str) -> tuple[Finding, ...]:
    try:
        port = registry.check(settings.connection(tenant, name, hears=False), observe_vendor)
    except (SettingsError, registry.UnknownVendor, ValueError) as fault:
        return (wrong("configuration", str(fault), "correct the settings, then look again"),)
    except KeyError as fault:
        return (wrong("configuration", str(fault.args[0]), "add it, then look again"),)
    try:
        found = await port.check(expected_of(settings, tenant, name))
    finally:
        await port.close()
    return tuple(map(_shown, found))


def _shown(finding: Finding) -> Finding:
    """What a vendor says of itself may be part of it."""
    step = finding.next_step
    return finding.model_copy(
        update={
            "meaning": without_secrets(finding.meaning),
            "next_step": None if step is None else without_secrets(step),
        }
    )


class _Keeper:
    """Writes each secret into a file of its own, which nobody else may read."""

    def __init__(self, free: list[Path], where: str) -> None:
        self._free, self._where = free, where

    def require(self, secrets: int) -> None:
        """Raises Conflict where there are not so many files to write to: a secret that was shown
        once would be lost."""
        if len(self._free) < secrets:
            raise Conflict(
                "there is no file for the signing secret, which the vendor shows once",
                remedy=f'add a "file:…" that does not exist yet to {self._where}',
            )
        for path in self._free[:secrets]:
            if not path.parent.is_dir():
                raise Conflict(
                    f"the folder {path.parent} does not exist", remedy="make it, then again"
                )

    def __call__(self, secret: str) -> str:
        self.require(1)
        path = self._free.pop(0)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        Path(temporary).replace(path)
        return str(path)


def _keeper(settings: Settings, tenant: str, name: str) -> _Keeper:
    where = f"tenants.{tenant}.connections.{name}.webhook_secrets"
    references = settings.tenants[tenant].connections[name].webhook_secrets
    files = [
        settings.folder / reference.removeprefix("file:")
        for reference in references
        if reference.startswith("file:")
    ]
    return _Keeper(
        [path for path in files if not path.exists() or not path.read_text().strip()], where
    )


def _secrets_lacking(settings: Settings, tenant: str, name: str) -> int:
    """How many are still to be made: of our own account's events, and of those under it."""
    given = settings.tenants[tenant].connections[name]
    if not registry.hears(given.vendor) or heard_by(settings.tenants, (tenant, name)):
        return 0
    known = settings.connection(tenant, name, hears=False).webhook_secrets
    return max(1 + bool(given.connected) - len(known), 0)
