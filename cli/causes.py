"""`trueup causes`: what is wrong, and all that it holds."""

from typing import Annotated

import typer

from canonical_models.failures import Team
from canonical_models.states import CauseState
from canonical_models.views import CauseView
from cli.case_notes import UNKNOWN, Assignee, Tag, add_notes, assigned, show_history
from cli.command import (
    Cursor,
    Limit,
    TenantOption,
    one_of,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import CauseId
from cli.output import Format, Output, note, show_json, show_rows
from operations import causes
from operations.naming import Kind
from persistence.causes import Which

app = typer.Typer(
    help="What is wrong, with whom it belongs, and all that it holds: one mend answers all cases.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    state_: Annotated[
        str, typer.Option("--state", help="Only those in this state: open or closed.")
    ] = "open",
    owner: Annotated[Team | None, typer.Option(help="Only those of this team.")] = None,
    code: Annotated[str | None, typer.Option(help="Only of this code: 'item_unmapped'.")] = None,
    system: Annotated[str | None, typer.Option(help="Only of this system: 'erp'.")] = None,
    assignee: Assignee = None,
    tag: Tag = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Causes, those first that are due first.

    Examples: [bold]trueup causes list --owner finance[/] ·
    [bold]trueup causes list --assignee nobody -o json[/]
    """
    which = Which(
        owner=None if owner is None else owner.value,
        code=code,
        system=system,
        assignee=assigned(assignee),
        tag=tag,
    )
    state_only = one_of(CauseState, state_, "cause") or CauseState.OPEN
    page = run_command(
        ctx,
        tenant,
        lambda command: causes.list_(
            command.context,
            command.tenant,
            state=state_only,
            which=which,
            after=cursor,
            limit=limit,
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                found.cause_id,
                found.code,
                found.subject,
                found.system,
                found.open_cases,
                _at_risk(found),
                found.due_at,
                found.owner,
                found.assignee,
            )
            for found in page.items
        ),
        ("cause", "what", "subject", "system", "cases", "at risk", "due", "owner", "who"),
        empty="nothing waits for a person" if state_ == "open" else "no causes",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    cause_id: CauseId,
    limit: Limit = 20,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """A cause with the cases that it holds, and how it is mended.

    Example: [bold]trueup causes show b3bf4f1b2b0b822c[/]
    """
    detail = run_command(
        ctx,
        tenant,
        lambda command: causes.show(command.context, command.tenant, cause_id, limit=limit),
    )
    if output is Format.JSON:
        show_json(detail)
        return
    cause = detail.cause
    note(
        f"{cause.code.replace('_', ' ')} {cause.subject or ''} ({cause.system}), for "
        f"{cause.assignee or cause.owner}: {cause.open_cases} open, {_at_risk(cause)} at risk."
    )
    show_rows(
        (
            (
                case.exception_id,
                case.belongs_to,
                case.at_risk or UNKNOWN,
                case.opened_at,
                case.assignee,
                state(case.state if case.escalated_at is None else "escalated"),
            )
            for case in detail.cases
        ),
        ("exception", "of", "at risk", "opened", "who", "state"),
        empty="no case of it is open",
    )
    show_history(detail.history)
    if detail.next is not None:
        note(f"more: `trueup exceptions list --cause {cause_id} --cursor {detail.next}`")


def _at_risk(cause: CauseView) -> str:
    """Every currency for itself; what is not known is said, and not added."""
    known = [str(amount) for amount in cause.at_risk]
    if cause.unknown_cases:
        known.append(f"{UNKNOWN} in {cause.unknown_cases}")
    return ", ".join(known) or "-"


add_notes(app, "causes", Kind.CAUSE, "b3bf4f1b")
