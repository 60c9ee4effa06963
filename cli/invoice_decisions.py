"""`trueup invoices hold|skip|take-back|release|link|correct`: what becomes of a document, or of
many."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from cli.command import Command, TenantOption, run_command
from cli.ids import OfCustomer, an_id
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from cli.shared_rows import show_invoices
from operations import deciding, decisions
from operations.deciding import Decided, DecidedMany, Selection
from operations.decisions import (
    CorrectRequest,
    Decision,
    HoldRequest,
    LinkRequest,
    SkipRequest,
    TakeBackRequest,
)
from operations.naming import Kind

_Request = TypeVar("_Request", bound=BaseModel)

Invoice = Annotated[
    str, an_id(Kind.INVOICE, "Billing's id, or a number of billing or the ERP.", metavar="INVOICE")
]
OneOrMany = Annotated[
    str | None,
    an_id(
        Kind.INVOICE,
        "Billing's id or a number; none with --customer and --before.",
        metavar="INVOICE",
    ),
]
Reason = Annotated[str, typer.Option(help="Why: it is kept and shown.")]
Key = Annotated[str | None, typer.Option(help="Names this act: the same key acts once.")]
Before = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Only those issued before this day."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


@dataclass(frozen=True)
class _Which:
    """One document by name, or all of a customer before a day."""

    invoice: str | None
    customer: str | None = None
    before: date | None = None
    dry_run: bool = False
    key: str | None = None


def hold(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    reason: Reason,
    invoice: OneOrMany = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which it ends by itself."),
    ] = None,
    customer: OfCustomer = None,
    before: Before = None,
    dry_run: DryRun = False,
    key: Key = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Keep a document out of the ERP until a day, or until it is released.

    Examples: [bold]trueup invoices hold in_1 --reason 'disputed' --until 2026-12-15[/] ·
    [bold]trueup invoices hold --customer cus_x --before 2026-11-01 --reason audit --dry-run[/]
    """
    given = _checked(lambda: HoldRequest(reason=reason, until=_day(until)))
    _decide(
        ctx,
        tenant,
        lambda command: decisions.hold(given, by=command.by),
        _Which(invoice, customer, _day(before), dry_run, key),
        output,
    )


def skip(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    reason: Reason,
    invoice: OneOrMany = None,
    customer: OfCustomer = None,
    before: Before = None,
    dry_run: DryRun = False,
    key: Key = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Leave a document out of the ERP, as a difference that is accepted.

    Examples: [bold]trueup invoices skip in_1 --reason 'booked with the opening balance'[/] ·
    [bold]trueup invoices skip --customer cus_x --before 2026-01-01 --reason test --dry-run[/]
    """
    given = _checked(lambda: SkipRequest(reason=reason))
    _decide(
        ctx,
        tenant,
        lambda command: decisions.skip(given, by=command.by),
        _Which(invoice, customer, _day(before), dry_run, key),
        output,
    )


def take_back(
    ctx: typer.Context,
    invoice: Invoice,
    reason: Reason,
    key: Key = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Reverse in the ERP what is posted, and keep it out until it is released.

    A document of its own takes it back, on the day that it is done. What is settled or credited, or
    was made by others, is refused.

    Example: [bold]trueup invoices take-back in_1 --reason 'posted with a wrong article'[/]
    """
    given = _checked(lambda: TakeBackRequest(reason=reason))
    _decide(
        ctx,
        tenant,
        lambda command: decisions.take_back(given, by=command.by),
        _Which(invoice, key=key),
        output,
    )


def release(
    ctx: typer.Context,
    invoice: OneOrMany = None,
    customer: OfCustomer = None,
    before: Before = None,
    dry_run: DryRun = False,
    key: Key = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Take back that a document is held, skipped or linked: it is posted as billing has it.

    Examples: [bold]trueup invoices release in_1[/] ·
    [bold]trueup invoices release --customer cus_x --before 2026-12-01 --dry-run[/]
    """
    _decide(
        ctx,
        tenant,
        lambda command: decisions.release(by=command.by),
        _Which(invoice, customer, _day(before), dry_run, key),
        output,
    )


def link(
    ctx: typer.Context,
    invoice: Invoice,
    document: Annotated[
        str, typer.Argument(help="Id or number of the ERP document that was made by hand.")
    ],
    key: Key = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Say which ERP document, made by hand, a document of billing is; it is compared, then taken.

    Example: [bold]trueup invoices link in_1 INV-2026-0042[/]
    """
    given = _checked(lambda: LinkRequest(document=document))
    _decide(
        ctx,
        tenant,
        lambda command: decisions.link(given, by=command.by),
        _Which(invoice, key=key),
        output,
    )


def correct(
    ctx: typer.Context,
    invoice: Invoice,
    tax_code: Annotated[
        str | None, typer.Option(help="The ERP's tax code, for all lines of the document.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date",
            formats=["%Y-%m-%d"],
            help="The day that it is booked on: it and what settles it, where its own is closed.",
        ),
    ] = None,
    key: Key = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Give the tax code or the day that a document is posted with.

    Examples: [bold]trueup invoices correct in_1 --tax-code DE-RC[/] ·
    [bold]trueup invoices correct in_1 --date 2026-12-01[/]
    """
    given = _checked(lambda: CorrectRequest(tax_code=tax_code, posting_date=_day(day)))
    _decide(
        ctx,
        tenant,
        lambda command: decisions.correct(given, by=command.by),
        _Which(invoice, key=key),
        output,
    )


#: Of `trueup invoices`.
COMMANDS: tuple[Callable[..., None], ...] = (hold, skip, take_back, release, link, correct)


def _decide(
    ctx: typer.Context,
    tenant: str | None,
    made: Callable[[Command], Decision],
    which: _Which,
    output: Format,
) -> None:
    of = _selection(which)

    async def work(command: Command) -> Decided | DecidedMany:
        decision = made(command)
        if isinstance(of, Selection):
            return await deciding.decide_many(
                command.context, command.tenant, of, decision, dry_run=which.dry_run
            )
        return await deciding.decide(command.context, command.tenant, of, decision, key=which.key)

    decided = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(decided)
    elif isinstance(decided, DecidedMany):
        _tell_many(decided)
    else:
        _tell(decided)


def _selection(which: _Which) -> Selection | str:
    """Raises Problem where it is neither one document nor all of a customer."""
    if which.invoice is not None:
        if which.customer or which.before or which.dry_run:
            raise Problem(
                "--customer, --before and --dry-run are for many documents",
                code=ExitCode.USAGE,
                remedy="leave them out, or leave out the invoice",
            )
        return which.invoice
    if which.customer is None or which.before is None:
        raise Problem(
            "no document is named",
            code=ExitCode.USAGE,
            remedy="name an invoice, or all of a customer with --customer CUSTOMER --before DAY",
        )
    if which.key is not None:
        raise Problem(
            "--key names the decision of one document",
            code=ExitCode.USAGE,
            remedy="leave it out: what is decided already is left as it is anyway",
        )
    return Selection(customer_id=which.customer, before=which.before)


def _tell(decided: Decided) -> None:
    show_invoices((decided.invoice,))
    if not decided.changed:
        note("It was so already; nothing has changed.")
    if decided.change_id is not None:
        note(f"Acted on by change {decided.change_id}: `trueup changes show {decided.change_id}`.")


def _tell_many(decided: DecidedMany) -> None:
    show_invoices(decided.items, empty="no document of these takes the decision")
    if decided.dry_run:
        note(f"{len(decided.items)} documents would be decided; nothing has changed.")
        return
    note(f"{len(decided.items)} documents decided.")
    for change_id in decided.change_ids:
        note(f"Acted on by change {change_id}.")


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


def _checked(make: Callable[[], _Request]) -> _Request:
    """Raises Problem for a value that cannot be."""
    try:
        return make()
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])).replace("_", "-")
        raise Problem(
            f"--{name}: {first['msg']}",
            code=ExitCode.USAGE,
            remedy="see `trueup invoices --help`",
        ) from None
