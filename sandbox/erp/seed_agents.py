"""Seeds who earns commissions: plans, and an agent with a party of its own in each legal entity."""

from sandbox.erp.catalogue_sales import AGENTS
from sandbox.erp.instance import AgentFacts
from sandbox.erp.rpc import TrytonRpc, decimal

_METHOD = "posting"


async def agents(
    rpc: TrytonRpc, companies: dict[int, int], expenses: dict[int, int], unit: int
) -> dict[int, dict[str, AgentFacts]]:
    """Create plans and agents; returns them by company and by the code of their party.

    ``companies`` maps a company to its currency, ``expenses`` to what commissions cost it.
    """
    product = await _product(rpc, expenses, unit)
    parties = await rpc.create(
        "party.party", *({"code": agent.code, "name": agent.name} for agent in AGENTS)
    )
    plans = await rpc.create(
        "commission.plan",
        *(
            {
                "name": agent.plan,
                "commission_product": product,
                "commission_method": _METHOD,
                "lines": [["create", [{"formula": agent.formula}]]],
            }
            for agent in AGENTS
        ),
    )
    found: dict[int, dict[str, AgentFacts]] = {}
    for company, currency in companies.items():
        ids = await rpc.create(
            "commission.agent",
            *(
                {"party": party, "company": company, "plan": plan, "currency": currency}
                for party, plan in zip(parties, plans, strict=True)
            ),
            context={"company": company},
        )
        found[company] = {
            agent.code: AgentFacts(id=id_, party=party, plan=agent.plan, method=_METHOD)
            for agent, id_, party in zip(AGENTS, ids, parties, strict=True)
        }
    return found


async def _product(rpc: TrytonRpc, expenses: dict[int, int], unit: int) -> int:
    """What agents' own invoices will be about; it is bought, never sold."""
    (category,) = await rpc.create("product.category", {"name": "Commissions", "accounting": True})
    for company, account in expenses.items():
        await rpc.write(
            "product.category", [category], {"account_expense": account}, company=company
        )
    (template,) = await rpc.create(
        "product.template",
        {
            "name": "Commission",
            "code": "COMMISSION",
            "type": "service",
            "default_uom": unit,
            "list_price": decimal(0),
            "account_category": category,
            "products": [["create", [{}]]],
        },
        context={"company": next(iter(expenses))},
    )
    (row,) = await rpc.search("product.product", [["template", "=", template]], ["code"])
    product: int = row["id"]
    return product
