"""A long document on the real ERP: planned, posted and proven, against what the ERP itself takes.

    python -m benchmarks.documents [--rounds 3] [--lines 250]

The bare client makes and posts the same document over the ERP's own RPC, as plainly as can be; ours
asks the ERP's rules, plans, posts by the adapter, reads back whole and compares. The two take turns
on one server in one run; the median of the rounds' ratios is the limit.
"""

import argparse
import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from benchmarks.limits import Limit, told
from canonical_models.documents import BilledParty, BillingDocument
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.policy import TenantPolicy
from canonical_models.records import DocumentRecord
from cli.choices import cache
from connectors.config import ConnectionConfig
from connectors.tryton.adapter import TrytonErp
from planning.books import BooksInput, plan_books, questions
from planning.verification import document_differences
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc, date, decimal
from sandbox.erp.server import TrytonServer
from tests.harness.subscriptions import invoice, line, vat

ENTITY, PARTY, ITEM, TAX = "LE-DE", "C-1001", "PRO", "DE-VAT-19"
#: Of each line, in cents, with a tax that both sides round alike.
_NET, _VAT = 1000, 190


def today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def issued(lines: int) -> BillingDocument:
    start = today()
    charged = (
        line(
            f"il_{secrets.token_hex(6)}",
            _NET,
            taxes=vat(_VAT),
            starts=start,
            ends=start + timedelta(days=1),
            proration=False,
        )
        for _ in range(lines)
    )
    key = f"in_{secrets.token_hex(6)}"
    return invoice(*charged, key=key, issued_at=start, bill_to=BilledParty())


def _given(document: BillingDocument) -> BooksInput:
    return BooksInput(
        subject="sub_1",
        customer_id=document.customer_id,
        policy=TenantPolicy(),
        account=AccountMapping(
            billing_customer=document.customer_id,
            erp_party=PARTY,
            support_organization="org_1",
            legal_entity=ENTITY,
        ),
        items={"pro": ItemMapping(item="pro", erp_item=ITEM)},
        books_from=document.issued_at - timedelta(days=1),
        today=document.issued_at.date(),
        records=(DocumentRecord(document=document),),
    )


async def ours(erp: TrytonErp, document: BillingDocument) -> float:
    """Seconds from a document of billing to the ERP's, proven."""
    began = time.perf_counter()
    given = _given(document)
    asked = questions(given)
    answers = {key: await erp.check(question) for key, question in asked.items()}
    plan = plan_books(replace(given, answers=answers))
    if plan.refused is not None or len(plan.documents) != 1:
        raise RuntimeError(f"not planned as meant: {plan.refused}")
    (step,) = plan.documents
    if step.draft is None:
        raise RuntimeError(f"{step.document_id} has no draft")
    made = await erp.post(step.draft.to(document.bill_to))
    read = await erp.read(made.document_id, made.legal_entity)
    found = document_differences(step.draft, read, terms=step.terms)
    taken = time.perf_counter() - began
    if found or read.gross != document.gross:
        raise RuntimeError("not as planned: " + "; ".join(map(str, found)))
    return taken


async def bare(rpc: TrytonRpc, erp: ErpInstance, lines: int) -> float:
    """Seconds that the ERP takes to make and post such a document."""
    facts, entity = erp.facts, erp.companies[ENTITY]
    euro, party = facts.currencies["EUR"], facts.parties[PARTY]
    one = {
        "type": "line",
        "product": facts.products[ITEM],
        "account": entity.revenue_account,
        "unit": facts.unit,
        "quantity": 1,
        "unit_price": decimal("10.00"),
        "currency": euro,
        "company": entity.id,
        "taxes": [["add", [entity.taxes[TAX].id]]],
    }
    day = date(today().date())
    document = {
        "type": "out",
        "company": entity.id,
        "party": party.id,
        "invoice_address": party.address,
        "currency": euro,
        "account": entity.receivable_account,
        "journal": entity.revenue_journal,
        "invoice_date": day,
        "payment_term_date": day,
        "lines": [["create", [one] * lines]],
    }
    context = {"company": entity.id}
    began = time.perf_counter()
    (made,) = await rpc.create("account.invoice", document, context=context)
    await rpc.call("model.account.invoice.post", [made], context=context)
    return time.perf_counter() - began


def connected(erp: ErpInstance) -> TrytonErp:
    return TrytonErp.connect(
        ConnectionConfig(
            name="tryton",
            vendor="tryton",
            base_url=erp.url,
            secrets={
                "api_key": SecretStr(erp.api_key),
                "password": SecretStr(erp.credentials.api_password),
            },
            options={"database": erp.database, "login": erp.credentials.api_login},
            timeout_seconds=60,
        )
    )


async def measure(rounds: int, lines: int) -> int:
    ratios: list[float] = []
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder:
        async with TrytonServer(Path(folder), cache=cache()) as erp:
            who, adapter = erp.credentials, connected(erp)
            rpc = TrytonRpc(erp.url, erp.database, who.api_login, who.api_password)
            async with rpc:
                # The first of each loads what the server keeps afterwards.
                await bare(rpc, erp, 2)
                await ours(adapter, issued(2))
                for number in range(rounds):
                    alone = await bare(rpc, erp, lines)
                    whole = await ours(adapter, issued(lines))
                    ratios.append(whole / alone)
                    print(
                        f"  round {number + 1}: {lines} lines in {whole:.2f} s, the ERP alone "
                        f"{alone:.2f} s, ratio {ratios[-1]:.2f}",
                        file=sys.stderr,
                    )
            await adapter.close()
    name = f"document of {lines} lines / the ERP alone"
    return told([Limit(name, statistics.median(ratios), 3.0)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=250)
    given = parser.parse_args()
    return asyncio.run(measure(given.rounds, given.lines))


if __name__ == "__main__":
    sys.exit(main())
