"""`trueup reconcile`: whether billing, ERP, entitlements and support say the same."""

from typing import Annotated

import typer

from canonical_models.acts import Act
from canonical_models.base import Canonical
from canonical_models.failures import Team
from canonical_models.reconciliation import About, Cause, FoundDifference, Repair, Scope
from cli.command import (
    Command,
    Cursor,
    Limit,
    TenantOption,
    command_for,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import InEntity, OfCustomer
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import permissions, reconciling
from operations.paging import Page
from operations.reconciling import ReconciliationRun
from operations.syncing import anew

_DAY = 86_400


class _Shown(Canonical):
    run: ReconciliationRun
    differences: Page[FoundDifference]


def reconcile(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    customer: OfCustomer = None,
    entity: InEntity = None,
    period: Annotated[
        str | None, typer.Option(help="Only documents and revenue of this month, as 2027-01.")
    ] = None,
    owner: Annotated[Team | None, typer.Option(help="Only those of this team.")] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Set right what a machine can, also what was done by hand."),
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read everything anew, and not only what has changed.")
    ] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Lay billing, ERP, entitlements and support beside each other, and set right what differs.

    What every system holds is read; each difference is listed with cause, owner, age and repair.
    Exits with 1 when there is a difference, and with 0 when there is none. What was not compared is
    said. `trueup differences` shows the same without reading anything.

    Examples: [bold]trueup reconcile[/] · [bold]trueup reconcile --customer cus_x --repair[/] · \
[bold]trueup reconcile --entity LE-DE --period 2027-01 -o json[/]
    """
    try:
        scope = Scope(customer_id=customer, legal_entity=entity, period=period)
    except ValueError:
        raise Problem(
            f"{period!r} is no month",
            code=ExitCode.USAGE,
            remedy="write it as 2027-01",
        ) from None

    async def done(command: Command) -> _Shown:
        if repair:
            permissions.require(command.who, Act.SUBSCRIPTIONS_WRITE)
        ran = await reconciling.run(
            command.context, command.tenant, scope, by=command.by, repair=repair, whole=whole
        )
        found = await reconciling.found(
            command.context,
            command.tenant,
            scope,
            owner=owner.value if owner else None,
            after=cursor,
            limit=limit,
        )
        return _Shown(run=ran, differences=found)

    shown = run_command(ctx, tenant, done)
    if output is Format.JSON:
        show_json(shown)
    elif shown.run.finished:
        _show(shown)
    if not shown.run.finished:
        raise Problem(
            "the comparison goes on and is not done yet",
            remedy="see with `trueup deploy status` that a worker runs, and ask again",
        )
    if shown.differences.items:
        raise typer.Exit(ExitCode.FAILED)


def _show(shown: _Shown) -> None:
    show_rows(
        (
            (
                each.about.value,
                _which(each),
                each.system,
                each.what,
                each.billing if each.billing is not None else each.expected,
                each.erp if each.erp is not None else each.found,
                state(each.cause.value),
                each.owner.value,
                _age(each.age_seconds),
                each.repair.value,
            )
            for each in shown.differences.items
        ),
        ("of", "which", "in", "what", "should be", "is", "cause", "owner", "age", "repair"),
        empty="nothing differs in what was compared",
    )
    for each in shown.differences.items:
        # Beside amounts the table has no place for words.
        said = f"{each.found}; " if each.erp is not None and each.found else ""
        note(f"{_which(each)}: {said}{repair_of(each)}")
    tell_of_more(shown.differences.next)
    result = shown.run.result
    if result is None:
        return
    for system, count in sorted(result.facts.items()):
        note(f"{system}: {count} read with {result.requests.get(system, 0)} requests.")
    for month in result.months:
        way = "more" if month.more.minor >= 0 else "less"
        note(
            f"{month.legal_entity} {month.month}, {month.what}: {abs(month.more)} {way} in the "
            f"ERP, by {month.count} of these."
        )
    note(f"{result.differences} differ, {result.closed} are gone, {result.repairs} repairs begun.")
    for left_out in result.not_compared:
        note(f"Not compared: {left_out}")


def repair_of(each: FoundDifference) -> str:
    """What people do about it."""
    match each.repair:
        case Repair.WAIT:
            what = f" ({each.change_id})" if each.change_id else ""
            return f"a write or a change is under way{what}; nothing to do"
        case Repair.DECIDE if each.exception_id is not None:
            return f"a question is open: {command_for('exception', each.exception_id)}"
        case Repair.DECIDE:
            return "somebody has decided it so, and may decide otherwise"
        case Repair.SYNC:
            return f"its saga sets it right: {command_for(*anew(each.subject))}"
        case Repair.PUBLISH:
            return "told once more by `trueup reconcile --repair`"
        case Repair.TELL:
            return (
                "paid past billing: `trueup reconcile --repair` tells billing, if money proves it"
            )
        case Repair.IN_ERP if each.about is About.REVENUE and each.cause is Cause.OURS:
            return "no schedule of the ERP has booked it: look whether it was begun there"
        case Repair.IN_ERP:
            return "made by hand in the ERP: whoever did it takes it back there, or links it"


def _which(each: FoundDifference) -> str:
    """What is of a month says of which."""
    if each.about is not About.REVENUE:
        return each.number or each.key
    place, month, key = each.key.split("/", 2)
    return f"{month} {each.number or (key if each.customer_id else place)}"


def _age(seconds: float) -> str:
    days, rest = divmod(int(seconds), _DAY)
    return f"{days} d" if days else f"{rest // 3600} h {rest % 3600 // 60} min"
