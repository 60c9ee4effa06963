"""The report of an adoption, for people and for programs."""

import json
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from canonical_models.adoption import AdoptedCustomer, AdoptionResult
from cli.command import Command
from cli.output import note, show_rows
from operations import adoption as adoptions
from operations.adoption import AdoptionReport

_PAGE = 200


def show_report(told: AdoptionReport) -> None:
    adoption, totals = told.adoption, told.totals
    what = "Rehearsal" if adoption.rehearsal else "Adoption"
    whom = f" of customer {adoption.customer}" if adoption.customer else ""
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        Text.assemble(
            (f"{what} {adoption.adoption_id}", "bold"),
            f"{whom}, cutover {adoption.cutover:%Y-%m-%d %H:%M %Z}: {adoption.state.value}",
        )
    )
    agreed = adoption.counts.get(AdoptionResult.AGREED, 0)
    would = "would be " if adoption.rehearsal else ""
    console.print(
        Text(
            f"Customers: {adoption.customers}, of them {agreed} agree and {adoption.left} are left "
            f"for people\nSubscriptions: {totals.subscriptions}, of them {totals.given} {would}"
            f"taken over\nDocuments open at the cutover: {totals.documents}, of them "
            f"{totals.linked} {would}linked to the ERP's\nChanges {would}asked for what came "
            f"since: {totals.asked}\nAccounts: "
            + (", ".join(f"{n} {step}" for step, n in sorted(totals.accounts.items())) or "none")
        )
    )
    for side in totals.balances:
        console.print(
            Text(f"Balance at the cutover: {side.billing} in billing, {side.erp} in the ERP")
        )
    if told.causes:
        console.print()
        show_rows(
            ((each.cause, each.customers, each.findings, each.example) for each in told.causes),
            ("cause", "customers", "findings", "for example"),
        )
    if told.items:
        console.print()
        show_rows(
            ((each.item, each.customers) for each in told.items),
            ("item that nobody has mapped", "customers"),
        )


async def show_left(command: Command, told: AdoptionReport, limit: int) -> None:
    """Each customer that is left for people, with both sides."""
    adoption = told.adoption
    left = await adoptions.customers(
        command.context, command.tenant, adoption.adoption_id, left_only=True, limit=limit
    )
    if not left:
        return
    Console().print()
    show_rows(
        (
            (customer.customer_id, each.cause, each.subject, each.billing, each.erp, each.message)
            for customer in left
            for each in customer.findings
        ),
        ("customer", "cause", "of", "billing", "ERP", "what to do"),
    )
    if adoption.left > len(left):
        note(
            f"there are {adoption.left - len(left)} more: "
            f"`trueup adopt --report {adoption.adoption_id} -o json` has them all"
        )


async def stream_json(command: Command, told: AdoptionReport, out: TextIO) -> None:
    """One document of the members of the report and `customers`, which are written page by page:
    there may be more of them than should be held at once."""
    head = told.model_dump(mode="json")
    out.write("{\n")
    out.writelines(f"  {json.dumps(name)}: {_indented(value)},\n" for name, value in head.items())
    out.write('  "customers": [')
    after, first = "", True
    while True:
        page = await adoptions.customers(
            command.context, command.tenant, told.adoption.adoption_id, after=after, limit=_PAGE
        )
        for customer in page:
            out.write(("\n    " if first else ",\n    ") + json.dumps(_row(customer)))
            first = False
        if len(page) < _PAGE:
            break
        after = page[-1].customer_id
    out.write("]\n}\n" if first else "\n  ]\n}\n")


def _row(customer: AdoptedCustomer) -> dict[str, Any]:
    return {**customer.model_dump(mode="json"), "result": customer.result.value}


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
