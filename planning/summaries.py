"""What happens to the books in a few words, with numbers and figures, for people. Pure."""

from collections.abc import Iterable

from canonical_models.amendment import BooksPlan
from canonical_models.documents import DocumentKind, Settlement, SettlementKind
from planning.choosing import Act, Choice
from planning.refusals import named

#: More is counted, not told.
_MOST = 3


def summary_of(made: Iterable[Choice], plan: BooksPlan) -> str:
    """Empty where nothing happens. A document that is refused is told with the others: in billing
    it is there."""
    parts = [_document(choice) for choice in made if choice.due]
    parts += [movement_in_words(step.settlement) for step in plan.settlements]
    if not parts and (shown := plan.unbilled or plan.unbilled_gone) is not None:
        parts = [f"not billed yet: {shown.net}"]
    more = [f"{len(parts) - _MOST} more"] if len(parts) > _MOST else []
    return ", ".join([*parts[:_MOST], *more])


def _document(choice: Choice) -> str:
    """A credit note says what it gives."""
    document = choice.record.document
    gives = document.kind is DocumentKind.CREDIT_NOTE
    amount = -document.gross if gives else document.gross
    what = f"{named(document)} of {amount}"
    if document.void:
        return f"{what} is void"
    if choice.act is Act.REVERSE:
        return f"{what} is taken back"
    return f"{what} has changed" if choice.act is Act.ASK else what


def movement_in_words(movement: Settlement) -> str:
    amount, gains = abs(movement.amount), movement.amount.minor > 0
    match movement.kind:
        case SettlementKind.PAYMENT:
            return f"payment of {amount}"
        case SettlementKind.PAID_ELSEWHERE:
            return f"{amount} paid elsewhere"
        case SettlementKind.REFUND:
            return f"refund of {amount}{' answered' if gains else ''}"
        case SettlementKind.DISPUTE:
            return f"dispute over {amount}"
        case SettlementKind.DISPUTE_WON:
            return f"dispute over {amount} won"
        case SettlementKind.BALANCE:
            return f"balance {'used' if gains else 'kept'} {amount}"
        case SettlementKind.GOODWILL:
            return f"balance {'given' if gains else 'taken'} {amount}"
        case SettlementKind.CREDIT_NOTE:
            return f"{amount} set off"
        case SettlementKind.WRITE_OFF:
            return f"write-off of {amount}{'' if gains else ' taken back'}"
