"""What settles documents or stands on a customer's account, with its entry in the ERP."""

from collections.abc import Iterable

from canonical_models.base import Canonical
from canonical_models.documents import Settlement, SettlementKind
from canonical_models.records import SettlementRecord


class SettlementView(Canonical):
    """A movement and its entry in the ERP; `effect` is the state of the write that enters it.

    `where` is `settled` with its document, `on_account`, `with_other_side` where the other document
    of a set-off has the one entry for both, or `not_entered`.
    """

    settlement: Settlement
    legal_entity: str | None
    entry_id: str | None
    entry_number: str | None
    url: str | None
    effect: str | None
    where: str


def settlement_views(records: Iterable[SettlementRecord]) -> tuple[SettlementView, ...]:
    """In the same order."""
    return tuple(
        SettlementView(
            settlement=record.settlement,
            legal_entity=record.legal_entity,
            entry_id=record.entry_id,
            entry_number=record.entry_number,
            url=record.url,
            effect=record.effect,
            where=_where(record),
        )
        for record in records
    )


def _where(record: SettlementRecord) -> str:
    movement = record.settlement
    if movement.kind is SettlementKind.CREDIT_NOTE and movement.amount.minor < 0:
        return "with_other_side"
    if record.entry_id is None:
        return "not_entered"
    return "settled" if record.settles is not None else "on_account"
