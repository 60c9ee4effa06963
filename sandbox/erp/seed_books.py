"""Seeds what every legal entity's books are made of: chart of accounts, fiscal years, taxes."""

import datetime

from sandbox.erp.catalogue import ACCOUNTS, Account, Company
from sandbox.erp.instance import AccountFacts, TaxFacts
from sandbox.erp.rpc import Json, TrytonRpc, date, decimal


async def chart(rpc: TrytonRpc, company: int) -> dict[str, AccountFacts]:
    """Create the chart of accounts with our additions; returns the accounts by role."""
    context = {"company": company}
    template = await rpc.xml_id("account", "account_template_root_en")
    start = {"account": {"account_template": template, "company": company}}
    name = "account.create_chart"
    await rpc.wizard(name, ("create_account", start), context=context)
    await _additions(rpc, company)
    rows = await rpc.search("account.account", [["company", "=", company]], ["code"])
    ids = {row["code"]: row["id"] for row in rows}
    accounts = {a.role: AccountFacts(id=ids[a.code], code=a.code) for a in ACCOUNTS}
    # No default revenue account for product categories: a category that was forgotten has to be
    # refused, not booked somewhere.
    properties = {
        "company": company,
        "account_receivable": accounts["receivable"].id,
        "account_payable": accounts["payable"].id,
        "category_account_revenue": None,
        "category_account_expense": None,
    }
    await rpc.wizard(
        name, ("create_properties", {**start, "properties": properties}), context=context
    )
    return accounts


async def _additions(rpc: TrytonRpc, company: int) -> None:
    models = [account.like for account in ACCOUNTS if account.like]
    rows = await rpc.search(
        "account.account",
        [["company", "=", company], ["code", "in", models]],
        ["code", "type", "parent"],
    )
    known = {row["code"]: row for row in rows}

    def record(account: Account) -> Json:
        return {
            "company": company,
            "code": account.code,
            "name": account.name,
            "type": known[account.like]["type"],
            "parent": known[account.like]["parent"],
            "reconcile": account.reconcile,
        }

    await rpc.create(
        "account.account",
        *(record(account) for account in ACCOUNTS if account.like),
        context={"company": company},
    )


async def fiscal_year(rpc: TrytonRpc, company: Company, number: int, year: int) -> None:
    """Create a calendar year with its months and its number sequences."""
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
    (created,) = await rpc.create(
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
    await rpc.call("model.account.fiscalyear.create_period", [created], context=context)


async def taxes(rpc: TrytonRpc, company: Company, number: int, account: int) -> dict[str, TaxFacts]:
    """Create the company's taxes, all on one ``account``; returns them by code."""
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
        tax.code: TaxFacts(
            id=id_, rate=tax.rate, name=tax.name, legal_notice=tax.legal_notice or None
        )
        for tax, id_ in zip(company.taxes, ids, strict=True)
    }


async def tax_rules(
    rpc: TrytonRpc,
    company: Company,
    number: int,
    taxes: dict[str, TaxFacts],
) -> dict[str, int]:
    """Create the rules that parties have; returns their ids by code."""
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
                        [
                            {"origin_tax": taxes[swap.replaces].id, "tax": taxes[swap.by].id}
                            for swap in rule.swaps
                        ],
                    ]
                ],
            }
            for rule in company.rules
        ),
        context={"company": number},
    )
    return dict(zip((rule.code for rule in company.rules), ids, strict=True))
