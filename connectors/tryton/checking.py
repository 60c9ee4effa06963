"""A Tryton connection looked at before anything is booked: server, user, modules, and what the
configuration names of each legal entity."""

import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from functools import partial
from typing import Any, Self

import httpx
import orjson

from canonical_models.checks import Expected, ExpectedEntity, Finding, right, unknown, wrong
from canonical_models.failures import Failure, Rejection, RejectionCode, TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import Closing, Observer, VendorHttp
from connectors.looking import Looking, of_failure, unreachable
from connectors.tryton.client import TrytonClient, of_kind
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Company, day
from connectors.tryton.masterdata import MasterData
from connectors.tryton.methods import Methods
from connectors.tryton.options import TrytonOptions
from connectors.tryton.taxes import TaxBook

#: The first series with a REST interface.
OLDEST = (8, 0)

_SERIES = re.compile(r"(\d{1,3})\.(\d{1,3})")

#: Models that are written, and what is done to them; each brings the name of its module.
_WRITTEN: dict[str, tuple[str, ...]] = {
    "account.invoice": ("read", "write", "create"),
    "account.invoice.line": ("read", "write", "create"),
    "account.move": ("read", "write", "create"),
    "account.move.line": ("read", "write", "create"),
    "party.party": ("read", "write", "create"),
    "party.address": ("read", "write", "create"),
    "party.identifier": ("read", "write", "create"),
    "product.product": ("read",),
    "account.tax": ("read",),
    "account.tax.rule": ("read",),
    "account.period": ("read",),
    "account.journal": ("read",),
}


class TrytonConnection(Closing):
    """A `ConnectionPort`."""

    def __init__(self, http: VendorHttp, client: TrytonClient, options: TrytonOptions) -> None:
        self._look = Looking(http)
        self._http, self._client = http, client
        self._options = options
        self._master = MasterData(client)
        self._methods = Methods(client, options)
        self._taxes = TaxBook(client)

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Raises KeyError without a secret, ValueError for options that do not fit."""
        options = TrytonOptions.model_validate(config.options)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            transport=transport,
        )
        client = TrytonClient(
            http,
            database=options.database,
            api_key=config.header_secret("api_key"),
            login=options.login,
            password=config.secret("password"),
        )
        return cls(http, client, options)

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """See `ConnectionPort`."""
        look = self._look
        try:
            look.add(await self._version())
        except TransientFailure as away:
            return (unreachable(away),)
        with look.about("password"):
            await self._client.rpc("model.res.user.get_preferences", True, what="our user")
            look.add(right("password", f"{self._options.login} may open a session"))
        with look.about("API key"):
            companies = await self._client.search(
                "company.company", [], ["party.code"], what="the legal entities"
            )
            # Anything may answer with an empty list.
            if companies:
                look.add(right("API key", "it opens the REST interface"))
            look.add(*self._companies(companies, expected))
        with look.about("rights"):
            look.add(*await self._rights())
        with look.about("modules"):
            look.add(*await self._modules())
        for entity in expected.entities:
            await self._entity(entity)
        if expected.cash is not None:
            await self._cash(expected)
        return (*look.findings, *look.besides("Tryton"))

    async def close(self) -> None:
        await self._look.close()

    async def _version(self) -> Finding:
        """Servers before 8.0 take the question at another path, and have no REST interface."""
        wanted = "Tryton {}.{} or later is needed, which has the REST interface".format(*OLDEST)
        for path in ("/rpc/", "/"):
            answer = await self._look.ask(
                "POST",
                path,
                headers={"Content-Type": "application/json"},
                content=orjson.dumps({"id": 1, "method": "common.server.version", "params": []}),
            )
            series = _series(answer)
            if series is None:
                continue
            said = "{}.{}".format(*series)
            if series < OLDEST:
                return wrong("version", f"it is Tryton {said}", f"upgrade the ERP: {wanted}")
            return right("version", f"it is Tryton {said}; {wanted}")
        return unknown(
            "version",
            f"what answers at this address does not say which Tryton it is; {wanted}",
            "see that base_url is the server's, without a path, and which version runs there",
        )

    def _companies(self, rows: list[dict[str, Any]], expected: Expected) -> Iterable[Finding]:
        seen = sorted(str((row.get("party.") or {}).get("code")) for row in rows)
        named = [entity.code for entity in expected.entities]
        if not rows:
            yield wrong(
                "legal entities",
                f"{self._options.login} sees none",
                "give the user its companies in Tryton, Administration, Users",
            )
        elif not named:
            yield unknown(
                "legal entities",
                f"{len(seen)} are seen ({', '.join(seen[:10])}); the configuration names none, "
                "so none was looked into",
                "name them in policy.accounts or policy.books.entities, as far as they are known",
            )

    async def _rights(self) -> Iterable[Finding]:
        access = await self._client.rpc(
            "model.ir.model.access.get_access", [*_WRITTEN], what="our user's rights"
        )
        access = of_kind(dict, access, "our user's rights", at="$.result")
        lacking = [
            f"{model}: {right_}"
            for model, needed in _WRITTEN.items()
            for right_ in needed
            if not (access.get(model) or {}).get(right_)
        ]
        if lacking:
            return [
                wrong(
                    "rights",
                    f"{self._options.login} may not {', '.join(lacking)}",
                    "give the user the groups Accounting and Party Administration",
                )
            ]
        return [right("rights", f"{self._options.login} may all that is needed of models")]

    async def _modules(self) -> Iterable[Finding]:
        has = await FeatureProbe(self._client).features()
        found = [right("modules", "account_invoice is activated")]
        found.append(
            right("module account_invoice_defer", "revenue of a period is deferred by the ERP")
            if has.deferral
            else right(
                "module account_invoice_defer",
                "it is not activated: what is paid in advance is revenue at once",
                "activate it where revenue is to be deferred",
            )
        )
        found.append(
            right(
                "module trueup", "the ERP keeps our references unique, and takes billing's numbers"
            )
            if has.external_ids
            else right(
                "module trueup",
                "it is not activated: late documents show the next date that the ERP takes",
                "activate it where billing's numbers are to be the ERP's (tryton_trueup/README.md)",
            )
        )
        return found

    async def _entity(self, entity: ExpectedEntity) -> None:
        look, code = self._look, entity.code
        try:
            company = await self._master.company(code)
        except Failure as missing:
            look.add(of_failure(f"{code}", missing))
            return
        look.add(right(code, f"it is there; its books are kept in {company.currency.code}"))
        today = await self._today(code, company)
        if today is not None:
            await self._says(
                f"{code} period",
                lambda: self._period(code, today, company),
                f"{today} is open for invoices",
            )
            with look.about(f"{code} invoice numbers"):
                look.add(await self._sequences(code, today, company))
        for called, name in (
            ("payments", self._options.bank_journal),
            (
                "payments made elsewhere",
                self._options.paid_elsewhere_journal or self._options.bank_journal,
            ),
        ):
            await self._says(
                f"{code} method for {called}",
                partial(self._methods.payment, name, code, company),
                f"it is there{f', by the journal {name}' if name else ''}",
            )
        await self._says(
            f"{code} method for write-offs",
            lambda: self._methods.losses(code, company),
            "it is there",
        )
        if self._options.goodwill_account is not None:
            account = self._options.goodwill_account
            await self._says(
                f"{code} goodwill account",
                lambda: self._account(account, company, code),
                f"{account} is there",
            )
        await self._says(
            f"{code} general journal", lambda: self._methods.general_journal(company), "it is there"
        )
        for tax in entity.tax_codes:
            await self._says(
                f"{code} tax code {tax}",
                partial(self._tax, code, tax, company),
                "it is there",
            )
        for rule in entity.tax_rules:
            await self._says(
                f"{code} tax rule {rule}",
                partial(self._rule, code, rule, company),
                "it is there",
            )

    async def _says(self, looked_at: str, ask: Callable[[], Awaitable[Any]], meaning: str) -> None:
        """Right where the reading does not refuse."""
        with self._look.about(looked_at):
            await ask()
            self._look.add(right(looked_at, meaning))

    async def _today(self, code: str, company: Company) -> date | None:
        try:
            return await self._master.today(company)
        except Failure as failure:
            self._look.add(of_failure(f"{code} today", failure))
            return None

    async def _period(self, code: str, today: date, company: Company) -> None:
        journal = await self._master.journal(company)
        await self._master.open_period(code, today, company, journal=("id", journal))

    async def _sequences(self, code: str, today: date, company: Company) -> Finding:
        looked_at = f"{code} invoice numbers"
        rows = await self._client.search(
            "account.fiscalyear.invoice_sequence",
            [
                ["company", "=", company.id],
                ["fiscalyear.start_date", "<=", day(today)],
                ["fiscalyear.end_date", ">=", day(today)],
            ],
            ["out_invoice_sequence", "out_credit_note_sequence"],
            what=f"the invoice sequences of {code}",
            company=company.id,
        )
        if any(
            row.get("out_invoice_sequence") and row.get("out_credit_note_sequence") for row in rows
        ):
            return right(looked_at, f"the fiscal year of {today} numbers invoices and credit notes")
        return wrong(
            looked_at,
            f"no fiscal year of {today} has sequences for invoices and credit notes",
            "set them in Tryton, Financial, Fiscal years, Sequences",
        )

    async def _tax(self, code: str, name: str, company: Company) -> None:
        (await self._taxes.of(code, company)).named(name)

    async def _rule(self, code: str, name: str, company: Company) -> None:
        rows = await self._client.search(
            "account.tax.rule",
            [["company", "=", company.id], ["name", "=", name], ["kind", "in", ["sale", "both"]]],
            ["name"],
            what=f"the tax rule {name}",
            company=company.id,
        )
        if not rows:
            raise _missing(f"{code} has no tax rule for customers called {name!r}", name)

    async def _cash(self, expected: Expected) -> None:
        cash = expected.cash
        if cash is None:
            return
        try:
            company = await self._master.company(cash.legal_entity)
        except Failure as missing:
            self._look.add(of_failure("payouts", missing))
            return
        for called, account in (
            ("clearing", cash.clearing),
            ("bank", cash.bank),
            ("fees", cash.fees),
            ("conversion", cash.conversion),
        ):
            if account is not None:
                await self._says(
                    f"payouts: {called} account",
                    partial(self._account, account, company, cash.legal_entity),
                    f"{account} is there",
                )
        if cash.fee_tax_code is not None:
            tax = cash.fee_tax_code
            await self._says(
                "payouts: tax code of fees",
                lambda: self._tax(cash.legal_entity, tax, company),
                f"{tax} is there",
            )

    async def _account(self, account: str, company: Company, code: str) -> None:
        rows = await self._client.search(
            "account.account",
            [["company", "=", company.id], ["code", "=", account], ["type", "!=", None]],
            ["code"],
            what=f"account {account}",
            company=company.id,
        )
        if not rows:
            raise _missing(f"{code} has no account {account} that can be booked on", account)


def _missing(message: str, subject: str) -> Rejection:
    return Rejection(
        RejectionCode.DOCUMENT_REFUSED,
        f"{message}: create it in the ERP, or correct the configuration",
        system=SYSTEM,
        subject=subject,
    )


def _series(answer: httpx.Response) -> tuple[int, int] | None:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
    said = body.get("result") if isinstance(body, dict) else body
    found = _SERIES.match(said) if isinstance(said, str) else None
    return (int(found[1]), int(found[2])) if found else None
