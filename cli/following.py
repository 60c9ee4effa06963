"""What is told of a look at billing that was asked for, and waited for or not."""

from canonical_models.views import ChangeView
from cli.output import Format, Problem, note, show_json
from operations.looking import LookAsked


def tell_look(asked: LookAsked, change: ChangeView | None, *, bound: float, output: Format) -> None:
    """`change` is None where nobody waited for it. Raises Problem where it has not settled."""
    if output is Format.JSON:
        show_json({**asked.model_dump(mode="json"), "change": change})
    elif change is not None and change.state == "settled":
        note(f"Change {change.change_id} is {change.outcome}: {change.summary or 'done'}.")
    else:
        note(f"Follow it with `trueup changes show {asked.change_id}`.")
    if change is not None and change.state != "settled":
        raise Problem(
            f"change {change.change_id} is {change.state} after {bound:g} seconds or waits for a "
            "person",
            remedy=f"see it with `trueup changes show {change.change_id}`",
        )
