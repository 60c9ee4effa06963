"""`trueup shadow`: what would be done, and how far what others do agrees with it."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from canonical_models.shadow import (
    ShadowDifference,
    ShadowItem,
    ShadowKind,
    ShadowState,
    ShadowStatus,
)
from cli.command import (
    Command,
    Cursor,
    Limit,
    Since,
    TenantOption,
    one_of,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import BatchId, ChangeId, OfCustomer
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from cli.previews import show_foreseen
from operations import shadow, trials
from operations.shadow import ShadowDetail
from operations.trials import Trial, TrialAsked

app = typer.Typer(
    help="What would be done, and how far what others do agrees with it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_STATES = Annotated[
    str | None, typer.Option("--state", help=f"Only those in this state: {', '.join(ShadowState)}.")
]
_KINDS = Annotated[
    str | None,
    typer.Option("--differs-in", help=f"Only those that differ so: {', '.join(ShadowKind)}."),
]


@app.command()
def status(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """How far what others do agrees, and what stands against going live. Exits with 1 while
    something does.

    Examples: [bold]trueup shadow status[/] · [bold]trueup shadow status -o json[/]
    """
    found = run_command(ctx, tenant, lambda command: shadow.status(command.context, command.tenant))
    if output is Format.JSON:
        show_json(found)
    else:
        _status(found)
    if not found.ready:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def look(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """Look now for what would have been done. Exits as `trueup shadow status` does.

    Examples: [bold]trueup shadow look[/]
    """
    found = run_command(ctx, tenant, lambda command: shadow.look(command.context, command.tenant))
    if output is Format.JSON:
        show_json(found)
    elif found.finished:
        _status(found.status)
    if not found.finished:
        raise Problem(
            "the look goes on and is not done yet",
            remedy="see with `trueup deploy status` that a worker runs, and ask again",
        )
    for problem in found.problems:
        note(f"not read: {problem}")
    if found.problems or not found.status.ready:
        raise typer.Exit(ExitCode.FAILED)


@app.command("list")
def list_(
    ctx: typer.Context,
    only: _STATES = None,
    differs: _KINDS = None,
    customer: OfCustomer = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What would have been made, and what is there, oldest first.

    Examples: [bold]trueup shadow list --state differs[/] · \
[bold]trueup shadow list --differs-in tax -o json[/]
    """
    wanted = one_of(ShadowState, only, "document")
    kind = one_of(ShadowKind, differs, "difference")
    page = run_command(
        ctx,
        tenant,
        lambda command: shadow.items(
            command.context,
            command.tenant,
            state=wanted,
            kind=kind,
            customer=customer,
            after=cursor,
            limit=limit,
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    _items(page.items, empty="nothing was planned that is looked for")
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    change_id: ChangeId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What one change would have done, line by line, and what is there of it.

    Examples: [bold]trueup shadow show chg_0123456789abcdef0123[/]
    """
    found = run_command(
        ctx, tenant, lambda command: shadow.show(command.context, command.tenant, change_id)
    )
    if output is Format.JSON:
        show_json(found)
        return
    _detail(found)


@app.command("try")
def try_(
    ctx: typer.Context,
    policy: Annotated[
        Path | None,
        typer.Option(help="A TOML file of what the tenant's policy would say otherwise."),
    ] = None,
    mappings: Annotated[
        Path | None,
        typer.Option(help="A TOML file of mappings: tables under `accounts` and `items`."),
    ] = None,
    since: Since = None,
    keep_on: Annotated[
        bool, typer.Option("--keep-on", help="And beside each change to come, until it is stopped.")
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Plan under another policy or mapping beside what holds, and list where both differ.

    Over what billing has issued `--since` that day: nothing of it is put in force, and nothing is
    done. It goes on by itself: `trueup shadow trial` shows what it has come to, `trueup batches
    stop` ends it.

    Examples: [bold]trueup shadow try --policy new.toml --since 2026-11-01[/] · \
[bold]trueup shadow try --mappings items.toml --since 2026-11-01 --keep-on[/]
    """
    try:
        asked = TrialAsked.model_validate(
            {
                **_file(mappings),
                "policy": _file(policy),
                "since": since and since.date(),
                "keep_on": keep_on,
            },
            strict=False,
        )
    except ValidationError as fault:
        raise Problem(
            "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
                for each in fault.errors(include_url=False, include_input=False)
            ),
            code=ExitCode.USAGE,
            remedy="see `trueup shadow try --help`",
        ) from None

    async def begun(command: Command) -> Trial:
        return await trials.begin(command.context, command.tenant, asked, by=command.by)

    _trial(run_command(ctx, tenant, begun), output)


@app.command()
def trial(
    ctx: typer.Context,
    batch_id: BatchId,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """How far a trial has come, and where what is tried differs from what holds.

    Examples: [bold]trueup shadow trial tri_0d9c8b7a6f5e[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: trials.show(
            command.context, command.tenant, batch_id, after=cursor, limit=limit
        ),
    )
    _trial(found, output)


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise Problem(
            f"{path} cannot be read: {fault}", code=ExitCode.USAGE, remedy="give a TOML file"
        ) from fault


def _status(found: ShadowStatus) -> None:
    if not found.in_shadow:
        note("The tenant is live: these are of when it was in shadow.")
    show_rows(
        [(found.changes, found.agree, found.differ, found.waiting, found.late)],
        ("changes planned", "agree", "differ", "not there yet", "of these late"),
        empty="nothing was planned in shadow",
    )
    show_rows(
        ((state(kind.value), count) for kind, count in found.differ_by.items()),
        ("differ in", "how many"),
        empty="nothing differs in what was compared",
    )
    if found.asked:
        show_rows(
            ((each.code, each.subjects, each.about, each.change_id) for each in found.asked),
            ("would be asked", "of how many", "such as", "in"),
            empty="",
        )
    if found.weeks:
        show_rows(
            (
                (
                    week.begins,
                    week.agree,
                    week.differ,
                    week.waiting,
                    "-" if week.rate is None else f"{week.rate:.1%}",
                )
                for week in found.weeks
            ),
            ("planned in the week of", "agree", "differ", "not there yet", "agreement"),
            empty="",
        )
    if (oldest := found.oldest_waiting) is not None:
        name = oldest.number or oldest.key
        note(f"The oldest that is not there yet: {name}, planned {oldest.planned_at:%Y-%m-%d}.")
    for words in found.against:
        note(f"Against going live: {words}.")
    if found.ready_since is not None:
        note(f"Ready to go live since {found.ready_since:%Y-%m-%d %H:%M} UTC.")
    note(f"Not compared: {'; '.join(found.not_compared)}.")


def _items(items: tuple[ShadowItem, ...], *, empty: str) -> None:
    show_rows(
        (
            (
                each.about.value,
                each.number or each.key,
                state(each.state.value),
                f"{each.planned_at:%Y-%m-%d}",
                ", ".join(each.found) or None,
                ", ".join(dict.fromkeys(one.kind.value for one in each.differences)) or None,
                each.change_id,
            )
            for each in items
        ),
        ("what", "which", "state", "planned", "found", "differs in", "change"),
        empty=empty,
    )
    for each in items:
        for one in each.differences:
            note(f"{each.number or each.key}: {_words(one)}")


def _words(one: ShadowDifference) -> str:
    return f"{one.what}: planned {one.planned}, found {one.found}"


def _detail(found: ShadowDetail) -> None:
    if found.change.foreseen is None:
        note("What it would have done was erased.")
    else:
        show_foreseen(found.change.foreseen)
    _items(found.items, empty="nothing of it is looked for")


def _trial(found: Trial, output: Format) -> None:
    if output is Format.JSON:
        show_json(found)
        return
    batch = found.batch
    show_rows(
        [(batch.batch_id, state(batch.state.value), batch.total, found.alike, found.differ)],
        ("trial", "state", "changes", "alike", "differ"),
        empty="",
    )
    for each in found.differing.items:
        for one in each.differences:
            note(f"{each.subject}: {one.what}: holds {one.planned}, tried {one.found}")
    if found.untold:
        note(f"{found.untold} could not be planned: `trueup batches show {batch.batch_id}`")
    tell_of_more(found.differing.next)
