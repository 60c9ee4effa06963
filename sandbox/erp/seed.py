"""Fills a new Tryton database with the demonstration master data, over its JSON-RPC alone."""

import datetime

from sandbox.erp import seed_agents, seed_books, seed_parties, seed_payments, seed_user
from sandbox.erp.catalogue import COMPANIES, COUNTRIES, CURRENCIES, Company
from sandbox.erp.catalogue_sales import PRODUCTS
from sandbox.erp.instance import CompanyFacts, Credentials, ErpFacts, SeededDatabase
from sandbox.erp.rpc import Json, TrytonRpc, date, decimal


async def seed(
    rpc: TrytonRpc, *, admin: tuple[str, str], today: datetime.date, recipe: str
) -> SeededDatabase:
    """Create all master data in the empty database behind ``rpc``.

    ``admin`` is the login and password of the session and ``recipe`` tells what the database is
    made by; both are kept with the result. Raises ``TrytonRpcError`` when the database is not empty
    (party codes are unique there).
    """
    years = fiscal_years(today)
    currencies = await _currencies(rpc, years[0])
    countries = await _countries(rpc)
    journals = await seed_payments.journals(rpc)
    companies: dict[str, CompanyFacts] = {}
    for company in COMPANIES:
        companies[company.code] = await _company(
            rpc, company, currencies, countries, journals, years
        )
    unit = (await rpc.search("product.uom", [["symbol", "=", "u"]], ["name"]))[0]["id"]
    products = await seed_parties.products(rpc, companies, unit)
    companies = await _with_agents(rpc, companies, currencies, unit)
    term = await _payment_term(rpc)
    numbers = [facts.id for facts in companies.values()]
    await seed_payments.default_term(rpc, numbers, term)
    parties = await seed_parties.parties(rpc, companies, countries, term)
    api_password, api_key = await seed_user.api_user(rpc, numbers)
    login, password = admin
    return SeededDatabase(
        recipe=recipe,
        year=today.year,
        credentials=Credentials(
            admin_login=login,
            admin_password=password,
            api_login=seed_user.API_LOGIN,
            api_password=api_password,
            api_key=api_key,
        ),
        facts=ErpFacts(
            module=False,
            years=years,
            currencies=currencies,
            companies=companies,
            journals=journals,
            products=products,
            unit=unit,
            payment_term=term,
            parties=parties,
        ),
    )


def fiscal_years(today: datetime.date) -> list[int]:
    """Last year, this one and the next two: a yearly plan that starts in December fits."""
    return list(range(today.year - 1, today.year + 3))


async def _currencies(rpc: TrytonRpc, year: int) -> dict[str, int]:
    first_day = date(datetime.date(year, 1, 1))
    ids = await rpc.create(
        "currency.currency",
        *(
            {
                "code": currency.code,
                "name": currency.name,
                "symbol": currency.symbol,
                "numeric_code": currency.numeric,
                "digits": currency.digits,
                "rounding": decimal(f"1e-{currency.digits}"),
                "rates": [["create", [{"date": first_day, "rate": decimal(currency.rate)}]]],
            }
            for currency in CURRENCIES
        ),
    )
    return dict(zip((currency.code for currency in CURRENCIES), ids, strict=True))


async def _countries(rpc: TrytonRpc) -> dict[str, int]:
    records = ({"code": c, "code3": c3, "name": name} for c, (c3, name) in COUNTRIES.items())
    return dict(zip(COUNTRIES, await rpc.create("country.country", *records), strict=True))


async def _company(
    rpc: TrytonRpc,
    company: Company,
    currencies: dict[str, int],
    countries: dict[str, int],
    journals: dict[str, int],
    years: list[int],
) -> CompanyFacts:
    party = await _company_party(rpc, company, countries)
    (number,) = await rpc.create(
        "company.company", {"party": party, "currency": currencies[company.currency]}
    )
    # The administrator has to belong to a company before anything is created inside it, and by
    # default sees the current one alone, which makes shared lists (taxes of a category) unwritable.
    (admin,) = await rpc.search("res.user", [["login", "=", "admin"]], ["login"])
    membership = {"companies": [["add", [number]]], "company": number, "company_filter": "all"}
    await rpc.write("res.user", [admin["id"]], membership)
    accounts = await seed_books.chart(rpc, number)
    for year in years:
        await seed_books.fiscal_year(rpc, company, number, year)
    await seed_payments.default_accounts(rpc, number, accounts)
    taxes = await seed_books.taxes(rpc, company, number, accounts["tax"].id)
    (journal,) = await rpc.search("account.journal", [["type", "=", "revenue"]], ["code"])
    return CompanyFacts(
        id=number,
        party=party,
        currency=company.currency,
        country=company.country,
        accounts=accounts,
        revenue_journal=journal["id"],
        taxes=taxes,
        tax_rules=await seed_books.tax_rules(rpc, company, number, taxes),
        rule_kinds={rule.kind: rule.code for rule in company.rules},
        product_taxes={
            product.code: company.product_taxes[product.tax_class]
            for product in PRODUCTS
            if product.tax_class
        },
        payment_methods=await seed_payments.payment_methods(rpc, number, accounts, journals),
        write_off_methods=await seed_payments.write_off_methods(rpc, number, accounts, journals),
        agents={},
    )


async def _company_party(rpc: TrytonRpc, company: Company, countries: dict[str, int]) -> int:
    party: Json = {
        "code": company.code,
        "name": company.name,
        "addresses": [
            [
                "create",
                [
                    {
                        "street_unstructured": company.street,
                        "postal_code": company.postal_code,
                        "city": company.city,
                        "country": countries[company.country],
                    }
                ],
            ]
        ],
    }
    if company.vat:
        party["identifiers"] = [["create", [{"type": "eu_vat", "code": company.vat}]]]
    (created,) = await rpc.create("party.party", party)
    return created


async def _with_agents(
    rpc: TrytonRpc, companies: dict[str, CompanyFacts], currencies: dict[str, int], unit: int
) -> dict[str, CompanyFacts]:
    agents = await seed_agents.agents(
        rpc,
        {facts.id: currencies[facts.currency] for facts in companies.values()},
        {facts.id: facts.accounts["commission"].id for facts in companies.values()},
        unit,
    )
    return {
        code: facts.model_copy(update={"agents": agents[facts.id]})
        for code, facts in companies.items()
    }


async def _payment_term(rpc: TrytonRpc) -> int:
    delay = [["create", [{"days": 30}]]]
    lines = [["create", [{"type": "remainder", "relativedeltas": delay}]]]
    (term,) = await rpc.create("account.invoice.payment_term", {"name": "30 days", "lines": lines})
    return term
