"""The real Tryton looked at: what is named and there is right, what is not is named as wrong."""

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.cash import CashAccounts
from canonical_models.checks import Expected, ExpectedEntity, Finding, Verdict
from connectors.config import ConnectionConfig
from connectors.tryton.checking import TrytonConnection
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.conftest import config

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

WEBHOOK = "/webhooks/acme/tryton"


async def found(
    config: ConnectionConfig, *, transport: httpx.AsyncBaseTransport | None = None, **named: object
) -> dict[str, Finding]:
    expected = Expected.model_validate({"webhook_path": WEBHOOK, **named})
    connection = TrytonConnection.connect(config, transport=transport)
    async with connection:
        findings = await connection.check(expected)
    told = "".join(one.model_dump_json() for one in findings)
    for secret in config.secrets.values():
        assert secret.get_secret_value() not in told
    return {one.looked_at: one for one in findings}


def wrong(findings: dict[str, Finding]) -> set[str]:
    return {name for name, one in findings.items() if one.verdict is Verdict.WRONG}


async def test_what_is_named_and_there_is_right(erp: ErpInstance) -> None:
    facts = erp.companies["LE-DE"]
    taxes = tuple(tax.name for tax in facts.taxes.values())[:2]
    entity = ExpectedEntity(code="LE-DE", tax_codes=taxes)
    with_journals = config(erp)
    named = {"bank_journal": "CARD", "paid_elsewhere_journal": "BANK", "goodwill_account": "4.3.3"}
    with_journals.options.update(named)
    cash = CashAccounts(legal_entity="LE-DE", clearing="1.1.5", bank="1.1.1", fees="5.2.4")
    findings = await found(with_journals, entities=(entity,), cash=cash)
    assert wrong(findings) == set()
    assert "8." in findings["version"].meaning
    for name in ("password", "API key", "rights", "LE-DE", "LE-DE period", "clock"):
        assert findings[name].verdict is Verdict.RIGHT, findings[name]
    assert findings["LE-DE invoice numbers"].verdict is Verdict.RIGHT
    assert findings[f"LE-DE tax code {taxes[0]}"].verdict is Verdict.RIGHT
    assert findings["payouts: clearing account"].verdict is Verdict.RIGHT


async def test_what_is_named_and_not_there_is_wrong_by_name(erp: ErpInstance) -> None:
    named = config(erp)
    named.options.update({"bank_journal": "NOBANK", "goodwill_account": "9.9.9"})
    entities = (
        ExpectedEntity(code="LE-DE", tax_codes=("VAT 99 %",), tax_rules=("No such rule",)),
        ExpectedEntity(code="LE-XX"),
    )
    findings = await found(named, entities=entities)
    assert wrong(findings) == {
        "LE-DE method for payments",
        "LE-DE method for payments made elsewhere",
        "LE-DE goodwill account",
        "LE-DE tax code VAT 99 %",
        "LE-DE tax rule No such rule",
        "LE-XX",
    }
    assert all(findings[name].next_step for name in wrong(findings))


@pytest.mark.slow
async def test_secrets_that_are_refused(erp: ErpInstance) -> None:
    refused = config(erp).model_copy(
        update={"secrets": {"api_key": SecretStr("nokey"), "password": SecretStr("nopassword")}}
    )
    assert {"password", "API key"} <= wrong(await found(refused))


async def test_an_older_server_is_named_by_its_version(erp: ErpInstance) -> None:
    """Before 8.0 the question went to another path, and there was no REST interface."""

    def older(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/":
            return httpx.Response(200, json={"id": 1, "result": "6.0"})
        return httpx.Response(404, text="Not Found")

    findings = await found(config(erp), transport=httpx.MockTransport(older))
    assert findings["version"].verdict is Verdict.WRONG
    assert "Tryton 6.0" in findings["version"].meaning
    assert "8.0 or later" in (findings["version"].next_step or "")
