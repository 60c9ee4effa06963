"""A change drawn for people: what it is, its way through all systems, and where it stands."""

from rich.console import Console
from rich.text import Text

from canonical_models.decisions import DecisionView, Outcome
from canonical_models.exceptions import Track
from canonical_models.mends import decisions_of
from canonical_models.states import ChangeState, ExceptionState
from canonical_models.views import ChangeView, ExceptionView
from cli.command import state
from cli.output import note, show_rows
from operations.approving import ApprovalStands
from operations.changes import ChangeDetail
from operations.timeline import Step

_WAITS = {
    Track.BOOKS.value: "the books wait",
    Track.ACCESS.value: "access waits",
    Track.PROCESS.value: "the process waits",
}
_CAME_TO = {
    None: "still to be handed over",
    Outcome.DONE: "done",
    Outcome.TAKEN: "taken",
    Outcome.VOID: "void, it had ended by then",
}
_COLUMNS = ("system", "what", "state", "document", "link")


def show_change(detail: ChangeDetail) -> None:
    change = detail.change
    console = Console(highlight=False, soft_wrap=True)
    title = Text.assemble(
        (change.change_id, "bold"),
        f"  {change.kind.value.replace('_', ' ')} of {_whose(change)}  ",
        state(change.outcome or change.state),
    )
    console.print(title)
    if change.summary:
        console.print(Text(change.summary))
    console.print()
    _show_steps(detail.timeline)
    for exception in detail.exceptions:
        console.print()
        of_it = [made for made in detail.decided if made.target_id == exception.exception_id]
        show_exception(exception, tuple(of_it))
    troubles = [effect for effect in detail.effects if effect.error]
    for effect in troubles:
        console.print()
        console.print(
            Text.assemble((f"{effect.system} {effect.operation}: ", "bold"), effect.error or "")
        )
    console.print()
    console.print(Text(detail.words))
    for exception in detail.exceptions:
        if exception.state is ExceptionState.OPEN and change.state is not ChangeState.SETTLED:
            decisions = "|".join(action.value for action in decisions_of(exception.code))
            key = exception.exception_id
            console.print(Text(f"Decide with `trueup exceptions resolve {key} {decisions}`."))
    if change.held:
        console.print(Text(f"Let it go on with `trueup changes release {change.change_id}`."))


def _whose(change: ChangeView) -> str:
    if change.subscription_id is None:
        return f"the account of customer {change.customer_id}"
    of = f" (customer {change.customer_id})" if change.customer_id else ""
    return f"{change.subscription_id}{of}"


def _show_steps(steps: tuple[Step, ...]) -> None:
    """Links are numbered and listed below, whole, so that they can be followed and copied."""
    days = {step.at.astimezone().date() for step in steps}
    clock = "%H:%M:%S.%f" if len(days) == 1 else "%Y-%m-%d %H:%M:%S.%f"
    links = list(dict.fromkeys(step.url for step in steps if step.url))
    show_rows(
        (
            (
                step.at.astimezone().strftime(clock)[:-3],
                step.system,
                step.what,
                state(step.state),
                step.document,
                f"({links.index(step.url) + 1})" if step.url else None,
            )
            for step in steps
        ),
        (f"time on {min(days)}" if len(days) == 1 else "time", *_COLUMNS),
    )
    console = Console(highlight=False, soft_wrap=True)
    for number, link in enumerate(links, start=1):
        console.print(Text(f"({number}) {link}", style="dim"))


def show_exception(exception: ExceptionView, decided: tuple[DecisionView, ...] = ()) -> None:
    """With the decisions that were made of it."""
    console = Console(highlight=False, soft_wrap=True)
    cause = exception.code.replace("_", " ")
    waits = _WAITS[exception.track]
    risk = f", {exception.at_risk or 'an unknown amount'} at risk"
    console.print(
        Text.assemble(
            (exception.exception_id, "bold"),
            f"  {cause} at {exception.step}, for {exception.owner}{risk}; {waits}  ",
            state(exception.state),
        )
    )
    console.print(Text(exception.message))
    if exception.state is ExceptionState.OPEN:
        due = exception.due_at.astimezone().strftime("%Y-%m-%d %H:%M")
        console.print(Text(f"To be decided by {due}.", style="dim"))
    elif not decided:
        said = f": {exception.note}" if exception.note else ""
        console.print(Text(f"{exception.resolution} by {exception.resolved_by}{said}"))
    for made in decided:
        at = made.at.astimezone().strftime("%Y-%m-%d %H:%M")
        came_to = _CAME_TO[made.outcome]
        said = f": {made.reason}" if made.reason else ""
        console.print(Text(f"{at} {made.action} by {made.by} ({made.door}), {came_to}{said}"))


def show_approval(approval: ApprovalStands | None, digest: str) -> None:
    """Whose yes is missing, and by which digest of what is asked it is given; nothing where none
    is."""
    if approval is None:
        return
    for standing in approval.standing:
        need = standing.need
        of = f" of {' or '.join(need.roles)}" if need.roles else ""
        given = f"; {', '.join(standing.given)} said yes" if standing.given else ""
        then = f"; once it is late, {' or '.join(need.then)} may as well" if need.then else ""
        note(f"It {need.why}: needs {standing.missing} of {need.people}{of} more{given}{then}.")
    if approval.before:
        note(f"{', '.join(approval.before)} approved what it was before.")
    note(f"To say yes to exactly this: --digest {digest}.")
