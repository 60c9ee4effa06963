"""Seeds what is sold and to whom: categories, products and customers, with per-company values."""

from sandbox.erp.catalogue import COMPANIES
from sandbox.erp.catalogue_sales import PARTIES, PRODUCTS, Party
from sandbox.erp.instance import CompanyFacts, PartyFacts
from sandbox.erp.rpc import Json, TrytonRpc, decimal

#: By tax class; what has none can be sold nowhere.
_CATEGORIES = {
    "standard": "Subscriptions",
    "reduced": "Publications",
    None: "Without accounts",
}


async def products(rpc: TrytonRpc, companies: dict[str, CompanyFacts], unit: int) -> dict[str, int]:
    """Create categories and products; returns product ids by product code."""
    categories = await _categories(rpc, companies)
    templates = await rpc.create(
        "product.template",
        *(
            {
                "name": product.name,
                "code": product.code,
                "type": "service",
                "default_uom": unit,
                "list_price": decimal(product.list_price),
                "account_category": categories[product.tax_class],
                "products": [["create", [{}]]],
            }
            for product in PRODUCTS
        ),
        context={"company": companies[COMPANIES[0].code].id},
    )
    rows = await rpc.search("product.product", [["template", "in", templates]], ["code"])
    return {row["code"]: row["id"] for row in rows}


async def _categories(rpc: TrytonRpc, companies: dict[str, CompanyFacts]) -> dict[str | None, int]:
    ids = await rpc.create(
        "product.category", *({"name": name, "accounting": True} for name in _CATEGORIES.values())
    )
    categories = dict(zip(_CATEGORIES, ids, strict=True))
    # Accounts are kept per company and written in its context; taxes are one list for all of
    # them, of which Tryton uses those of the invoice's company.
    for company in COMPANIES:
        facts = companies[company.code]
        for tax_class, tax in company.product_taxes.items():
            await rpc.write(
                "product.category",
                [categories[tax_class]],
                {
                    "account_revenue": facts.revenue_account,
                    "customer_taxes": [["add", [facts.taxes[tax].id]]],
                },
                company=facts.id,
            )
    return categories


async def parties(
    rpc: TrytonRpc,
    companies: dict[str, CompanyFacts],
    countries: dict[str, int],
    payment_term: int,
) -> dict[str, PartyFacts]:
    """Create the customers; returns their ids by party code."""
    ids = await rpc.create(
        "party.party",
        *(_party(party, countries[party.country]) for party in PARTIES),
    )
    for facts in companies.values():
        await rpc.write(
            "party.party", ids, {"customer_payment_term": payment_term}, company=facts.id
        )
    for party, id_ in zip(PARTIES, ids, strict=True):
        for company_code, rule_code in party.rules.items():
            facts = companies[company_code]
            rule = facts.tax_rules[rule_code]
            await rpc.write("party.party", [id_], {"customer_tax_rule": rule}, company=facts.id)
    rows = await rpc.search("party.address", [["party", "in", ids]], ["party"])
    addresses = {row["party"]: row["id"] for row in rows}
    return {
        party.code: PartyFacts(
            id=id_,
            address=addresses[id_],
            external_id=party.external_id,
            country=party.country,
            tax_rules=party.rules,
        )
        for party, id_ in zip(PARTIES, ids, strict=True)
    }


def _party(party: Party, country: int) -> Json:
    identifiers: list[Json] = [{"type": None, "code": party.external_id}]
    if party.vat:
        identifiers.append({"type": "eu_vat", "code": party.vat})
    return {
        "code": party.code,
        "name": party.name,
        "addresses": [
            [
                "create",
                [
                    {
                        "street_unstructured": party.street,
                        "postal_code": party.postal_code,
                        "city": party.city,
                        "country": country,
                        "invoice": True,
                    }
                ],
            ]
        ],
        "identifiers": [["create", identifiers]],
    }
