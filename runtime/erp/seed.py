"""Fills a new Tryton database with the demonstration master data, over its JSON-RPC alone."""

import datetime
import secrets

from runtime.erp import seed_parties, seed_payments
from runtime.erp.catalogue import COMPANIES, COUNTRIES, CURRENCIES, Company
from runtime.erp.instance import CompanyFacts, Credentials, ErpFacts, SeededDatabase, TaxFacts
from runtime.erp.rpc import Json, TrytonRpc, date, decimal

API_LOGIN = "trueup"

# Accounts of the chart that Tryton's account module ships ("Universal Chart of Accounts").
_RECEIVABLE = "1.2.1"
_PAYABLE = "2.1.1"
_REVENUE = "4.2.2"
_TAX = "2.2.3"

# What the connector does: post documents, enter and reconcile payments, and make customers with
# their external ids. Accounting's own group has all of that (reconciling is a wizard, which asks
# for the right to write move lines); periods, taxes and products stay with the ERP's own people.
_API_GROUPS = (("account", "group_account"), ("party", "group_party_admin"))


async def seed(rpc: TrytonRpc, *, admin: tuple[str, str], today: datetime.date) -> SeededDatabase:
    """Create all master data in the empty database behind ``rpc``.

    ``admin`` is the login and password of the session, kept with the result. Fiscal years cover
    the year of ``today``, the one before and the one after. Raises ``TrytonRpcError`` when the
    database is not empty (party codes are unique there).
    """
    currencies = await _currencies(rpc, today)
    countries = await _countries(rpc)
    journals = await seed_payments.journals(rpc)
    companies: dict[str, CompanyFacts] = {}
    for company in COMPANIES:
        companies[company.code] = await _company(
            rpc, company, currencies, countries, journals, today
        )
    unit = (await rpc.search("product.uom", [["symbol", "=", "u"]], ["name"]))[0]["id"]
    products = await seed_parties.products(rpc, companies, unit)
    term = await _payment_term(rpc)
    await seed_payments.default_term(rpc, [facts.id for facts in companies.values()], term)
    parties = await seed_parties.parties(rpc, companies, countries, term)
    api_password, api_key = await _api_user(rpc, [facts.id for facts in companies.values()])
    login, password = admin
    return SeededDatabase(
        year=today.year,
        credentials=Credentials(
            admin_login=login,
            admin_password=password,
            api_login=API_LOGIN,
            api_password=api_password,
            api_key=api_key,
        ),
        facts=ErpFacts(
            currencies=currencies,
            companies=companies,
            products=products,
            unit=unit,
            payment_term=term,
            parties=parties,
        ),
    )


async def _currencies(rpc: TrytonRpc, today: datetime.date) -> dict[str, int]:
    first_day = date(datetime.date(today.year - 1, 1, 1))
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
    journals: tuple[int, int],
    today: datetime.date,
) -> CompanyFacts:
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
    (party_id,) = await rpc.create("party.party", party)
    (number,) = await rpc.create(
        "company.company", {"party": party_id, "currency": currencies[company.currency]}
    )
    # The administrator has to belong to a company before anything is created inside it, and by
    # default sees the current one alone, which makes shared lists (taxes of a category) unwritable.
    (admin,) = await rpc.search("res.user", [["login", "=", "admin"]], ["login"])
    membership = {"companies": [["add", [number]]], "company": number, "company_filter": "all"}
    await rpc.write("res.user", [admin["id"]], membership)
    accounts = await _chart(rpc, number)
    bank, write_off = journals
    await seed_payments.methods(rpc, number, accounts, bank=bank, write_off=write_off)
    for year in (today.year - 1, today.year, today.year + 1):
        await _fiscal_year(rpc, company, number, year)
    taxes = await _taxes(rpc, company, number, accounts[_TAX])
    (journal,) = await rpc.search("account.journal", [["type", "=", "revenue"]], ["code"])
    return CompanyFacts(
        id=number,
        currency=company.currency,
        receivable_account=accounts[_RECEIVABLE],
        revenue_account=accounts[_REVENUE],
        revenue_journal=journal["id"],
        taxes=taxes,
        tax_rules=await _tax_rules(rpc, company, number, taxes),
    )


async def _chart(rpc: TrytonRpc, company: int) -> dict[str, int]:
    """Create the chart of accounts; returns account ids by account code."""
    context = {"company": company}
    template = await rpc.xml_id("account", "account_template_root_en")
    start = {"account": {"account_template": template, "company": company}}
    name = "account.create_chart"
    await rpc.wizard(name, ("create_account", start), context=context)
    rows = await rpc.search("account.account", [["company", "=", company]], ["code"])
    accounts = {row["code"]: row["id"] for row in rows}
    # No default revenue account for product categories: a category that was forgotten has to be
    # refused, not booked somewhere.
    properties = {
        "company": company,
        "account_receivable": accounts[_RECEIVABLE],
        "account_payable": accounts[_PAYABLE],
        "category_account_revenue": None,
        "category_account_expense": None,
    }
    await rpc.wizard(
        name, ("create_properties", {**start, "properties": properties}), context=context
    )
    return accounts


async def _fiscal_year(rpc: TrytonRpc, company: Company, number: int, year: int) -> None:
    context = {"company": number}
    move_type = await rpc.xml_id("account", "sequence_type_account_move")
    invoice_type = await rpc.xml_id("account_invoice", "sequence_type_account_invoice")
    moves, invoices, credits_ = await rpc.create(
        "ir.sequence.strict",
        *(
            {
                "name": f"{company.prefix} {name} {year}",
                "sequence_type": kind,
                "company": number,
                "prefix": f"{company.prefix}-{mark}{year}-",
                "padding": 5,
            }
            for name, kind, mark in (
                ("moves", move_type, "M"),
                ("invoices", invoice_type, ""),
                ("credit notes", invoice_type, "CN"),
            )
        ),
        context=context,
    )
    (fiscal_year,) = await rpc.create(
        "account.fiscalyear",
        {
            "name": f"{company.prefix} {year}",
            "company": number,
            "start_date": date(datetime.date(year, 1, 1)),
            "end_date": date(datetime.date(year, 12, 31)),
            "move_sequence": moves,
            "invoice_sequences": [
                [
                    "create",
                    [
                        {
                            "company": number,
                            "in_invoice_sequence": invoices,
                            "in_credit_note_sequence": credits_,
                            "out_invoice_sequence": invoices,
                            "out_credit_note_sequence": credits_,
                        }
                    ],
                ]
            ],
        },
        context=context,
    )
    await rpc.call("model.account.fiscalyear.create_period", [fiscal_year], context=context)


async def _taxes(
    rpc: TrytonRpc, company: Company, number: int, account: int
) -> dict[str, TaxFacts]:
    ids = await rpc.create(
        "account.tax",
        *(
            {
                "name": tax.name,
                "description": tax.name,
                "legal_notice": tax.legal_notice or None,
                "type": "percentage",
                "rate": decimal(tax.rate),
                "company": number,
                "invoice_account": account,
                "credit_note_account": account,
            }
            for tax in company.taxes
        ),
        context={"company": number},
    )
    return {
        tax.code: TaxFacts(id=id_, rate=tax.rate)
        for tax, id_ in zip(company.taxes, ids, strict=True)
    }


async def _tax_rules(
    rpc: TrytonRpc, company: Company, number: int, taxes: dict[str, TaxFacts]
) -> dict[str, int]:
    ids = await rpc.create(
        "account.tax.rule",
        *(
            {
                "name": rule.name,
                "kind": "sale",
                "company": number,
                "lines": [
                    [
                        "create",
                        [{"origin_tax": taxes[rule.replaces].id, "tax": taxes[rule.by].id}],
                    ]
                ],
            }
            for rule in company.rules
        ),
        context={"company": number},
    )
    return dict(zip((rule.code for rule in company.rules), ids, strict=True))


async def _payment_term(rpc: TrytonRpc) -> int:
    delay = [["create", [{"days": 30}]]]
    lines = [["create", [{"type": "remainder", "relativedeltas": delay}]]]
    (term,) = await rpc.create("account.invoice.payment_term", {"name": "30 days", "lines": lines})
    return term


async def _api_user(rpc: TrytonRpc, companies: list[int]) -> tuple[str, str]:
    """Create the user our connector acts as; returns its password and its application key."""
    groups = [await rpc.xml_id(module, name) for module, name in _API_GROUPS]
    password = secrets.token_hex(16)
    (user,) = await rpc.create(
        "res.user",
        {
            "password": password,
            "name": "Trueup",
            "login": API_LOGIN,
            "groups": [["add", groups]],
            "companies": [["add", companies]],
            "company": companies[0],
            "company_filter": "all",
        },
    )
    key = secrets.token_hex(32)
    # Tryton sets the state itself: an application that an administrator creates is validated.
    await rpc.create("res.user.application", {"user": user, "application": "rest", "key": key})
    return password, key
