"""How months and what stands in them are shown."""

from collections.abc import Iterable

from canonical_models.closing import CloseReport, Next, PeriodDifference
from cli.command import command_for, state
from cli.output import note, show_rows
from operations.syncing import anew


def show_differences(found: Iterable[PeriodDifference], *, empty: str) -> None:
    """What differs, and who decided it."""
    show_rows(
        (
            (
                each.difference_id,
                each.about,
                each.named,
                each.what,
                each.billing if each.billing is not None else each.expected,
                each.erp if each.erp is not None else each.found,
                state(each.cause),
                each.owner,
                f"{each.decided.kind} by {each.decided.by}" if each.decided else None,
            )
            for each in found
        ),
        ("difference", "of", "which", "what", "billing", "ERP", "cause", "owner", "decided"),
        empty=empty,
    )


def show_sums(report: CloseReport) -> None:
    """Billing's sums and the ERP's, by currency, account and tax code."""
    show_rows(
        (
            (
                each.currency,
                each.issued.gross,
                each.billing.gross,
                each.erp.gross,
                each.erp.gross - each.billing.gross,
                each.others.gross,
                each.erp.count,
            )
            for each in report.currencies
        ),
        ("currency", "issued", "billing", "ERP", "difference", "by others", "documents"),
        empty="nothing was booked in the month",
    )
    show_rows(
        (
            ("account", each.account or "not told", each.billing, each.erp, each.erp - each.billing)
            for each in report.accounts
        ),
        ("by", "which", "billing", "ERP", "difference"),
        empty="no account has moved",
    )
    show_rows(
        (
            ("tax code", each.code or "not told", each.billing, each.erp, each.erp - each.billing)
            for each in report.taxes
        ),
        ("by", "which", "billing", "ERP", "difference"),
        empty="no tax was booked",
    )


def tell_what_to_do(found: Iterable[PeriodDifference], entity: str, period: str) -> None:
    """For each that nobody has decided, what is done about it."""
    for each in found:
        if each.decided is None:
            note(f"{each.named}: {each.sentence}. {_next(each, entity, period)}")


def _next(each: PeriodDifference, entity: str, period: str) -> str:
    accept = f"`trueup periods accept {entity} {period} {each.difference_id} --reason WHY`"
    match each.next:
        case Next.WAIT:
            what = f" for {each.change_id}" if each.change_id else ""
            return f"Wait{what}: it is under way, and cannot be accepted"
        case Next.ANSWER if each.exception_id is not None:
            return f"Answer {command_for('exception', each.exception_id)}, or accept: {accept}"
        case Next.REPAIR if each.subject is not None:
            return f"Set right by {command_for(*anew(each.subject))}, or accept: {accept}"
        case Next.IN_ERP:
            return f"Undo or link it in the ERP, where it was made, or accept: {accept}"
        case _:
            return f"Accept: {accept}"
