"""`trueup exceptions`: what waits for a person, and the decision."""

from datetime import datetime
from typing import Annotated

import typer

from canonical_models.acts import Act
from canonical_models.exceptions import Action
from canonical_models.failures import Team
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.preview import Foreseen, Mend
from canonical_models.states import ChangeState, ExceptionState
from canonical_models.views import ChangeView
from cli.case_notes import UNKNOWN, Assignee, Tag, add_notes, assigned, show_history
from cli.command import (
    Command,
    Cursor,
    Limit,
    TenantOption,
    one_of,
    run_command,
    state,
    tell_of_more,
)
from cli.following import Timeout, Wait
from cli.ids import ExceptionId, OfCause, OfChange
from cli.mapping_options import (
    Entity,
    Included,
    Organization,
    PerUnit,
    Tier,
    account_mapping,
    correction,
    item_mapping,
    pair,
)
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from cli.previews import show_foreseen
from cli.timeline import show_approval, show_exception
from cli.undone import reopen, undo_release, undoes
from operations import changes, exceptions, releases
from operations import preview as previews
from operations.naming import Kind
from operations.permissions import require, require_decision
from operations.preview import CausePreview
from operations.releases import Release, ReleaseAsked
from persistence.causes import Which

app = typer.Typer(
    help="What waits for a person to decide.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    state_: Annotated[
        str, typer.Option("--state", help="Only those in this state: open, resolved, or all.")
    ] = "open",
    owner: Annotated[Team | None, typer.Option(help="Only those of this team.")] = None,
    change: OfChange = None,
    cause: OfCause = None,
    code: Annotated[str | None, typer.Option(help="Only of this code: 'item_unmapped'.")] = None,
    assignee: Assignee = None,
    tag: Tag = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The exception queue, the newest first. What one mend answers: [bold]trueup causes list[/].

    Examples: [bold]trueup exceptions list --owner finance[/] ·
    [bold]trueup exceptions list --state all -o json[/]
    """
    state_only = one_of(ExceptionState, None if state_ == "all" else state_, "exception", "all")
    page = run_command(
        ctx,
        tenant,
        lambda command: exceptions.list_(
            command.context,
            command.tenant,
            state=state_only,
            change_id=change,
            which=Which(
                owner=None if owner is None else owner.value,
                cause=cause,
                code=code,
                assignee=assigned(assignee),
                tag=tag,
            ),
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
                found.exception_id,
                found.opened_at,
                found.owner,
                found.track,
                found.code,
                found.subject,
                found.at_risk or UNKNOWN,
                found.assignee,
                state(found.state if found.escalated_at is None else "escalated"),
                found.change_id,
            )
            for found in page.items
        ),
        (
            "exception",
            "opened",
            "owner",
            "holds",
            "cause",
            "subject",
            "at risk",
            "who",
            "state",
            "change",
        ),
        empty="nothing waits for a person" if state_ == "open" else "no exceptions",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    exception_id: ExceptionId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """An exception: what could not be done, why, and what has been decided.

    Example: [bold]trueup exceptions show exc_5f1d2c3b4a596877[/]
    """
    detail = run_command(
        ctx, tenant, lambda command: exceptions.show(command.context, command.tenant, exception_id)
    )
    if output is Format.JSON:
        show_json(detail)
        return
    show_exception(detail.exception, detail.decided)
    show_history(detail.history)
    if detail.exception.state is ExceptionState.OPEN:
        show_approval(detail.approval, detail.digest)
        note(f"It takes: {', '.join(action.value for action in detail.decisions)}.")
        for given in detail.form.inputs:
            fields = ", ".join(given.json_schema["properties"])
            known = "".join(f"; {name} is {value}" for name, value in given.known.items())
            note(f"correct with {given.name}: {fields}{known}.")
            if given.proposed:
                values = ", ".join(f"{name} {value}" for name, value in given.proposed.items())
                note(f"Proposed, as {given.why}: {values}.")
    cause = detail.cause
    if cause is not None and cause.open_cases > 1:
        note(f"{cause.open_cases} wait for the same: `trueup causes show {cause.cause_id}`.")
    if detail.change is not None:
        note(f"Change {detail.change.change_id} is {detail.change.outcome or detail.change.state}.")
    if detail.workflow_url:
        note(f"See: {detail.workflow_url}")


@app.command()
def resolve(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    exception_id: ExceptionId,
    action: Annotated[
        Action,
        typer.Argument(
            help="retry after mending data, correct with what was missing, skip a document, or "
            "abort (see `undoes` first); approve a "
            "document, or master data that billing has changed; extend, credit or write_off an "
            "unpaid invoice. `show` says which it takes."
        ),
    ],
    item: Annotated[
        str | None, typer.Option(help="The item that was not mapped: 'prod_x=AI-ADDON'.")
    ] = None,
    per_unit: PerUnit = None,
    included: Included = None,
    tier: Tier = None,
    account: Annotated[
        str | None, typer.Option(help="The customer that was not mapped: 'cus_x=C-1001'.")
    ] = None,
    organization: Organization = None,
    entity: Entity = None,
    document: Annotated[
        str | None,
        typer.Option(help="Billing's id of the document (default: that of the exception)."),
    ] = None,
    tax_code: Annotated[
        str | None, typer.Option(help="The ERP's tax code, for all lines of the document.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The day that it is booked on."),
    ] = None,
    link: Annotated[
        str | None,
        typer.Option(help="Id or number of the ERP document, made by hand, that it is."),
    ] = None,
    text: Annotated[str, typer.Option("--note", help="Why; it is kept.")] = "",
    digest: Annotated[
        str | None,
        typer.Option(
            help="That of what was looked at (`show` has it): nothing is decided where something "
            "else is asked by now."
        ),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Decide an exception; returns once the saga or process has taken the decision, or, while they
    are away, once it is kept for them.

    Examples:
    [bold]trueup exceptions resolve exc_1 correct --item 'prod_x=AI-ADDON' --per-unit seats \
--included sso --tier premium --wait[/] ·
    [bold]trueup exceptions resolve exc_1 correct --account 'cus_x=C-1001' --entity LE-DE[/] ·
    [bold]trueup exceptions resolve exc_1 correct --tax-code DE-RC[/] ·
    [bold]trueup exceptions resolve exc_1 correct --document in_1 --date 2026-12-01[/] ·
    [bold]trueup exceptions resolve exc_1 correct --link INV-2026-0042[/] ·
    [bold]trueup exceptions resolve exc_1 retry --note 'period opened'[/] ·
    [bold]trueup exceptions resolve exc_1 skip --note 'booked by hand'[/] ·
    [bold]trueup exceptions resolve exc_1 abort[/] ·
    [bold]trueup exceptions resolve exc_2 approve --note 'agreed with the customer'[/] ·
    [bold]trueup exceptions resolve exc_3 extend --note 'pays on the 15th'[/]
    """
    mapped, customer = (
        _item(item, per_unit, included, tier),
        _account(account, organization, entity),
    )
    corrects = document or tax_code or day or link or action is Action.SKIP

    async def work(command: Command) -> tuple[exceptions.Resolved, ChangeView | None]:
        of = document
        if corrects and of is None:
            of = await exceptions.document_of(command.context, command.tenant, exception_id)
        decision = exceptions.Decision(
            action=action,
            note=text,
            item=mapped,
            account=customer,
            document=correction(of, tax_code, day, link) if of is not None else None,
        )
        resolution = exceptions.resolution_of(exception_id, decision, by=command.by)
        await require_decision(command.context, command.who, resolution)
        resolved = await exceptions.resolve(
            command.context, command.tenant, resolution, digest=digest, roles=command.who.roles
        )
        if not wait or resolved.change is None or resolved.decision.outcome is None:
            return resolved, resolved.change
        return resolved, await changes.followed(
            command.context,
            command.tenant,
            resolved.change.change_id,
            bound=timeout,
        )

    resolved, change = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json({**resolved.model_dump(mode="json"), "change": change})
    else:
        _tell(resolved, change)
    if wait and resolved.decision.outcome is None:
        raise Problem(
            "the decision is kept, and nobody has taken it yet",
            code=ExitCode.UNAVAILABLE,
            remedy="see with `trueup deploy status` that a worker runs",
        )
    if wait and change is not None and change.outcome is None:
        raise Problem(
            f"the decision was taken, but change {change.change_id} is {change.state} "
            f"({change.stage or 'at work'})",
            remedy=f"see it with `trueup changes show {change.change_id}`",
        )


@app.command()
def preview(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    exception_id: ExceptionId,
    item: Annotated[
        str | None, typer.Option(help="The item that was not mapped: 'prod_x=AI-ADDON'.")
    ] = None,
    per_unit: PerUnit = None,
    included: Included = None,
    tier: Tier = None,
    account: Annotated[
        str | None, typer.Option(help="The customer that was not mapped: 'cus_x=C-1001'.")
    ] = None,
    organization: Organization = None,
    entity: Entity = None,
    document: Annotated[
        str | None,
        typer.Option(help="Billing's id of the document (default: that of the exception)."),
    ] = None,
    tax_code: Annotated[
        str | None, typer.Option(help="The ERP's tax code, for all lines of the document.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The day that it is booked on."),
    ] = None,
    link: Annotated[
        str | None,
        typer.Option(help="Id or number of the ERP document, made by hand, that it is."),
    ] = None,
    cause: Annotated[
        bool,
        typer.Option("--whole-cause", help="Of all open cases of its cause, as a frozen list."),
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What `retry` would do, or `correct` with the same options; nothing is done.

    Examples: [bold]trueup exceptions preview exc_1[/] ·
    [bold]trueup exceptions preview exc_1 --item 'prod_x=AI-ADDON' --per-unit seats --whole-cause[/]
    """
    mapped, customer = (
        _item(item, per_unit, included, tier),
        _account(account, organization, entity),
    )
    corrects = document or tax_code or day or link

    async def work(command: Command) -> Foreseen | CausePreview:
        of = document
        if corrects and of is None:
            of = await exceptions.document_of(command.context, command.tenant, exception_id)
        mend = Mend(
            item=mapped,
            account=customer,
            document=correction(of, tax_code, day, link) if of is not None else None,
        )
        if not cause:
            return await previews.of_exception(command.context, command.tenant, exception_id, mend)
        detail = await exceptions.show(command.context, command.tenant, exception_id)
        of_cause = detail.exception.cause_id
        return await previews.of_cause(
            command.context, command.tenant, of_cause, mend, by=command.by
        )

    found = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(found)
    elif isinstance(found, Foreseen):
        show_foreseen(found)
    else:
        named = found.batch.batch_id
        note(
            f"{found.batch.total} cases are looked at as {named}: see what each comes to with "
            f"`trueup batches show {named}`, and go on with `trueup exceptions release {named}`"
        )


@app.command()
def release(
    ctx: typer.Context,
    preview_id: Annotated[
        str, typer.Argument(metavar="PREVIEW", help="As `preview --whole-cause` has named it.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the release.")],
    first: Annotated[
        str | None,
        typer.Option(help="The one that is tried alone, before the others (an exception)."),
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=6000, help="How many a minute.")] = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Mend a cause as it was foreseen: one case alone, then, once resumed, all others.

    Example: [bold]trueup exceptions release pre_0d9c8b7a6f5e --reason 'has an article now'[/]
    """
    asked = ReleaseAsked(preview=preview_id, first=first, rate=rate, reason=reason)

    async def work(command: Command) -> Release:
        seen = await previews.show(command.context, command.tenant, preview_id)
        for scope in previews.scopes_of(seen):
            require(command.who, Act(scope))
        return await releases.begin(
            command.context, command.tenant, seen.cause_id or "", asked, by=command.by
        )

    made = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(made)
        return
    named = made.batch.batch_id
    note(
        f"{named} tries the first of {made.batch.total}: see it with "
        f"`trueup batches show {named}`, then go on with `trueup batches resume {named}`"
    )


app.command()(undoes)
app.command()(undo_release)
app.command()(reopen)
add_notes(app, "exceptions", Kind.EXCEPTION, "exc_5f1d2c3b")


def _tell(resolved: exceptions.Resolved, change: ChangeView | None) -> None:
    taken = "had been taken before" if resolved.already else "was taken"
    who = "process" if change is None else "saga"
    if resolved.became is exceptions.Became.KEPT:
        note(
            f"{resolved.decision.action} is kept; the {who} has not taken it yet, and is told by "
            f"itself. See: `trueup exceptions show {resolved.exception.exception_id}`."
        )
        return
    if resolved.became is exceptions.Became.NEEDS_ANOTHER:
        note(
            "The yes is kept, and it takes another one: see whose with "
            f"`trueup exceptions show {resolved.exception.exception_id}`."
        )
        return
    if resolved.became is exceptions.Became.FAILED_AGAIN:
        note(f"It was tried again by the {who}, and has failed for the same cause: still open.")
    else:
        note(f"{resolved.decision.action} {taken} by the {who}.")
    if change is None:
        note(f"{resolved.exception.change_id} goes on.")
    elif change.state is ChangeState.SETTLED:
        note(f"Change {change.change_id} is {change.outcome}: {change.summary or 'done'}.")
    else:
        note(
            f"Change {change.change_id} goes on ({change.state}); "
            f"follow it with `trueup changes show {change.change_id}`."
        )
    if resolved.workflow_url:
        note(f"See: {resolved.workflow_url}")


def _item(
    given: str | None, per_unit: list[str] | None, included: list[str] | None, tier: str | None
) -> ItemMapping | None:
    if given is None:
        if per_unit or included or tier:
            raise Problem(
                "--per-unit, --included and --tier belong to an item",
                code=ExitCode.USAGE,
                remedy="add --item 'prod_x=AI-ADDON'",
            )
        return None
    return item_mapping(*pair(given, "--item"), per_unit, included, tier)


def _account(
    given: str | None, organization: str | None, entity: str | None
) -> AccountMapping | None:
    if given is None:
        if organization or entity:
            raise Problem(
                "--organization and --entity belong to an account",
                code=ExitCode.USAGE,
                remedy="add --account 'cus_x=C-1001'",
            )
        return None
    return account_mapping(*pair(given, "--account"), organization, entity)
