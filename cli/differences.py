"""`trueup differences`: where billing and the ERP do not say the same."""

from typing import Annotated

import typer

from canonical_models.failures import Team
from cli.command import (
    Cursor,
    Limit,
    TenantOption,
    command_for,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import InEntity, OfCustomer
from cli.output import ExitCode, Format, Output, note, show_json, show_rows
from operations import differences as found_by
from operations.differences import DifferenceView, Wanted
from operations.reasons import GONE_ONCE_LOOKED_AT
from operations.syncing import anew


def differences(
    ctx: typer.Context,
    customer: OfCustomer = None,
    entity: InEntity = None,
    owner: Annotated[Team | None, typer.Option(help="Only those of this team.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Where billing and the ERP do not say the same, with cause and owner.

    Documents that are not in the books or of other amounts there, debts that a refund or dispute
    left and no document shows, and balances that the ERP was not told of.

    Exits with 1 when there is a difference, and with 0 when there is none.

    Examples: [bold]trueup differences[/] · [bold]trueup differences --owner finance -o json[/]
    """
    wanted = Wanted(customer_id=customer, legal_entity=entity, owner=owner.value if owner else None)
    page = run_command(
        ctx,
        tenant,
        lambda command: found_by.list_(
            command.context, command.tenant, wanted, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
    else:
        show_rows(
            (
                (
                    each.about,
                    each.number or each.key,
                    each.erp_number,
                    each.what,
                    each.billing,
                    each.erp,
                    each.difference,
                    state(each.cause),
                    each.owner,
                )
                for each in page.items
            ),
            ("of", "which", "ERP number", "what", "billing", "ERP", "difference", "cause", "owner"),
            empty="billing and the ERP agree",
        )
        for each in page.items:
            note(f"{each.number or each.key}: {_sentence(each)}")
        tell_of_more(page.next)
    if page.items:
        raise typer.Exit(ExitCode.FAILED)


def _sentence(found: DifferenceView) -> str:
    if found.cause not in GONE_ONCE_LOOKED_AT:
        return found.sentence
    return f"{found.sentence}: {command_for(*anew(found.subject))}"
