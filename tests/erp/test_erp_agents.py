"""A document that names an agent earns the agent a commission when it is posted."""

from decimal import Decimal

import pytest

from sandbox.erp.rpc import TrytonRpcError
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest
from tests.harness.erp import Books

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

AGENT = "P-2001"
SOLD = pytest.mark.parametrize(
    ("company", "party", "tax"),
    [("LE-DE", "C-1001", "DE-VAT-19"), ("LE-US", "C-1003", "US-SALES-825")],
)


@SOLD
async def test_each_line_earns_and_a_credit_takes_it_back(
    rest: MakeRest, clerk: Clerk, books: Books, company: str, party: str, tax: str
) -> None:
    client = rest(company)
    agent = client.company.agents[AGENT]
    before = await books.commissions(company)
    lines = [client.line("PRO", 2, "40.00", tax), client.line("ENT", -1, "33.33", tax)]

    document = (await client.posted_of(party, *lines, agent=agent.id))["id"]

    earned = [(AGENT, document, Decimal("8.0000")), (AGENT, document, Decimal("-3.3330"))]
    assert await books.commissions(company) == [*before, *earned]
    seen = await client.search(
        "commission", [["origin.invoice", "=", document, "account.invoice.line"]], ["amount"]
    )
    assert len(seen) == 2

    credited = await clerk.wizard(
        "account.invoice.credit",
        "credit",
        {"start": {"with_refund": True, "with_refund_allowed": True, "with_agent": True}},
        model="account.invoice",
        ids=[document],
        company=company,
    )

    _, added = (len(before) + 2, (await books.commissions(company))[len(before) + 2 :])
    assert credited["actions"]
    assert sum(amount for _, _, amount in added) == Decimal("-4.667")


@SOLD
async def test_the_connector_finds_agents_by_their_party_and_no_plans(
    rest: MakeRest, clerk: Clerk, company: str, party: str, tax: str
) -> None:
    client = rest(company)
    facts = client.company.agents[AGENT]

    found = await client.search(
        "commission.agent",
        [["party.code", "=", AGENT], ["company", "=", client.company.id]],
        ["party", "type_"],
    )

    assert [(row["id"], row["party"], row["type_"]) for row in found] == [
        (facts.id, facts.party, "agent")
    ]
    with pytest.raises(TrytonRpcError) as refusal:
        await clerk.rpc.search("commission.plan", [], ["name"])
    assert refusal.value.kind == "UserError"


async def test_an_agent_of_another_legal_entity_is_refused(rest: MakeRest) -> None:
    german, american = rest("LE-DE"), rest("LE-US")

    answer = await german.draft(
        "C-1001",
        german.line("PRO", 1, "40", "DE-VAT-19"),
        agent=american.company.agents[AGENT].id,
    )

    assert answer.is_client_error
